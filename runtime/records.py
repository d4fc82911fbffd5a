"""Values and errors as the JSON that a journal keeps.

What is journaled is a tree, copied: two references to one list come back as two lists, and what contains itself is
refused. Host objects are kept as references by the host's own `Codec`; functions cannot be kept. In an object of JSON
the key ``$`` marks what is none: ``{"$": "host", "of": reference}``.
"""

import json
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, Protocol, TypeAlias

from mintaka.lang.limits import MAX_DEPTH
from mintaka.runtime.errors import (
    ArityError,
    Cancelled,
    DeadlinePassed,
    HostFault,
    OutOfFuel,
    OutOfMemory,
    ScriptError,
    Stopped,
    Thrown,
    TooDeep,
    TypeFault,
)
from mintaka.runtime.values import Function, HostObject, Value

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

MOST_CELLS = 100_000
"""Values, and pieces of 64 characters of texts, that the arguments or the result of one effect may hold."""

MARK = "$"


class Codec(Protocol):
    """How a host refers to its own objects in a journal."""

    def encode(self, value: HostObject) -> Json:
        """A reference that `decode` makes the same object of in a later process. Raises `HostFault` without one."""
        ...

    def decode(self, reference: Json) -> HostObject:
        """The object of a reference. Raises `HostFault` if it is no more."""
        ...


class NoHostValues:
    """The codec of a host whose methods give plain values only."""

    def encode(self, value: HostObject) -> Json:
        """Refuse."""
        raise unjournalable(f"this {value.type_name}")

    def decode(self, reference: Json) -> HostObject:
        """Refuse."""
        raise HostFault("This run's journal refers to objects of a host that is not here.", kind="unsupported")


def unjournalable(what: str) -> HostFault:
    """The refusal of a value that a journal cannot keep."""
    return HostFault(
        f"A durable run cannot keep {what} as the result of an effect. Give plain values, or run it without a journal.",
        kind="unsupported",
    )


def encoded(value: object, codec: Codec) -> Json:
    """A value as JSON. Raises `HostFault`: ``unsupported`` for what cannot be kept, ``limit`` for too large or deep."""
    return _Encoder(codec).tree(value, 0)


def decoded(tree: Json, codec: Codec) -> Value:
    """The value of what `encoded` gave, all of it new."""
    if isinstance(tree, list):
        items: list[Value] = []
        for item in tree:
            items.append(decoded(item, codec))
        return items
    if not isinstance(tree, dict):
        return tree
    if tree.get(MARK) == "host":
        return codec.decode(tree["of"])
    plain = tree["of"] if tree.get(MARK) == "object" else tree
    assert isinstance(plain, dict)
    members: dict[str, Value] = {}
    for key, member in plain.items():
        members[key] = decoded(member, codec)
    return members


def copied(args: list[Value]) -> list[Value]:
    """Arguments whose lists and objects nobody else can change; they were found to be trees by `digest`."""
    return [_copied(arg) for arg in args]


def _copied(value: Value) -> Value:
    if isinstance(value, list):
        return copied(value)
    if isinstance(value, dict):
        return {key: _copied(member) for key, member in value.items()}
    return value


def digest(values: object, codec: Codec) -> str:
    """32 hex digits that tell whether arguments are what they were; of functions it only says that they are some."""
    return blake2b(dumps(_Arguments(codec).tree(values, 0)).encode(), digest_size=16).hexdigest()


def dumps(tree: Json) -> str:
    """JSON in ASCII; NaN and the infinities are written as Python does."""
    return json.dumps(tree, separators=(",", ":"))


def loads(text: str) -> Any:
    """What `dumps` wrote."""
    return json.loads(text)


def error_record(error: ScriptError, codec: Codec) -> dict[str, Json]:
    """An error as JSON."""
    record: dict[str, Json] = {
        "kind": error.kind,
        "message": error.message,
        "hint": error.hint,
        "data": encoded(dict(error.data), codec),
        "op": error.op,
        "stopped": isinstance(error, Stopped),
    }
    if isinstance(error, Thrown):
        record["value"] = encoded(error.value, codec)
    return record


def recorded_outcome(outcome: str, codec: Codec) -> Value:
    """The value that an effect had, or its error raised, of the JSON that was kept of it."""
    kept = loads(outcome)
    if "error" in kept:
        raise recorded_error(kept["error"], codec)
    return decoded(kept["value"], codec)


def recorded_error(record: Mapping[str, Json], codec: Codec) -> ScriptError:
    """The error of what `error_record` gave; it can be caught if that could."""
    kind, message, data = str(record["kind"]), str(record["message"]), decoded(record["data"], codec)
    if "value" in record:
        return Thrown(message, decoded(record["value"], codec))
    wanted = (_STOPPED if record["stopped"] else _FAULTS).get(kind, Stopped if record["stopped"] else HostFault)
    hint, op = record["hint"], record["op"]
    assert isinstance(data, dict)
    return wanted(
        message, kind=kind, hint=None if hint is None else str(hint), data=data, op=None if op is None else str(op)
    )


_STOPPED: Mapping[str, type[ScriptError]] = {
    each.kind: each for each in (OutOfFuel, OutOfMemory, TooDeep, DeadlinePassed, Cancelled)
}
_FAULTS: Mapping[str, type[ScriptError]] = {each.kind: each for each in (ArityError, TypeFault, ScriptError)}


class _Encoder:
    """Copies one value to JSON and counts what it holds."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._cells = 0

    def tree(self, value: object, depth: int) -> Json:
        self._cells += 1
        if isinstance(value, str):
            self._cells += len(value) >> 6
        if self._cells > MOST_CELLS:
            raise HostFault(
                f"The arguments or the result of an effect of a durable run are at most {MOST_CELLS:,} values.",
                kind="limit",
                data={"limit": "journal", "value": MOST_CELLS},
            )
        if value is None or isinstance(value, bool | int | float | str):
            return value
        if depth > MAX_DEPTH:
            raise HostFault(
                "This value is nested too deeply for the journal of a durable run, or contains itself.",
                kind="limit",
                data={"limit": "depth", "value": MAX_DEPTH},
            )
        if isinstance(value, list):
            return [self.tree(item, depth + 1) for item in value]
        if isinstance(value, dict):
            return self._members(value, depth)
        if isinstance(value, HostObject):
            return {MARK: "host", "of": self._reference(value)}
        return self._other(value)

    def _members(self, value: dict[object, object], depth: int) -> Json:
        members: dict[str, Json] = {}
        for key, member in value.items():
            if not isinstance(key, str):
                raise unjournalable("an object with keys that are no text")
            members[key] = self.tree(member, depth + 1)
            self._cells += len(key) >> 6
        return {MARK: "object", "of": members} if MARK in members else members

    def _reference(self, value: HostObject) -> Json:
        return self._codec.encode(value)

    def _other(self, value: object) -> Json:
        raise unjournalable("a function" if isinstance(value, Function) else "what is no value of a script")


class _Arguments(_Encoder):
    """Copies arguments, which are only compared: functions and objects without a reference are told by their kind."""

    def _reference(self, value: HostObject) -> Json:
        try:
            return [value.type_name, self._codec.encode(value)]
        except HostFault:
            return value.type_name

    def _other(self, value: object) -> Json:
        return {MARK: "function"}
