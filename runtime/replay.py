"""What the journal of a durable run holds when it is resumed, and how much of it has been read.

`mintaka.runtime.recorder` asks here, at every position it comes to, whether it has been there before.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mintaka.runtime.errors import Diverged
from mintaka.runtime.journal import FORMAT, Entry, Kind, Row

FAILED = '"failed"'
"""Outcome of tasks of which one failed."""

ENDED = '"ended"'
"""Outcome of tasks that all ended well."""


@dataclass(slots=True)
class Recorded:
    """What the journal knows of a position: its entry, and of a call that has ended its outcome."""

    entry: Entry
    done: Entry | None = None

    @property
    def answered(self) -> bool:
        """Whether its outcome is known; only of a call that has begun it may not be."""
        return self.done is not None or self.entry.kind != Kind.CALL


class Past:
    """The entries of a journal, sorted by where they belong; none for a run that begins."""

    def __init__(self, rows: Sequence[Row]) -> None:
        entries = [Entry(*row) for row in rows]
        self.start = entries[0] if entries else None
        """Which run this is the journal of."""
        self.unread: dict[str, Recorded] = {}
        """What has not been replayed, by position."""
        self.order: list[str] = []
        """Positions of answers, as they arrived."""
        for entry in entries[1:]:
            if entry.kind == Kind.DONE:
                self.unread[entry.position].done = entry
            else:
                self.unread[entry.position] = Recorded(entry)
            if entry.kind == Kind.DONE or entry.outcome == FAILED:
                self.order.append(entry.position)
        self.to_read = sum(each.answered for each in self.unread.values())
        """How many answers are still to be replayed before anything is done."""

    @property
    def slice_length(self) -> int | None:
        """How long slices were when the run began."""
        return None if self.start is None else _facts(self.start).get("slice")

    def compare(self, program: str, args: str, budget: Mapping[str, object]) -> None:
        """See that a script, its arguments and its budget are what the run began with. Raises `Diverged`."""
        assert self.start is not None
        known = _facts(self.start)
        if known.get("format") != FORMAT:
            raise Diverged("This run was recorded by another version. Resume it with that, or start a new run.")
        for what, before, now in (
            ("script", self.start.what, program),
            ("arguments", self.start.digest, args),
            ("budget", known["budget"], budget),
        ):
            if before != now:
                raise Diverged(
                    f"Not the {what} this run began with. Resume it with what it began with, or start a new run.",
                    data={"changed": what},
                )

    def first(self, *, answered: bool = False) -> Entry:
        """The first entry that has not been replayed, of those whose answer is known where ``answered``."""
        return next(each.entry for each in self.unread.values() if each.answered or not answered)

    def read(self, position: str) -> bool:
        """What is recorded at ``position`` has been replayed; whether that was an answer."""
        answered = self.unread.pop(position).answered
        self.to_read -= answered
        return answered

    def forget(self, prefix: str) -> bool:
        """What is recorded at positions that begin with ``prefix`` will not be asked for; whether answers were."""
        forgotten = [position for position in self.unread if position.startswith(prefix)]
        return sum(map(self.read, forgotten)) > 0


def start(program: str, args: str, budget: Mapping[str, object], slice_length: int) -> Entry:
    """The first entry of a journal."""
    facts = {"format": FORMAT, "budget": budget, "slice": slice_length}
    return Entry("", Kind.START, program, args, json.dumps(facts), 0.0)


def diverged(recorded: Entry, now: str) -> Diverged:
    """The refusal of a run that does ``now`` where ``recorded`` tells of something else."""
    before = told(recorded.kind, recorded.what)
    alike = " with other arguments" if before == now else ""
    return Diverged(
        f"The resumed run went another way: at effect {recorded.position} it did {before} before, "
        f"and now {now}{alike}. Resume it with the script and the ops it began with, or start a new run.",
        data={"position": recorded.position, "before": before, "now": now},
    )


def told(kind: str, what: str) -> str:
    """What an entry tells, in words."""
    match kind:
        case Kind.CALL | Kind.READ:
            return f"`{what}`"
        case Kind.EMIT:
            return f"a `{what}` event"
        case Kind.DEADLINE:
            return "running out of time"
    return "tasks at the same time"


def _facts(start: Entry) -> dict[str, Any]:
    """What the first entry tells of the run."""
    facts: dict[str, Any] = json.loads(start.outcome or "{}")
    return facts
