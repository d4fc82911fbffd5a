"""``jobs.…``: looking after jobs."""

from mintaka.server.connection import Caller, Reply
from mintaka.server.faults import Faults
from mintaka.server.jobs import Job, JobEvent, Jobs
from mintaka.server.methods import Nothing, Params, rpc_method
from mintaka.server.sessions import Session, Sessions
from mintaka.server.wire import Wire, used


class JobParams(Params):
    """Which job."""

    job: str


class EventsParams(JobParams):
    """Which of a job's events: those after number ``after``."""

    after: int = 0


class JobMethods:
    """``jobs.list``, ``jobs.get``, ``jobs.cancel``, ``jobs.events``."""

    def __init__(self, jobs: Jobs, wire: Wire) -> None:
        self._jobs = jobs
        self._wire = wire

    @rpc_method("jobs.list")
    async def list_jobs(self, caller: Caller, params: Nothing) -> Reply:
        """Your jobs, newest first, without their results."""
        session = caller.session
        return Reply([self._summary(session, job) for job in self._jobs.of(session.principal)])

    @rpc_method("jobs.get")
    async def get_job(self, caller: Caller, params: JobParams) -> Reply:
        """One job with its result or its error."""
        session = caller.session
        job = self._jobs.get(session.principal, params.job)
        result = None
        if job.outcome is not None:
            result = self._wire.encode_result(job.outcome, session.handles, binary=caller.binary)
        return Reply({**self._summary(session, job), "result": result})

    @rpc_method("jobs.cancel")
    async def cancel_job(self, caller: Caller, params: JobParams) -> Reply:
        """Cancel a job: it ends with job.failed, kind cancelled. Says whether there was something to cancel."""
        job = self._jobs.get(caller.session.principal, params.job)
        return Reply({"cancelled": self._jobs.cancel(job)})

    @rpc_method("jobs.events")
    async def job_events(self, caller: Caller, params: EventsParams) -> Reply:
        """A job's events after a number, as its notifications told them; very old ones are forgotten."""
        session = caller.session
        job = self._jobs.get(session.principal, params.job)
        return Reply(
            [
                {"event": f"job.{event.kind}", **_notice(self._wire, session, job, event, caller.binary)}
                for event in list(job.events)
                if event.seq > params.after
            ]
        )

    def _summary(self, session: Session, job: Job) -> dict[str, object]:
        return {
            "job": job.id,
            "state": job.state.value,
            "created": job.created,
            "ended": job.ended,
            "progress": job.progress,
            "assets": [self._wire.event("asset", each, session.handles, binary=False) for each in job.assets],
            "error": job.error,
            "used": None if job.outcome is None else used(job.outcome.used),
        }


class Publisher:
    """Tells the open connections of a job's owner what happens to it."""

    def __init__(self, sessions: Sessions, wire: Wire, faults: Faults) -> None:
        self._sessions = sessions
        self._wire = wire
        self._faults = faults

    def publish(self, job: Job, event: JobEvent) -> None:
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


def _notice(wire: Wire, session: Session, job: Job, event: JobEvent, binary: bool) -> dict[str, object]:
    data = wire.event(event.kind, event.data, session.handles, binary=binary)
    return {"job": job.id, "seq": event.seq, **data}
