"""Everything that can go wrong while a script runs, as one small tree.

    ScriptError                 carries kind, message, hint, data, the op and where it stood
    ├── ArityError              an op got too few or too many arguments                    (arity)
    ├── TypeFault               an argument has the wrong type                             (type)
    ├── Thrown                  the script threw a value itself                            (thrown)
    ├── HostFault               a host object refused or failed; its kind says which       (denied, no_budget, …)
    └── Stopped                 the run itself is over; ``std.try`` cannot catch it
        ├── OutOfFuel                                                                      (fuel)
        ├── OutOfMemory                                                                    (memory)
        ├── TooDeep                                                                        (depth)
        ├── DeadlinePassed                                                                 (deadline)
        ├── Cancelled                                                                      (cancelled)
        ├── Diverged            a resumed run does not go the way its journal says         (diverged)
        └── JournalLost         what a durable run does can no longer be written down      (storage_error)

``kind`` is one of the protocol's closed set; the server maps it to an error code. No message ever contains a Python
traceback, a path of the machine or a repr.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mintaka.lang.tree import Span
    from mintaka.runtime.budget import Used
    from mintaka.runtime.values import Value


class ScriptError(Exception):
    """An error a script or its author can act upon.

    ``message`` says what is wrong and what to do; ``hint`` is a shorter suggestion an editor can show apart;
    ``data`` holds further facts (JSON values). ``op`` and ``span`` are filled in where the error passes the op.
    """

    kind = "internal"

    def __init__(
        self,
        message: str,
        *,
        kind: str | None = None,
        hint: str | None = None,
        data: Mapping[str, object] | None = None,
        op: str | None = None,
        span: "Span | None" = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        if kind is not None:
            self.kind = kind
        self.hint = hint
        self.data: Mapping[str, object] = data or {}
        self.op = op
        self.span = span
        self.used: Used | None = None
        """What the run had used when it ended with this."""

    @property
    def line(self) -> int | None:
        """The line of the script, from 1 on; ``None`` where there is none, as in a JSON form."""
        return self.span.line if self.span is not None and self.span.line > 0 else None

    @property
    def column(self) -> int | None:
        """The column of that line, from 1 on."""
        return None if self.span is None or self.line is None else self.span.column


class ArityError(ScriptError):
    """An op was given too few or too many arguments."""

    kind = "arity"


class TypeFault(ScriptError):
    """An argument has a type the op does not take."""

    kind = "type"


class Thrown(ScriptError):
    """The script threw ``value`` with ``std.throw`` and nothing caught it."""

    kind = "thrown"

    def __init__(self, message: str, value: "Value") -> None:
        super().__init__(message)
        self.value = value


class HostFault(ScriptError):
    """A host object refused or failed; give its ``kind`` (denied, no_budget, no_such_capability, worker_crashed, …)."""


class Stopped(ScriptError):
    """The run is over. ``std.try`` does not catch this."""


class OutOfFuel(Stopped):
    """The run used up its fuel."""

    kind = "fuel"


class OutOfMemory(Stopped):
    """The run's live data would exceed its memory budget."""

    kind = "memory"


class TooDeep(Stopped):
    """Calls are nested deeper than the budget allows."""

    kind = "depth"


class DeadlinePassed(Stopped):
    """The run's wall-clock deadline has passed."""

    kind = "deadline"


class Cancelled(Stopped):
    """Somebody with the right to do so cancelled the run."""

    kind = "cancelled"


class Diverged(Stopped):
    """A run cannot be resumed: its script, arguments or budget are not those it began with, or it went another way."""

    kind = "diverged"


class JournalLost(Stopped):
    """A durable run's journal could not be written; the run stops rather than do what would be done again."""

    kind = "storage_error"


def internal_error(cause: Exception | None = None) -> ScriptError:
    """What a script is told of a fault that is not its own."""
    error = ScriptError("Something went wrong inside an op; the script is not to blame.")
    error.__cause__ = cause
    return error
