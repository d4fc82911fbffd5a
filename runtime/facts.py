"""What the emitter is told about types: what inference found, or without it what an expression shows by itself.

What the script says where a value is made holds without inference: a literal is what it is, an op gives what its
signature says, and a variable is of the kinds of all that is ever bound to it, where each of these shows its kinds. One
look at every node tells that. What comes from arguments, lists, objects and calls is anything.
"""

from collections.abc import Iterator

from mintaka.lang.scopes import FunctionScope, Resolution, Resolved, Variable
from mintaka.lang.tree import Literal
from mintaka.runtime.inference import Inference
from mintaka.runtime.inlining import leaves
from mintaka.runtime.lattice import ALL, ANY, ANY_LIST, ANY_OBJECT, BOOLEANS, FUNCTION, NULL, Type, of_scalar
from mintaka.runtime.op_types import RETURNED
from mintaka.runtime.ops import OpTable

_FORMS = {
    "and": BOOLEANS,
    "or": BOOLEANS,
    "list.new": ANY_LIST,
    "obj.new": ANY_OBJECT,
    "par.all": ANY_LIST,
    "std.lambda": Type(FUNCTION),
    "std.define": Type(FUNCTION),
    "std.error": ANY_OBJECT,
}


class Facts:
    """The types of a script's expressions. Where no run can come nothing was found, and anything is assumed."""

    def __init__(self, resolution: Resolution, ops: OpTable, inference: Inference | None) -> None:
        self._ops = ops
        self._found = inference.facts if inference is not None else {}
        self._returned = inference.returned if inference is not None else {}
        self._variables: dict[Variable, Type] = {}
        if inference is None:
            self._variables = self._shown(resolution)

    def of(self, resolved: Resolved) -> Type:
        """What the value of ``resolved`` can be."""
        found = self._found.get(resolved)
        if found is not None and found.kinds:
            return found
        if isinstance(resolved.node, Literal):
            value = resolved.node.value
            return ANY_LIST if isinstance(value, list) else ANY_OBJECT if isinstance(value, dict) else of_scalar(value)
        if resolved.op == "std.var" and resolved.variable is not None:
            return self._variables.get(resolved.variable, ANY)
        form = _FORMS.get(resolved.op)
        if form is not None:
            return form
        op = self._ops.get(resolved.op)
        return RETURNED.get(op.returns, ANY) if op is not None and self._ops.standard(resolved.op) else ANY

    def returned(self, function: FunctionScope, body: Resolved) -> Type:
        """What a function can give back."""
        found = self._returned.get(function)
        if found is not None and found.kinds:
            return found
        return ANY if leaves(body) else self.of(body)

    def _shown(self, resolution: Resolution) -> dict[Variable, Type]:
        """The kinds of the variables that only get values whose kinds can be seen."""
        kinds: dict[Variable, int] = {}
        for variable, value in _bindings(resolution.root):
            kinds[variable] = kinds.get(variable, 0) | (ALL if value is None else self.of(value).kinds)
        return {
            variable: Type(shown | NULL if variable.early else shown)
            for variable, shown in kinds.items()
            if shown != ALL
        }


def _bindings(root: Resolved) -> Iterator[tuple[Variable, Resolved | None]]:
    """Every variable with each expression it gets a value from; ``None`` stands for values that no expression shows."""
    sums: set[Variable] = set()
    pending = [root]
    while pending:
        current = pending.pop()
        pending.extend(current.args)
        op, variable = current.op, current.variable
        if op == "list.reduce" and current.args[1].inline:
            _, callback, start = current.args
            assert callback.function is not None
            for total in callback.function.parameters[:1]:
                sums.add(total)
                yield from ((total, start), (total, callback.args[0]))
        if variable is not None and op not in ("std.var", "std.error"):
            yield variable, current.args[0] if op in ("std.let", "std.set") else current if op == "std.define" else None
        if current.error is not None:
            yield current.error, None
        given = current.parameters if current.function is None else current.function.parameters
        yield from ((parameter, None) for parameter in given if parameter not in sums)
