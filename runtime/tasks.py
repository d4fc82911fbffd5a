"""The fibers of a durable run: where each is in the run, and those that are tasks of one ``par.map`` or ``par.all``."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Optional

from mintaka.runtime.fiber import Fiber, drive
from mintaka.runtime.turns import Ticket, Turns


@dataclass(slots=True)
class Track:
    """Where one fiber is in the run."""

    prefix: str = ""
    """What the positions of its effects begin with."""
    number: int = 0
    """Effects so far."""
    ticket: Ticket | None = None
    """What it begins with."""
    has_turn: bool = False
    random: Random | None = None
    group: Optional["Group"] = None
    """The tasks it waits for."""

    @property
    def position(self) -> str:
        """Of its next effect."""
        return f"{self.prefix}{self.number}"


class Group:
    """``count`` tasks that run at the same time, ``at_once`` of them; the first failure cancels all others, at once.

    ``work`` does the task of a number. ``enter`` makes a track that of the current fiber, ``leave`` gives its turn
    back. ``abandoned`` is called when the first has failed.
    """

    def __init__(
        self,
        position: str,
        count: int,
        work: Callable[[int], None],
        turns: Turns,
        fibers: set[Fiber],
        *,
        at_once: int,
        enter: Callable[[Track], None],
        leave: Callable[[Track], None],
        abandoned: Callable[[], None],
    ) -> None:
        self.failure: BaseException | None = None
        self.joined: Ticket = asyncio.get_running_loop().create_future()
        """Gives the turn to who waits for the group, once all have ended well."""
        self._position = position
        self._work = work
        self._turns = turns
        self._fibers = fibers
        self._enter = enter
        self._leave = leave
        self._abandoned = abandoned
        self._waiting = iter(range(count))
        self._left = count
        self._running: dict[asyncio.Task[None], Track] = {}
        self._idle = asyncio.Event()
        for _ in range(min(at_once, count)):
            self._start()

    async def ended(self) -> None:
        """Wait until no task runs any more; when this is cancelled, so are they."""
        try:
            await self._idle.wait()
        except asyncio.CancelledError:
            self.cancel()
            await self._idle.wait()
            raise

    def cancel(self) -> None:
        """Cancel all tasks but the one that calls this, and the tasks that they wait for."""
        self._waiting = iter(())
        self.joined.cancel()  # it may be in the queue while nobody waits for it yet
        current = asyncio.current_task()
        for task, track in self._running.items():
            if task is not current and not task.cancelling():
                if track.group is not None:
                    track.group.cancel()
                task.cancel()
                if track.ticket is not None:
                    track.ticket.cancel()  # a task that has not begun does not wait for it yet

    def _start(self) -> None:
        """Let the next task have a turn, if there is one."""
        index = next(self._waiting, None)
        if index is None:
            return
        ticket: Ticket = asyncio.get_running_loop().create_future()
        track = Track(f"{self._position}.{index}/", ticket=ticket)
        task = asyncio.create_task(self._run(index, track, ticket))
        self._running[task] = track
        task.add_done_callback(self._over)
        self._turns.queue(ticket)

    def _over(self, task: asyncio.Task[None]) -> None:
        del self._running[task]
        if not self._running:
            self._idle.set()

    async def _run(self, index: int, track: Track, ticket: Ticket) -> None:
        await self._turns.taken(ticket)
        track.has_turn = True

        def body() -> None:
            self._enter(track)
            self._work(index)

        try:
            await drive(body, self._fibers)
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            self._fail(error)
        else:
            self._end()
        finally:
            self._leave(track)

    def _end(self) -> None:
        self._left -= 1
        if self._left == 0:
            self._turns.queue(self.joined)
        self._start()

    def _fail(self, error: BaseException) -> None:
        if self.failure is None:
            self.failure = error
            self._abandoned()
            self.cancel()
