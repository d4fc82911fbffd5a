"""Mintaka: a capability-secure script runtime for image generation.

Scripts are small S-expression programs; a script can do exactly what the capability objects in its hands allow.

    >>> import mintaka
    >>> mintaka.run("(list.map [1 2 3] (lambda [x] (* x x)))").value
    [1, 4, 9]

The names below are the language for programs that embed it, without server, database or engine; see docs/embedding.md.
Each is loaded when it is first used, so the import itself costs next to nothing.

The rooms, each importable as ``mintaka.<room>``, from the bottom up: ``lang`` (source to checked tree), ``runtime``
(compile and run a tree within a budget), ``stdlib`` (the ops of the language), ``embedding`` (all that for other
programs), ``engine`` (models and pictures), ``storage`` (the database and the folder of blobs), ``capabilities``
(authority: what a script may do), ``server`` and ``client`` (the wire between them), ``web`` (the browser's side).
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mintaka.embedding.exchange import ScriptFunction
    from mintaka.embedding.exposed import expose
    from mintaka.embedding.face import Rejected, Result, check, compile, format, run, run_async
    from mintaka.embedding.ops import op, op_table
    from mintaka.lang.diagnostics import Diagnostic
    from mintaka.lang.parser import parse
    from mintaka.runtime.budget import Budget, Used
    from mintaka.runtime.errors import HostFault, ScriptError
    from mintaka.runtime.run import Run
    from mintaka.runtime.values import Function, HostObject, Value

    __version__: str

_HOME = {
    "Budget": "mintaka.runtime.budget",
    "Diagnostic": "mintaka.lang.diagnostics",
    "Function": "mintaka.runtime.values",
    "HostFault": "mintaka.runtime.errors",
    "HostObject": "mintaka.runtime.values",
    "Rejected": "mintaka.embedding.face",
    "Result": "mintaka.embedding.face",
    "Run": "mintaka.runtime.run",
    "ScriptError": "mintaka.runtime.errors",
    "ScriptFunction": "mintaka.embedding.exchange",
    "Used": "mintaka.runtime.budget",
    "Value": "mintaka.runtime.values",
    "check": "mintaka.embedding.face",
    "compile": "mintaka.embedding.face",
    "expose": "mintaka.embedding.exposed",
    "format": "mintaka.embedding.face",
    "op": "mintaka.embedding.ops",
    "op_table": "mintaka.embedding.ops",
    "parse": "mintaka.lang.parser",
    "run": "mintaka.embedding.face",
    "run_async": "mintaka.embedding.face",
}
"""Where each public name is defined."""

__all__ = [
    "Budget",
    "Diagnostic",
    "Function",
    "HostFault",
    "HostObject",
    "Rejected",
    "Result",
    "Run",
    "ScriptError",
    "ScriptFunction",
    "Used",
    "Value",
    "__version__",
    "check",
    "compile",
    "expose",
    "format",
    "op",
    "op_table",
    "parse",
    "run",
    "run_async",
]


def __getattr__(name: str) -> object:
    """A public name, from the module that defines it."""
    if name == "__version__":
        value = _version()
    elif name in _HOME:
        from importlib import import_module

        value = getattr(import_module(_HOME[name]), name)
    else:
        raise AttributeError(f"module 'mintaka' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("mintaka")
    except PackageNotFoundError:  # a source tree that was never installed
        return "0+unknown"
