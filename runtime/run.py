"""One run of a script: what an op with a first parameter ``run: Run`` is given."""

import asyncio
from collections.abc import Awaitable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from mintaka.runtime.budget import Budget, Used
from mintaka.runtime.census import live_bytes
from mintaka.runtime.errors import DeadlinePassed, HostFault
from mintaka.runtime.fiber import Pause, wait
from mintaka.runtime.meter import SLICE, Meter
from mintaka.runtime.powers import Powers
from mintaka.runtime.values import Function, HostObject, Value

T = TypeVar("T")
Depth = tuple[Any, ...]

CELL = 8
"""Bytes that memory accounting counts for a cell of a list or a character of a string."""


def depth_chain(depth: int) -> Depth:
    """A chain of 1-tuples, ``depth`` links long: a call unpacks one link, and the end has nothing to unpack."""
    chain: Depth = ()
    for _ in range(depth):
        chain = (chain,)
    return chain


class Run:
    """A run's meter, powers and registers. Ops charge, wait, emit and call back through it."""

    def __init__(
        self, budget: Budget, powers: Powers, args: Sequence[Value] = (), *, slice_length: int = SLICE
    ) -> None:
        self.budget = budget
        self.powers = powers
        self.args = list(args)
        self.meter = Meter(budget, pause=self._pause, census=self._census, slice_length=slice_length)
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
        self.meter.charge(cells >> 4)
        self.meter.allocate(cells * CELL)

    def metered(self, items: Iterable[T]) -> Iterator[T]:
        """``items``, at one unit of fuel each and one at the end: for ops that call back."""
        for _, item in zip(self.meter.tick, items, strict=False):
            yield item

    def apply(self, function: Function, *args: Value) -> Value:
        """Call a script's function; superfluous arguments are dropped, missing ones are null."""
        result: Value = function(self.depth, *args[: function.__code__.co_argcount - 1])
        return result

    def wait(self, awaitable: Awaitable[T]) -> T:
        """Park the run until ``awaitable`` is done; the event loop goes on meanwhile."""
        depth = self.depth
        try:
            return wait(self._until_deadline(awaitable))
        finally:
            self.depth = depth

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

    def check_deadline(self) -> None:
        """Raise `DeadlinePassed` when the run's time is over."""
        if self._clock() >= self.deadline:
            raise self._late()

    def _late(self) -> DeadlinePassed:
        return DeadlinePassed(
            f"The script did not end within {self.budget.deadline_s:g} s. Ask for less at once, or allow more time."
        )

    async def _until_deadline(self, awaitable: Awaitable[T]) -> T:
        timeout = asyncio.timeout_at(self.deadline)
        try:
            async with timeout:
                return await awaitable
        except TimeoutError:
            if timeout.expired():
                raise self._late() from None
            raise

    def _pause(self) -> None:
        self.check_deadline()
        depth = self.depth
        wait(Pause())
        self.depth = depth
        self.check_deadline()

    def _census(self) -> int:
        return live_bytes()
