"""Which job is next: laws of the fair queue."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from mintaka.server.fairness import MOST_IDLE, FairQueue


def served(queue: FairQueue, costs: dict[str, float], most: int = 10_000) -> list[str]:
    """The jobs in the order in which they come out; each costs what its principal's letter says."""
    order = []
    while len(order) < most and (id := queue.pop()) is not None:
        order.append(id)
        queue.ended(id, costs[id[0]])
    return order


def test_ones_own_jobs_come_by_priority_then_by_age() -> None:
    queue = FairQueue()
    for id, priority in (("a1", 0), ("a2", 5), ("a3", 0), ("a4", 5), ("a5", -1)):
        queue.push(id, "a", priority)
    assert served(queue, {"a": 1}) == ["a2", "a4", "a1", "a3", "a5"]


def test_nobody_comes_before_others_by_priority() -> None:
    queue = FairQueue()
    for number in range(3):
        queue.push(f"a{number}", "a", 100)
        queue.push(f"b{number}", "b", 0)
    order = served(queue, {"a": 1, "b": 1})
    assert [id[0] for id in order] == list("ababab")


def test_who_asks_for_many_does_not_keep_others_waiting() -> None:
    queue = FairQueue()
    for number in range(100):
        queue.push(f"a{number}", "a")
    served(queue, {"a": 1}, most=10)
    queue.push("b0", "b")
    assert queue.position("b0") in (1, 2)
    assert "b0" in served(queue, {"a": 1, "b": 1}, most=2)


@settings(max_examples=40)
@given(st.dictionaries(st.sampled_from("abcd"), st.floats(1, 40), min_size=2))
def test_everybody_gets_the_same_share_of_the_work_whatever_their_jobs_cost(costs: dict[str, float]) -> None:
    queue = FairQueue()
    for number in range(80):
        for name in costs:
            queue.push(f"{name}{number}", name)
    spent = Counter[str]()
    # After as much work as everybody can be given while all still wait.
    while all(spent[name] < 60 * cost for name, cost in costs.items()) and sum(spent.values()) < 1000:
        id = queue.pop()
        assert id is not None
        spent[id[0]] += costs[id[0]]
        queue.ended(id, costs[id[0]])
    # No further apart than the few jobs whose cost was not known yet, and the one each is ahead by.
    assert max(spent.values()) - min(spent[name] for name in costs) <= 8 * max(costs.values())


@settings(max_examples=40)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(-2, 2)), max_size=12), st.integers(0, 6))
def test_a_position_is_when_the_job_comes(pushed: list[tuple[str, int]], before: int) -> None:
    queue = FairQueue()
    for number, (name, priority) in enumerate(pushed):
        queue.push(f"{name}{number}", name, priority)
    gone = [queue.pop() for _ in range(min(before, len(pushed)))]
    places = {f"{name}{number}": queue.position(f"{name}{number}") for number, (name, _) in enumerate(pushed)}
    assert all(places.pop(id or "") is None for id in gone)
    order = [queue.pop() for _ in places]
    assert [places[id or ""] for id in order] == list(range(1, len(order) + 1))
    assert queue.pop() is None
    assert len(queue) == 0


def test_one_that_was_taken_out_does_not_come() -> None:
    queue = FairQueue()
    queue.push("a1", "a")
    queue.push("a2", "a")
    queue.remove("a1")
    queue.remove("a9")
    assert queue.pop() == "a2"
    queue.ended("a9", 1.0)


def test_principals_of_whom_nothing_waits_are_forgotten_in_time() -> None:
    queue = FairQueue()
    for number in range(MOST_IDLE + 50):
        queue.push(f"j{number}", f"guest-{number}")
        queue.ended(queue.pop() or "", 1.0)
    assert len(queue._lines) <= MOST_IDLE
