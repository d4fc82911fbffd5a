"""Which function a call calls, where that can be read off the script: such calls are direct.

A variable that is bound once, by ``define`` or by ``let`` to a lambda, and never set, always holds that function. When
besides it is only ever called, all calls of the function are known: it *stays home*. Its parameters then have the
types of the arguments it is given, and it is emitted without provision for calls with other numbers of them.
"""

from dataclasses import dataclass, field

from mintaka.lang.scopes import FunctionScope, Resolution, Resolved, Variable
from mintaka.runtime.ops import OpTable

COMPARATOR = "list.sort"
"""The op whose second argument, a lambda of two parameters written in the call, is called with items of the first."""


@dataclass(slots=True)
class Calls:
    """The functions of a script and what is known of their calls."""

    functions: list[tuple[FunctionScope, Resolved]] = field(default_factory=list)
    """Every function that is emitted as one, with its body, outermost first."""
    known: dict[Variable, FunctionScope] = field(default_factory=dict)
    """Variables that hold one function for ever (or, where they are read early, null)."""
    escaping: set[FunctionScope] = field(default_factory=set)
    """Functions that code we do not see may call, with any arguments."""
    comparators: set[FunctionScope] = field(default_factory=set)
    """Functions that order the items of a list."""

    def called(self, head: Resolved) -> FunctionScope | None:
        """The function that ``head``, the first argument of ``std.apply``, certainly is, unless it is null."""
        if head.op == "std.lambda":
            return head.function
        if head.op == "std.var" and head.variable is not None:
            return self.known.get(head.variable)
        return None


def find_calls(resolution: Resolution, ops: OpTable) -> Calls:
    """Read off a script whose callbacks have been marked by `mintaka.runtime.inlining.inline`."""
    calls = Calls([(resolution.main, resolution.root)])
    values: list[Resolved] = []
    definitions: list[tuple[Variable, FunctionScope]] = []
    pending: list[tuple[Resolved, bool]] = [(resolution.root, True)]
    while pending:
        resolved, wanted = pending.pop()
        op, args, variable = resolved.op, resolved.args, resolved.variable
        if resolved.function is not None and not resolved.inline:
            calls.functions.append((resolved.function, args[0]))
        if resolved.tasks:
            calls.functions.extend(zip(resolved.tasks, args, strict=True))
            calls.escaping.update(resolved.tasks)
        if op == "std.define" and variable is not None and resolved.function is not None:
            definitions.append((variable, resolved.function))
        elif op == "std.let" and variable is not None and args[0].op == "std.lambda" and args[0].function is not None:
            definitions.append((variable, args[0].function))
            pending.append((args[0], False))
            if wanted:
                values.append(args[0])
            continue
        if wanted and (op in ("std.lambda", "std.define") or (op == "std.var" and variable is not None)):
            values.append(resolved)
        if args:
            pending.extend(zip(args, _wanted(resolved, ops, calls), strict=True))
    for variable, function in definitions:
        if variable.bound == 1:
            calls.known[variable] = function
        else:
            calls.escaping.add(function)
    for value in values:
        used = value.function if value.function is not None else calls.called(value)
        if used is not None:
            calls.escaping.add(used)
    return calls


def _wanted(resolved: Resolved, ops: OpTable, calls: Calls) -> list[bool]:
    """For each argument whether its value may go anywhere but to be called or to be dropped."""
    op, args = resolved.op, resolved.args
    if op == "std.seq":
        return [*[False] * (len(args) - 1), True][: len(args)]
    if op in ("std.while", "std.for"):
        return [True, False]
    if op == "std.apply":
        return [_is_value(args[0]), *[True] * (len(args) - 1)]
    if len(args) > 1 and args[1].inline:
        return [True, False, *[True] * (len(args) - 2)]
    if op == COMPARATOR and len(args) == 2 and args[1].op == "std.lambda" and ops.standard(op):
        function = args[1].function
        if function is not None and len(function.parameters) == 2:
            calls.comparators.add(function)
            return [True, False]
    return [True] * len(args)


def _is_value(head: Resolved) -> bool:
    """Whether the head of a call is more than the name of a variable or a lambda, and so must be a value."""
    return head.op not in ("std.var", "std.lambda")
