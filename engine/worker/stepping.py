"""The stepping thread: every request runs in a greenlet and parks wherever it would make the others wait.

There are two ways to park. `call` hands over one run of a heavy module (a UNet step, a VAE decode): the loop takes the
lowest rank first, so newcomers catch up; within a rank the line that has had least of the device, in a line the highest
priority, and else first come first served, so requests advance step by step in turn. With it run all others that wait
for the same module on inputs of the same form, as one batch of as many rows as pay
(`mintaka.engine.worker.row_limit`): any number of requests share a step, whatever their prompts, schedulers and numbers
of steps, and join and leave between any two. `aside` hands over work for a side thread (loading a model, encoding
pictures) and parks until it is done.
Cancelling and deadlines strike where a request is parked, as an exception in its own greenlet; others do not notice.

Gradient mode is a property of the thread, not of the greenlet, and would leak between requests: the whole loop runs in
inference mode, and so does every side thread.
"""

import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Any, TypeVar, cast

import greenlet  # type: ignore[import-untyped]
import torch

from mintaka.engine.errors import DeadlineExceeded
from mintaka.engine.worker import memory
from mintaka.engine.worker.failures import is_out_of_memory
from mintaka.engine.worker.fairness import Shares
from mintaka.engine.worker.forwards import Forward, Merger
from mintaka.engine.worker.row_limit import RowLimits
from mintaka.engine.worker.scarcity import Scarcity
from mintaka.engine.worker.watch import LEAST_S, UNKNOWN_S, Watch

T = TypeVar("T")


class Cancelled(BaseException):
    """Thrown into a cancelled request; not an Exception, so that no pipeline swallows it."""


class Lane(Enum):
    """The side threads; each does its work in the order it came."""

    QUICK = "quick"
    """Milliseconds, and the request waits for them at every step: previews."""
    FINISH = "finish"
    """A fraction of a second, once in a request: enlarging and encoding pictures."""
    LOAD = "load"
    """Up to minutes, once in a model's life: others go on drawing and finishing meanwhile."""


LANE_WORK: Mapping[Lane, tuple[str, float]] = {
    Lane.QUICK: ("a preview", LEAST_S),
    Lane.FINISH: ("finishing a picture", UNKNOWN_S),
    Lane.LOAD: ("loading a model", 3 * UNKNOWN_S),
}
"""What each does, and within how many seconds a piece of it must end."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """One request: what runs in its greenlet, and who is told how it ended (a result, or what was raised)."""

    number: int
    work: Callable[[], object]
    ended: Callable[[object, BaseException | None], None]
    deadline: float | None = None
    """When it must have ended, on the loop's clock."""
    line: str = ""
    """Whose it is: every line has the same share of the device."""
    priority: int = 0
    """Before others of its line where it is higher."""


class Request(greenlet.greenlet):  # type: ignore[misc]
    """The greenlet of a ticket."""

    def __init__(self, loop: "SteppingLoop", ticket: Ticket) -> None:
        super().__init__(ticket.work)
        self.loop = loop
        self.ticket = ticket
        self.notes: dict[str, None] = {}


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """A parked run of a heavy module."""

    request: Request
    forward: Forward
    rank: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a call came to: a value, or what was raised."""

    value: Any = None
    error: BaseException | None = None


@dataclass(slots=True)
class Tally:
    """What the loop has done since it began."""

    calls: int = 0
    """Calls of heavy modules that were served."""
    runs: int = 0
    """Runs that served them; fewer where calls shared a run."""


def call(forward: Forward, rank: int) -> Any:
    """Park this request until ``forward`` has its turn, and give its result. Outside a request it simply runs."""
    request = greenlet.getcurrent()
    if not isinstance(request, Request):
        return forward.alone()
    request.loop.park(Call(request, forward, rank))
    return _switch_away(request)


def aside(work: Callable[[], T], lane: Lane) -> T:
    """Park this request until ``work`` is done on the thread of ``lane``, and give its result."""
    request = greenlet.getcurrent()
    if not isinstance(request, Request):
        return work()
    request.loop.send_aside(request, work, lane)
    return cast(T, _switch_away(request))


def until(future: "Future[None]") -> None:
    """Park this request until ``future`` is done, whoever does that."""
    request = greenlet.getcurrent()
    if not isinstance(request, Request):
        future.result()
        return
    request.loop.wait_for(request, future)
    _switch_away(request)


@contextmanager
def alone(lane: Lane) -> Iterator[None]:
    """Park this request until its turn on the thread of ``lane`` comes; that thread does nothing else meanwhile.

    What is done inside runs on the loop's thread, and may not park. It is for what changes the whole process while it
    lasts, as libraries do that leave out the first values of weights while they load some.
    """
    request = greenlet.getcurrent()
    if not isinstance(request, Request):
        yield
        return
    reached: Future[None] = Future()
    over = threading.Event()
    request.loop.hold(lane, reached, over)
    try:
        until(reached)
        yield
    finally:
        over.set()


def notes() -> tuple[str, ...]:
    """What happened to this request on its way that a person should know."""
    request = greenlet.getcurrent()
    return tuple(request.notes) if isinstance(request, Request) else ()


def _switch_away(request: Request) -> object:
    assert request.parent is not None, "only the main greenlet of a thread has no parent"
    return request.parent.switch()


class SteppingLoop:
    """Runs tickets. `submit`, `cancel` and `stop` may be called from any thread, everything else from the loop's."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        limits: RowLimits | None = None,
        scarcity: Scarcity | None = None,
    ) -> None:
        self._clock = clock
        self._mail: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._calls: list[Call] = []
        self._requests: dict[int, Request] = {}
        self._lanes = {lane: ThreadPoolExecutor(1, f"{lane.value} lane") for lane in Lane}
        self._merger = Merger()
        self._limits = limits or RowLimits()
        self._scarcity = scarcity or Scarcity()
        self._shares = Shares()
        self._stopped = False
        self.tally = Tally()
        self.watch = Watch(clock)

    def submit(self, ticket: Ticket) -> None:
        """Take ``ticket`` in; it begins as soon as the module run in progress is over."""
        self._mail.put(partial(self._begin, ticket))

    def cancel(self, number: int) -> None:
        """Stop request ``number`` where it is parked; nothing happens when it has ended already."""
        self._mail.put(partial(self._cancel, number))

    def stop(self) -> None:
        """Let `run` return; requests still parked are forgotten."""
        self._mail.put(self._stop)

    def run(self) -> None:
        """Run requests until `stop`."""
        with torch.inference_mode():
            while not self._stopped:
                self._read_mail()
                if self._calls:
                    self._advance()
        for lane in self._lanes.values():
            lane.shutdown()

    def park(self, parked: Call) -> None:
        """A request waits for a module run."""
        self._calls.append(parked)

    def wait_for(self, request: Request, future: "Future[Any]") -> None:
        """A request waits until ``future`` is done."""
        future.add_done_callback(lambda done: self._mail.put(partial(self._back_from_aside, request, done)))

    def send_aside(self, request: Request, work: Callable[[], object], lane: Lane) -> None:
        """A request waits for ``work`` on a side thread."""
        self.wait_for(request, self._lanes[lane].submit(self._watched, lane, work))

    def hold(self, lane: Lane, reached: "Future[None]", over: threading.Event) -> None:
        """Keep the thread of ``lane`` from the moment at which ``reached`` is told until ``over``."""
        self._lanes[lane].submit(reached.set_result, None)
        self._lanes[lane].submit(over.wait)

    def _watched(self, lane: Lane, work: Callable[[], T]) -> T:
        with self.watch.over(LANE_WORK[lane][0], LANE_WORK[lane][1]), torch.inference_mode():
            return work()

    def _read_mail(self) -> None:
        """Do everything asked from other threads; wait for something when no request could advance."""
        while not self._stopped and (not self._calls or not self._mail.empty()):
            self._mail.get()()

    def _advance(self) -> None:
        head = min(self._calls, key=self._urgency)
        deadline = head.request.ticket.deadline
        if deadline is not None and self._clock() > deadline:
            self._calls.remove(head)
            self._resume(head.request, error=_late())
            return
        group = self._companions(head)
        self._calls = [parked for parked in self._calls if parked not in group]
        began = self._clock()
        outcomes = self._run(group)
        rows = Counter[str]()
        for each in group:
            rows[each.request.ticket.line] += each.forward.rows
        self._shares.charge(rows, self._clock() - began)
        # On an accelerator the run may still be under way, and be waited for by whoever reads its result.
        allowed_s = self.watch.allowed_s(head.forward.kind, sum(each.forward.rows for each in group))
        for parked, outcome in zip(group, outcomes, strict=True):
            self._resume(parked.request, outcome.value, outcome.error, allowed_s)

    def _urgency(self, parked: Call) -> tuple[int, float, int]:
        """The least comes first: lowest rank, line that has had least, its highest priority, and then the oldest."""
        ticket = parked.request.ticket
        return parked.rank, self._shares.had(ticket.line), -ticket.priority

    def _companions(self, head: Call) -> list[Call]:
        """``head`` and those that can run with it, the most urgent first, as many as pay."""
        limit, rows, group = self._limits.of(head.forward.kind).rows, head.forward.rows, [head]
        alike = [each for each in self._calls if each.forward.key == head.forward.key and each is not head]
        for parked in sorted(alike, key=self._urgency):
            if rows + parked.forward.rows <= limit:
                group.append(parked)
                rows += parked.forward.rows
        return group

    def _run(self, group: list[Call]) -> list[Outcome]:
        """Run calls as one. A run that fails is made in parts, so that only whose fault it is fails."""
        forwards = [parked.forward for parked in group]
        if self._scarcity.in_tiles(forwards[0]):
            return [self._get_by(parked) for parked in group]
        try:
            values = self._timed(forwards)
        except BaseException as error:
            short = is_out_of_memory(error)
            if short:
                self._limits.of(forwards[0].kind).ran_out(sum(each.rows for each in forwards))
            if len(group) == 1:
                return [self._get_by(group[0]) if short else Outcome(error=error)]
            parts = 2 if short else len(group)
            size = -(-len(group) // parts)
            return [each for start in range(0, len(group), size) for each in self._run(group[start : start + size])]
        self.tally.calls += len(group)
        return [Outcome(value) for value in values]

    def _get_by(self, parked: Call) -> Outcome:
        """Make one call with less memory than it wants."""
        try:
            value, note = self._scarcity.get_by(parked.forward, lambda forward: self._timed([forward])[0])
        except BaseException as error:
            return Outcome(error=error)
        self.tally.calls += 1
        parked.request.notes[note] = None
        return Outcome(value)

    def _timed(self, forwards: list[Forward]) -> list[Any]:
        self.tally.runs += 1
        first, rows = forwards[0], sum(each.rows for each in forwards)
        limit = self._limits.of(first.kind)
        with self.watch.timed(f"a run of {type(first.entry.module).__name__}", first.kind, rows):
            if not limit.wants(rows):
                values = self._merger.run(forwards)
                self._scarcity.fitted(first, rows)
                return values
            _finish(first.device)
            taken, began = memory.measuring(first.device), time.perf_counter()
            values = self._merger.run(forwards)
            _finish(first.device)
            limit.record(rows, time.perf_counter() - began)
            self._scarcity.fitted(first, rows, taken())
            return values

    def _begin(self, ticket: Ticket) -> None:
        request = Request(self, ticket)
        self._shares.come(ticket.line)
        self._requests[ticket.number] = request
        self._resume(request)

    def _cancel(self, number: int) -> None:
        request = self._requests.get(number)
        if request is not None:
            self._calls = [parked for parked in self._calls if parked.request is not request]
            self._resume(request, error=Cancelled())

    def _back_from_aside(self, request: Request, future: "Future[object]") -> None:
        if request.dead:
            return
        deadline = request.ticket.deadline
        error = future.exception()
        if error is None and deadline is not None and self._clock() > deadline:
            error = _late()
        if error is None:
            self._resume(request, future.result())
        else:
            self._resume(request, error=error)

    def _resume(
        self,
        request: Request,
        value: object = None,
        error: BaseException | None = None,
        allowed_s: float = UNKNOWN_S,
    ) -> None:
        """Let ``request`` go on until it parks again or ends; whatever it raises ends only itself."""
        try:
            with self.watch.over("a request between two runs", allowed_s):
                if error is not None:
                    result = request.throw(error)
                elif request:
                    result = request.switch(value)
                else:  # a greenlet that has not begun yet is falsy, and takes no value
                    result = request.switch()
        except BaseException as raised:
            self._end(request, None, raised)
        else:
            if request.dead:
                self._end(request, result, None)

    def _end(self, request: Request, result: object, error: BaseException | None) -> None:
        del self._requests[request.ticket.number]
        line = request.ticket.line
        if all(each.ticket.line != line for each in self._requests.values()):
            self._shares.gone(line)
        if not self._requests:
            self._merger.forget()
            self._scarcity.forget()
        request.ticket.ended(result, error)

    def _stop(self) -> None:
        self._stopped = True


def _finish(device: torch.device) -> None:
    """Wait until an accelerator has done what it was given; a CPU always has."""
    if device.type != "cpu":
        torch.accelerator.synchronize(device)


def _late() -> DeadlineExceeded:
    return DeadlineExceeded(
        "the picture was not finished within its time limit", hint="ask for fewer steps or a smaller picture"
    )
