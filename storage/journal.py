"""Durable runs: what it takes to begin one again, and its journal, from its first entry until it ends.

What is appended to a journal is one transaction, on the disk when that returns. Entries are numbered, so of two
processes that go on with the same run the second to write finds its number taken and is refused: no run is continued
twice. What the entries mean is the business of who runs it; here they are rows.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from mintaka.storage.database import Database
from mintaka.storage.errors import StorageFailed
from mintaka.storage.schema import journal, run

Row: TypeAlias = tuple[str, str, str, str, str | None, float]
"""An entry: position, kind, what, digest, outcome, seconds."""

COLUMNS = ("position", "kind", "what", "digest", "outcome", "seconds")


class RunState(StrEnum):
    """Where a run is in its life."""

    RUNNING = "running"
    """Not at its end: some process is at it, or it is to be resumed."""
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class SavedRun:
    """A durable run; ``program``, ``args``, ``budget`` and ``outcome`` are JSON, times seconds since the epoch, UTC."""

    id: str
    tree: str
    """Hash of the program."""
    program: str
    args: str
    budget: str
    state: RunState
    outcome: str | None
    """Of one that has ended: its value, or its error."""
    created: float
    ended: float | None


class Runs:
    """The durable runs of a database. ``clock`` gives seconds since the epoch.

    Raises `StorageFailed`, or `StorageFull`.
    """

    def __init__(self, database: Database, *, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock

    def add(self, id: str, *, tree: str, program: str, args: str, budget: str) -> "RunJournal":
        """Accept a run: from here on it survives a crash. Its empty journal; ``id`` must be new."""
        with self._database.write() as tx:
            tx.execute(
                insert(run).values(
                    id=id,
                    tree=tree,
                    program=program,
                    args=args,
                    budget=budget,
                    state=RunState.RUNNING.value,
                    created=self._clock(),
                )
            )
        return RunJournal(self._database, id)

    def get(self, id: str) -> SavedRun | None:
        """The run of that name."""
        with self._database.read() as tx:
            found = tx.execute(select(run).where(run.c.id == id)).first()
        return None if found is None else _saved(found)

    def unfinished(self) -> list[SavedRun]:
        """The runs to resume, oldest first."""
        with self._database.read() as tx:
            found = tx.execute(select(run).where(run.c.state == RunState.RUNNING).order_by(run.c.created, run.c.id))
            return [_saved(each) for each in found]

    def journal(self, id: str) -> "RunJournal":
        """The journal of a run that has not ended."""
        return RunJournal(self._database, id)

    def end(self, id: str, state: RunState, outcome: str | None = None) -> None:
        """Note a run's end and drop its journal, which nobody needs any more. Nothing happens to one that has ended."""
        ended = {"state": state.value, "outcome": outcome, "ended": self._clock()}
        with self._database.write() as tx:
            tx.execute(update(run).where(run.c.id == id, run.c.state == RunState.RUNNING).values(**ended))
            tx.execute(delete(journal).where(journal.c.run == id))


class RunJournal:
    """The journal of one run (`mintaka.runtime.journal.Journal`)."""

    def __init__(self, database: Database, run: str) -> None:
        self._database = database
        self._run = run
        self._written = 0

    @property
    def run(self) -> str:
        """The run's name."""
        return self._run

    def read(self) -> list[Row]:
        """All entries, in order."""
        columns = [journal.c[name] for name in COLUMNS]
        with self._database.read() as tx:
            found = tx.execute(select(*columns).where(journal.c.run == self._run).order_by(journal.c.seq))
            rows: list[Row] = [
                (each.position, each.kind, each.what, each.digest, each.outcome, each.seconds) for each in found
            ]
        self._written = len(rows)
        return rows

    def append(self, rows: Sequence[Row]) -> None:
        """Keep ``rows``, all or none of them, on the disk.

        Raises `StorageFailed` where another process goes on with the run, or has ended it.
        """
        first = self._written
        values = [
            {"run": self._run, "seq": first + number, **dict(zip(COLUMNS, row, strict=True))}
            for number, row in enumerate(rows)
        ]
        try:
            with self._database.write() as tx:
                state = tx.execute(select(run.c.state).where(run.c.id == self._run)).scalar()
                if state != RunState.RUNNING:
                    raise _elsewhere()
                tx.execute(insert(journal), values)
        except IntegrityError:
            raise _elsewhere() from None
        self._written += len(rows)


def _elsewhere() -> StorageFailed:
    return StorageFailed("another process goes on with this run, or has ended it", hint="let that one finish")


def _saved(row: Sequence[object]) -> SavedRun:
    values = dict(zip(run.c.keys(), row, strict=True))
    return SavedRun(**{**values, "state": RunState(str(values["state"]))})  # type: ignore[arg-type]
