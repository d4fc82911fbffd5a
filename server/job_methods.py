"""``jobs.…``: looking after jobs."""

import json

from mintaka.server.connection import Caller, Reply
from mintaka.server.errors import Fault, Kind
from mintaka.server.faults import Faults
from mintaka.server.job_events import JobEvent
from mintaka.server.job_runs import JobRuns
from mintaka.server.jobs import Jobs
from mintaka.server.methods import Nothing, Params, rpc_method
from mintaka.server.sessions import Session, Sessions
from mintaka.server.wire import Wire, used
from mintaka.storage.jobs import SavedJob


class JobParams(Params):
    """Which job."""

    job: str


class EventsParams(JobParams):
    """Which of a job's events: those after number ``after``."""

    after: int = 0


class JobMethods:
    """``jobs.list|get|cancel|pause|resume|retry|events``."""

    def __init__(self, jobs: Jobs, runs: JobRuns, wire: Wire) -> None:
        self._jobs = jobs
        self._runs = runs
        self._wire = wire

    @rpc_method("jobs.list")
    async def list_jobs(self, caller: Caller, params: Nothing) -> Reply:
        """Your jobs, newest first, without their results."""
        return Reply([self._summary(job) for job in self._jobs.of(caller.session.principal)])

    @rpc_method("jobs.get")
    async def get_job(self, caller: Caller, params: JobParams) -> Reply:
        """One job with its progress, its pictures, and its result or its error."""
        session = caller.session
        job = self._jobs.get(session.principal, params.job)
        outcome = self._runs.outcome(job)
        return Reply(
            {
                **self._summary(job),
                "position": self._jobs.position(job),
                "progress": self._jobs.progress(job),
                "assets": [
                    self._wire.event("asset", each, session.handles, binary=False)
                    for each in self._runs.published(job.id)
                ],
                "used": None if outcome is None else used(outcome.used),
                "result": None
                if outcome is None
                else self._wire.encode_result(outcome, session.handles, binary=caller.binary),
            }
        )

    @rpc_method("jobs.cancel")
    async def cancel_job(self, caller: Caller, params: JobParams) -> Reply:
        """Cancel a job: it ends with job.failed, kind cancelled. Says whether there was something to cancel."""
        return Reply({"cancelled": self._jobs.cancel(self._jobs.get(caller.session.principal, params.job))})

    @rpc_method("jobs.pause")
    async def pause_job(self, caller: Caller, params: JobParams) -> Reply:
        """Let a job rest until it is resumed, in the middle if it runs. Says whether there was something to pause."""
        return Reply({"paused": self._jobs.pause(self._jobs.get(caller.session.principal, params.job))})

    @rpc_method("jobs.resume")
    async def resume_job(self, caller: Caller, params: JobParams) -> Reply:
        """Let a paused job go on where it was. Says whether it was paused."""
        return Reply({"resumed": self._jobs.resume(self._jobs.get(caller.session.principal, params.job))})

    @rpc_method("jobs.retry")
    async def retry_job(self, caller: Caller, params: JobParams) -> Reply:
        """Ask for a job that is over once more, from its beginning: the new job's id."""
        principal = caller.session.principal
        old = self._jobs.get(principal, params.job)
        if not old.over:
            raise Fault(Kind.INVALID_PARAMS, f"This job is {old.state.value}. Wait for its end, or cancel it.")
        asked = self._runs.again(old)
        job = self._jobs.submit(principal, lambda id: self._runs.request(id, principal, asked))
        return Reply({"job": job.id, "position": self._jobs.position(job)}, then=self._jobs.start_waiting)

    @rpc_method("jobs.events")
    async def job_events(self, caller: Caller, params: EventsParams) -> Reply:
        """A job's events after a number, as its notifications told them, but previews without their picture.

        There is none left out between them; of a job that tells very much, the oldest are forgotten.
        """
        session = caller.session
        job = self._jobs.get(session.principal, params.job)
        return Reply(
            [
                {"event": f"job.{event.kind}", **_notice(self._wire, session, job, event, caller.binary)}
                for event in self._jobs.events(job, params.after)
            ]
        )

    def _summary(self, job: SavedJob) -> dict[str, object]:
        return {
            "job": job.id,
            "key": job.key,
            "state": job.state.value,
            "priority": job.request.priority,
            "created": job.created,
            "ended": job.ended,
            "error": None if job.error is None else json.loads(job.error),
        }


class Publisher:
    """Tells the open connections of a job's owner what happens to it."""

    def __init__(self, sessions: Sessions, wire: Wire, faults: Faults) -> None:
        self._sessions = sessions
        self._wire = wire
        self._faults = faults

    def publish(self, job: SavedJob, event: JobEvent) -> None:
        """Send one event."""
        for connection in self._sessions.of(job.principal):
            session = connection.session
            if session is None:
                continue
            try:
                notice = _notice(self._wire, session, job, event, connection.binary)
            except Exception as error:
                # The job itself is well; only this connection cannot be told (a picture's file is gone).
                told = {"job": job.id, "seq": event.seq, "error": self._faults.tell(error)}
                connection.notify("job.failed", told)
            else:
                connection.notify(f"job.{event.kind}", notice)


def _notice(wire: Wire, session: Session, job: SavedJob, event: JobEvent, binary: bool) -> dict[str, object]:
    data = wire.event(event.kind, event.data, session.handles, binary=binary)
    return {"job": job.id, "seq": event.seq, **data}
