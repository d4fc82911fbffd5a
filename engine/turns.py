"""Who may be with a worker: any number together, or one alone."""

import asyncio


class Turns:
    """Requests enter together, but one that may have brought a worker down enters alone, before any others."""

    def __init__(self) -> None:
        self._present: set[int] = set()
        self._alone: int | None = None
        self._waiting_alone = 0
        self._changed = asyncio.Event()

    async def enter(self, number: int, *, alone: bool) -> None:
        """Wait until request ``number`` may be with the worker; it then is, until it is told to `leave`."""
        self._waiting_alone += alone
        try:
            while self._present if alone else self._alone is not None or self._waiting_alone:
                self._changed.clear()
                await self._changed.wait()
            self._present.add(number)
            if alone:
                self._alone = number
        finally:
            self._waiting_alone -= alone
            self._changed.set()

    def leave(self, number: int) -> None:
        """Request ``number`` is no longer with the worker; nothing happens where it never was."""
        self._present.discard(number)
        if self._alone == number:
            self._alone = None
        self._changed.set()
