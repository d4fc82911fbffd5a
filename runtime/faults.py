"""From whatever was raised while generated code ran to the `ScriptError` a script or its author sees."""

from collections.abc import Sequence
from types import TracebackType
from typing import cast

from mintaka.lang.spans import HIDDEN
from mintaka.runtime.errors import OutOfMemory, ScriptError, Thrown, TooDeep, internal_error
from mintaka.runtime.values import Value
from mintaka.runtime.writer import Site

SCRIPT_FILE = "<script>"
"""File name of generated code: tells its frames from those of the host."""


def script_error(error: Exception, sites: Sequence[Site]) -> ScriptError:
    """``error`` as a script's error, with the op and the place of the innermost code of the script it passed."""
    if isinstance(error, ScriptError) and error.span is not None:
        return error
    line, own = _innermost(error.__traceback__, sites)
    known = _known(error, own)
    if line:
        known.op = known.op or sites[line - 1].op
        known.span = sites[line - 1].span
    return known


def record(error: ScriptError) -> dict[str, Value]:
    """What ``std.error`` gives a handler."""
    span = error.span
    return {
        "code": error.kind,
        "message": error.message,
        "op": error.op,
        "line": span.line if span is not None and span.line else None,
        "column": span.column if span is not None and span.line else None,
        "hint": error.hint,
        "data": cast(dict[str, Value], dict(error.data)),
    }


def caught_value(error: ScriptError) -> Value:
    """What the variable of ``std.try`` holds: what the script threw, or the message of another error."""
    return error.value if isinstance(error, Thrown) else error.message


def _known(error: Exception, own: bool) -> ScriptError:
    if isinstance(error, ScriptError):
        return error
    # The only thing generated code itself can fail at is to take another link from the chain of its depth.
    if isinstance(error, RecursionError) or (own and isinstance(error, ValueError)):
        return TooDeep("Calls are nested too deeply. Look for a function that calls itself without end.")
    if isinstance(error, MemoryError):
        return OutOfMemory("The machine has no memory left for the script's data. Keep less at a time.")
    return internal_error(error)


def _innermost(traceback: TracebackType | None, sites: Sequence[Site]) -> tuple[int, bool]:
    """The line of the script's own innermost frame, and whether the error was raised in generated code itself."""
    line, own = 0, False
    while traceback is not None:
        own = traceback.tb_frame.f_code.co_filename == SCRIPT_FILE
        at = traceback.tb_lineno
        if own and 0 < at <= len(sites) and sites[at - 1].span != HIDDEN:
            line = at
        traceback = traceback.tb_next
    return line, own
