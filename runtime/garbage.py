"""Data in cycles: what Python frees only when it looks for it.

Nearly all data of scripts is freed at once, by counting references. What refers to itself (a list pushed into itself, a
recursive function that has captured data) stays until the collector looks, and Python lets it look by the number of
containers alone: seven hundred lists of a million items are nothing to it, and a look through everything holds up
every answer while it lasts. So it is looked among what is young whenever a run has made as much as its budget allows
to be alive, and through everything only when the process has really grown, or every so often in a server.
"""

import asyncio
import gc
import os
import time
from collections.abc import Callable
from pathlib import Path

GROWTH = 256 * 1024 * 1024
"""Bytes that the process grows by before everything is looked through; a quarter of its size where that is more."""

MUCH = 4 * 1024 * 1024
"""Bytes that are worth a look when the run ends that made them."""

LOOKS = 16
"""Looks among what is young before everything is looked through, where nothing tells how large the process is."""

INTERVAL_S = 10.0
"""Seconds between looks through everything, as long as these take no more than `SHARE` of the time."""

SHARE = 0.005
"""Of a server's time that looks through everything may take while it does not grow."""

YOUNG = 1
"""The greatest generation that is looked through quickly: what has survived two looks is in the next."""

_STATM = Path("/proc/self/statm")
_NEVER = 2**30


class Garbage:
    """Decides when garbage in cycles is looked for. ``resident`` gives the bytes of memory that the process takes."""

    def __init__(self, resident: Callable[[], int] | None = None) -> None:
        self._resident = resident
        self._looks = 0
        self._enough = GROWTH

    def look(self) -> None:
        """A run has made much that is no longer alive: free what of it is young and in cycles, or all if it is due."""
        self._looks += 1
        gc.collect(YOUNG)
        if self._resident is None:
            due = self._looks >= LOOKS
        else:
            size = self._resident()
            due = size > self._enough
            self._enough = min(self._enough, _grown(size))
        if due:
            self.look_through_everything()

    def left(self, size: int) -> None:
        """A run has ended that had made up to ``size`` bytes since anybody looked."""
        if size >= MUCH:
            self.look()

    def look_through_everything(self) -> None:
        """Free all garbage there is, however long it takes."""
        gc.collect()
        self._looks = 0
        if self._resident is not None:
            self._enough = _grown(self._resident())

    async def attend(self) -> None:
        """Until this is cancelled, see to it in Python's place, which would look whenever containers have been made.

        What is there now is taken to stay: it is never looked through again.
        """
        before = gc.get_threshold()
        gc.set_threshold(before[0], before[1], _NEVER)
        gc.collect()
        gc.freeze()
        try:
            while True:
                began = time.perf_counter()
                self.look_through_everything()
                await asyncio.sleep(max(INTERVAL_S, (time.perf_counter() - began) / SHARE))
        finally:
            gc.unfreeze()
            gc.set_threshold(*before)


def _grown(size: int) -> int:
    return size + max(GROWTH, size // 4)


def process_size() -> Callable[[], int] | None:
    """What gives the bytes of memory that this process takes, where the system tells that quickly."""
    if not _STATM.exists():
        return None
    page = os.sysconf("SC_PAGE_SIZE")
    return lambda: int(_STATM.read_bytes().split()[1]) * page
