"""``/api/v1/jobs``: jobs, and what happens to them as server-sent events.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping
from typing import Any

from pydantic import Field
from starlette.responses import StreamingResponse

from mintaka.server.api.narrowing import without
from mintaka.server.api.operations import REST, Body, Call, ErrorObject, Shown, operation
from mintaka.server.api.visit import Visit
from mintaka.server.errors import Fault, Kind
from mintaka.server.job_methods import EventsParams, JobMethods, JobParams
from mintaka.server.methods import Nothing
from mintaka.server.rpc import encode_json
from mintaka.server.script_methods import ExecuteParams, ScriptMethods
from mintaka.server.sessions import Sessions
from mintaka.server.settings import Limits
from mintaka.storage.jobs import JobState

MOST_WAITING = 256
"""Events kept for a reader who is slow; one who falls further behind is told from the database."""

LAST = ("job.done", "job.failed")
"""Events after which nothing comes."""


class JobSummary(Shown):
    """A job without its result."""

    job: str
    key: str | None = Field(description="What whoever asked calls it")
    state: JobState
    priority: int
    created: float = Field(description="Seconds since the epoch")
    ended: float | None
    error: ErrorObject | None = Field(description="How it failed")


class PublishedAsset(Shown):
    """A picture that a job has made."""

    call: str
    asset: str
    width: int
    height: int
    image_url: str


class Job(JobSummary):
    """A job."""

    position: int | None = Field(description="The how manieth to be started it is")
    progress: dict[str, Any] | None
    assets: list[PublishedAsset]
    used: dict[str, Any] | None
    result: Any = Field(description="What its script gave; pictures as base64 with their address")


class Accepted(Shown):
    """A job that was accepted."""

    job: str
    position: int | None


class Changed(Shown):
    """Whether there was something to do."""

    changed: bool


class EventsQuery(Body):
    """From where on."""

    after: int | None = Field(default=None, ge=0, le=2**53, description="The number of the last event known")


NewJob = without(ExecuteParams, "mode", called="NewJob")
"""A script and how to run it."""


class JobRoutes:
    """``/api/v1/jobs``."""

    def __init__(self, jobs: JobMethods, scripts: ScriptMethods, sessions: Sessions, limits: Limits) -> None:
        self._jobs = jobs
        self._scripts = scripts
        self._sessions = sessions
        self._ping_s = limits.ping_s
        self._closed = asyncio.Event()

    def close(self) -> None:
        """The server ends: so do the streams."""
        self._closed.set()

    @operation("GET", "/api/v1/jobs", face=REST, tag="Jobs", answer=list[JobSummary])
    async def list_jobs(self, call: Call) -> object:
        """Your jobs, newest first, without their results."""
        return (await self._jobs.list_jobs(call.caller, Nothing())).result

    @operation("POST", "/api/v1/jobs", face=REST, tag="Jobs", body=NewJob, answer=Accepted, status=202)
    async def create(self, call: Call) -> object:
        """Run a script as a job.

        It is kept before this is answered, and goes on whatever happens to the connection or the server. With an
        `idempotency_key`, or the header `Idempotency-Key`, the same request asked again is answered with the same job.
        """
        given = call.body.model_dump(exclude_unset=True)
        if call.key is not None:
            given.setdefault("idempotency_key", call.key)
        params = ExecuteParams.model_validate({**given, "mode": "job"})
        reply = await self._scripts.execute_script(call.caller, params)
        if reply.then is not None:
            reply.then()
        return reply.result

    @operation("GET", "/api/v1/jobs/{job}", face=REST, tag="Jobs", answer=Job)
    async def get(self, call: Call) -> object:
        """One job with its progress, its pictures, and its result or its error."""
        return (await self._jobs.get_job(call.caller, _job(call))).result

    @operation("POST", "/api/v1/jobs/{job}/cancel", face=REST, tag="Jobs", answer=Changed)
    async def cancel(self, call: Call) -> object:
        """Cancel a job, at its next step if it runs. Says whether there was something to cancel."""
        return _changed((await self._jobs.cancel_job(call.caller, _job(call))).result)

    @operation("POST", "/api/v1/jobs/{job}/pause", face=REST, tag="Jobs", answer=Changed)
    async def pause(self, call: Call) -> object:
        """Let a job rest until it is resumed. Says whether there was something to pause."""
        return _changed((await self._jobs.pause_job(call.caller, _job(call))).result)

    @operation("POST", "/api/v1/jobs/{job}/resume", face=REST, tag="Jobs", answer=Changed)
    async def resume(self, call: Call) -> object:
        """Let a paused job go on where it was. Says whether it was paused."""
        return _changed((await self._jobs.resume_job(call.caller, _job(call))).result)

    @operation("POST", "/api/v1/jobs/{job}/retry", face=REST, tag="Jobs", answer=Accepted, status=202)
    async def retry(self, call: Call) -> object:
        """Ask for a job that is over once more, from its beginning, as a new job."""
        reply = await self._jobs.retry_job(call.caller, _job(call))
        if reply.then is not None:
            reply.then()
        return reply.result

    @operation("GET", "/api/v1/jobs/{job}/events", face=REST, tag="Jobs", answer="text/event-stream", query=EventsQuery)
    async def events(self, call: Call) -> object:
        """What happens to a job, as server-sent events, to its end.

        It begins after event number `after`, or `Last-Event-ID`, which browsers and others send when they connect
        again; without, with the first. `id` is the event's number, `event` its kind (`job.progress`, `job.done` …) and
        `data` what the notification of that name tells. Previews of the past come without their picture.
        """
        after = call.query.after
        if after is None:
            after = _number(call.request.headers.get("last-event-id", "0"))
        await self._jobs.get_job(call.caller, _job(call))  # refuses before anything is streamed
        stream = self._stream(call, after)
        return StreamingResponse(stream, headers={"cache-control": "no-store"}, media_type="text/event-stream")

    async def _stream(self, call: Call, after: int) -> AsyncIterator[bytes]:
        visit = call.caller.connection
        assert isinstance(visit, Visit)
        new: deque[tuple[str, Mapping[str, object]]] = deque(maxlen=MOST_WAITING)
        woken = asyncio.Event()

        def hear(method: str, params: Mapping[str, object]) -> None:
            if params.get("job") == call.path["job"]:
                new.append((method, params))
            woken.set()

        visit.heard = hear
        self._sessions.add(call.principal, visit)
        try:
            while True:
                woken.clear()
                async for kind, told in self._next(call, after, new):
                    after = int(str(told["seq"]))
                    yield _event(kind, told)
                    if kind in LAST:
                        return
                if visit.ended or self._closed.is_set():
                    return
                if not await self._woken(woken):
                    yield b": still here\n\n"
        finally:
            visit.heard = None
            self._sessions.remove(call.principal, visit)

    async def _next(
        self, call: Call, after: int, new: deque[tuple[str, Mapping[str, object]]]
    ) -> AsyncIterator[tuple[str, Mapping[str, object]]]:
        """What came after a number: as it was heard, or from the database where something was not."""
        fresh = [(kind, told) for kind, told in new if int(str(told["seq"])) > after]
        new.clear()
        if not fresh or int(str(fresh[0][1]["seq"])) != after + 1:
            missed = (await self._jobs.job_events(call.caller, EventsParams(job=call.path["job"], after=after))).result
            assert isinstance(missed, list)
            past: list[Mapping[str, object]] = missed
            heard = {told["seq"]: told for _, told in fresh}
            fresh = [(str(each["event"]), heard.get(each["seq"], each)) for each in past]
        for kind, told in fresh:
            yield kind, {name: fact for name, fact in told.items() if name != "event"}

    async def _woken(self, woken: asyncio.Event) -> bool:
        """Wait for something to tell, or for the end; false after as long as a connection may be silent."""
        waits = [asyncio.create_task(each.wait()) for each in (woken, self._closed)]
        try:
            done, _ = await asyncio.wait(waits, timeout=self._ping_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()
        return bool(done)


def _job(call: Call) -> JobParams:
    return JobParams(job=call.path["job"])


def _changed(result: object) -> dict[str, object]:
    assert isinstance(result, dict)
    [changed] = result.values()
    return {"changed": changed}


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise Fault(Kind.INVALID_PARAMS, "Last-Event-ID is the number of an event.")
    return int(text)


def _event(kind: str, told: Mapping[str, object]) -> bytes:
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (int(str(told["seq"])), kind.encode(), encode_json(told))
