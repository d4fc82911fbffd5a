"""The HTTP status of every kind of error."""

from collections.abc import Mapping

from mintaka.server.errors import Kind

STATUSES: Mapping[Kind, int] = {
    Kind.PARSE_ERROR: 400,
    Kind.INVALID_REQUEST: 400,
    Kind.METHOD_NOT_FOUND: 404,
    Kind.INVALID_PARAMS: 422,
    Kind.INTERNAL: 500,
    Kind.UNAUTHENTICATED: 401,
    Kind.NO_SUCH_CAPABILITY: 404,
    Kind.DENIED: 403,
    Kind.NO_BUDGET: 403,
    Kind.EMPTY_AUTHORITY: 403,
    Kind.LIMIT: 413,
    Kind.SCRIPT_REJECTED: 422,
    Kind.ARITY: 422,
    Kind.TYPE: 422,
    Kind.UNKNOWN_OP: 422,
    Kind.UNBOUND: 422,
    Kind.MISSING_KEY: 422,
    Kind.THROWN: 422,
    Kind.FUEL: 422,
    Kind.MEMORY: 422,
    Kind.DEPTH: 422,
    Kind.DEADLINE: 504,
    Kind.CANCELLED: 409,
    Kind.DIVERGED: 409,
    Kind.STORAGE_FULL: 507,
    Kind.STORAGE_ERROR: 500,
    Kind.BAD_IMAGE: 422,
    Kind.WORKER_CRASHED: 502,
    Kind.OUT_OF_MEMORY: 503,
    Kind.BUSY: 429,
    Kind.IDEMPOTENCY_CONFLICT: 409,
    Kind.NO_SUCH_MODEL: 404,
    Kind.UNSUPPORTED: 422,
    Kind.GENERATION_FAILED: 500,
}
"""The status of each."""


def status_of(told: Mapping[str, object]) -> int:
    """The status of an error ``{code, message, data: {kind}}``."""
    data = told.get("data")
    return STATUSES[Kind(str(data["kind"]))] if isinstance(data, Mapping) else 500


def headers_of(told: Mapping[str, object], status: int) -> dict[str, str]:
    """The headers of an error: how to sign in, or when to come again."""
    data = told.get("data")
    wait_ms = data.get("retry_after_ms") if isinstance(data, Mapping) else None
    headers = {"cache-control": "no-store"}
    if isinstance(wait_ms, int):
        headers["retry-after"] = str(-(-wait_ms // 1000))
    if status == 401:
        headers["www-authenticate"] = "Bearer"
    return headers
