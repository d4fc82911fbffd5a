"""Recording a durable run's effects, and replaying them when it is resumed.

Everything a script can learn from outside comes through here. At a position that the journal knows, the recorded
outcome is returned and nothing is done; at any other the effect is done and written down:

* A **call** is written twice, before it begins and with its outcome. One that had begun and not ended when the process
  died is made again, under the same name (`Recorder.effect`), so that a host can tell it has been done already.
* A **reading** (the time, a seed) and what the script **emits** are gathered and written with the next call, or when
  the slice ends: until then nobody has seen anything that follows from them. What is emitted is told once written.
* **Tasks at the same time** take turns (`mintaka.runtime.turns`), so only the order of answers needs to be known.
* **Time** is the run's own: it stands still while nobody runs it, and while it is replayed.

Nothing is done before all that is recorded has been read. An entry that does not fit what the script does there, or
that is left over at the end, means that this is not the run that was recorded; it is refused (`Diverged`).
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from random import Random
from typing import TYPE_CHECKING

from mintaka.runtime.errors import Cancelled, Diverged, HostFault, JournalLost, ScriptError, internal_error
from mintaka.runtime.fiber import wait
from mintaka.runtime.journal import Entry, Journal, Kind
from mintaka.runtime.records import (
    Codec,
    Json,
    NoHostValues,
    copied,
    decoded,
    digest,
    dumps,
    encoded,
    error_record,
    recorded_outcome,
)
from mintaka.runtime.replay import ENDED, FAILED, Past, Recorded, diverged, start, told
from mintaka.runtime.tasks import Group, Track
from mintaka.runtime.turns import Turns
from mintaka.runtime.values import Value

if TYPE_CHECKING:
    from mintaka.runtime.run import Run

MOST_PENDING = 256
"""Entries that wait to be written with the next call."""

_effect: ContextVar[str | None] = ContextVar("effect", default=None)


@dataclass(frozen=True, slots=True)
class Call:
    """An effect to be done: ``act`` is given copies of the arguments where they could change before it begins."""

    what: str
    digest: str
    args: list[Value]
    act: Callable[[list[Value]], Awaitable[Value]]
    deadline: float


class Recorder:
    """One run and its journal. Its methods are called in the run's fibers, save where they are ``async``."""

    def __init__(self, run: "Run", journal: Journal, codec: Codec | None) -> None:
        self._run = run
        self._journal = journal
        self._codec = codec or NoHostValues()
        self._past = Past(journal.read())
        self._turns = Turns(self._past.order, self._stuck)
        self._live = asyncio.Event()
        self._track = Track(has_turn=True)
        self._pending: list[Entry] = []
        self._untold: list[tuple[str, Mapping[str, object]]] = []
        self._failure: Diverged | JournalLost | None = None
        self._loop_time = asyncio.get_running_loop().time
        self._seconds = 0.0
        self._slices = 0
        self._since = self._loop_time()

    # The whole run

    def slice_length(self, length: int) -> int:
        """How long slices are: as when the run began, or ``length``. Where they end, time can run out."""
        return self._past.slice_length or length

    def begin(self, program: str, slice_length: int) -> None:
        """See that this is the run that was recorded, or write down what it is.

        Raises `Diverged` where the script (``program`` is its digest), the arguments or the budget are others.
        """
        budget = asdict(self._run.budget)
        args = digest(list(self._run.args), self._codec)
        if self._past.start is None:
            self._append([start(program, args, budget, slice_length)])
        else:
            self._past.compare(program, args, budget)

    def end(self) -> None:
        """The script came to its end: write what is left. Raises `Diverged` where it should have done more."""
        if self._past.unread:
            raise self._diverged(self._past.first(), "the script ended")
        self.flush()

    def failed(self, error: ScriptError) -> ScriptError:
        """The script failed: write what is left; the error to tell."""
        if self._failure is not None:
            return self._failure
        if self._past.to_read and not isinstance(error, Diverged | Cancelled):
            return self._diverged(self._past.first(), f"the script failed ({error.message})")
        try:
            self.flush()
        except JournalLost as lost:
            return lost
        return error

    def cancelled(self) -> None:
        """The run is cancelled: write what is left, as far as that is possible."""
        with contextlib.suppress(JournalLost):
            self.flush()

    # What the script does

    @property
    def effect(self) -> str | None:
        """The name of the call that the current task makes: the same when it is made again."""
        return _effect.get()

    @property
    def random(self) -> Random:
        """The random numbers of the current fiber."""
        track = self._track
        if track.random is None:
            seed = self.observe("random seed", lambda: f"{self._run.powers.random.getrandbits(128):x}")
            track.random = Random(int(str(seed), 16))
        return track.random

    def perform(
        self, what: str, args: list[Value], act: Callable[[list[Value]], Awaitable[Value]], deadline: float
    ) -> Value:
        """An effect: the outcome of ``act``, or the recorded one."""
        track = self._track
        call = Call(what, digest(args, self._codec), args if not self._past.to_read else copied(args), act, deadline)
        position, recorded = self._read(Kind.CALL, what, call.digest)
        try:
            return wait(self._perform(track, position, recorded, call))
        finally:
            self._back(track)

    def observe(self, what: str, read: Callable[[], Value]) -> Value:
        """A reading of the world: what ``read`` gives, or what it gave."""
        position, recorded = self._read(Kind.READ, what, "")
        if recorded is not None:
            return self._replay(recorded.entry)
        tree = encoded(read(), self._codec)
        self._write(Entry(position, Kind.READ, what, "", dumps({"value": tree}), self.elapsed()))
        return decoded(tree, self._codec)

    def emit(self, kind: str, data: Mapping[str, object]) -> None:
        """Tell whoever watches the run, unless they were told before."""
        tree = encoded(dict(data), self._codec)
        known = digest(tree, self._codec)
        position, recorded = self._read(Kind.EMIT, kind, known)
        if recorded is not None:
            self._consume(recorded.entry)
            return
        self._untold.append((kind, data))
        self._write(Entry(position, Kind.EMIT, kind, known, dumps({"value": tree}), self.elapsed()))

    def together(self, count: int, work: Callable[[int], None], at_once: int) -> None:
        """Do ``count`` tasks as `Run.together` does, ``at_once`` of them at the same time; ``work`` does one."""
        track = self._track
        position, recorded = self._read(Kind.JOIN, "", "")
        if not count:
            return
        try:
            wait(self._together(track, position, recorded, count, work, at_once))
        finally:
            self._back(track)

    # Time

    def elapsed(self) -> float:
        """Seconds that the run has used; those between a crash and its being resumed do not count."""
        return self._seconds if self._past.to_read else self._seconds + self._loop_time() - self._since

    def slice_ended(self) -> None:
        """A slice of the run ended: what was gathered is written. Raises `JournalLost`."""
        self._slices += 1
        self.flush()

    def struck(self, deadline: float) -> bool:
        """Whether the time was over at the end of this slice."""
        track = self._track
        recorded = self._past.unread.get(track.position)
        if recorded is not None and recorded.entry.kind == Kind.DEADLINE:
            if self._slices < int(recorded.entry.what):
                return False
            self._consume(recorded.entry)
        elif self._past.to_read or self.elapsed() < deadline:
            return False
        else:
            self._write(Entry(track.position, Kind.DEADLINE, str(self._slices), "", None, self.elapsed()))
        track.number += 1
        return True

    # Writing

    def flush(self) -> None:
        """Write what is gathered, then tell what is told. Raises `JournalLost`."""
        if self._pending:
            entries, self._pending = self._pending, []
            untold, self._untold = self._untold, []
            self._append(entries)
            for kind, data in untold:
                self._run.powers.emit(kind, data)

    def _write(self, entry: Entry) -> None:
        self._pending.append(entry)
        if len(self._pending) >= MOST_PENDING:
            self.flush()

    def _write_now(self, entry: Entry) -> None:
        self._pending.append(entry)
        self.flush()

    def _append(self, entries: Sequence[Entry]) -> None:
        if self._failure is not None:
            raise self._failure
        try:
            self._journal.append(entries)
        except Exception as error:  # a journal is somebody else's code; nothing may be done that it does not hold
            self._failure = JournalLost(
                "What the run did could not be written down, so it stopped. "
                "Resume it once its journal can be written again."
            )
            raise self._failure from error

    # Reading

    def _read(self, kind: Kind, what: str, digest: str) -> tuple[str, Recorded | None]:
        """The position of an effect, and what the journal knows of it. Raises `Diverged`."""
        if self._failure is not None:
            raise self._failure
        position = self._track.position
        self._track.number += 1
        recorded = self._past.unread.get(position)
        if recorded is not None and recorded.entry[1:4] != (kind, what, digest):
            raise self._diverged(recorded.entry, told(kind, what))
        return position, recorded

    def _consume(self, entry: Entry) -> None:
        """An entry has been replayed; after the last of them time goes on."""
        self._seconds = max(self._seconds, entry.seconds)
        if self._past.read(entry.position):
            self._since = self._loop_time()

    def _replay(self, entry: Entry) -> Value:
        """The recorded outcome."""
        self._consume(entry)
        return recorded_outcome(entry.outcome or "{}", self._codec)

    def _forget(self, position: str) -> None:
        """The tasks at ``position`` are cancelled: what is recorded of them from here on came too late for them."""
        if self._past.unread:
            prefix = f"{position}."
            if self._past.forget(prefix):
                self._since = self._loop_time()
            self._turns.forget(prefix)
            self._turns.expect(position)

    def _diverged(self, recorded: Entry, now: str) -> Diverged:
        self._failure = diverged(recorded, now)
        self._turns.fail(self._failure)
        self._live.set()
        return self._failure

    def _stuck(self) -> None:
        """Nobody can be given the turn. With entries left to read, the run does not do what it did."""
        if self._past.to_read and self._failure is None:
            self._diverged(self._past.first(answered=True), "nothing")

    # What runs while fibers wait

    async def _perform(self, track: Track, position: str, recorded: Recorded | None, call: Call) -> Value:
        if recorded is not None and recorded.done is not None:
            ticket = self._turns.arrival(position)
            self._leave(track)
            await self._turns.taken(ticket)
            track.has_turn = True
            return self._replay(recorded.done)
        self._leave(track)
        await self._when_live()
        if recorded is None:
            self._write_now(Entry(position, Kind.CALL, call.what, call.digest, None, self.elapsed()))
        else:
            del self._past.unread[position]
        outcome, error = await self._answer(position, call)
        self._write_now(Entry(position, Kind.DONE, call.what, "", dumps(outcome), self.elapsed()))
        await self._turns.taken(self._turns.arrival(position))
        track.has_turn = True
        if error is not None:
            raise error
        return decoded(outcome["value"], self._codec)

    async def _when_live(self) -> None:
        """Wait until all that is recorded has been read."""
        await self._live.wait()
        if self._failure is not None:
            raise self._failure

    async def _answer(self, position: str, call: Call) -> tuple[dict[str, Json], Exception | None]:
        """Do the effect: its outcome for the journal, and the error to raise."""
        task = asyncio.current_task()
        timeout = asyncio.timeout_at(self._loop_time() + call.deadline - self.elapsed())
        token = _effect.set(f"{self._journal.run}/{position}")
        try:
            async with timeout:
                value = await call.act(call.args)
            if task is not None and task.cancelling():
                raise asyncio.CancelledError
            return {"value": encoded(value, self._codec)}, None
        except asyncio.CancelledError:
            if task is not None and task.cancelling():
                raise
            return self._failed_with(Cancelled("What the script was waiting for was cancelled."))
        except TimeoutError as error:
            return self._failed_with(self._run.late() if timeout.expired() else error)
        except Exception as error:  # how an effect failed is its outcome, to be recorded like any other
            return self._failed_with(error)
        finally:
            _effect.reset(token)

    def _failed_with(self, error: Exception) -> tuple[dict[str, Json], Exception]:
        known = error if isinstance(error, ScriptError) else internal_error()
        try:
            return {"error": error_record(known, self._codec)}, error
        except HostFault as refusal:
            return {"error": error_record(refusal, self._codec)}, refusal

    async def _together(
        self,
        track: Track,
        position: str,
        recorded: Recorded | None,
        count: int,
        work: Callable[[int], None],
        at_once: int,
    ) -> None:
        group = track.group = Group(
            position,
            count,
            work,
            self._turns,
            self._run.fibers,
            at_once=at_once,
            enter=self._enter,
            leave=self._leave,
            abandoned=lambda: self._forget(position),
        )
        self._leave(track)
        try:
            await group.ended()
        finally:
            track.group = None
        if self._failure is not None:
            raise self._failure
        if group.failure is not None and not isinstance(group.failure, Exception):
            raise group.failure
        outcome = ENDED if group.failure is None else FAILED
        if recorded is None:
            if group.failure is not None:
                await self._when_live()
            self._write(Entry(position, Kind.JOIN, "", "", outcome, self.elapsed()))
        elif recorded.entry.outcome != outcome:  # how they ended follows from the answers they had
            raise self._diverged(recorded.entry, f"tasks that {outcome[1:-1]}")
        await self._turns.taken(group.joined if group.failure is None else self._turns.arrival(position))
        track.has_turn = True
        if recorded is not None:
            self._consume(recorded.entry)
        if group.failure is not None:
            raise group.failure

    def _back(self, track: Track) -> None:
        """A fiber goes on. One that is cancelled only unwinds, whoever's turn it is."""
        if track.has_turn:
            self._enter(track)

    def _enter(self, track: Track) -> None:
        self._track = track

    def _leave(self, track: Track) -> None:
        """End the turn of a fiber, if it has it."""
        if track.has_turn:
            track.has_turn = False
            if not self._past.to_read:
                self._live.set()
            self._turns.release()
