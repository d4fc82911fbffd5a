"""Fibers: plain synchronous code that can wait for the event loop.

Generated code and ops are ordinary functions; a `greenlet` lets them stand still in the middle of a call while the
coroutine that drives them awaits something. Every fiber is driven by exactly one coroutine (`drive`), so cancelling
its task cancels whatever the fiber waits for and then unwinds the fiber.
"""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from greenlet import getcurrent, greenlet  # type: ignore[import-untyped]

from mintaka.runtime.errors import Cancelled
from mintaka.runtime.pace import Pace, pace_of

T = TypeVar("T")


class Fiber(greenlet):  # type: ignore[misc]
    """A greenlet that generated code runs in; `wait` refuses to park any other."""

    width = 1024
    """How many fibers may work for it at the same time, those that work for them included; one always may."""
    has_turn = True
    """Whether code of its run's script runs in it, and in no other of the run."""


async def drive(body: Callable[[], T] | Fiber, fibers: set[Fiber]) -> T:
    """Run ``body`` in a fiber of its own, one of ``fibers`` while it lives, and await for it what it waits for."""
    fiber = body if isinstance(body, Fiber) else Fiber(body)
    fiber.gr_context = contextvars.copy_context()
    pace = pace_of(asyncio.get_running_loop())
    fibers.add(fiber)
    try:
        awaited: Any = _go_on(pace, fiber.switch)
        while not fiber.dead:
            try:
                result = await awaited
            except asyncio.CancelledError as cancelled:
                awaited = _go_on(pace, fiber.throw, _cancellation(cancelled))
            except Exception as error:  # how what it waited for failed is for the fiber to see
                awaited = _go_on(pace, fiber.throw, type(error), error, error.__traceback__)
            else:
                awaited = _go_on(pace, fiber.switch, result)
    finally:
        fibers.discard(fiber)
    outcome: T = awaited
    return outcome


def _go_on(pace: Pace, how: Callable[..., Any], *given: object) -> Any:
    pace.begin()
    try:
        return how(*given)
    finally:
        pace.end()


def wait(awaitable: Awaitable[T]) -> T:
    """Park this fiber until ``awaitable`` is done; gives its result or raises its error."""
    parent = current_fiber().parent
    assert parent is not None, "a fiber that runs was started by another greenlet"
    result: T = parent.switch(awaitable)
    return result


def current_fiber() -> Fiber:
    """The fiber that this runs in."""
    fiber = getcurrent()
    if not isinstance(fiber, Fiber) or fiber.parent is None:
        raise RuntimeError("only code that runs in a fiber can wait; start it with drive()")
    return fiber


def in_fiber() -> bool:
    """Whether this is code of a script: generated code, or an op it called; not a host's method it waits for."""
    return isinstance(getcurrent(), Fiber)


def _cancellation(error: asyncio.CancelledError) -> BaseException:
    """Our own task's cancellation goes on as it is; that of something awaited is an error of the run."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        return error
    return Cancelled("What the script was waiting for was cancelled.")
