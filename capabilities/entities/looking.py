"""Looking at entities from a script: paid for, and in a durable run recorded as what it was."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, cast

from mintaka.library.entities import Entity
from mintaka.runtime.errors import HostFault
from mintaka.runtime.run import Run
from mintaka.runtime.values import Value

FUEL = 256
"""Units of fuel for a look into the database."""


def observed(run: Run, what: str, read: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
    """What ``read`` gives, or the `HostFault` it raises: the same when the run is resumed."""

    def outcome() -> Value:
        try:
            return {"found": dict(read())}
        except HostFault as fault:
            return {"kind": fault.kind, "message": fault.message, "hint": fault.hint, "data": cast(Value, fault.data)}

    run.charge(FUEL)
    found = cast(dict[str, Any], run.observe(what, outcome))
    if "found" in found:
        return cast(dict[str, Any], found["found"])
    raise HostFault(found["message"], kind=found["kind"], hint=found["hint"], data=found["data"])


def record(entity: Entity) -> dict[str, Any]:
    """An entity as plain data."""
    return asdict(entity) | {"contents": list(entity.contents)}


def recorded(data: Mapping[str, Any]) -> Entity:
    """The entity of what `record` gave."""
    return Entity(**{**data, "contents": tuple(data["contents"])})
