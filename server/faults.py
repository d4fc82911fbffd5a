"""From whatever went wrong to the error object a client reads, and to the log."""

from collections.abc import Callable, Sequence

from mintaka.engine.errors import EngineError
from mintaka.lang.diagnostics import Code, Diagnostic, leading
from mintaka.runtime.errors import ScriptError
from mintaka.server.errors import Fault, Kind
from mintaka.server.powers import Log
from mintaka.storage.errors import StorageFailed

CHECKED_KINDS = {
    Code.ARITY: Kind.ARITY,
    Code.TYPE: Kind.TYPE,
    Code.UNKNOWN_OP: Kind.UNKNOWN_OP,
    Code.UNBOUND: Kind.UNBOUND,
    Code.UNKNOWN_METHOD: Kind.METHOD_NOT_FOUND,
    Code.UNKNOWN_OPTION: Kind.INVALID_PARAMS,
}
"""What the checker finds before anything runs and the error names instead of ``script_rejected``."""

TOLD_KINDS = frozenset(Kind) - {Kind.INTERNAL}
"""Kinds whose message is meant for the client."""


class Faults:
    """Tells clients what went wrong, and the log what clients are not told."""

    def __init__(self, log: Log, reference: Callable[[], str]) -> None:
        self._log = log
        self._reference = reference

    def tell(self, error: Exception) -> dict[str, object]:
        """The error object ``{code, message, data}`` for ``error``."""
        if isinstance(error, Fault):
            return error.to_json()
        if isinstance(error, ScriptError | EngineError | StorageFailed) and error.kind in TOLD_KINDS:
            data = where(error) if isinstance(error, ScriptError) else {}
            return Fault(Kind(error.kind), error.message, hint=error.hint, data=data).to_json()
        return self._internal(error).to_json()

    def _internal(self, error: Exception) -> Fault:
        reference = self._reference()
        self._log.error("internal error", reference=reference, exc_info=error)
        return Fault(
            Kind.INTERNAL,
            f"Something went wrong inside the server. Its log tells more under the reference {reference}.",
            data={"reference": reference},
        )


def where(error: ScriptError) -> dict[str, object]:
    """The data of a script's error: its own, the op, and where it stands in the source."""
    data: dict[str, object] = dict(error.data)
    if error.op is not None:
        data["op"] = error.op
    if error.span is not None:
        data.update(error.span.to_json())
    return data


def rejected(diagnostics: Sequence[Diagnostic]) -> Fault:
    """The error of a script the parser or the checker refused."""
    first = leading(diagnostics)
    kind = CHECKED_KINDS.get(first.code, Kind.SCRIPT_REJECTED)
    data: dict[str, object] = {"diagnostics": [diagnostic.to_json() for diagnostic in diagnostics]}
    data.update(first.span.to_json())
    return Fault(kind, first.message, hint=first.hint, data=data)
