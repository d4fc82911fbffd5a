"""The journal of a durable run: what it learnt from the world and did in it, so that it can go on after a crash.

A journal is a list of entries that only grows. `mintaka.runtime.recorder` says what is written when; whoever keeps a
journal (a database, a file) needs to know none of it: rows of plain values go in, and come out in the same order.

**Positions.** An effect's place is told by the course of the script alone, never by time: ``4`` is the fifth effect of
the script's own fiber, ``4.0/2`` the third effect of the first task of the ``par.map`` that was the fifth.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple, Protocol, TypeAlias

from mintaka.runtime.records import Codec, NoHostValues, decoded, loads

Row: TypeAlias = tuple[str, str, str, str, str | None, float]
"""An entry as plain values: position, kind, what, digest, outcome, seconds."""

FORMAT = 1
"""Version of what journals hold; others are refused."""


class Kind(StrEnum):
    """What an entry tells."""

    START = "start"
    """The first entry: which script, arguments and budget this is the journal of."""
    CALL = "call"
    """An effect that is about to begin."""
    DONE = "done"
    """The outcome of the effect that began at this position."""
    JOIN = "join"
    """Tasks that ran at the same time have all ended: well, or because one of them failed."""
    READ = "read"
    """What a reading of the world gave: the time, a seed."""
    EMIT = "emit"
    """Something the script told whoever watches it."""
    DEADLINE = "deadline"
    """The time was over while the script computed, at the end of this slice of the run."""


class Entry(NamedTuple):
    """One entry; a `Row` with names."""

    position: str
    kind: str
    what: str
    """The method called, the thing read, the kind of what was emitted."""
    digest: str
    """Of the arguments."""
    outcome: str | None
    """JSON (`mintaka.runtime.records`)."""
    seconds: float
    """What the run had used of its time."""


class Journal(Protocol):
    """The journal of one run, wherever it is kept."""

    @property
    def run(self) -> str:
        """The run's name: the same whenever it is resumed, and no other run's."""
        ...

    def read(self) -> Sequence[Row]:
        """All entries in the order they were appended."""
        ...

    def append(self, rows: Sequence[Row]) -> None:
        """Keep ``rows``, all or none of them; when this returns they survive a crash."""
        ...


class MemoryJournal:
    """A journal in memory: for tests, and to resume within one process."""

    def __init__(self, run: str, rows: Sequence[Row] = ()) -> None:
        self.run = run
        self._rows = list(rows)

    def read(self) -> Sequence[Row]:
        """All entries so far."""
        return tuple(self._rows)

    def append(self, rows: Sequence[Row]) -> None:
        """Keep ``rows``."""
        self._rows += rows


def emitted(journal: Journal, codec: Codec | None = None) -> list[tuple[str, Mapping[str, object]]]:
    """Everything a run has told so far, in order: for who comes to watch it later."""
    entries = (Entry(*row) for row in journal.read())
    told = ((entry.what, entry.outcome) for entry in entries if entry.kind == Kind.EMIT and entry.outcome is not None)
    return [(what, _facts(outcome, codec or NoHostValues())) for what, outcome in told]


def _facts(outcome: str, codec: Codec) -> Mapping[str, object]:
    facts = decoded(loads(outcome)["value"], codec)
    assert isinstance(facts, dict)
    return facts
