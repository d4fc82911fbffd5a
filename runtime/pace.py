"""How much of an event loop's time scripts get, and in which order: the rest belongs to connections.

In a turn of the loop scripts run for `TURN_S` altogether, however many there are. Who is at work when that is used up
waits in line, and every few turns of the loop the first of the line goes on. So whatever else the loop has to do waits
for one script at most, not for all, and scripts share what is left among them alike.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from weakref import WeakKeyDictionary

TURN_S = 0.001
"""Seconds of script code in one turn of the event loop: more would delay answers, less be spent on turning."""


TURNS_BETWEEN = 4
"""Turns of the loop from one script's turn to the next: about as many as reading and answering a message takes."""


class Pace:
    """The line of scripts of one event loop. ``clock`` gives seconds."""

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Callable[[], float] = time.perf_counter) -> None:
        self._loop = loop
        self.now = clock
        self.began = 0.0
        """When the script that runs went on."""
        self._line: deque[asyncio.Future[None]] = deque()
        self._used = 0.0
        self._scheduled = False
        self._until_next = 0

    def begin(self) -> None:
        """Script code goes on."""
        self.began = self.now()

    def end(self) -> None:
        """Script code stands still."""
        self._used += self.now() - self.began
        self._schedule()

    def over(self) -> bool:
        """Whether this turn's time is used up."""
        return self._used + self.now() - self.began >= TURN_S

    def turn(self) -> asyncio.Future[None]:
        """A place at the end of the line: done when it is one's turn."""
        place = self._loop.create_future()
        self._line.append(place)
        self._schedule()
        return place

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._next)

    def _next(self) -> None:
        """A turn of the loop begins."""
        self._scheduled = False
        self._used = 0.0
        if self._until_next and self._line:
            self._until_next -= 1
            self._schedule()
            return
        self._until_next = TURNS_BETWEEN - 1
        while self._line:
            place = self._line.popleft()
            if not place.done():  # one that is done was cancelled
                place.set_result(None)
                break
        if self._line:
            self._schedule()


_paces: WeakKeyDictionary[asyncio.AbstractEventLoop, Pace] = WeakKeyDictionary()


def pace_of(loop: asyncio.AbstractEventLoop) -> Pace:
    """The one pace of ``loop``, which all scripts on it share."""
    pace = _paces.get(loop)
    if pace is None:
        pace = _paces[loop] = Pace(loop)
    return pace
