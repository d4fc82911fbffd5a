"""Waiting with a deadline, at a price only where there is something to wait for.

Much of what a script asks of its host is answered at once: a field, a number of a cache, a refusal. A timer for each
such call would take half of its time, so a call is begun without one, and gets one when it has to wait.
"""

import asyncio
from collections.abc import Awaitable, Callable, Generator
from typing import Any, Generic, TypeVar

T = TypeVar("T")


async def until(deadline: float, awaitable: Awaitable[T], late: Callable[[], Exception]) -> T:
    """What ``awaitable`` gives; at ``deadline``, on the event loop's clock, it is cancelled and ``late()`` raised."""
    steps = awaitable.__await__()
    try:
        first = next(steps)
    except StopIteration as ended:
        result: T = ended.value
        return result
    timeout = asyncio.timeout_at(deadline)
    try:
        async with timeout:
            return await _Begun(steps, first)
    except TimeoutError:
        if timeout.expired():
            raise late() from None
        raise


class _Begun(Generic[T]):
    """The rest of something awaited, ``first`` being what it waits for."""

    __slots__ = ("_first", "_steps")

    def __init__(self, steps: Generator[Any, Any, T], first: object) -> None:
        self._steps = steps
        self._first = first

    def __await__(self) -> Generator[Any, Any, T]:
        # What `yield from` does, but for the first step.
        awaited = self._first
        while True:
            try:
                answer = yield awaited
            except GeneratorExit:
                self._steps.close()
                raise
            except BaseException as error:
                try:
                    awaited = self._steps.throw(error)
                except StopIteration as ended:
                    return ended.value  # type: ignore[no-any-return]
            else:
                try:
                    awaited = self._steps.send(answer)
                except StopIteration as ended:
                    return ended.value  # type: ignore[no-any-return]
