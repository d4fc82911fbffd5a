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

T = TypeVar("T")


class Pause:
    """Waiting for nothing: lets the event loop turn once."""

    def __await__(self) -> Any:
        return asyncio.sleep(0).__await__()


class Fiber(greenlet):  # type: ignore[misc]
    """A greenlet that generated code runs in; `wait` refuses to park any other."""


async def drive(body: Callable[[], T], fibers: set[Fiber]) -> T:
    """Run ``body`` in a fiber of its own, one of ``fibers`` while it lives, and await for it what it waits for."""
    fiber = Fiber(body)
    fiber.gr_context = contextvars.copy_context()
    fibers.add(fiber)
    try:
        awaited: Any = fiber.switch()
        while not fiber.dead:
            try:
                result = await awaited
            except asyncio.CancelledError as cancelled:
                awaited = fiber.throw(_cancellation(cancelled))
            except Exception as error:
                awaited = fiber.throw(type(error), error, error.__traceback__)
            else:
                awaited = fiber.switch(result)
    finally:
        fibers.discard(fiber)
    outcome: T = awaited
    return outcome


def wait(awaitable: Awaitable[T]) -> T:
    """Park this fiber until ``awaitable`` is done; gives its result or raises its error."""
    fiber = getcurrent()
    if not isinstance(fiber, Fiber) or fiber.parent is None:
        raise RuntimeError("only code that runs in a fiber can wait; start it with drive()")
    result: T = fiber.parent.switch(awaitable)
    return result


def _cancellation(error: asyncio.CancelledError) -> BaseException:
    """Our own task's cancellation goes on as it is; that of something awaited is an error of the run."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        return error
    return Cancelled("What the script was waiting for was cancelled.")
