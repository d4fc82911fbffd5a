"""Values of scripts as JSON and back.

Pictures go out whole, with the address they have here; capabilities as handles of the session they are shown to. What
comes in is believed only where it is a handle: everything else about a capability is looked up again.
"""

import base64
import math
from collections.abc import Mapping
from dataclasses import asdict

from mintaka.capabilities.entities.value import EntityValue
from mintaka.capabilities.handles import Handles
from mintaka.capabilities.images import Image
from mintaka.capabilities.value import CapabilityValue
from mintaka.lang.numbers import number
from mintaka.runtime.budget import Used
from mintaka.runtime.execute import Outcome
from mintaka.runtime.values import HostObject, Value
from mintaka.server.assets import Assets
from mintaka.server.errors import Fault, Kind
from mintaka.server.settings import Limits

HANDLE = "$cap"


class Wire:
    """Carries values across. ``binary`` keeps bytes as they are, for msgpack."""

    def __init__(self, assets: Assets, limits: Limits) -> None:
        self._assets = assets
        self._limits = limits

    def encode(self, value: Value, handles: Handles, *, binary: bool = False) -> object:
        """A value as JSON. Raises `Fault` (limit) for one that is too deep or too large to send."""
        return _Encoder(self._assets, handles, self._limits, binary).encode(value, 0)

    def encode_result(self, outcome: Outcome, handles: Handles, *, binary: bool = False) -> object:
        """The value of a run as JSON; see `encode`."""
        # pyright takes an attribute that may be a function for a method.
        return self.encode(outcome.value, handles, binary=binary)  # pyright: ignore[reportArgumentType]

    def decode(self, value: object, handles: Handles) -> Value:
        """JSON as a value; handles become the session's capabilities. Raises `HostFault` for one it does not have."""
        if isinstance(value, list):
            items: list[Value] = []
            for item in value:
                items.append(self.decode(item, handles))
            return items
        if isinstance(value, dict):
            handle = value.get(HANDLE)
            if isinstance(handle, str):
                return handles.resolve(handle)
            members: dict[str, Value] = {}
            for key, member in value.items():
                members[key] = self.decode(member, handles)
            return members
        if isinstance(value, bool | int | float | str) or value is None:
            return value
        if isinstance(value, bytes):  # of a binary frame: a picture, in a form that scripts and journals can hold
            return base64.b64encode(value).decode()
        raise Fault(Kind.INVALID_PARAMS, "Values are JSON: null, booleans, numbers, strings, arrays and objects.")

    def event(self, kind: str, data: Mapping[str, object], handles: Handles, *, binary: bool) -> dict[str, object]:
        """An event's data as JSON."""
        if kind == "preview":
            told = {name: fact for name, fact in data.items() if name != "mime"}
            # What was emerging is not kept: one who asks later hears that there was a preview.
            return told if "image" not in data else {**told, "image": picture(data["image"], str(data["mime"]), binary)}
        if kind == "asset":
            return {**data, "image_url": self._assets.url(str(data["asset"]))}
        if kind == "done":
            outcome = data["outcome"]
            assert isinstance(outcome, Outcome)
            result = self.encode_result(outcome, handles, binary=binary)
            return {"result": result, "used": used(outcome.used)}
        return dict(data)


def used(amount: Used) -> dict[str, object]:
    """What a run used, as JSON."""
    return asdict(amount)


def picture(data: object, mime: str, binary: bool) -> object:
    """A small picture: bytes where the frame can carry them, else a data URL."""
    assert isinstance(data, bytes)
    return data if binary else f"data:{mime};base64,{base64.b64encode(data).decode()}"


class _Encoder:
    def __init__(self, assets: Assets, handles: Handles, limits: Limits, binary: bool) -> None:
        self._assets = assets
        self._handles = handles
        self._limits = limits
        self._binary = binary
        self._left = limits.json_nodes
        self._whole = True
        """Whether pictures go out whole."""

    def encode(self, value: Value, depth: int) -> object:
        self._left -= 1
        if self._left < 0:
            raise _too_much("nodes", self._limits.json_nodes)
        if value is None or isinstance(value, bool | int | str):
            return value
        if isinstance(value, float):
            return number(value) if math.isfinite(value) else None
        if isinstance(value, HostObject):
            return self._host(value)
        if depth >= self._limits.json_depth - 8:  # what an answer or an event wraps around it is counted too
            raise _too_much("depth", self._limits.json_depth)
        # Loops, not comprehensions: those cost a second level of the interpreter's stack at every level of the value.
        if isinstance(value, list):
            items: list[object] = []
            for item in value:
                items.append(self.encode(item, depth + 1))
            return items
        if isinstance(value, dict):
            members: dict[str, object] = {}
            for key, member in value.items():
                members[key] = self.encode(member, depth + 1)
            return members
        return {"$function": True}

    def _host(self, value: HostObject) -> object:
        if isinstance(value, Image) and not self._whole:
            return self._assets.url(value.asset, value.format)
        if isinstance(value, Image):
            data = self._assets.read(value.asset)
            return {
                "image": data if self._binary else base64.b64encode(data).decode(),
                "width": value.width,
                "height": value.height,
                "format": value.format,
                "seed": value.seed,
                "asset": value.asset,
                "image_url": self._assets.url(value.asset, value.format),
                "notes": list(value.notes),
            }
        if isinstance(value, EntityValue):
            return self._entity(value)
        if isinstance(value, CapabilityValue):
            return capability(self._handles.issue(value), value)
        return {"$host": value.type_name}

    def _entity(self, value: EntityValue) -> object:
        """An entity's properties at the top, its pictures as their addresses: there may be many of them."""
        whole, self._whole = self._whole, False
        try:
            return self.encode(dict(value.fields()), 0)
        finally:
            self._whole = whole


def capability(handle: str, value: CapabilityValue) -> dict[str, object]:
    """A capability as clients see it; only the handle counts when it comes back."""
    return {HANDLE: handle, "__brand": "Capability", "type": value.type, "id": value.id, "params": {}}


def _too_much(limit: str, most: int) -> Fault:
    return Fault(
        Kind.LIMIT,
        f"The result has more {limit} than the {most} that may be sent. Return less, or parts of it.",
        data={"limit": limit, "value": most},
    )
