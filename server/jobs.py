"""Runs that outlive the request that started them: tasks with numbered events, results kept for a while."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from mintaka.runtime.errors import Cancelled
from mintaka.runtime.execute import Outcome
from mintaka.server.errors import Fault, Kind
from mintaka.server.faults import Faults
from mintaka.server.powers import ServerPowers
from mintaka.server.settings import Limits

Emit = Callable[[str, Mapping[str, object]], None]
"""How a run tells what happens: a kind (``progress``, ``preview``, ``log``, ``asset``) and facts."""

Work = Callable[[Emit], Awaitable[Outcome]]
"""A run waiting to be started."""


class JobState(StrEnum):
    """Where a job is in its life."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


OVER = frozenset({JobState.DONE, JobState.FAILED, JobState.CANCELLED})


@dataclass(frozen=True, slots=True)
class JobEvent:
    """The ``seq``-th thing that happened to a job; ``data`` may hold values and bytes, not yet JSON."""

    seq: int
    kind: str
    data: Mapping[str, object]


@dataclass(slots=True)
class Job:
    """One job and everything there is to know of it."""

    id: str
    principal: str
    created: float
    events: deque[JobEvent]
    state: JobState = JobState.QUEUED
    outcome: Outcome | None = None
    error: Mapping[str, object] | None = None
    progress: Mapping[str, object] | None = None
    assets: list[Mapping[str, object]] = field(default_factory=list)
    ended: float | None = None
    seq: int = 0
    task: asyncio.Task[None] | None = None
    begun: dict[object, tuple[float, float]] = field(default_factory=dict)
    """For each call that tells its progress: when the first was heard, and the fraction it told."""

    @property
    def over(self) -> bool:
        """Whether nothing more will happen."""
        return self.state in OVER


Publish = Callable[[Job, JobEvent], None]
"""Tells the connections of the job's owner."""


class Jobs:
    """All jobs of the server. ``publish`` is called with each event of each job, in order."""

    def __init__(self, powers: ServerPowers, limits: Limits, faults: Faults, publish: Publish) -> None:
        self._powers = powers
        self._limits = limits
        self._faults = faults
        self._publish = publish
        self._jobs: dict[str, Job] = {}
        self._closed = False

    def create(self, principal: str) -> Job:
        """A new job, not started yet. Raises `Fault` (busy) when its owner has too many unfinished ones."""
        unfinished = sum(1 for job in self._jobs.values() if job.principal == principal and not job.over)
        if unfinished >= self._limits.jobs_running or self._closed:
            raise Fault(
                Kind.BUSY,
                f"{unfinished} jobs are unfinished already. Wait for one to end, or cancel one.",
                data={"retry_after_ms": 1000},
            )
        id = f"j_{self._powers.token_bytes(12).hex()}"
        job = Job(id, principal, self._powers.clock(), deque(maxlen=self._limits.job_events))
        self._jobs[id] = job
        self._forget_old()
        return job

    def start(self, job: Job, work: Work) -> None:
        """Start a created job; its first event is ``started``."""
        if not self._closed and not job.over:
            job.task = asyncio.create_task(self._run(job, work))

    def get(self, principal: str, id: str) -> Job:
        """The job, if it is the principal's. Raises `Fault`: unknown and foreign alike."""
        job = self._jobs.get(id)
        if job is None or job.principal != principal:
            raise Fault(Kind.NO_SUCH_CAPABILITY, "There is no such job. `jobs.list` gives those that are known.")
        return job

    def of(self, principal: str) -> list[Job]:
        """The principal's jobs, newest first."""
        return [job for job in reversed(self._jobs.values()) if job.principal == principal]

    def cancel(self, job: Job) -> bool:
        """Ask a job to end; false if it is over already."""
        if job.over:
            return False
        if job.task is not None:
            job.task.cancel()
        if job.state is JobState.QUEUED:  # a task cancelled before its first step never takes it
            self._fail(job, JobState.CANCELLED, Fault(Kind.CANCELLED, "The job was cancelled."))
        return True

    async def stop(self) -> None:
        """Cancel everything that runs and wait for it to end."""
        self._closed = True
        tasks = [job.task for job in self._jobs.values() if job.task is not None and not job.task.done()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, job: Job, work: Work) -> None:
        job.state = JobState.RUNNING
        self._tell(job, "started", {})
        try:
            outcome = await work(lambda kind, data: self._heard(job, kind, data))
        except (asyncio.CancelledError, Cancelled):
            self._fail(job, JobState.CANCELLED, Fault(Kind.CANCELLED, "The job was cancelled."))
        except Exception as error:
            self._fail(job, JobState.FAILED, error)
        else:
            job.state, job.outcome = JobState.DONE, outcome
            self._end(job)
            self._tell(job, "done", {"outcome": outcome})

    def _fail(self, job: Job, state: JobState, error: Exception) -> None:
        job.state, job.error = state, self._faults.tell(error)
        self._end(job)
        self._tell(job, "failed", {"error": job.error})

    def _end(self, job: Job) -> None:
        job.ended = self._powers.clock()
        # What was emerging is of no use once it has emerged, and previews are most of what events weigh.
        kept = [event for event in job.events if event.kind != "preview"]
        job.events.clear()
        job.events.extend(kept)
        job.task = None

    def _heard(self, job: Job, kind: str, data: Mapping[str, object]) -> None:
        if kind == "progress":
            data = {**data, "eta_ms": self._eta_ms(job, data)}
            job.progress = data
        elif kind == "asset":
            job.assets.append(data)
        self._tell(job, kind, data)

    def _tell(self, job: Job, kind: str, data: Mapping[str, object]) -> None:
        job.seq += 1
        event = JobEvent(job.seq, kind, data)
        job.events.append(event)
        self._publish(job, event)

    def _eta_ms(self, job: Job, data: Mapping[str, object]) -> int | None:
        """Milliseconds to the end of what is being drawn, judged by the steps since the first one heard of."""
        fraction = data.get("fraction")
        if not isinstance(fraction, int | float):
            return None
        now = self._powers.clock()
        since, begun_at = job.begun.setdefault(data.get("call"), (now, fraction))
        if fraction <= begun_at:
            return None
        return max(0, round((now - since) / (fraction - begun_at) * (1 - fraction) * 1000))

    def _forget_old(self) -> None:
        finished = [job.id for job in self._jobs.values() if job.over]
        for id in finished[: max(0, len(finished) - self._limits.jobs_kept)]:
            del self._jobs[id]
