"""The protocol's closed set of errors: every kind, its code, and how anything that went wrong is told to a client.

An error on the wire is ``{code, message, data: {kind, op, line, column, path, hint, …}}``. What a client reads never
contains a traceback, a path of the machine, SQL, a handle or a secret: errors that are not ours are logged in full
under a reference number, and the client gets the number.
"""

from collections.abc import Mapping
from enum import StrEnum


class Kind(StrEnum):
    """What went wrong, as ``data.kind`` says it."""

    PARSE_ERROR = "parse_error"
    INVALID_REQUEST = "invalid_request"
    METHOD_NOT_FOUND = "method_not_found"
    INVALID_PARAMS = "invalid_params"
    INTERNAL = "internal"
    UNAUTHENTICATED = "unauthenticated"
    NO_SUCH_CAPABILITY = "no_such_capability"
    DENIED = "denied"
    NO_BUDGET = "no_budget"
    EMPTY_AUTHORITY = "empty_authority"
    LIMIT = "limit"
    SCRIPT_REJECTED = "script_rejected"
    ARITY = "arity"
    TYPE = "type"
    UNKNOWN_OP = "unknown_op"
    UNBOUND = "unbound"
    MISSING_KEY = "missing_key"
    THROWN = "thrown"
    FUEL = "fuel"
    MEMORY = "memory"
    DEPTH = "depth"
    DEADLINE = "deadline"
    CANCELLED = "cancelled"
    DIVERGED = "diverged"
    STORAGE_FULL = "storage_full"
    STORAGE_ERROR = "storage_error"
    BAD_IMAGE = "bad_image"
    WORKER_CRASHED = "worker_crashed"
    OUT_OF_MEMORY = "out_of_memory"
    BUSY = "busy"
    IDEMPOTENCY_CONFLICT = "idempotency_conflict"
    NO_SUCH_MODEL = "no_such_model"
    UNSUPPORTED = "unsupported"
    GENERATION_FAILED = "generation_failed"


CODES: Mapping[Kind, int] = {
    Kind.PARSE_ERROR: -32700,
    Kind.INVALID_REQUEST: -32600,
    Kind.METHOD_NOT_FOUND: -32601,
    Kind.INVALID_PARAMS: -32602,
    Kind.INTERNAL: -32603,
    Kind.UNAUTHENTICATED: -32040,
    Kind.NO_SUCH_CAPABILITY: -32041,
    Kind.DENIED: -32042,
    Kind.NO_BUDGET: -32042,
    Kind.EMPTY_AUTHORITY: -32043,
    Kind.LIMIT: -32044,
    Kind.SCRIPT_REJECTED: -32046,
    Kind.ARITY: -32046,
    Kind.TYPE: -32046,
    Kind.UNKNOWN_OP: -32046,
    Kind.UNBOUND: -32046,
    Kind.MISSING_KEY: -32046,
    Kind.THROWN: -32046,
    Kind.FUEL: -32047,
    Kind.MEMORY: -32047,
    Kind.DEPTH: -32047,
    Kind.DEADLINE: -32048,
    Kind.CANCELLED: -32049,
    Kind.DIVERGED: -32049,
    Kind.STORAGE_FULL: -32050,
    Kind.STORAGE_ERROR: -32051,
    Kind.BAD_IMAGE: -32052,
    Kind.WORKER_CRASHED: -32053,
    Kind.OUT_OF_MEMORY: -32053,
    Kind.BUSY: -32053,
    Kind.IDEMPOTENCY_CONFLICT: -32054,
    Kind.NO_SUCH_MODEL: -32055,
    Kind.UNSUPPORTED: -32055,
    Kind.GENERATION_FAILED: -32056,
}
"""The code of every kind."""


class Fault(Exception):
    """An error that is told to the client as it stands; ``message`` says what is wrong and what to do."""

    def __init__(
        self, kind: Kind, message: str, *, hint: str | None = None, data: Mapping[str, object] | None = None
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.hint = hint
        self.data: Mapping[str, object] = data or {}

    def to_json(self) -> dict[str, object]:
        """The error object of an answer."""
        data: dict[str, object] = {"kind": self.kind.value}
        if self.hint is not None:
            data["hint"] = self.hint
        data.update(self.data)
        return {"code": CODES[self.kind], "message": self.message, "data": data}
