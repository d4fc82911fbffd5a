"""One run of a script: what an op with a first parameter ``run: Run`` is given."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from itertools import islice
from random import Random
from typing import Any, TypeVar

from mintaka.lang.tree import Call
from mintaka.runtime.budget import Budget, Used
from mintaka.runtime.census import live_bytes
from mintaka.runtime.errors import DeadlinePassed, HostFault
from mintaka.runtime.fiber import Fiber, current_fiber, drive, in_fiber, wait
from mintaka.runtime.journal import Journal
from mintaka.runtime.meter import FIRST_SLICE, SLICE, Meter
from mintaka.runtime.pace import TURN_S, pace_of
from mintaka.runtime.powers import Powers
from mintaka.runtime.recorder import Recorder
from mintaka.runtime.records import Codec
from mintaka.runtime.turns import Ticket, Turns
from mintaka.runtime.values import Function, HostObject, Scripted, Value
from mintaka.runtime.waits import until

T = TypeVar("T")
Depth = tuple[Any, ...]

CELL = 8
"""Bytes that memory accounting counts for a cell of a list or a character of a string."""

MOST_AT_ONCE = 64
"""Tasks of one `Run.together` that run at the same time; the others wait for their turn."""

TOGETHER = 16
"""Units of fuel to begin tasks and to wait for their end."""

TASK = 8
"""Units of fuel for each of them: a fiber is made, begun and ended."""

FIBER_CELLS = 2048
"""What a fiber counts as memory, in cells: the frames, stack and task that it needs while it waits."""


@cache
def depth_chain(depth: int) -> Depth:
    """A chain of 1-tuples, ``depth`` links long: a call unpacks one link, and the end has nothing to unpack."""
    chain: Depth = ()
    for _ in range(depth):
        chain = (chain,)
    return chain


class Run:
    """A run's meter, powers and registers. Ops charge, wait, emit and call back through it."""

    def __init__(
        self,
        budget: Budget,
        powers: Powers,
        args: Sequence[Value] = (),
        *,
        functions: Mapping[str, Call] | None = None,
        bytes_per_tick: int = 0,
        slice_length: int = SLICE,
        journal: Journal | None = None,
        codec: Codec | None = None,
    ) -> None:
        self.budget = budget
        self.powers = powers
        self.args = list(args)
        self.recorder = None if journal is None else Recorder(self, journal, codec)
        """What records and replays the effects of a durable run."""
        self.slice_length = slice_length if self.recorder is None else self.recorder.slice_length(slice_length)
        self.meter = Meter(
            budget,
            pause=self._pause,
            census=self._census,
            slice_length=self.slice_length,
            bytes_per_tick=bytes_per_tick,
        )
        self.fibers: set[Fiber] = set()
        """The fibers of this run that have not ended."""
        self._turns = Turns((), lambda: None)
        self._pace = pace_of(asyncio.get_running_loop())
        self._slice = min(FIRST_SLICE, self.slice_length)
        self._slice_began = 0.0
        self._functions = functions or {}
        self.calls = 0
        self.depth = depth_chain(budget.depth)
        """What is left of the depth where the current op was called."""
        self._clock = asyncio.get_running_loop().time if self.recorder is None else self.recorder.elapsed
        self._started = self._clock()
        self.deadline = self._started + budget.deadline_s
        """On the event loop's clock; in a durable run on the run's own, which begins at 0."""

    @property
    def cancelled(self) -> bool:
        """Whether the task that awaits this run has been asked to stop: long synchronous work looks at it."""
        task = asyncio.current_task()
        return task is not None and task.cancelling() > 0

    @property
    def used(self) -> Used:
        """What the run has used so far."""
        seconds = self._clock() - self._started
        return Used(fuel=self.meter.used, calls=self.calls, seconds=seconds, memory=self.meter.memory)

    def charge(self, units: int) -> None:
        """Pay ``units`` of fuel for work in proportion to the size of what is read or built."""
        self.meter.charge(units)

    def allocate(self, cells: int) -> None:
        """Account for ``cells`` cells of a list or characters of a string *before* they are built."""
        self.meter.allocate(cells * CELL)

    def build(self, cells: int) -> None:
        """Charge for and account for a list or string of ``cells`` cells about to be built at C speed."""
        self.meter.allocate(cells * CELL)
        self.meter.charge(cells >> 4)

    def metered(self, items: Iterable[T]) -> Iterator[T]:
        """``items``, at one unit of fuel each and one at the end: for ops that call back."""
        for _, item in zip(self.meter.tick, items, strict=False):
            yield item

    def apply(self, function: Function, *args: Value) -> Value:
        """Call a script's function; superfluous arguments are dropped, missing ones are null."""
        depth = self.depth
        result: Value = function(depth, *args)
        self.depth = depth
        return result

    def source(self, function: Function) -> Call | None:
        """The ``std.lambda`` or ``std.define`` that ``function`` was made by."""
        return self._functions.get(function.__code__.co_name)

    def wait(self, awaitable: Awaitable[T]) -> T:
        """Park the run until ``awaitable`` is done; the event loop goes on meanwhile.

        A durable run cannot tell what it waited for when it is resumed, and refuses: use `perform`.
        """
        if self.recorder is not None:
            raise HostFault("This waits for something that a durable run cannot record.", kind="unsupported")
        alone = len(self.fibers) == 1
        answer = until(self.deadline, awaitable, self.late)
        return self._park(answer if alone else self._take_turns(answer, lambda: self._turns.arrival(str(id(answer)))))

    def together(self, count: int, task: Callable[[int], Value]) -> list[Value]:
        """Do ``count`` tasks at the same time, each in a fiber; their results in order. The first failure ends all.

        Script code of one fiber runs at a time, from the answer it waited for until it waits again.
        """
        depth, deadline = self.depth, self.deadline
        room = current_fiber().width
        at_once = min(MOST_AT_ONCE, room, max(1, count))
        self.charge(TOGETHER + count * TASK)
        self.allocate(at_once * FIBER_CELLS + count)
        results: list[Value] = [None] * count  # in this frame, where the census sees them

        def work(index: int) -> None:
            self.depth, self.deadline = depth, deadline
            current_fiber().width = max(1, room // at_once)
            results[index] = task(index)

        if self.recorder is None:
            self._park(self._take_turns(self._gather(work, count, at_once), self._begin))
        else:
            try:
                self.recorder.together(count, work, at_once)
            finally:
                self.depth, self.deadline = depth, deadline
        return results

    def _park(self, awaitable: Awaitable[T]) -> T:
        depth, deadline = self.depth, self.deadline
        try:
            return wait(awaitable)
        finally:
            self.depth, self.deadline = depth, deadline

    def _take_turns(self, awaitable: Awaitable[T], back: Callable[[], Ticket]) -> Awaitable[T]:
        """Give the turn away until ``awaitable`` is done and a ticket of ``back`` gives it to this fiber again."""
        return self._away(current_fiber(), awaitable, back)

    async def _away(self, fiber: Fiber, awaitable: Awaitable[T], back: Callable[[], Ticket]) -> T:
        self._end_turn(fiber)
        try:
            result = await awaitable
        except asyncio.CancelledError:
            raise  # it only unwinds, whoever's turn it is
        except BaseException:
            await self._turns.taken(back())
            fiber.has_turn = True
            raise
        await self._turns.taken(back())
        fiber.has_turn = True
        return result

    def _end_turn(self, fiber: Fiber) -> None:
        if fiber.has_turn:
            fiber.has_turn = False
            self._turns.release()

    def _begin(self) -> Ticket:
        """A ticket for a fiber that begins, or goes on because all its tasks have ended."""
        ticket: Ticket = asyncio.get_running_loop().create_future()
        self._turns.queue(ticket)
        return ticket

    async def _gather(self, work: Callable[[int], None], count: int, at_once: int) -> None:
        indices = iter(range(count))

        async def works(index: int | None, ticket: Ticket | None) -> None:
            while index is not None and ticket is not None:
                await self._turns.taken(ticket)
                fiber = Fiber(partial(work, index))
                try:
                    await drive(fiber, self.fibers)
                    index = next(indices, None)
                    ticket = None if index is None else self._begin()
                finally:
                    self._end_turn(fiber)

        try:
            async with asyncio.TaskGroup() as group:
                for index in islice(indices, at_once):
                    group.create_task(works(index, self._begin()))
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from None

    def call_method(self, host: HostObject, method: str, args: list[Value]) -> Value:
        """Call a method of a host object, within the budget's number of calls."""
        if self.calls >= self.budget.calls:
            raise HostFault(
                f"The script has made its {self.budget.calls} calls. Run it with a larger budget of calls.",
                kind="no_budget",
            )
        self.calls += 1
        if isinstance(host, Scripted) and host.is_script(method):
            return host.run_method(self, method, args)
        self.charge(host.fuel(self, method, args))
        if self.recorder is None:
            return self.wait(host.call(self, method, args))
        return self.perform(
            f"{host.type_name}.{method}", [host, *args], lambda given: host.call(self, method, given[1:])
        )

    def perform(self, what: str, args: list[Value], act: Callable[[list[Value]], Awaitable[Value]]) -> Value:
        """Have an effect: ``act(args)`` awaited, and in a durable run recorded as ``what`` and not done twice."""
        if self.recorder is None:
            return self.wait(act(args))
        depth, deadline = self.depth, self.deadline
        try:
            return self.recorder.perform(what, args, act, deadline)
        finally:
            self.depth, self.deadline = depth, deadline

    def perform_at_once(self, what: str, args: list[Value], act: Callable[[list[Value]], Value]) -> Value:
        """`perform` an effect that nothing has to be waited for: in other runs than durable ones, ``act(args)``."""
        if self.recorder is None:
            return act(args)

        async def acted(given: list[Value]) -> Value:
            return act(given)

        return self.perform(what, args, acted)

    def observe(self, what: str, read: Callable[[], Value]) -> Value:
        """Look at the world: ``read()``, and in a durable run recorded as ``what`` and the same when it is resumed."""
        return read() if self.recorder is None else self.recorder.observe(what, read)

    @property
    def effect(self) -> str | None:
        """For a host's method: the name of this very call in a durable run, the same when it is made again.

        A call that was begun when the process died is made again; a host that remembers the names of what it has done
        can answer with that.
        """
        return None if self.recorder is None else self.recorder.effect

    @property
    def random(self) -> Random:
        """The random numbers of the script; in a durable run the same when it is resumed."""
        return self.powers.random if self.recorder is None else self.recorder.random

    def time(self) -> float:
        """The time, as UTC epoch seconds; in a durable run what it was when the script first asked."""
        seconds = self.observe("time", self.powers.clock)
        assert isinstance(seconds, int | float)
        return seconds

    def host(self, kind: type[T]) -> T:
        """The object of the host that ops of its room work with; it is missing only in a badly composed server."""
        found = self.powers.hosts.get(kind)
        if not isinstance(found, kind):
            raise HostFault(
                f"This run was given no {kind.__name__}: it has no access to what that is for.", kind="denied"
            )
        return found

    def emit(self, kind: str, data: Mapping[str, object]) -> None:
        """Tell whoever watches the run: log, progress, preview, asset.

        What a script tells is recorded in a durable run and not told twice; what a host's method tells belongs to its
        call.
        """
        if self.recorder is not None and in_fiber():
            self.recorder.emit(kind, data)
        else:
            self.powers.emit(kind, data)

    def now(self) -> float:
        """The time on the clock that deadlines are on."""
        now = self.observe("seconds used", self._clock)
        assert isinstance(now, int | float)
        return now

    def check_deadline(self) -> None:
        """Raise `DeadlinePassed` when the run's time is over."""
        struck = self._clock() >= self.deadline if self.recorder is None else self.recorder.struck(self.deadline)
        if struck:
            raise self.late()

    def late(self) -> DeadlinePassed:
        """The error of a run whose time is over."""
        return DeadlinePassed(
            f"The script did not end within {self.budget.deadline_s:g} s. Ask for less at once, or allow more time."
        )

    def _census(self) -> int:
        self.powers.garbage.look()
        return live_bytes(self.fibers, self.args, self._breathe) + len(self.fibers) * FIBER_CELLS * CELL

    def _pause(self) -> int:
        """The end of a slice: see whether the run is still wanted, and let other work run. The next slice's length."""
        if self.recorder is not None:
            self.recorder.slice_ended()
        self.check_deadline()
        took = self._pace.now() - max(self._slice_began, self._pace.began)
        if self._breathe():
            self.check_deadline()
        self._slice_began = self._pace.now()
        if self.recorder is not None:  # where slices end, time can run out: the same whenever it is resumed
            return self.slice_length
        if took < TURN_S / 8:
            self._slice = min(2 * self._slice, self.slice_length)
        elif took > TURN_S / 2:
            self._slice = max(1, self._slice // 2)
        return self._slice

    def _breathe(self) -> bool:
        """Let other work run if scripts have had their time in this turn of the event loop; whether it did."""
        if not self._pace.over() or not in_fiber():
            return False
        wait(self._pace.turn())
        return True
