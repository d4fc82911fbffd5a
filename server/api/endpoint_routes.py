"""``/api/v1/endpoints``: scripts that were published, each a route of its own with the schema of its arguments."""

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any, TypeVar

from pydantic import ConfigDict, Field
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse

from mintaka.library.endpoints import Endpoint
from mintaka.server.api.operations import REST, Body, Call, Shown, operation
from mintaka.server.endpoint_methods import EndpointMethods, VersionParams
from mintaka.server.jobs import Jobs
from mintaka.server.methods import Nothing
from mintaka.server.wire import Wire

ADDRESS = "/api/v1/endpoints/"

T = TypeVar("T")


class EndpointShown(Shown):
    """An endpoint that you may call."""

    name: str
    owner: str = Field(description="Who published it")
    version: int
    description: str
    published: float = Field(description="Seconds since the epoch")
    parameters: dict[str, Any] = Field(description="The JSON Schema of its arguments")
    unavailable: str | None = Field(default=None, description="Why it cannot be called any more")


class Arguments(Body):
    """Values of the endpoint's parameters, by name."""

    model_config = ConfigDict(frozen=True, extra="allow")


class CallQuery(Body):
    """Which version, and whether to wait."""

    version: int | None = Field(default=None, ge=1, le=2**31 - 1, description="Without, the newest")
    wait: bool = Field(default=True, description="Whether to answer with the result, or at once with the job")


class VersionQuery(Body):
    """Which version."""

    version: int | None = Field(default=None, ge=1, le=2**31 - 1, description="Without, the newest")


class Called(Shown):
    """What a call gave."""

    job: str
    result: Any = Field(description="Pictures as base64 with their address")


class EndpointRoutes:
    """The endpoints that whoever asks may call."""

    def __init__(self, endpoints: EndpointMethods, jobs: Jobs, wire: Wire) -> None:
        self._endpoints = endpoints
        self._jobs = jobs
        self._wire = wire

    @operation("GET", "/api/v1/endpoints", face=REST, tag="Endpoints", answer=list[EndpointShown])
    async def list_endpoints(self, call: Call) -> object:
        """The endpoints that you may call, your own first."""
        return (await self._endpoints.list_endpoints(call.caller, Nothing())).result

    @operation("GET", "/api/v1/endpoints/{name}", face=REST, tag="Endpoints", query=VersionQuery, answer=EndpointShown)
    async def describe(self, call: Call) -> object:
        """One endpoint: what it takes; of your own also its script."""
        return await self._described(call, call.path["name"])

    @operation(
        "GET", "/api/v1/endpoints/{owner}/{name}", face=REST, tag="Endpoints", query=VersionQuery, answer=EndpointShown
    )
    async def describe_of(self, call: Call) -> object:
        """One endpoint, where several people have one of that name."""
        return await self._described(call, f"{call.path['owner']}/{call.path['name']}")

    @operation(
        "POST",
        "/api/v1/endpoints/{name}",
        face=REST,
        tag="Endpoints",
        query=CallQuery,
        body=Arguments,
        optional_body=True,
        answer=Called,
    )
    async def call(self, call: Call) -> object:
        """Call an endpoint; the body is its arguments.

        The call is a job. With the header `Idempotency-Key` the same request asked again is answered by the same job,
        and goes on when the connection breaks; without, that cancels it. With `wait=false` the answer is 202 and
        `{job, position}`.
        """
        return await self._called(call, call.path["name"])

    @operation(
        "POST",
        "/api/v1/endpoints/{owner}/{name}",
        face=REST,
        tag="Endpoints",
        query=CallQuery,
        body=Arguments,
        optional_body=True,
        answer=Called,
    )
    async def call_of(self, call: Call) -> object:
        """Call an endpoint, where several people have one of that name."""
        return await self._called(call, f"{call.path['owner']}/{call.path['name']}")

    def paths(self, principal: str | None) -> Mapping[str, object]:
        """A path item for each endpoint that ``principal`` may call, with the schema of its arguments."""
        found = [] if principal is None else self._endpoints.callable_now(principal)
        names = [each.name for each, _ in found]
        return {
            ADDRESS + (each.name if names.count(each.name) == 1 else f"{each.owner}/{each.name}"): _item(each, schema)
            for each, schema in found
        }

    async def _described(self, call: Call, name: str) -> object:
        return (
            await self._endpoints.describe(call.caller, VersionParams(name=name, version=call.query.version))
        ).result

    async def _called(self, call: Call, name: str) -> object:
        handles = call.caller.session.handles
        given = {} if call.body is None else call.body.model_extra or {}
        arguments = {name: self._wire.decode(value, handles) for name, value in given.items()}
        job = self._endpoints.start(call.principal, name, arguments, version=call.query.version, key=call.key)
        if not call.query.wait:
            self._jobs.start_waiting()
            return JSONResponse({"job": job.id, "position": self._jobs.position(job)}, 202)
        outcome = await _unless_gone(call.request, self._endpoints.finish(job, keep=call.key is not None))
        return {"job": job.id, "result": self._wire.encode_result(outcome, handles)}


def _item(endpoint: Endpoint, schema: Mapping[str, object]) -> dict[str, object]:
    """The OpenAPI path item of one endpoint."""
    answer = {"job": {"type": "string"}, "result": {"description": "Pictures as base64 with their address"}}
    return {
        "post": {
            "operationId": f"call_{endpoint.owner}_{endpoint.name}",
            "tags": ["Endpoints"],
            "summary": endpoint.description or f"Call {endpoint.name}.",
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": schema}},
            },
            "responses": {
                "200": {
                    "description": "Done",
                    "content": {"application/json": {"schema": {"type": "object", "properties": answer}}},
                },
                "default": {
                    "description": "What went wrong",
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorAnswer"}}},
                },
            },
        }
    }


async def _unless_gone(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """What ``work`` gives; it is cancelled where nobody waits for the answer any more. Raises ClientDisconnect."""
    working, gone = asyncio.create_task(work), asyncio.create_task(_gone(request))
    try:
        await asyncio.wait({working, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientDisconnect
        return working.result()
    finally:
        for task in (working, gone):
            task.cancel()
        await asyncio.gather(working, gone, return_exceptions=True)


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
