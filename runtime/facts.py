"""What the emitter is told about types: what inference found, or without it what an expression shows by itself."""

from mintaka.lang.scopes import FunctionScope, Resolved
from mintaka.lang.tree import Literal
from mintaka.runtime.inference import Inference
from mintaka.runtime.inlining import leaves
from mintaka.runtime.lattice import ANY, ANY_LIST, ANY_OBJECT, BOOLEANS, FUNCTION, Type, of_scalar
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

    def __init__(self, ops: OpTable, inference: Inference | None) -> None:
        self._ops = ops
        self._found = inference.facts if inference is not None else {}
        self._returned = inference.returned if inference is not None else {}

    def of(self, resolved: Resolved) -> Type:
        """What the value of ``resolved`` can be."""
        found = self._found.get(resolved)
        if found is not None and found.kinds:
            return found
        if isinstance(resolved.node, Literal):
            value = resolved.node.value
            return ANY_LIST if isinstance(value, list) else ANY_OBJECT if isinstance(value, dict) else of_scalar(value)
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
