"""One run of a script: what an op with a first parameter ``run: Run`` is given."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from mintaka.lang.tree import Call
from mintaka.runtime.budget import Budget, Used
from mintaka.runtime.census import live_bytes
from mintaka.runtime.errors import DeadlinePassed, HostFault
from mintaka.runtime.fiber import Fiber, Pause, drive, wait
from mintaka.runtime.meter import SLICE, Meter
from mintaka.runtime.powers import Powers
from mintaka.runtime.values import Function, HostObject, Value

T = TypeVar("T")
Depth = tuple[Any, ...]

CELL = 8
"""Bytes that memory accounting counts for a cell of a list or a character of a string."""

MOST_AT_ONCE = 64
"""Tasks of one `Run.together` that run at the same time; the others wait for their turn."""


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
    ) -> None:
        self.budget = budget
        self.powers = powers
        self.args = list(args)
        self.meter = Meter(
            budget,
            pause=self._pause,
            census=lambda: live_bytes(self.fibers),
            slice_length=slice_length,
            bytes_per_tick=bytes_per_tick,
        )
        self.fibers: set[Fiber] = set()
        """The fibers of this run that have not ended."""
        self._functions = functions or {}
        self.calls = 0
        self.depth = depth_chain(budget.depth)
        """What is left of the depth where the current op was called."""
        self._clock = asyncio.get_running_loop().time
        self._started = self._clock()
        self.deadline = self._started + budget.deadline_s
        """On the event loop's clock."""

    @property
    def cancelled(self) -> bool:
        """Whether the task that awaits this run has been asked to stop: long synchronous work looks at it."""
        task = asyncio.current_task()
        return task is not None and task.cancelling() > 0

    @property
    def used(self) -> Used:
        """What the run has used so far."""
        return Used(fuel=self.meter.used, calls=self.calls, seconds=self._clock() - self._started)

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
        """Park the run until ``awaitable`` is done; the event loop goes on meanwhile."""
        depth, deadline = self.depth, self.deadline
        try:
            return wait(self._until(deadline, awaitable))
        finally:
            self.depth, self.deadline = depth, deadline

    def together(self, tasks: Sequence[Callable[[], Value]]) -> list[Value]:
        """Run ``tasks`` at the same time, each in a fiber; their results in order. The first failure ends them all."""
        depth, deadline = self.depth, self.deadline

        def body(task: Callable[[], Value]) -> Value:
            self.depth, self.deadline = depth, deadline
            return task()

        return self.wait(self._gather([lambda task=task: body(task) for task in tasks]))  # type: ignore[misc]

    async def _gather(self, bodies: Sequence[Callable[[], Value]]) -> list[Value]:
        free = asyncio.Semaphore(MOST_AT_ONCE)

        async def one(body: Callable[[], Value]) -> Value:
            async with free:
                return await drive(body, self.fibers)

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(one(body)) for body in bodies]
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from None
        return [task.result() for task in tasks]

    def call_method(self, host: HostObject, method: str, args: list[Value]) -> Value:
        """Call a method of a host object, within the budget's number of calls."""
        if self.calls >= self.budget.calls:
            raise HostFault(
                f"The script has made its {self.budget.calls} calls. Run it with a larger budget of calls.",
                kind="no_budget",
            )
        self.calls += 1
        return self.wait(host.call(self, method, args))

    def host(self, kind: type[T]) -> T:
        """The object of the host that ops of its room work with; it is missing only in a badly composed server."""
        found = self.powers.hosts.get(kind)
        if not isinstance(found, kind):
            raise HostFault(
                f"This run was given no {kind.__name__}: it has no access to what that is for.", kind="denied"
            )
        return found

    def emit(self, kind: str, data: Mapping[str, object]) -> None:
        """Tell whoever watches the run: log, progress, preview, asset."""
        self.powers.emit(kind, data)

    def now(self) -> float:
        """The time on the event loop's clock, which deadlines are on."""
        return self._clock()

    def check_deadline(self) -> None:
        """Raise `DeadlinePassed` when the run's time is over."""
        if self._clock() >= self.deadline:
            raise self._late()

    def _late(self) -> DeadlinePassed:
        return DeadlinePassed(
            f"The script did not end within {self.budget.deadline_s:g} s. Ask for less at once, or allow more time."
        )

    async def _until(self, deadline: float, awaitable: Awaitable[T]) -> T:
        timeout = asyncio.timeout_at(deadline)
        try:
            async with timeout:
                return await awaitable
        except TimeoutError:
            if timeout.expired():
                raise self._late() from None
            raise

    def _pause(self) -> None:
        """Let other work run, and see whether this one is still wanted."""
        depth, deadline = self.depth, self.deadline
        self.check_deadline()
        wait(Pause())
        self.depth, self.deadline = depth, deadline
        self.check_deadline()
