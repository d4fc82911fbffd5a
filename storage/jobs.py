"""Jobs: runs that a server accepted, where each is in its life, and what happened to it.

A job is a durable run (`mintaka.storage.journal`) of somebody's, under the same id. Each of its events has a number,
one more than the one before; they are there as soon as they are told, so whoever lost a connection, or a server, asks
for what came after the last number heard.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import Row, Select, delete, func, insert, select, update

from mintaka.storage.database import Database
from mintaka.storage.journal import Runs, RunState
from mintaka.storage.schema import job, job_event, run


class JobState(StrEnum):
    """Where a job is in its life."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


OVER = frozenset({JobState.DONE, JobState.FAILED, JobState.CANCELLED})
UNFINISHED = tuple(sorted(set(JobState) - OVER))


class Request(NamedTuple):
    """What was asked for, all of it JSON: enough to begin it, or to begin it again."""

    tree: str
    """Hash of the program."""
    program: str
    args: str
    budget: str
    grant: str
    """What it may look up."""
    digest: str
    """Tells whether another request asks for the same."""
    priority: int = 0


@dataclass(frozen=True, slots=True)
class SavedJob:
    """A job as the database knows it; times are seconds since the epoch, UTC."""

    id: str
    principal: str
    key: str | None
    """What whoever asked calls the request, so that asking twice is asking once."""
    state: JobState
    crashes: int
    """How often the server died while it ran."""
    seq: int
    """The number of its newest event."""
    told: int
    """How many events its script told."""
    error: str | None
    """JSON: how it failed."""
    created: float
    ended: float | None
    request: Request
    outcome: str | None
    """JSON: what it gave."""

    @property
    def over(self) -> bool:
        """Whether nothing more will happen."""
        return self.state in OVER


class EventRow(NamedTuple):
    """The ``seq``-th thing that happened to a job; ``data`` is JSON."""

    job: str
    seq: int
    at: float
    kind: str
    data: str


class SavedJobs:
    """The jobs of a database; ``clock`` gives seconds since the epoch. Raises `StorageFailed`, or `StorageFull`."""

    def __init__(self, database: Database, *, clock: Callable[[], float]) -> None:
        self.together = database.write
        """A block of which all is done, or nothing."""
        self._database = database
        self._runs = Runs(database, clock=clock)
        self._clock = clock

    def add(self, id: str, principal: str, request: Request, key: str | None = None) -> SavedJob:
        """Accept a job, in one transaction: when this returns it survives a crash."""
        with self._database.write() as tx:
            self._runs.add(id, tree=request.tree, program=request.program, args=request.args, budget=request.budget)
            tx.execute(
                insert(job).values(
                    id=id,
                    principal=principal,
                    key=key,
                    request=request.digest,
                    grant=request.grant,
                    priority=request.priority,
                    state=JobState.QUEUED.value,
                    crashes=0,
                    seq=0,
                    told=0,
                    created=self._clock(),
                )
            )
            return self._one(_JOBS.where(job.c.id == id))

    def get(self, id: str) -> SavedJob | None:
        """The job of that id."""
        return self._first(_JOBS.where(job.c.id == id))

    def asked(self, principal: str, key: str) -> SavedJob | None:
        """The job that a principal asked for under a key."""
        return self._first(_JOBS.where(job.c.principal == principal, job.c.key == key))

    def of(self, principal: str) -> list[SavedJob]:
        """A principal's jobs, the newest first."""
        return self._all(_JOBS.where(job.c.principal == principal).order_by(job.c.created.desc(), job.c.id.desc()))

    def unfinished(self) -> list[SavedJob]:
        """Every job that is not over, the oldest first."""
        return self._all(_JOBS.where(job.c.state.in_(UNFINISHED)).order_by(job.c.created, job.c.id))

    def count_unfinished(self, principal: str) -> int:
        """How many jobs of a principal are not over."""
        with self._database.read() as tx:
            count = select(func.count()).where(job.c.principal == principal, job.c.state.in_(UNFINISHED))
            return int(tx.execute(count).scalar_one())

    def move(self, id: str, before: Collection[JobState], after: JobState) -> bool:
        """Change the state of a job that is in one of the states ``before``; whether it was."""
        with self._database.write() as tx:
            moved = tx.execute(
                update(job).where(job.c.id == id, job.c.state.in_(sorted(before))).values(state=after.value)
            )
            return moved.rowcount == 1

    def crashed(self, id: str) -> int:
        """Note that the server died while a job ran; how often it did by now."""
        with self._database.write() as tx:
            tx.execute(update(job).where(job.c.id == id).values(crashes=job.c.crashes + 1))
            return int(tx.execute(select(job.c.crashes).where(job.c.id == id)).scalar_one())

    def end(self, id: str, state: JobState, *, error: str | None = None, outcome: str | None = None) -> bool:
        """End a job and its run, and drop the run's journal; false, and nothing happens, where it is over already."""
        with self._database.write() as tx:
            if not self.move(id, UNFINISHED, state):
                return False
            tx.execute(update(job).where(job.c.id == id).values(ended=self._clock(), error=error))
            self._runs.end(id, RunState(state.value), outcome)
            return True

    def tell(self, rows: Sequence[EventRow], told: Mapping[str, int], most: int) -> None:
        """Keep events, all or none of them, and the newest ``most`` of each job; ``told`` counts each script's own."""
        with self._database.write() as tx:
            tx.execute(insert(job_event), [row._asdict() for row in rows])
            for id, seq in {row.job: row.seq for row in rows}.items():
                tx.execute(update(job).where(job.c.id == id).values(seq=seq, told=told[id]))
                if seq > most:
                    tx.execute(delete(job_event).where(job_event.c.job == id, job_event.c.seq <= seq - most))

    def events(self, id: str, after: int = 0, kind: str | None = None) -> list[EventRow]:
        """What happened to a job after an event's number, in order."""
        wanted = select(job_event).where(job_event.c.job == id, job_event.c.seq > after).order_by(job_event.c.seq)
        with self._database.read() as tx:
            rows = tx.execute(wanted if kind is None else wanted.where(job_event.c.kind == kind))
            return [EventRow(*row) for row in rows]

    def prune(self, principal: str, keep: int) -> None:
        """Forget all but the newest ``keep`` of a principal's jobs that are over."""
        over = select(job.c.id).where(job.c.principal == principal, job.c.state.in_(sorted(OVER)))
        with self._database.write() as tx:
            old = tx.execute(over.order_by(job.c.ended.desc(), job.c.id).offset(keep)).scalars().all()
            for table, column in ((job_event, job_event.c.job), (job, job.c.id), (run, run.c.id)):
                tx.execute(delete(table).where(column.in_(old)))

    def _one(self, wanted: Select[Any]) -> SavedJob:
        found = self._first(wanted)
        assert found is not None
        return found

    def _first(self, wanted: Select[Any]) -> SavedJob | None:
        with self._database.read() as tx:
            row = tx.execute(wanted).first()
        return None if row is None else _saved(row)

    def _all(self, wanted: Select[Any]) -> list[SavedJob]:
        with self._database.read() as tx:
            return [_saved(row) for row in tx.execute(wanted)]


_JOBS = select(job, run.c.tree, run.c.program, run.c.args, run.c.budget, run.c.outcome).join(run, run.c.id == job.c.id)


def _saved(row: Row[Any]) -> SavedJob:
    return SavedJob(
        id=row.id,
        principal=row.principal,
        key=row.key,
        state=JobState(row.state),
        crashes=row.crashes,
        seq=row.seq,
        told=row.told,
        error=row.error,
        created=row.created,
        ended=row.ended,
        request=Request(row.tree, row.program, row.args, row.budget, row.grant, row.request, row.priority),
        outcome=row.outcome,
    )
