"""Requests share a thread without noticing each other."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue

import pytest
import torch

from mintaka.engine.errors import DeadlineExceeded
from mintaka.engine.worker import stepping
from mintaka.engine.worker.forwards import Entry, Forward
from mintaka.engine.worker.stepping import Cancelled, Lane, SteppingLoop, Ticket, alone, aside
from mintaka.engine.worker.trees import PLAIN

End = tuple[int, object, BaseException | None]


class Module(torch.nn.Module):
    """A module that does what it is given."""

    def __init__(self, work: Callable[[], object]) -> None:
        super().__init__()
        self._work = work

    def forward(self, sample: torch.Tensor) -> object:
        return self._work()


def call(work: Callable[[], object], rank: int) -> object:
    """Park for the run of a module of its own, which no other call can share."""
    return stepping.call(Forward.of(Entry.of(Module(work), "__call__", PLAIN), (torch.zeros(1),), {}), rank)


class Requests:
    """A loop on a thread of its own, and how its requests ended, in order."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.loop = SteppingLoop(clock)
        self.ends: SimpleQueue[End] = SimpleQueue()

    def submit(
        self,
        number: int,
        work: Callable[[], object],
        deadline: float | None = None,
        line: str = "",
        priority: int = 0,
    ) -> None:
        def ended(result: object, error: BaseException | None) -> None:
            self.ends.put((number, result, error))

        self.loop.submit(Ticket(number, work, ended, deadline, line, priority))

    def end(self) -> End:
        return self.ends.get(timeout=10)


@contextmanager
def running(clock: Callable[[], float] = lambda: 0.0) -> Iterator[Requests]:
    requests = Requests(clock)
    thread = threading.Thread(target=requests.loop.run)
    thread.start()
    try:
        yield requests
    finally:
        requests.loop.stop()
        thread.join()


def steps(trace: list[str], name: str, count: int, rank: int = 1) -> Callable[[], str]:
    def work() -> str:
        for _ in range(count):
            call(lambda: trace.append(name), rank)
        return name

    return work


def together(requests: Requests, *works: Callable[[], object]) -> None:
    """Submit ``works`` while the loop is busy, so that they all begin at one time."""
    gate = threading.Event()
    requests.loop.submit(Ticket(0, lambda: call(lambda: gate.wait(10), 0), lambda result, error: None))
    for number, work in enumerate(works, start=1):
        requests.submit(number, work)
    gate.set()


def test_requests_advance_one_call_each_in_turn() -> None:
    trace: list[str] = []
    with running() as requests:
        together(requests, steps(trace, "a", 3), steps(trace, "b", 3))
        assert [requests.end()[:2] for _ in range(2)] == [(1, "a"), (2, "b")]
    assert trace == ["a", "b", "a", "b", "a", "b"]


def test_calls_of_a_lower_rank_come_first() -> None:
    trace: list[str] = []
    with running() as requests:
        together(requests, steps(trace, "late", 2, rank=1), steps(trace, "early", 2, rank=0))
        requests.end()
        requests.end()
    assert trace == ["early", "early", "late", "late"]


def test_the_most_urgent_request_of_a_line_comes_first_however_late_it_came() -> None:
    trace: list[str] = []
    gate = threading.Event()
    with running() as requests:
        requests.loop.submit(Ticket(0, lambda: call(lambda: gate.wait(10), 0), lambda result, error: None))
        requests.submit(1, steps(trace, "usual", 3))
        requests.submit(2, steps(trace, "urgent", 3), priority=5)
        requests.submit(3, steps(trace, "idle", 1), priority=-5)
        gate.set()
        assert [requests.end()[0] for _ in range(3)] == [2, 1, 3]
    assert trace == ["urgent"] * 3 + ["usual"] * 3 + ["idle"]


def test_lines_share_the_device_alike_however_many_requests_they_have_and_whatever_their_priority() -> None:
    now = [0.0]
    trace: list[str] = []
    gate = threading.Event()

    def work(name: str) -> Callable[[], None]:
        def take() -> None:
            now[0] += 1
            trace.append(name)

        def run() -> None:
            for _ in range(3):
                call(take, 1)

        return run

    with running(lambda: now[0]) as requests:
        requests.loop.submit(Ticket(0, lambda: call(lambda: gate.wait(10), 0), lambda result, error: None))
        for number in range(1, 5):
            requests.submit(number, work("many"), line="many", priority=100)
        requests.submit(5, work("one"), line="one")
        gate.set()
        ends = [requests.end()[0] for _ in range(5)]
    assert trace[:6] == ["many", "one"] * 3
    assert ends[0] == 5


@pytest.mark.parametrize("error", [ValueError("bad"), SystemExit(1), KeyboardInterrupt()])
def test_whatever_a_request_raises_ends_only_itself(error: BaseException) -> None:
    def fails() -> None:
        raise error

    def fails_within_a_call() -> None:
        call(fails, 1)

    def fails_aside() -> None:
        aside(fails, Lane.FINISH)

    trace: list[str] = []
    with running() as requests:
        together(requests, fails, fails_within_a_call, steps(trace, "a", 3))
        ends = {number: (result, raised) for number, result, raised in (requests.end() for _ in range(3))}
        if isinstance(error, Exception):  # nothing else leaves a side thread's work
            requests.submit(4, fails_aside)
            assert requests.end() == (4, None, error)
    assert ends == {1: (None, error), 2: (None, error), 3: ("a", None)}


def test_a_request_can_be_cancelled_where_it_is_parked_and_cleans_up() -> None:
    trace: list[str] = []
    begun, gate = threading.Event(), threading.Event()

    def endless() -> None:
        try:
            while True:
                call(begun.set, 1)
        finally:
            trace.append("cleaned up")

    def waiting() -> None:
        aside(lambda: gate.wait(10), Lane.LOAD)

    with running() as requests:
        requests.submit(1, endless)
        assert begun.wait(10)
        requests.loop.cancel(1)
        number, _, error = requests.end()
        assert (number, type(error), trace) == (1, Cancelled, ["cleaned up"])
        requests.submit(2, waiting)
        requests.loop.cancel(2)
        assert isinstance(requests.end()[2], Cancelled)
        gate.set()
        requests.loop.cancel(2)  # it has ended already: nothing happens
        requests.submit(3, lambda: "next")
        assert requests.end() == (3, "next", None)


def test_a_deadline_strikes_between_calls_and_after_work_aside() -> None:
    now = [0.0]

    def pass_time() -> None:
        now[0] += 10

    def calling() -> None:
        call(pass_time, 1)
        call(pass_time, 1)

    with running(lambda: now[0]) as requests:
        requests.submit(1, calling, deadline=5.0)
        assert isinstance(requests.end()[2], DeadlineExceeded)
        assert now[0] == 10
        requests.submit(2, lambda: aside(pass_time, Lane.FINISH), deadline=15.0)
        assert isinstance(requests.end()[2], DeadlineExceeded)


def test_who_is_alone_on_a_lane_waits_for_what_it_does_and_keeps_all_else_from_it() -> None:
    order: list[str] = []
    gate = threading.Event()

    def before() -> None:
        aside(lambda: (gate.wait(10), order.append("before")), Lane.LOAD)

    def by_itself() -> None:
        with alone(Lane.LOAD):
            order.extend(["begins", "ends"])

    with running() as requests:
        requests.submit(1, before)
        requests.submit(2, by_itself)
        requests.submit(3, lambda: aside(lambda: order.append("after"), Lane.LOAD))
        requests.submit(4, gate.set)
        assert sorted(requests.end()[0] for _ in range(4)) == [1, 2, 3, 4]
    assert order == ["before", "begins", "ends", "after"]


def test_who_is_cancelled_before_it_is_alone_lets_the_others_pass() -> None:
    gate = threading.Event()

    def by_itself() -> None:
        with alone(Lane.LOAD):
            raise AssertionError("it was cancelled")

    with running() as requests:
        requests.submit(1, lambda: aside(lambda: gate.wait(10), Lane.LOAD))
        requests.submit(2, by_itself)
        requests.loop.cancel(2)
        assert isinstance(requests.end()[2], Cancelled)
        requests.submit(3, lambda: aside(lambda: "after", Lane.LOAD))
        gate.set()
        assert {requests.end()[:2] for _ in range(2)} == {(1, True), (3, "after")}


def test_work_aside_runs_on_its_lane_without_gradients_and_gives_its_result() -> None:
    def where() -> tuple[str, bool]:
        return threading.current_thread().name, torch.is_inference_mode_enabled()

    with running() as requests:
        requests.submit(1, lambda: [aside(where, Lane.QUICK), aside(where, Lane.FINISH), call(where, 1)])
        _, places, _ = requests.end()
    assert isinstance(places, list)
    (quick, first), (finish, second), (_, third) = places
    assert (quick, finish) == ("quick lane_0", "finish lane_0")
    assert (first, second, third) == (True, True, True)


def test_gradient_mode_does_not_leak_from_one_request_to_another() -> None:
    def meddles() -> None:
        with torch.no_grad():
            call(lambda: None, 1)
            call(lambda: None, 1)

    def learns() -> bool:
        weight = torch.ones(1, requires_grad=True)
        call(lambda: None, 1)
        grown = weight * 2
        call(lambda: None, 1)
        return grown.requires_grad

    with running() as requests:
        together(requests, meddles, learns)
        ends = dict(requests.end()[:2] for _ in range(2))
    assert ends == {1: None, 2: False}


def test_outside_a_request_nothing_parks() -> None:
    assert call(lambda: "done", 1) == "done"
    assert aside(lambda: "done", Lane.QUICK) == "done"


def test_a_run_that_does_not_end_is_told_by_the_watch_and_one_that_was_never_timed_may_take_longer() -> None:
    now = [0.0]
    begun, gate = threading.Event(), threading.Event()
    hanging = [False]

    def work() -> None:
        if hanging[0]:
            begun.set()
            gate.wait(10)
        else:
            now[0] += 1

    entry = Entry.of(Module(work), "__call__", PLAIN)

    def run() -> object:
        return stepping.call(Forward.of(entry, (torch.zeros(1),), {}), 1)

    with running(lambda: now[0]) as requests:
        requests.submit(1, run)
        requests.end()
        hanging[0] = True
        requests.submit(2, run)
        assert begun.wait(10)
        assert requests.loop.watch.stuck() is None
        now[0] += 26
        assert requests.loop.watch.stuck() == "a run of Module did not end within 25 s"
        gate.set()
        requests.end()
        assert requests.loop.watch.stuck() is None
        begun.clear()
        gate.clear()
        requests.submit(3, lambda: call(work, 1))
        assert begun.wait(10)
        now[0] += 599
        assert requests.loop.watch.stuck() is None
        gate.set()
        requests.end()


def test_work_aside_that_does_not_end_is_told_too() -> None:
    now = [0.0]
    begun, gate = threading.Event(), threading.Event()

    def preview() -> None:
        begun.set()
        gate.wait(10)

    with running(lambda: now[0]) as requests:
        requests.submit(1, lambda: aside(preview, Lane.QUICK))
        assert begun.wait(10)
        now[0] += 26
        assert requests.loop.watch.stuck() == "a preview did not end within 25 s"
        gate.set()
        requests.end()
