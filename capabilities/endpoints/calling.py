"""The type ``endpoint.call``: the power to call scripts that somebody published.

An endpoint is a deputy, as a verb of an entity is: it acts with what its publisher granted it, and with nothing of its
caller's but the arguments, which are data and pictures. It returns data and pictures, and no capability.
"""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Annotated, Any

from mintaka.capabilities.arguments import Options, option
from mintaka.capabilities.effects import Done
from mintaka.capabilities.endpoints import form
from mintaka.capabilities.endpoints.space import CALL, EndpointSpace, calls
from mintaka.capabilities.entities.looking import observed
from mintaka.capabilities.failures import told
from mintaka.capabilities.grant import Grant
from mintaka.capabilities.images import Image
from mintaka.capabilities.ledger import Admission, Published
from mintaka.capabilities.order import Allowed
from mintaka.capabilities.registry import Effect, Progress, capability, method
from mintaka.capabilities.restrictions import Restrictions, restriction
from mintaka.capabilities.sources import Sources
from mintaka.capabilities.use import ScriptUse, Use
from mintaka.engine.headers import read_header
from mintaka.lang.parameters import Parameter
from mintaka.runtime.errors import HostFault, ScriptError, Stopped, Thrown
from mintaka.runtime.nested import handed, run_within
from mintaka.runtime.values import HostObject, Value

CHARGES: Mapping[str, int] = {"uses": 1}
"""What a call takes of the capability it is made by. What it draws is paid by what the endpoint runs with."""

Name = Annotated[str, "The endpoint's name"]


class CallRestrictions(Restrictions):
    """What a power to call endpoints can be restricted to."""

    endpoints: Allowed = restriction("Endpoints that may be called")


class CallOptions(Options):
    """Which of an endpoint's versions is meant."""

    version: int | None = option(None, label="Version", help="Which version; without, the newest", ge=1)


NEWEST = CallOptions(version=None)


@capability(CALL, label="Call endpoints", restrictions=CallRestrictions)
class Call:
    """Call scripts that whoever made it published: those that it is narrowed to, or all of them."""

    def __init__(self, endpoint_space: EndpointSpace) -> None:
        self._space = endpoint_space
        self._sources = Sources(endpoint_space.blobs)

    @method(effects=Effect.WRITES, label="Call", cancellable=True, progress=Progress.STEPS, errors=("limit", "thrown"))
    def call(
        self,
        use: ScriptUse,
        name: Name,
        arguments: Annotated[dict[str, Any] | None, "Values of its parameters, by name"] = None,
        options: CallOptions = NEWEST,
    ) -> object:
        """Run an endpoint with these arguments; what it gives. A call that fails or is cancelled takes no use."""
        run = use.run
        found = observed(run, f"endpoint {name}", lambda: self._found(use, name, options.version))
        program = self._space.compile(found["program"])
        given = handed(run, arguments or {}, _taken)
        assert isinstance(given, dict)
        sent: dict[str, Image] = {}

        def picture(wanted: Parameter, value: Value) -> Value:
            image = value if isinstance(value, Image) else self._picture(use, wanted, value)
            sent[image.asset] = image
            return image

        values = form.bound(program.parameters, given, picture)
        outer = run.host(Grant)
        inner = Grant(use.kernel, found["owner"], found["grant"], outer.effects)
        powers = replace(run.powers, hosts={**run.powers.hosts, Grant: inner}, this=None, caller=None)
        call = self._admitted(use, name)
        try:
            result = handed(run, run_within(run, program, powers, [values] if values else []), _given)
            self._settle(use, call, {**sent, **{each.asset: each for each in _pictures(result)}})
        except BaseException as error:
            self._release(use, call, error)
            if isinstance(error, Thrown):
                error.value = handed(run, error.value, _given)
            raise
        return result

    @method(effects=Effect.READS, label="Describe")
    async def describe(self, use: Use, name: Name, options: CallOptions) -> dict[str, Any]:
        """Say what an endpoint takes: its version, its description and the JSON Schema of its arguments."""
        use.permit(endpoints=name)
        endpoint = self._space.get(use.held.origin, name, options.version)
        return {
            "name": name,
            "owner": endpoint.owner,
            "version": endpoint.version,
            "description": endpoint.description,
            "parameters": form.schema(self._space.compile(endpoint.program).parameters),
        }

    def _found(self, use: ScriptUse, name: str, version: int | None) -> dict[str, Any]:
        """The endpoint as it is now, if the capability in hand may call it."""
        held = calls(use.kernel.describe(use.holder, use.cap))
        held.permit({"methods": "call", "endpoints": name})
        endpoint = self._space.get(held.origin, name, version)
        return {"owner": endpoint.owner, "program": endpoint.program, "grant": list(endpoint.grant)}

    def _picture(self, use: ScriptUse, wanted: Parameter, value: Value) -> Image:
        """A picture that was sent, kept so that the script can hold it."""

        async def keep(given: list[Value]) -> Value:
            looked = Use(use.kernel, use.kernel.describe(use.holder, use.cap), "call", use.run)
            source = await self._sources.read(looked, form.picture_argument(wanted, given[0]), wanted.name)
            with told():
                await asyncio.to_thread(self._space.blobs.put, source.data)
                header = read_header(source.data)
            return Image(source.asset, source.width, source.height, format=header.format.lower())

        kept = use.run.perform("endpoint picture", [value], keep)
        assert isinstance(kept, Image)
        return kept

    def _admitted(self, use: ScriptUse, name: str) -> Admission:
        def admit(_: list[Value]) -> Value:
            asked = {"endpoints": name}
            return use.kernel.calls.admit(use.holder, use.cap, "call", asked, CHARGES, use.run.effect).id

        id = use.run.perform_at_once("endpoint call", [name], admit)
        return Admission(str(id), use.cap, use.holder, "call", CHARGES)

    def _settle(self, use: ScriptUse, call: Admission, pictures: Mapping[str, Image]) -> None:
        """The call ended well: it is paid, and what pictures it gave or was sent are the caller's."""
        results = [Published(each.asset, f"image/{each.format}", each.width, each.height) for each in pictures.values()]
        self._ended(use, lambda: use.kernel.calls.settle(call, {}, results))

    def _release(self, use: ScriptUse, call: Admission, error: BaseException) -> None:
        """The call failed. In a durable run that is over, or rests, what it reserved is looked after with that run."""
        if use.run.recorder is None:
            use.kernel.calls.release(call)
        elif isinstance(error, ScriptError) and not isinstance(error, Stopped):
            self._ended(use, lambda: use.kernel.calls.release(call))

    def _ended(self, use: ScriptUse, end: Any) -> None:
        def act() -> Done:
            end()
            return Done()

        def once(_: list[Value]) -> Value:
            return use.run.host(Grant).once(use.run.effect, act)

        use.run.perform_at_once("end of an endpoint call", [], once)


def _taken(host: HostObject) -> HostObject:
    """What an endpoint gets of an object among its arguments."""
    if isinstance(host, Image):
        return host
    raise HostFault(
        f"an endpoint takes data and pictures, and no {host.type_name}", kind="invalid_params", hint="give plain values"
    )


def _given(host: HostObject) -> HostObject:
    """What a caller gets of an object in an endpoint's result: of a picture nothing that tells how it was made."""
    if isinstance(host, Image):
        return replace(host, made_with={})
    raise HostFault(
        f"an endpoint gives data and pictures, and no {host.type_name} of its publisher's",
        kind="denied",
        hint="let it use that itself, or share it with whoever calls",
    )


def _pictures(value: Value) -> Iterator[Image]:
    if isinstance(value, Image):
        yield value
    elif isinstance(value, list | dict):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _pictures(each)
