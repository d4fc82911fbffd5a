"""Tools for agents: one for each method of what a token holds, and one for each endpoint that it may call.

Their schemas are those of the metadata, narrowed to the capability in hand, without the words that are for editors.
"""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mintaka.capabilities.endpoints.space import CALL
from mintaka.capabilities.held import Held
from mintaka.capabilities.kernel import Kernel
from mintaka.capabilities.metadata import Metadata
from mintaka.capabilities.narrowing import DEFINITIONS
from mintaka.library.endpoints import Endpoint
from mintaka.runtime.execute import Outcome
from mintaka.runtime.powers import Emit
from mintaka.runtime.values import Value
from mintaka.server.api.visit import Visit
from mintaka.server.endpoint_methods import EndpointMethods
from mintaka.server.errors import Fault, Kind
from mintaka.server.script_methods import ScriptMethods
from mintaka.server.sessions import Sessions
from mintaka.server.wire import Wire

FOR_EDITORS = frozenset(
    {"alias", "narrowed", "order", "phase", "soft_range", "title", "visible_if", "widget", "labels"}
)
"""Words of a schema that an agent does without."""

LONGEST = 64
"""Characters of a tool's name that every model takes."""


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool."""

    name: str
    title: str
    description: str
    schema: Mapping[str, Any]
    """Of the object of its arguments."""
    reads: bool
    """Whether it changes nothing."""
    calls: tuple[Held, str] | Endpoint
    """A method of a capability, or an endpoint."""


class Tools:
    """The tools of every principal."""

    def __init__(
        self,
        kernel: Kernel,
        metadata: Metadata,
        endpoints: EndpointMethods,
        scripts: ScriptMethods,
        sessions: Sessions,
        wire: Wire,
    ) -> None:
        self._kernel = kernel
        self._metadata = metadata
        self._endpoints = endpoints
        self._scripts = scripts
        self._sessions = sessions
        self._wire = wire

    def of(self, principal: str) -> dict[str, Tool]:
        """All tools of a principal, by name; of several capabilities of one type those of the first."""
        held = self._kernel.held(principal)
        document = self._metadata.document(held)
        found: dict[str, Tool] = {}
        seen: set[str] = set()
        for each, told in zip(held, document["capabilities"], strict=True):
            if each.type == CALL or each.type in seen:
                continue
            seen.add(each.type)
            for tool in _methods(each, document["types"][told["as"]], document["$defs"]):
                found[_free(tool.name, found)] = tool
        for endpoint, schema in self._endpoints.callable_now(principal):
            name = _free(f"call_{endpoint.name}"[:LONGEST], found)
            about = endpoint.description or f"Call {endpoint.name}."
            found[name] = Tool(name, endpoint.name, about, _plain(schema, {}), False, endpoint)
        return found

    async def call(self, visit: Visit, name: str, given: Mapping[str, object], emit: Emit) -> object:
        """Call a tool, telling its progress to ``emit``; its result as JSON.

        Raises `Fault` and `ScriptError`, among others where there is no such tool.
        """
        session = visit.session
        assert session is not None
        tool = (await asyncio.to_thread(self.of, session.principal)).get(name)
        if tool is None:
            raise Fault(Kind.METHOD_NOT_FOUND, f"There is no tool `{name}`. tools/list tells those there are.")
        arguments = {key: self._wire.decode(value, session.handles) for key, value in given.items()}
        if isinstance(tool.calls, Endpoint):
            outcome = await self._called(visit, tool.calls, arguments, emit)
        else:
            outcome = await self._scripts.run_method(*tool.calls, arguments, emit)
        return self._wire.encode_result(outcome, session.handles)

    async def _called(self, visit: Visit, endpoint: Endpoint, arguments: Mapping[str, Value], emit: Emit) -> Outcome:
        assert visit.session is not None
        principal = visit.session.principal
        job = self._endpoints.start(principal, f"{endpoint.owner}/{endpoint.name}", arguments)

        def hear(method: str, params: Mapping[str, object]) -> None:
            if params.get("job") == job.id:
                emit(method.removeprefix("job."), params)

        visit.heard = hear
        self._sessions.add(principal, visit)
        try:
            return await self._endpoints.finish(job, keep=False)
        finally:
            visit.heard = None
            self._sessions.remove(principal, visit)


def _methods(held: Held, told: Mapping[str, Any], definitions: Mapping[str, Any]) -> Sequence[Tool]:
    tools = []
    for method in told["methods"]:
        if "unavailable" in method:
            continue
        properties: dict[str, Any] = {}
        taken = method["arguments"]
        for each in taken.get("prefixItems", ()):
            if "$ref" in each:
                properties |= told["options"][each["$ref"].rpartition("/")[2]]["properties"]
            else:
                properties[each["name"]] = {word: fact for word, fact in each.items() if word != "name"}
        required = [each["name"] for each in taken.get("prefixItems", ())[: taken["minItems"]]]
        schema = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
        name = re.sub(r"\W", "_", f"{held.type}_{method['name']}")[:LONGEST]
        title, reads = f"{told['label']}: {method['label']}", method["effects"] in ("pure", "reads")
        plain = _plain(schema, definitions)
        tools.append(Tool(name, title, method["description"], plain, reads, (held, method["name"])))
    return tools


def _plain(schema: Any, definitions: Mapping[str, Any]) -> Any:
    """A schema with the lists that it refers to in place, and without the words for editors."""
    if isinstance(schema, list):
        return [_plain(each, definitions) for each in schema]
    if not isinstance(schema, Mapping):
        return schema
    if str(schema.get("$ref", "")).startswith(DEFINITIONS):
        schema = {**schema, "enum": definitions[str(schema["$ref"]).removeprefix(DEFINITIONS)]["enum"]}
    plain: dict[str, Any] = {}
    for word, fact in schema.items():
        if word == "properties":
            plain[word] = {name: _plain(each, definitions) for name, each in fact.items()}
        elif word not in FOR_EDITORS and word != "$ref":
            plain[word] = _plain(fact, definitions)
    return plain


def _free(name: str, taken: Mapping[str, Tool]) -> str:
    """The name, with a number behind it where another tool has it."""
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name[: LONGEST - len(str(number)) - 1]}_{number}"
    return free
