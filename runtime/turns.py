"""Whose turn it is among the fibers of one run.

A fiber keeps its turn from the moment an answer reaches it until it waits for the next one, so what it does to shared
data in between is one step. Two rules decide who is next, and nothing else does:

1. fibers that are to begin, or to go on because all their tasks have ended: in the order in which that came about;
2. answers of the world: in the order in which they arrived, or, when a run is resumed, in the order in which the
   journal says they did.

So the whole course of a run, however many fibers it has, follows from its script and the order of its journal.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable

Ticket = asyncio.Future[None]


class Turns:
    """Gives turns. ``order`` are the positions of the answers in the journal; the run's first fiber has the turn.

    ``stuck`` is called when the journal's next answer is one that nobody waits for, or nobody waits for anything.
    """

    def __init__(self, order: Iterable[str], stuck: Callable[[], None]) -> None:
        self._order = deque(order)
        self._stuck = stuck
        self._starts: deque[Ticket] = deque()
        self._arrivals: dict[str, Ticket] = {}
        self._free = False
        self._expected: set[str] = set()
        self._failure: Exception | None = None

    def queue(self, ticket: Ticket) -> None:
        """Give ``ticket`` the turn by the first rule."""
        self._starts.append(ticket)
        self._refuse_all()
        self._give()

    def arrival(self, position: str) -> Ticket:
        """A ticket by the second rule: the answer at ``position`` is here."""
        ticket: Ticket = asyncio.get_running_loop().create_future()
        self._arrivals[position] = ticket
        self._refuse_all()
        self._give()
        return ticket

    def expect(self, position: str) -> None:
        """The answer at ``position`` will come: it is not a fault that nobody waits for it yet."""
        self._expected.add(position)

    async def taken(self, ticket: Ticket) -> None:
        """Wait for the turn."""
        try:
            await ticket
        except asyncio.CancelledError:
            if ticket.done() and not ticket.cancelled():
                self.release()  # it was given and never used
            raise

    def release(self) -> None:
        """End the turn of whoever has it."""
        self._free = True
        self._give()

    def forget(self, prefix: str) -> None:
        """The answers at positions that begin with ``prefix`` will never be waited for."""
        self._order = deque(position for position in self._order if not position.startswith(prefix))

    def fail(self, error: Exception) -> None:
        """Let everyone who waits, and whoever will, have ``error``."""
        self._failure = error
        self._refuse_all()

    def _refuse_all(self) -> None:
        if self._failure is None:
            return
        for ticket in (*self._starts, *self._arrivals.values()):
            if not ticket.done():
                ticket.set_exception(self._failure)
                ticket.exception()  # it is no fault if nobody waits for this one any more
        self._starts.clear()
        self._arrivals.clear()

    def _give(self) -> None:
        while self._free:
            ticket = self._next()
            if ticket is None:
                return
            if not ticket.done():  # one that is done was cancelled
                self._free = False
                ticket.set_result(None)

    def _next(self) -> Ticket | None:
        if self._starts:
            return self._starts.popleft()
        if self._order:
            if self._order[0] in self._arrivals:
                return self._arrivals.pop(self._order.popleft())
            if self._order[0] not in self._expected:
                self._stuck()
            return None
        if self._arrivals:
            return self._arrivals.pop(next(iter(self._arrivals)))
        self._stuck()
        return None
