"""A run that is cut off anywhere and resumed ends as if it had not been: all is done once, nothing told twice."""

import asyncio
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mintaka.runtime.compiler import Program
from mintaka.runtime.journal import Entry, Kind, MemoryJournal, emitted
from mintaka.runtime.values import Value
from tests.runtime.worlds import World, compiled

ONE_AFTER_ANOTHER = [
    '(log "a") (let x (door.draw 1)) (log "b" (obj.get x "drawn")) [x (door.draw 2)]',
    "(let all []) (for i [1 2 3] (list.push all (door.next i))) all",
    "[(time.now) (test.random) (door.next) (test.random) (time.now)]",
    '(try (door.fail 7) e [e (obj.get (error) "code") (obj.get (error) "data")])',
    '(try (seq (door.draw 1) (throw [1 2])) e [e (door.draw 2) (log "caught" e)])',
    "(define twice [f] [(f) (f)]) (twice (lambda [] (twice (lambda [] (door.next)))))",
    "(let n 0) (while (< n 9000) (seq (set n (+ n 1)) (if (== (% n 3000) 0) (log n (door.next))))) n",
    '(with-timeout 60 (door.draw "in time"))',
    '(let x (door.draw 1)) (list.push (obj.get x "list") 3) x',
]
AT_THE_SAME_TIME = [
    "(par.map [1 2 3] (lambda [i] (seq (log i) (door.draw i (door.next)))))",
    "(let out []) (par.map [1 2 3] (lambda [i] (seq (door.draw i) (list.push out i)))) [out (door.draw out)]",
    "(par.all (door.draw 1) (par.map [1 2] (lambda [i] (seq (door.draw i) (test.random)))) (time.now))",
    """(let n 0)
    (par.all
      (for i [1 2 3] (seq (door.draw i) (set n (+ (* n 2) 1))))
      (for i [1 2] (seq (door.next) (set n (* n 3)))))
    n""",
    """(let out [])
    (try
      (par.map [1 2 3] (lambda [i] (seq (list.push out (door.next)) (if (== i 2) (door.fail i) (door.draw i)))))
      e (list.push out e))
    (door.draw out)""",
    """(let out [])
    (define twice [i] (seq (door.next) (list.push out i) (door.next) (list.push out i)))
    (try (par.all (par.map [1 2] twice) (seq (door.next) (door.fail))) e (list.push out e))
    (door.draw out)""",
    "[(try (par.map [1 2 3] (lambda [i] (throw i))) e e) (door.next)]",
    "(try (par.map [1 2 3] (lambda [i] (par.map [1 2 3] (lambda [i] (door.fail i))))) e (door.next))",
    "(try (par.map [1 2 3] (lambda [i] (seq (par.map [1 2] (lambda [i] i)) (throw i)))) e (door.next))",
    "[(par.map [] (lambda [i] i)) (par.map [1 2] (lambda [i] i)) (door.next)]",
    "(list.len (par.map (list.range 1 70) (lambda [i] i)))",
]


async def finished(program: Program, world: World) -> Value:
    """The value of a run after what is left of it; and what must be true of every run that came to its end."""
    value = (await world.run(program)).value
    entries = [Entry(*row) for row in world.rows]
    begun = [entry.position for entry in entries if entry.kind == Kind.CALL]
    assert len(begun) == len(set(begun))
    assert {f"run/{position}" for position in begun} >= set(world.acts)
    assert max(Counter(world.acts).values(), default=1) == 1, "an effect was done twice"
    log = [str(data["text"]) for _, data in emitted(MemoryJournal("run", world.rows))]
    assert not Counter(world.told) - Counter(log), "something was told twice, or never written down"
    # The journal alone gives the same value: nothing is done, nothing told.
    acts, told, rows = list(world.acts), list(world.told), list(world.rows)
    assert (await world.run(program)).value == value
    assert (world.acts, world.told, world.rows) == (acts, told, rows)
    return value


@pytest.mark.parametrize("source", ONE_AFTER_ANOTHER)
async def test_killed_at_any_point_a_run_ends_with_the_same_value_and_log(source: str) -> None:
    program = compiled(source)
    untouched = World()
    expected = await finished(program, untouched)
    at = 0
    while True:
        world = World()
        if not await world.run_killed(program, at):
            break
        seen = len(world.rows)
        # Time and randomness that no effect rested on yet are drawn anew.
        if await finished(program, world) != expected:
            assert "random" in source
            assert seen < len(untouched.rows)
        assert [row[:3] for row in world.rows] == [row[:3] for row in untouched.rows]
        at += 1
    assert at >= 4
    if "log" in source:
        assert untouched.told == [str(data["text"]) for _, data in emitted(MemoryJournal("run", untouched.rows))]


@pytest.mark.parametrize("source", AT_THE_SAME_TIME)
async def test_killed_at_any_point_tasks_at_the_same_time_go_on_in_the_order_that_was_recorded(source: str) -> None:
    program = compiled(source)
    at = 0
    while True:
        world = World(seed=at)
        if not await world.run_killed(program, at):
            break
        before = list(world.rows)
        await finished(program, world)
        assert world.rows[: len(before)] == before
        at += 1
    assert at >= 2


@pytest.mark.parametrize("source", ONE_AFTER_ANOTHER + AT_THE_SAME_TIME)
async def test_a_run_that_is_killed_again_and_again_comes_to_its_end(source: str) -> None:
    program = compiled(source)
    world = World(seed=7)
    while await world.run_killed(program, 13):
        assert world.processes < 100
    await finished(program, world)


# Programs made at random


LEAVES = st.sampled_from(
    [
        "(door.next)",
        '(door.draw "a" n)',
        "(set n (+ n (door.next)))",
        "(list.push out n)",
        "(set n (+ (* n 2) 1))",
        "(list.push out (time.now))",
        "(list.push out (test.random))",
        "(log n out)",
        "(door.fail n)",
        '(throw "no")',
        "(door.draw out)",
    ]
)


def _larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    some = st.lists(inner, min_size=1, max_size=3).map(" ".join)
    return st.one_of(
        some.map("(seq {})".format),
        some.map("(par.all {})".format),
        st.builds("(par.map [1 2 3] (lambda [i] (seq (set n (+ n i)) {})))".format, some),
        st.builds("(for i [1 2] (seq {}))".format, some),
        st.builds("(try (seq {}) e (seq (list.push out e) {}))".format, some, inner),
        st.builds("(with-timeout 60 (seq {}))".format, some),
    )


PROGRAMS = st.recursive(LEAVES, _larger, max_leaves=9).map(
    "(let n 0) (let out []) (list.push out (try {} e e)) [n out (door.draw out)]".format
)


@settings(max_examples=80, deadline=None)
@given(PROGRAMS, st.integers(0, 1 << 30), st.lists(st.integers(1, 40), max_size=4))
def test_programs_made_at_random_survive_being_killed(source: str, seed: int, kills: list[int]) -> None:
    async def survive() -> None:
        program = compiled(source)
        world = World(seed)
        for at in kills:
            if not await world.run_killed(program, at):
                break
        await finished(program, world)

    asyncio.run(survive())
