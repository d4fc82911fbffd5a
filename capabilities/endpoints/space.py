"""What endpoints need around them: where they are kept, what compiles them, and which of them a capability reaches."""

import hmac
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from blake3 import blake3

from mintaka.capabilities.endpoints import form
from mintaka.capabilities.failures import told
from mintaka.capabilities.held import Held
from mintaka.library.endpoints import Endpoint, Endpoints, no_such_endpoint
from mintaka.runtime.compiler import Program
from mintaka.runtime.errors import HostFault
from mintaka.storage.blobs import Blobs
from mintaka.storage.database import Database

CALL = "endpoint.call"
"""The type of capability that calls endpoints: those of whoever made its root."""

Compile = Callable[[str], Program]
"""Makes a program of what is kept of it. Raises `HostFault` (script_rejected) where it is none any more."""


@dataclass(frozen=True, slots=True)
class EndpointSpace:
    """The ``database`` with the endpoints there are, the folder of pictures, and the compiler of their programs.

    ``key``, 32 secret bytes, seals what is kept: a script that somebody changed in the database is not run with what
    its publisher granted to another.
    """

    database: Database
    endpoints: Endpoints
    blobs: Blobs
    compile: Compile
    key: bytes = field(repr=False)

    def sealed(self, endpoint: Endpoint) -> Endpoint:
        """The endpoint with its seal."""
        return replace(endpoint, seal=self._seal(endpoint))

    def get(self, owner: str, name: str, version: int | None = None) -> Endpoint:
        """A version of an endpoint, or its newest.

        Raises HostFault: ``no_such_capability``, ``storage_error`` for one that was changed since it was published.
        """
        with told():
            return self._whole(self.endpoints.get(owner, name, version))

    def reached(self, held: Held) -> Iterator[Endpoint]:
        """The newest version of each endpoint that a capability of type `CALL` may call."""
        if held.restrictions.permits("methods", "call"):
            for each in self.endpoints.of(held.origin):
                if held.restrictions.permits("endpoints", each.name):
                    yield each

    def callable(self, all_held: Iterable[Held]) -> list[tuple[Endpoint, Held]]:
        """Every endpoint that whoever holds all these may call, with what they call it by, their own first.

        Where several capabilities reach one, it is the first that has a use left, or the first.
        """
        found: dict[tuple[str, str], tuple[Endpoint, Held]] = {}
        for held in all_held:
            for each in self.reached(held) if held.type == CALL else ():
                known = found.get((each.owner, each.name))
                if known is None or (_spent(known[1]) and not _spent(held)):
                    found[each.owner, each.name] = (each, held)
        return sorted(found.values(), key=lambda each: (each[0].owner != each[1].holder, each[0].owner, each[0].name))

    def parameters(self, endpoint: Endpoint) -> dict[str, Any]:
        """The JSON Schema of its arguments. Raises what `get` does, and HostFault where it compiles no more."""
        return form.schema(self.compile(self._whole(endpoint).program).parameters)

    def described(self, endpoint: Endpoint) -> dict[str, Any]:
        """What whoever may call an endpoint is told of it; ``parameters`` is the JSON Schema of its arguments.

        One that cannot be called any more, since its script is none to this version or was changed where it is kept,
        is told as ``unavailable``, with the reason.
        """
        told: dict[str, Any] = {
            "name": endpoint.name,
            "owner": endpoint.owner,
            "version": endpoint.version,
            "description": endpoint.description,
            "published": endpoint.published,
        }
        try:
            return {**told, "parameters": self.parameters(endpoint)}
        except HostFault as fault:
            return {**told, "parameters": form.schema([]), "unavailable": fault.message}

    def _whole(self, endpoint: Endpoint) -> Endpoint:
        if not hmac.compare_digest(endpoint.seal.encode(), self._seal(endpoint).encode()):
            raise HostFault(
                "What was kept of this endpoint has been changed.", kind="storage_error", hint="publish it again"
            )
        return endpoint

    def _seal(self, endpoint: Endpoint) -> str:
        sealed = [endpoint.owner, endpoint.name, endpoint.version, endpoint.program, list(endpoint.grant)]
        return blake3(json.dumps(sealed).encode(), key=self.key).hexdigest(length=16)


def calls(held: Held) -> Held:
    """The capability, if it is one that calls endpoints. Raises HostFault ``no_such_capability``."""
    if held.type != CALL:
        with told():
            raise no_such_endpoint()
    return held


def _spent(held: Held) -> bool:
    return held.left.get("uses", 1) < 1
