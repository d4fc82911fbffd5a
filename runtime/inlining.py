"""Lambdas written where `list.map`, `list.filter`, `list.find` or `list.reduce` is called become part of the loop.

The decision is syntactic and so the same for every compilation: the callback stands in the call itself and holds no
``return`` of its own. Its variables then belong to the function around it, as variables of a loop, and what only it
used from there is no longer captured. Fuel and depth stay those of a call: see `mintaka.runtime.callbacks`.
"""

from collections.abc import Mapping, Sequence

from mintaka.lang.scopes import FunctionScope, Resolution, Resolved, Variable, capture
from mintaka.runtime.ops import OpTable

CALLBACKS = {"list.map": 2, "list.filter": 2, "list.find": 2, "list.reduce": 3}
"""Ops whose callback, their second argument, can be written in line, and how many arguments they take."""

_FUNCTIONS = frozenset({"std.lambda", "std.define", "par.all"})
"""What a ``return`` inside of leaves."""

_USES = frozenset({"std.var", "std.set", "std.error"})
"""What names a variable that something else makes."""


def inline(resolution: Resolution, ops: OpTable) -> None:
    """Mark the lambdas that are written in line, and give their variables to the functions around them."""
    merged: dict[FunctionScope, FunctionScope] = {}
    nodes = resolution.nodes()
    for resolved in nodes:
        if resolved.op in CALLBACKS and _fits(resolved, ops):
            callback = resolved.args[1]
            assert callback.function is not None
            assert callback.function.outer is not None
            callback.inline = True
            merged[callback.function] = callback.function.outer
    if merged:
        _rehome(resolution, nodes, merged)


def _fits(resolved: Resolved, ops: OpTable) -> bool:
    if len(resolved.args) != CALLBACKS[resolved.op] or not ops.standard(resolved.op):
        return False
    callback = resolved.args[1]
    return callback.op == "std.lambda" and callback.function is not None and not leaves(callback.args[0])


def leaves(body: Resolved) -> bool:
    """Whether code leaves its function by ``return``."""
    pending = [body]
    while pending:
        current = pending.pop()
        if current.op == "std.return":
            return True
        if current.op not in _FUNCTIONS:
            pending.extend(current.args)
    return False


def _rehome(resolution: Resolution, nodes: Sequence[Resolved], merged: Mapping[FunctionScope, FunctionScope]) -> None:
    """Work out anew who owns and who captures which variable."""

    def home(function: FunctionScope) -> FunctionScope:
        while function in merged:
            function = merged[function]
        return function

    functions = {resolution.main}
    for resolved in nodes:
        functions.update(resolved.tasks)
        if resolved.function is not None:
            functions.add(resolved.function)
        for variable in _bound(resolved):
            if variable.owner in merged:
                variable.owner, variable.in_loop = home(variable.owner), True
            variable.captured = variable.set_inside = False
    for function in functions:
        function.free.clear()
        function.set_free.clear()
        if function.outer is not None:
            function.outer = home(function.outer)
    _capture_all(resolution)


def _bound(resolved: Resolved) -> list[Variable]:
    """The variables that a node makes."""
    bound = [*resolved.declares, *resolved.parameters]
    if resolved.function is not None:
        bound += resolved.function.parameters
    if resolved.op not in _USES:
        bound += [variable for variable in (resolved.variable, resolved.error) if variable is not None]
    return bound


def _capture_all(resolution: Resolution) -> None:
    pending = [(resolution.root, resolution.main)]
    while pending:
        resolved, function = pending.pop()
        if resolved.op in _USES and resolved.variable is not None:
            capture(resolved.variable, function, changed=resolved.op == "std.set")
        if resolved.tasks:
            pending.extend(zip(resolved.args, resolved.tasks, strict=True))
        elif resolved.function is not None and not resolved.inline:
            pending.extend((arg, resolved.function) for arg in resolved.args)
        elif resolved.args:
            pending.extend([(arg, function) for arg in resolved.args])
