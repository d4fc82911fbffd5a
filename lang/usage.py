"""What a script binds and nothing reads: variables, functions, and the parameters of both its functions and itself.

A name that begins with ``_`` is meant to be unused. So may be the parameters of a lambda and the variables of
``std.for`` and ``std.try``, which are there whether needed or not. A ``std.let`` whose value is used — the last of a
script or of a function, or an argument — has done its work.
"""

from collections import Counter
from collections.abc import Iterator
from collections.abc import Set as AbstractSet

from mintaka.lang.diagnostics import Code, Diagnostic, Severity
from mintaka.lang.scopes import LOOPS, Resolved, Variable
from mintaka.lang.spans import Span
from mintaka.lang.tree import Call

_PASSED_ON = {
    "std.seq": -1,
    "std.if": 1,
    "std.try": 0,
    "std.with_timeout": 1,
}
"""Forms whose value is that of the argument in this place or one behind it; -1 is the last."""


def unused(root: Resolved, mentioned: AbstractSet[str]) -> Iterator[Diagnostic]:
    """A warning for each name that is bound for nothing; those ``mentioned`` in other diagnostics are left out."""
    bound: dict[Variable, tuple[str, Span]] = {}
    read: set[Variable] = set()
    names: Counter[str] = Counter()
    wanted: set[Variable] = set()
    pending = [(root, True)]
    while pending:
        current, used = pending.pop()
        variable = current.variable
        if current.op == "std.var" and variable is not None:
            read.add(variable)
        elif current.op in ("std.let", "std.define") and variable is not None:
            span = _place(current, 0)
            names[variable.name] += variable not in bound
            bound.setdefault(variable, ("variable" if current.op == "std.let" else "function", span))
            if used:
                wanted.add(variable)
        if current.function is not None or current.parameters:
            for parameter, place in _parameters(current):
                bound.setdefault(parameter, ("parameter", place))
        if current.args:
            pending.extend(reversed(_below(current, used)))
    for variable, (what, span) in bound.items():
        if variable in read or variable in wanted or variable.name in mentioned:
            continue
        if not variable.name.startswith("_"):
            yield _unused(variable.name, what, span, elsewhere=names[variable.name] > 1)


def _below(current: Resolved, used: bool) -> list[tuple[Resolved, bool]]:
    """What stands directly in a node, each with whether its value is used."""
    op, args = current.op, current.args
    if op in LOOPS:
        last = len(args) - 1
        return [(arg, index < last) for index, arg in enumerate(args)]
    first = _PASSED_ON.get(op)
    if first is None:
        return [(arg, True) for arg in args]
    first %= len(args)
    return [(arg, used if index >= first else op != "std.seq") for index, arg in enumerate(args)]


def _parameters(current: Resolved) -> Iterator[tuple[Variable, Span]]:
    if current.op == "std.define" and current.function is not None:
        for parameter in {each.name: each for each in current.function.parameters}.values():
            yield parameter, _place(current, 1)
    for index, parameter in enumerate(current.parameters):
        yield parameter, _place(current, index)


def _place(resolved: Resolved, index: int) -> Span:
    assert isinstance(resolved.node, Call)
    return resolved.node.args[index].span


def _unused(name: str, what: str, span: Span, *, elsewhere: bool) -> Diagnostic:
    message = f"The {what} `{name}` is never {'called' if what == 'function' else 'read'}."
    hint = f"Take it out, or call it `_{name}` if that is as it should be."
    if what == "variable" and elsewhere:
        hint = f"There is another `{name}` in the script; to change that one, write (set {name} …)."
    return Diagnostic(Code.UNUSED, message, span, hint, Severity.WARNING)
