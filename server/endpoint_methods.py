"""``endpoints.…``: publishing scripts for others to call, and calling them."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from mintaka.capabilities.endpoints import form, publishing
from mintaka.capabilities.endpoints.publishing import Granted
from mintaka.capabilities.endpoints.space import CALL, EndpointSpace, calls
from mintaka.capabilities.failures import told
from mintaka.capabilities.handles import Handles
from mintaka.capabilities.held import Held
from mintaka.capabilities.kernel import Kernel
from mintaka.capabilities.limits import people
from mintaka.capabilities.terms import Terms
from mintaka.capabilities.value import CapabilityValue
from mintaka.lang.tree import Call, Node, walk
from mintaka.library.endpoints import Endpoint, no_such_endpoint
from mintaka.runtime.errors import HostFault
from mintaka.runtime.execute import Outcome
from mintaka.runtime.values import Value
from mintaka.server.connection import Caller, Reply
from mintaka.server.errors import Fault, Kind
from mintaka.server.job_runs import Asked, JobRuns
from mintaka.server.jobs import Jobs
from mintaka.server.methods import Nothing, Params, rpc_method
from mintaka.server.powers import ServerPowers
from mintaka.server.script_methods import BudgetParams, ScriptParams
from mintaka.server.scripts import Scripts, Source
from mintaka.server.wire import HANDLE, Wire, capability
from mintaka.storage.jobs import JobState, SavedJob

CALL_IT = ["std.call_method", ["std.arg", 0], "call", *(["std.arg", place] for place in (1, 2, 3))]
"""The script of a job that calls an endpoint: the capability, the name, the arguments and the options."""

BY_PLACE = frozenset({"std.arg", "std.args"})
"""Ops that read arguments without a name and a type."""


class GrantedParams(Params):
    """A capability of yours that the endpoint shall run with, and how it is narrowed for that."""

    cap: Any
    restrictions: dict[str, Any] = Field(default_factory=dict)
    limits: dict[str, Any] = Field(default_factory=dict)


class PublishParams(ScriptParams):
    """A script with typed parameters, what it is called, and what it may use."""

    name: str = Field(max_length=64, description="1 to 64 of a-z 0-9 _ -, a letter first")
    description: str = Field(default="", max_length=2000, description="What it is for")
    capabilities: list[GrantedParams] | None = Field(
        default=None, description="What it runs with; without, the first you hold of each type that it looks up"
    )


class NameParams(Params):
    """An endpoint: ``name``, or ``owner/name`` where several people have one of that name."""

    name: str = Field(max_length=300)


class VersionParams(NameParams):
    """An endpoint, and which version of it."""

    version: int | None = Field(default=None, ge=1, description="Without, the newest")


class WithdrawParams(NameParams):
    """An endpoint of yours, and which version of it."""

    version: int | None = Field(default=None, ge=1, description="Without, all of them")


class CallParams(VersionParams):
    """An endpoint, its arguments, and how to run it."""

    arguments: dict[str, Any] = Field(default_factory=dict, description="Values of its parameters, by name")
    cap: Any = Field(default=None, description="The endpoint.call to use, where several of yours reach it")
    mode: Literal["result", "job"] = "result"
    idempotency_key: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        description="What you call this request: asking twice is asking once",
    )
    priority: int = Field(default=0, ge=-100, le=100, description="Before your other jobs where it is higher")
    budget: BudgetParams = BudgetParams(fuel=None, depth=None, deadline_s=None, calls=None, memory=None)


class EndpointMethods:
    """``endpoints.publish|list|describe|versions|call|unpublish``."""

    def __init__(
        self,
        space: EndpointSpace,
        kernel: Kernel,
        scripts: Scripts,
        jobs: Jobs,
        runs: JobRuns,
        wire: Wire,
        powers: ServerPowers,
    ) -> None:
        self._space = space
        self._kernel = kernel
        self._scripts = scripts
        self._jobs = jobs
        self._runs = runs
        self._wire = wire
        self._clock = powers.clock

    @rpc_method("endpoints.publish")
    async def publish(self, caller: Caller, params: PublishParams) -> Reply:
        """Publish a script under a name, as its next version. It runs with narrower children of capabilities of yours.

        Nobody else may call it until you share an `endpoint.call` with them, or a link to one.
        """
        session, script = caller.session, params.given()
        analysis = self._scripts.runnable(script)
        _refuse_places(analysis.tree)
        granted = (
            None
            if params.capabilities is None
            else [
                Granted(session.handles.resolve(_handle(each.cap)).id, Terms(each.restrictions, each.limits))
                for each in params.capabilities
            ]
        )
        made = publishing.publish(
            self._space,
            self._kernel,
            session.principal,
            params.name,
            self._scripts.keep(script),
            analysis.needs,
            granted=granted,
            description=params.description,
            now=self._clock(),
        )
        return Reply(self._space.described(made))

    @rpc_method("endpoints.list")
    async def list_endpoints(self, caller: Caller, params: Nothing) -> Reply:
        """The endpoints that you may call, your own first: what each takes, and what you call it by."""
        session = caller.session
        return Reply(
            [
                {**self._space.described(endpoint), "cap": self._shown(session.handles, held), "left": _left(held)}
                for endpoint, held in self.callable(session.principal)
            ]
        )

    @rpc_method("endpoints.describe")
    async def describe(self, caller: Caller, params: VersionParams) -> Reply:
        """One endpoint: what it takes; of your own also its script, and the capabilities it runs with."""
        session = caller.session
        newest, _ = self.find(session.principal, params.name)
        endpoint = self._space.get(newest.owner, newest.name, params.version)
        if endpoint.owner != session.principal:
            return Reply(self._space.described(endpoint))
        script = self._scripts.read_kept(endpoint.program)
        source = script if isinstance(script, Source) else self._scripts.text(script)
        granted = [self._granted(session.handles, session.principal, id) for id in endpoint.grant]
        return Reply({**self._space.described(endpoint), "source": source, "grant": granted})

    @rpc_method("endpoints.versions")
    async def versions(self, caller: Caller, params: NameParams) -> Reply:
        """The versions of an endpoint that can be called, the newest first."""
        newest, _ = self.find(caller.session.principal, params.name)
        found = self._space.endpoints.versions(newest.owner, newest.name)
        return Reply([{"version": each.version, "published": each.published} for each in found])

    @rpc_method("endpoints.unpublish")
    async def unpublish(self, caller: Caller, params: WithdrawParams) -> Reply:
        """Let a version of an endpoint of yours, or all, be called no more. Its calls that run stop; which versions."""
        principal, now = caller.session.principal, self._clock()
        name = params.name.removeprefix(f"{principal}/")
        ended = publishing.withdraw(self._space, self._kernel, principal, name, params.version, now)
        return Reply({"withdrawn": [each.version for each in ended]})

    @rpc_method("endpoints.call")
    async def call(self, caller: Caller, params: CallParams) -> Reply:
        """Call an endpoint: what it gives, or in mode "job" the job's id, with job.… notifications to follow.

        Either way it is a job, kept before it begins. With an `idempotency_key` the same request asked again is
        answered by the same job; without, closing the connection before the result came cancels it.
        """
        session = caller.session
        arguments = {name: self._wire.decode(value, session.handles) for name, value in params.arguments.items()}
        cap = None if params.cap is None else session.handles.resolve(_handle(params.cap)).id
        job = self.start(
            session.principal,
            params.name,
            arguments,
            version=params.version,
            cap=cap,
            key=params.idempotency_key,
            priority=params.priority,
            budget=params.budget.model_dump(),
        )
        if params.mode == "job":
            return Reply({"job": job.id, "position": self._jobs.position(job)}, then=self._jobs.start_waiting)
        outcome = await self.finish(job, keep=params.idempotency_key is not None)
        return Reply(self._wire.encode_result(outcome, session.handles, binary=caller.binary))

    # For every way in

    def callable(self, principal: str) -> list[tuple[Endpoint, Held]]:
        """Every endpoint a principal may call, with what they call it by."""
        return self._space.callable(self._kernel.held(principal))

    def find(self, principal: str, name: str) -> tuple[Endpoint, Held]:
        """The endpoint that a principal means, their own before others', and what they call it by.

        Raises HostFault (no_such_capability) and `Fault` (invalid_params) for a name that several have.
        """
        named = [each for each in self.callable(principal) if name in (each[0].name, f"{each[0].owner}/{each[0].name}")]
        if not named:
            with told():
                raise no_such_endpoint()
        if len(named) > 1 and named[0][0].owner != principal:
            names = " or ".join(f"{each.owner}/{each.name}" for each, _ in named)
            raise Fault(Kind.INVALID_PARAMS, f"Several people have an endpoint `{name}`: say {names}.")
        return named[0]

    def start(
        self,
        principal: str,
        name: str,
        arguments: Mapping[str, Value],
        *,
        version: int | None = None,
        cap: str | None = None,
        key: str | None = None,
        priority: int = 0,
        budget: Mapping[str, float | int | None] | None = None,
    ) -> SavedJob:
        """Accept the job of a call; it begins with `finish` or `Jobs.start_waiting`. Raises `Fault`, `ScriptError`."""
        cap = cap or self._before(principal, key)
        if cap is None:
            endpoint, held = self.find(principal, name)
            name = endpoint.name
        else:
            held = calls(self._kernel.describe(principal, cap))
            name = name.removeprefix(f"{held.origin}/")
        held.permit({"methods": "call", "endpoints": name})
        endpoint = self._space.get(held.origin, name, version)
        form.check(self._space.compile(endpoint.program).parameters, arguments)
        value = CapabilityValue(self._kernel, principal, held.id, CALL)
        args: list[Value] = [value, name, dict(arguments), {"version": version}]
        asked = Asked(CALL_IT, args, self._scripts.budget(budget or {}), [held.id], chosen=True, priority=priority)
        return self._jobs.submit(principal, lambda job: self._runs.request(job, principal, asked), key)

    async def finish(self, job: SavedJob, *, keep: bool) -> Outcome:
        """What a job gives, once it is over; who stops waiting cancels it unless it is to be kept. Raises `Fault`."""
        self._jobs.start_waiting()
        try:
            job = await self._jobs.over(job)
        except asyncio.CancelledError:
            if not keep:
                self._jobs.cancel(job)
            raise
        outcome = self._runs.outcome(job)
        if job.state is not JobState.DONE or outcome is None:
            raise _failure(json.loads(job.error or "{}"), job.id)
        return outcome

    def callable_now(self, principal: str) -> list[tuple[Endpoint, dict[str, Any]]]:
        """The endpoints that a principal may call and that can be called, with the JSON Schemas of their arguments."""
        told = [(each, self._space.described(each)) for each, _ in self.callable(principal)]
        return [(each, about["parameters"]) for each, about in told if "unavailable" not in about]

    def _before(self, principal: str, key: str | None) -> str | None:
        """What the request of that key was made by: asked once more it is the same, whatever one holds by now."""
        job = None if key is None else self._jobs.asked(principal, key)
        asked = None if job is None else self._runs.again(job)
        return asked.grant[0] if asked is not None and asked.script == CALL_IT else None

    def _shown(self, handles: Handles, held: Held) -> dict[str, object]:
        value = CapabilityValue(self._kernel, held.holder, held.id, held.type)
        return capability(handles.issue(value), value)

    def _granted(self, handles: Handles, principal: str, id: str) -> dict[str, object]:
        try:
            held = self._kernel.describe(principal, id)
        except HostFault:  # it was taken back, or has expired
            return {"id": id, "cap": None}
        return {"cap": self._shown(handles, held), **held.to_json()}


def _refuse_places(tree: Node) -> None:
    for node in walk(tree):
        if isinstance(node, Call) and node.op in BY_PLACE:
            raise Fault(
                Kind.INVALID_PARAMS,
                f"The script of an endpoint takes arguments by name: declare them with (params …), not by `{node.op}`.",
                data=node.span.to_json(),
            )


def _left(held: Held) -> dict[str, int | float]:
    return {unit: people(unit, amount) for unit, amount in held.left.items()}


def _handle(value: object) -> object:
    return value.get(HANDLE) if isinstance(value, Mapping) else value


def _failure(error: Mapping[str, Any], job: str) -> Fault:
    """The error a job ended with, as whoever waited for it is told."""
    data = dict(error.get("data", {}))
    kind, hint = Kind(data.pop("kind", Kind.INTERNAL)), data.pop("hint", None)
    return Fault(kind, str(error.get("message", "The job failed.")), hint=hint, data={**data, "job": job})
