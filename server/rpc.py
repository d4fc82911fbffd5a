"""JSON-RPC 2.0 without I/O: a frame of bytes becomes calls and refusals, answers become frames.

Text frames are JSON, binary frames the same messages in msgpack. Reading never raises: whatever a peer sends turns into
`Call`s that may be run and `Refusal`s that are answered as they stand. What a frame may cost is decided before it is
built: the nodes of a JSON text are counted in its bytes, so a few megabytes of brackets never become objects.
https://www.jsonrpc.org/specification
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgpack  # type: ignore[import-untyped]
import orjson

from mintaka.server.errors import Fault, Kind

JSONRPC = "2.0"

Id = str | int | None


@dataclass(frozen=True, slots=True)
class FrameLimits:
    """What one incoming frame may hold: bytes, levels of nesting, JSON values and calls in a batch."""

    bytes: int = 16 * 1024 * 1024
    depth: int = 512
    nodes: int = 50_000
    batch: int = 50
    noun: str = "frame"
    """What it is called where it is refused."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request (``id`` is a string or an integer) or, when ``notification`` is set, a call nobody waits for."""

    id: Id
    method: str
    params: Mapping[str, object] | Sequence[object]
    notification: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """Something that is no call; ``fault`` is its answer, under ``id`` where one could be read."""

    id: Id
    fault: Fault


@dataclass(frozen=True, slots=True)
class Incoming:
    """One frame, read: ``items`` in their order; ``batch`` says that the answer is an array."""

    items: tuple[Call | Refusal, ...]
    batch: bool = False


def read(frame: str | bytes, limits: FrameLimits) -> Incoming:
    """Read one frame: ``str`` is JSON, ``bytes`` is msgpack. Never raises for what a peer sent."""
    try:
        message = _parse_text(frame, limits) if isinstance(frame, str) else _parse_binary(frame, limits)
        _refuse_deep(message, limits)
    except Fault as refusal:
        return Incoming((Refusal(None, refusal),))
    if not isinstance(message, list):
        return Incoming((_read_one(message),))
    if not message:
        return Incoming((Refusal(None, Fault(Kind.INVALID_REQUEST, "A batch holds at least one request.")),))
    if len(message) > limits.batch:
        fault = Fault(
            Kind.LIMIT,
            f"A batch holds at most {limits.batch} requests, this one has {len(message)}. Send several batches.",
            data={"limit": "batch", "value": limits.batch},
        )
        return Incoming((Refusal(None, fault),))
    return Incoming(tuple(_read_one(item) for item in message), batch=True)


def success(id: Id, result: object) -> dict[str, object]:
    """An answer; ``result`` is there even when it is null."""
    return {"jsonrpc": JSONRPC, "id": id, "result": result}


def failure(id: Id, error: Mapping[str, object]) -> dict[str, object]:
    """An answer that says what went wrong; ``error`` is ``{code, message, data}``."""
    return {"jsonrpc": JSONRPC, "id": id, "error": dict(error)}


def notification(method: str, params: Mapping[str, object]) -> dict[str, object]:
    """A message nobody answers."""
    return {"jsonrpc": JSONRPC, "method": method, "params": dict(params)}


def write_text(message: object) -> str:
    """Encode a message as JSON; NaN and ±Infinity become null."""
    return encode_json(message).decode()


def encode_json(value: object) -> bytes:
    """Encode JSON of up to 512 levels of nesting and a few more; halves of surrogate pairs become question marks."""
    try:
        return orjson.dumps(value)
    except TypeError:
        # orjson stops at 254 levels; the standard encoder goes as deep as the interpreter's stack.
        text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        return text.encode("utf-8", "replace")


def write_binary(message: object) -> bytes:
    """Encode a message as msgpack; bytes stay bytes."""
    packed = msgpack.packb(message, use_bin_type=True)
    assert isinstance(packed, bytes)
    return packed


def _parse_text(text: str, limits: FrameLimits) -> object:
    return _parse_json(text.encode("utf-8", "surrogatepass"), limits, " Every frame is one JSON-RPC 2.0 message.")


def read_json(raw: bytes, limits: FrameLimits) -> object:
    """The value of a JSON text. Raises `Fault` (parse_error, limit)."""
    value = _parse_json(raw, limits)
    _refuse_deep(value, limits)
    return value


def _parse_json(raw: bytes, limits: FrameLimits, advice: str = "") -> object:
    if len(raw) > limits.bytes:
        raise too_large(limits, "bytes")
    if _more_nodes_than(limits.nodes, raw):
        raise too_large(limits, "nodes")
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        if "depth" in str(error) or "recursion" in str(error):
            raise _too_deep(limits) from None
        raise Fault(
            Kind.PARSE_ERROR,
            f"This {limits.noun} is not JSON: {error.msg}.{advice}",
            data={"line": error.lineno, "column": error.colno},
        ) from None


_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)


def _more_nodes_than(limit: int, raw: bytes) -> bool:
    """Whether a JSON text holds more values than that: at most one a comma, one an opening bracket, and the whole."""
    # Marks inside strings are not structure; taking the strings out costs a pass, so it is done only when needed.
    return _marks(raw) > limit and _marks(_STRING.sub(b"", raw)) > limit


def _marks(raw: bytes) -> int:
    return raw.count(b",") + raw.count(b"[") + raw.count(b"{") + 1


class _Counter:
    """Counts what msgpack builds while it builds it, and stops it in time."""

    def __init__(self, limits: FrameLimits) -> None:
        self._limits = limits
        self._left = limits.nodes

    def items(self, items: list[object]) -> list[object]:
        self._spend(len(items) + 1)
        return items

    def pairs(self, pairs: list[tuple[object, object]]) -> dict[object, object]:
        self._spend(len(pairs) + 1)
        for key, _ in pairs:
            if not isinstance(key, str):
                raise Fault(Kind.PARSE_ERROR, "Keys of objects are strings. Send every key as a msgpack string.")
        return dict(pairs)

    def _spend(self, count: int) -> None:
        self._left -= count
        if self._left < 0:
            raise too_large(self._limits, "nodes")


def _parse_binary(frame: bytes, limits: FrameLimits) -> object:
    if len(frame) > limits.bytes:
        raise too_large(limits, "bytes")
    counter = _Counter(limits)
    try:
        return msgpack.unpackb(
            frame,
            raw=False,
            list_hook=counter.items,
            object_pairs_hook=counter.pairs,
            max_array_len=limits.nodes,
            max_map_len=limits.nodes,
            max_ext_len=0,
        )
    except msgpack.exceptions.StackError:
        raise _too_deep(limits) from None
    except (ValueError, msgpack.exceptions.UnpackException) as error:
        if "exceeds max_" in str(error):
            raise too_large(limits, "nodes") from None
        raise Fault(
            Kind.PARSE_ERROR, "This binary frame is not msgpack. Send one msgpack message, or JSON as a text frame."
        ) from None


def _refuse_deep(message: object, limits: FrameLimits) -> None:
    """Walk level by level, so that depth costs no stack."""
    level: list[object] = [message]
    depth = 0
    while level:
        below: list[object] = []
        for value in level:
            if isinstance(value, dict):
                below.extend(value.values())
            elif isinstance(value, list):
                below.extend(value)
        if any(isinstance(value, dict | list) for value in level):
            depth += 1
            if depth > limits.depth:
                raise _too_deep(limits)
        level = below


def _read_one(message: object) -> Call | Refusal:
    if not isinstance(message, dict):
        return _invalid(None, "A request is a JSON object.")
    id = message.get("id")
    notification = "id" not in message
    if not notification and (isinstance(id, bool) or not isinstance(id, str | int)):
        return _invalid(None, "An id is a string or an integer.")
    if message.get("jsonrpc") != JSONRPC:
        return _invalid(id, 'A request has the member "jsonrpc": "2.0".')
    method = message.get("method")
    if not isinstance(method, str) or not method:
        return _invalid(id, 'A request names its "method", a string.')
    params = message.get("params")
    if params is None:
        params = {}
    if not isinstance(params, dict | list):
        return _invalid(id, '"params" is an object or an array.')
    return Call(id, method, params, notification)


def _invalid(id: Id, message: str) -> Refusal:
    return Refusal(id, Fault(Kind.INVALID_REQUEST, message))


def too_large(limits: FrameLimits, limit: str) -> Fault:
    """The error of a frame, or whatever else the limits are of, with more ``bytes`` or ``nodes`` than it may have."""
    value: int = getattr(limits, limit)
    what = "values" if limit == "nodes" else limit
    less = "fewer" if limit == "nodes" else "less"
    return Fault(
        Kind.LIMIT,
        f"A {limits.noun} holds at most {value} {what}. Send {less} in one {limits.noun}.",
        data={"limit": limit, "value": value},
    )


def _too_deep(limits: FrameLimits) -> Fault:
    return Fault(
        Kind.LIMIT,
        f"JSON may be nested {limits.depth} levels deep. Flatten what you send.",
        data={"limit": "depth", "value": limits.depth},
    )
