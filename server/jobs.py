"""Jobs: runs that outlive the request that asked for them, and the server.

What is accepted is in the database before it is answered, so it is never lost; it is run from its journal, so it is
never done twice. Here is what is decided about jobs while a server runs: which is started when, and how it ends. The
end of a job, its last event, and the end of what its run made for itself are one transaction.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Protocol

from mintaka.runtime.errors import Cancelled
from mintaka.runtime.execute import Outcome
from mintaka.runtime.powers import Emit
from mintaka.server.errors import Fault, Kind
from mintaka.server.fairness import FairQueue
from mintaka.server.faults import Faults
from mintaka.server.job_events import AGAIN_S, JobEvent, Live, Publish, Telling, data_of
from mintaka.server.powers import ServerPowers
from mintaka.server.settings import Limits
from mintaka.storage.errors import StorageFailed
from mintaka.storage.jobs import JobState, Request, SavedJob, SavedJobs

MOST_CRASHES = 2
"""How often a server may die while a job runs: after that it is the job's fault, as far as anybody can tell."""


class Runner(Protocol):
    """What runs jobs: `mintaka.server.job_runs.JobRuns`."""

    async def run(self, saved: SavedJob, emit: Emit) -> Outcome:
        """Run a job, or go on with it."""
        ...

    def keep(self, saved: SavedJob, outcome: Outcome) -> str:
        """What it gave, as it is kept."""
        ...

    def outcome(self, saved: SavedJob) -> Outcome | None:
        """What it gave."""
        ...

    def ended(self, saved: SavedJob, outcome: Outcome | None = None) -> None:
        """It is over: end what its run made for itself and does not give back."""
        ...

    def cost(self, id: str) -> float:
        """What it has cost so far, in megapixel-steps."""
        ...


class Jobs:
    """All jobs of the server. ``publish`` is called with each event of each job, in order."""

    def __init__(
        self,
        powers: ServerPowers,
        limits: Limits,
        faults: Faults,
        publish: Publish,
        saved: SavedJobs,
        runner: Runner,
    ) -> None:
        self._powers = powers
        self._limits = limits
        self._faults = faults
        self._saved = saved
        self._runner = runner
        self._queue = FairQueue()
        self._live: dict[str, Live] = {}
        self._telling = Telling(powers, limits, publish, saved)
        self._awaited: dict[str, asyncio.Event] = {}
        """For each job that somebody waits for: that it is over."""
        self._closed = False

    # Beginning and end of the server

    def recover(self) -> list[str]:
        """After a start: let wait what was accepted and is not over. The ids of the runs that will go on."""
        waiting = []
        for job in self._saved.unfinished():
            if job.state is JobState.RUNNING and not self._survived(job):
                continue
            waiting.append(job.id)
            if job.state is not JobState.PAUSED:
                self._queue.push(job.id, job.principal, job.request.priority)
        return waiting

    async def stop(self) -> None:
        """Stop what runs, to go on with the next server, and wait until it has stopped."""
        self._closed = True
        stopping = [live for live in self._live.values() if live.task is not None]
        for live in stopping:
            if not live.stopped:
                self._saved.move(live.saved.id, {JobState.RUNNING}, JobState.QUEUED)
            self._halt(live)
        await asyncio.gather(*(live.task for live in stopping if live.task), return_exceptions=True)
        self._telling.now()
        for over in self._awaited.values():
            over.set()

    # What is asked of them

    def submit(self, principal: str, make: Callable[[str], Request], key: str | None = None) -> SavedJob:
        """Accept a job: what ``make(id)`` says of it is kept when this returns. It begins with `start_waiting`.

        Under a ``key`` that the principal has used before, the job that was accepted then is the answer.
        Raises `Fault`: ``idempotency_conflict`` where that was another request, ``busy`` where too many are unfinished.
        """
        id = f"j_{self._powers.token_bytes(12).hex()}"
        request = make(id)
        with self._saved.together():
            before = None if key is None else self._saved.asked(principal, key)
            if before is not None:
                if before.request.digest != request.digest:
                    raise Fault(
                        Kind.IDEMPOTENCY_CONFLICT,
                        f"The key `{key}` stands for another request. Use a new key for a new request.",
                        data={"job": before.id},
                    )
                return before
            unfinished = self._saved.count_unfinished(principal)
            if unfinished >= self._limits.jobs_running or self._closed:
                raise Fault(
                    Kind.BUSY,
                    f"{unfinished} jobs are unfinished already. Wait for one to end, or cancel one.",
                    data={"retry_after_ms": 1000},
                )
            job = self._saved.add(id, principal, request, key)
            self._saved.prune(principal, self._limits.jobs_kept)
        self._queue.push(id, principal, request.priority)
        return job

    def start_waiting(self) -> None:
        """Start jobs that wait, as many as may run at a time."""
        while not self._closed and len(self._live) < self._limits.jobs_at_once:
            id = self._queue.pop()
            if id is None:
                return
            try:
                self._start(id)
            except StorageFailed as failure:
                self._powers.log.error("a job could not be started", job=id, exc_info=failure)
                self._wait_again(id)
                return

    def get(self, principal: str, id: str) -> SavedJob:
        """The job, if it is the principal's. Raises `Fault`: unknown and foreign alike."""
        job = self._saved.get(id)
        if job is None or job.principal != principal:
            raise Fault(Kind.NO_SUCH_CAPABILITY, "There is no such job. `jobs.list` gives those that are known.")
        return job

    def asked(self, principal: str, key: str) -> SavedJob | None:
        """The job that a principal asked for under an idempotency key."""
        return self._saved.asked(principal, key)

    async def over(self, job: SavedJob) -> SavedJob:
        """A job once it is over. Raises `Fault` (busy) where the server stops before that."""
        while not job.over:
            if self._closed:
                raise Fault(
                    Kind.BUSY,
                    "The server is being stopped; the job goes on with the next one.",
                    hint="ask again with the same idempotency key, or `jobs.get` the job",
                    data={"job": job.id, "retry_after_ms": 1000},
                )
            await self._awaited.setdefault(job.id, asyncio.Event()).wait()
            job = self.get(job.principal, job.id)
        return job

    def of(self, principal: str) -> list[SavedJob]:
        """The principal's jobs, newest first."""
        return self._saved.of(principal)

    def position(self, job: SavedJob) -> int | None:
        """The how manieth to be started a waiting job is."""
        return self._queue.position(job.id)

    def progress(self, job: SavedJob) -> Mapping[str, object] | None:
        """The newest progress that a job told."""
        live = self._live.get(job.id)
        if live is not None:
            return live.progress
        told = self._saved.events(job.id, kind="progress")
        return json.loads(told[-1].data) if told else None

    def events(self, job: SavedJob, after: int = 0) -> list[JobEvent]:
        """What happened to a job after an event's number, in order."""
        self._telling.now()
        return [
            JobEvent(row.seq, row.kind, {"outcome": self._runner.outcome(job)} if row.kind == "done" else data_of(row))
            for row in self._saved.events(job.id, after)
        ]

    def cancel(self, job: SavedJob) -> bool:
        """End a job; false if it is over already. A call it is at stops at its next step."""
        live = self._live.get(job.id)
        error = Fault(Kind.CANCELLED, "The job was cancelled.").to_json()
        if not self._end(live or self._resting(job), JobState.CANCELLED, error, rests=live is None):
            return False
        self._queue.remove(job.id)
        if live is not None:
            live.cancelled = True
            self._halt(live)
        return True

    def pause(self, job: SavedJob) -> bool:
        """Let a job rest until `resume`, in the middle if it runs; false where it does not wait or run."""
        live = self._live.get(job.id)
        with self._telling.together():
            if not self._saved.move(job.id, {JobState.QUEUED, JobState.RUNNING}, JobState.PAUSED):
                return False
            self._telling.add(live or self._resting(job), "paused", {})
        self._queue.remove(job.id)
        if live is not None:
            self._halt(live)
        return True

    def resume(self, job: SavedJob) -> bool:
        """Let a paused job wait to go on; false where it is not paused."""
        if not self._saved.move(job.id, {JobState.PAUSED}, JobState.QUEUED):
            return False
        if job.id not in self._live:  # one that is still coming to rest waits as soon as it does
            self._queue.push(job.id, job.principal, job.request.priority)
            self.start_waiting()
        return True

    # One job's life

    def _wait_again(self, id: str) -> None:
        job = self._saved.get(id)
        if job is not None:
            self._queue.push(id, job.principal, job.request.priority)
        asyncio.get_running_loop().call_later(AGAIN_S, self.start_waiting)

    def _survived(self, job: SavedJob) -> bool:
        """The server died while ``job`` ran: whether to go on with it."""
        if self._saved.crashed(job.id) < MOST_CRASHES:
            return self._saved.move(job.id, {JobState.RUNNING}, JobState.QUEUED)
        error = Fault(
            Kind.WORKER_CRASHED,
            f"The server died {MOST_CRASHES} times while this job ran, so it is not tried again.",
            hint="look into the server's log, or ask for less at once; jobs.retry starts it anew",
            data={"crashes": MOST_CRASHES},
        )
        self._end(self._resting(job), JobState.FAILED, error.to_json())
        return False

    def _resting(self, job: SavedJob) -> Live:
        """What is known of a job that does not run."""
        assets = {(each["call"], each["asset"]) for each in map(data_of, self._saved.events(job.id, kind="asset"))}
        return Live(job, job.seq, job.told, assets)

    def _start(self, id: str) -> None:
        job = self._saved.get(id)
        if job is None:
            return
        live = self._resting(job)
        with self._telling.together():
            if not self._saved.move(id, {JobState.QUEUED}, JobState.RUNNING):
                return
            self._telling.add(live, "resumed" if job.seq else "started", {})
        self._live[id] = live
        live.task = asyncio.create_task(self._run(live))
        live.task.add_done_callback(lambda _: self._rested(live))

    async def _run(self, live: Live) -> None:
        try:
            outcome = await self._runner.run(live.saved, lambda kind, data: self._telling.heard(live, kind, data))
            kept = self._runner.keep(live.saved, outcome)
        except Cancelled as error:
            await self._surely_end(live, JobState.CANCELLED, error)
        except Exception as error:
            await self._surely_end(live, JobState.FAILED, error)
        else:
            await self._surely_end(live, JobState.DONE, kept=kept, outcome=outcome)

    async def _surely_end(
        self,
        live: Live,
        state: JobState,
        error: Exception | None = None,
        *,
        kept: str | None = None,
        outcome: Outcome | None = None,
    ) -> None:
        """End a job that runs, if need be again and again: until it is kept that it is over, it is not."""
        told = None if error is None or live.stopped else self._faults.tell(error)
        while not live.stopped:
            try:
                self._end(live, state, told, kept=kept, outcome=outcome)
                live.stopped = True
            except StorageFailed as failure:
                self._powers.log.error("a job's end could not be kept", job=live.saved.id, exc_info=failure)
                await asyncio.sleep(AGAIN_S)

    def _end(
        self,
        live: Live,
        state: JobState,
        error: Mapping[str, object] | None = None,
        *,
        kept: str | None = None,
        outcome: Outcome | None = None,
        rests: bool = True,
    ) -> bool:
        """Keep and tell that a job is over, in one transaction; false, and nothing happens, where it was already.

        ``kept`` is its outcome as it is kept; ``rests``: whether its run makes nothing any more.
        """
        with self._telling.together():
            text = None if error is None else json.dumps(error)
            if not self._saved.end(live.saved.id, state, error=text, outcome=kept):
                return False
            if state is JobState.DONE:
                self._telling.add(live, "done", {"outcome": outcome})
            else:
                self._telling.add(live, "failed", {"error": error})
            if rests:
                self._runner.ended(live.saved, outcome)
        if over := self._awaited.pop(live.saved.id, None):
            over.set()
        return True

    def _halt(self, live: Live) -> None:
        live.stopped = True
        if live.task is not None:
            live.task.cancel()

    def _rested(self, live: Live) -> None:
        """A job's task has come to its end, however it did."""
        id = live.saved.id
        del self._live[id]
        try:
            self._queue.ended(id, self._runner.cost(id))
            if live.cancelled:
                self._runner.ended(live.saved)
            job = self._saved.get(id)
        except StorageFailed as failure:  # what it left behind is ended with the next start
            self._powers.log.error("a job's end could not be kept", job=id, exc_info=failure)
        else:
            if job is not None and job.state is JobState.QUEUED and not self._closed:
                self._queue.push(id, job.principal, job.request.priority)
        self.start_waiting()
