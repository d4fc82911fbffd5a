"""Drawing for clients that wait for the picture: a job like any other, and its end.

Who goes away while they wait has their job cancelled, as a closed connection cancels what it awaited; a job that was
given a key goes on, for whoever asks again.
"""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import ClientDisconnect

from mintaka.capabilities.images import Image
from mintaka.capabilities.kernel import Kernel
from mintaka.runtime.values import Value
from mintaka.server.api.operations import Call
from mintaka.server.api.visit import Visit
from mintaka.server.errors import Fault, Kind
from mintaka.server.job_runs import JobRuns
from mintaka.server.jobs import Jobs
from mintaka.server.script_methods import ExecuteParams, ScriptMethods
from mintaka.server.sessions import Sessions
from mintaka.storage.jobs import JobState, SavedJob

Tell = Callable[[str, Mapping[str, object]], None]
"""Takes the kind of an event, as ``job.progress``, and what it tells."""


ACCEPTED = "job.accepted"
"""The first that is told of a job: its id."""


class JobFailed(Exception):
    """A job has not given what was wanted; ``told`` is its error object."""

    def __init__(self, told: Mapping[str, object]) -> None:
        super().__init__(told.get("message"))
        self.told = told


@dataclass(frozen=True, slots=True)
class Wanted:
    """A call of a capability's method, with its arguments as JSON."""

    type: str
    method: str
    args: Sequence[object]


class Waiting:
    """Has things drawn and waits for them."""

    def __init__(self, scripts: ScriptMethods, jobs: Jobs, runs: JobRuns, sessions: Sessions, kernel: Kernel) -> None:
        self._scripts = scripts
        self._jobs = jobs
        self._runs = runs
        self._sessions = sessions
        self._kernel = kernel
        self._closed = asyncio.Event()

    def close(self) -> None:
        """The server ends: nobody waits any longer."""
        self._closed.set()

    async def value(self, call: Call, type: str, method: str) -> object:
        """What a method of a capability that reads something gives, as JSON; None where the caller holds none."""
        if not self.holds(call, type):
            return None
        params = ExecuteParams.model_validate({"script": ["std.call_method", ["get_capability", type], method]})
        return (await self._scripts.execute_script(call.caller, params)).result

    def holds(self, call: Call, type: str) -> bool:
        """Whether the caller holds a capability of a type."""
        return any(each.type == type for each in self._kernel.held(call.principal))

    def cancel(self, principal: str, job: str) -> bool:
        """End a job of a principal's; false where it is over already."""
        return self._jobs.cancel(self._jobs.get(principal, job))

    async def pictures(self, call: Call, wanted: Wanted, key: str | None = None) -> list[Image]:
        """The pictures that a call makes. Raises `JobFailed`, and `Fault` where it is not accepted."""
        job = await self.over(call, wanted, key)
        if job.state is not JobState.DONE:
            raise JobFailed(json.loads(job.error or "{}"))
        return self.made(job)

    def made(self, job: SavedJob) -> list[Image]:
        """The pictures that a job gave; none where it is not done."""
        outcome = self._runs.outcome(job)
        # pyright takes an attribute that may be a function for a method.
        value: Value = None if outcome is None else outcome.value  # pyright: ignore[reportAssignmentType]
        return [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, Image)]

    async def over(self, call: Call, wanted: Wanted, key: str | None = None, tell: Tell | None = None) -> SavedJob:
        """The job of a call, when it is over; ``tell`` hears its events. Raises `Fault` where it is not accepted."""
        if not self.holds(call, wanted.type):
            raise Fault(
                Kind.NO_SUCH_CAPABILITY,
                f"Your token holds no capability of type {wanted.type}, which this takes. Ask whoever gave it to you.",
            )
        given = [["std.arg", index] for index in range(len(wanted.args))]
        script = ["std.call_method", ["get_capability", wanted.type], wanted.method, *given]
        asked = {"script": script, "args": list(wanted.args), "mode": "job"}
        params = ExecuteParams.model_validate({**asked, **({} if key is None else {"idempotency_key": key})})
        visit = call.caller.connection
        assert isinstance(visit, Visit)
        reply = await self._scripts.execute_script(call.caller, params)
        assert isinstance(reply.result, dict)
        id = str(reply.result["job"])
        woken = asyncio.Event()

        def hear(method: str, params: Mapping[str, object]) -> None:
            if params.get("job") == id and tell is not None:
                tell(method, params)
            woken.set()

        visit.heard = hear
        self._sessions.add(call.principal, visit)
        hear(ACCEPTED, {"job": id})
        try:
            if reply.then is not None:
                reply.then()
            return await self._end(call, visit, id, woken, goes_on=key is not None)
        finally:
            visit.heard = None
            self._sessions.remove(call.principal, visit)

    async def _end(self, call: Call, visit: Visit, id: str, woken: asyncio.Event, *, goes_on: bool) -> SavedJob:
        gone = asyncio.create_task(_gone(call))
        closed = asyncio.create_task(self._closed.wait())
        try:
            while not (job := self._jobs.get(call.principal, id)).over:
                if gone.done() or visit.ended:
                    if not goes_on:
                        self._jobs.cancel(job)
                    raise ClientDisconnect
                if closed.done():
                    raise Fault(
                        Kind.BUSY,
                        f"The server is stopping; the next one goes on with job {id}.",
                        data={"job": id, "retry_after_ms": 2000},
                    )
                woken.clear()
                heard = asyncio.create_task(woken.wait())
                try:
                    await asyncio.wait({heard, gone, closed}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    heard.cancel()
        finally:
            gone.cancel()
            closed.cancel()
        return job


async def _gone(call: Call) -> None:
    """Wait until nobody waits for the answer any more."""
    while (await call.request.receive())["type"] != "http.disconnect":
        pass
