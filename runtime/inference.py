"""Which types every expression of a script can have: a walk over the tree, again and again until nothing is new.

Facts grow from below. A pass walks every function once in order of evaluation with an environment, the types that its
variables have at that point; conditions and the guards that ops imply narrow them. Where paths meet, environments are
joined; at the head of a loop also with what its turns brought in the pass before. What is not a matter of one place
(the values of captured variables, what lists hold, parameters, results of functions) is kept for the whole script and
only ever joined. When a pass finds nothing to add, everything found is true of every run:

* variables that other functions set are read as the join of all values they ever get;
* parameters of functions that stay home (see `mintaka.runtime.calls`) are the join of the arguments of their calls;
  those of all others are anything, as are arguments of the run, fields of the host's objects and caught values;
* a handler of ``std.try`` takes for each variable whatever the body may have given it.

A script that is not through after `MOST_PASSES` is compiled without types, and means the same.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar

from mintaka.lang.numbers import MAX_INTEGER
from mintaka.lang.scopes import FunctionScope, Resolved, Variable
from mintaka.lang.tree import Data, Literal
from mintaka.runtime.calls import Calls
from mintaka.runtime.conditions import Conditions
from mintaka.runtime.lattice import (
    ANY,
    ANY_LIST,
    ANY_OBJECT,
    BOOLEANS,
    FUNCTION,
    HOST,
    INT,
    LIST,
    NOTHING,
    NULLS,
    NUMBERS,
    OBJECT,
    TEXTS,
    Type,
    of_scalar,
)
from mintaka.runtime.op_types import LONGEST, kinds_of, op_type
from mintaka.runtime.operators import COMPARISONS
from mintaka.runtime.ops import OpTable

MOST_PASSES = 30


class Inference(Conditions):
    """Infers the types of one script. `run` says whether it came to an end; then `facts` holds."""

    def __init__(self, calls: Calls, ops: OpTable) -> None:
        super().__init__(calls, ops)
        self.returned: dict[FunctionScope, Type] = {}
        """The join of what each function gives back."""

    def run(self) -> bool:
        """Infer; whether that came to an end."""
        for _ in range(MOST_PASSES):
            self.grew = False
            for function, body in self._calls.functions:
                self._walk(function, body)
            if not self.grew:
                return True
        return False

    def _walk(self, function: FunctionScope, body: Resolved) -> None:
        self._function, self._env, self._leaving = function, {}, []
        unknown = function in self._calls.escaping
        for given in function.parameters:
            self._bind(given, ANY if unknown else self._ever.get(given, NOTHING), given)
        self._give_back(self._visit(body))

    def _visit(self, resolved: Resolved) -> Type:
        """The type of a node, which the walk is at."""
        if self._env is None:
            return NOTHING
        if resolved.declares:
            self._open(resolved)
        if isinstance(resolved.node, Literal):
            known = self.facts.get(resolved)  # what a pass before found: it cannot change
            if known is not None:
                return known
            found = self._literal(resolved)
        else:
            found = self._FORMS.get(resolved.op, Inference._op)(self, resolved)
        if self._env is None:
            found = NOTHING
        self.facts[resolved] = found
        return found

    # Forms

    def _literal(self, resolved: Resolved) -> Type:
        assert isinstance(resolved.node, Literal)
        return self._data(resolved, resolved.node.value)

    def _data(self, place: object, data: Data) -> Type:
        if not isinstance(data, list | dict):
            return of_scalar(data)
        box = self._made((place, id(data)))
        for item in data if isinstance(data, list) else data.values():
            self.put(box, self._data(place, item))
        return Type(LIST if isinstance(data, list) else OBJECT, element=box)

    def _seq(self, resolved: Resolved) -> Type:
        found = NULLS
        for arg in resolved.args:
            found = self._visit(arg)
        return found

    def _if(self, resolved: Resolved) -> Type:
        then, other = self._condition(resolved.args[0])
        self._env = then
        found = self._visit(resolved.args[1])
        after = self._env
        self._env = other
        if other is not None:
            found = self.join(found, self._visit(resolved.args[2]) if len(resolved.args) == 3 else NULLS)
        self._env = self._meet(after, self._env)
        return found

    def _while(self, resolved: Resolved) -> Type:
        condition, body = resolved.args
        self._enter_loop(resolved)
        holds, fails = self._condition(condition)
        self._env = holds
        self._visit(body)
        self._leave_loop(resolved, fails)
        return NULLS

    def _for(self, resolved: Resolved) -> Type:
        items, body = resolved.args
        found = self._visit(items)
        if self._env is None:
            return NOTHING
        assert resolved.variable is not None
        self._enter_loop(resolved)
        self._bind(resolved.variable, self._items(found), resolved)
        self._visit(body)
        self._leave_loop(resolved, self._head(resolved))
        return NULLS

    def _leave(self, resolved: Resolved) -> Type:
        target = self._leaving[-1]
        if resolved.op == "std.break":
            target.broken = self._meet(target.broken, self._env)
        else:
            target.continued = self._meet(target.continued, self._env)
        self._env = None
        return NOTHING

    def _return(self, resolved: Resolved) -> Type:
        self._give_back(self._visit(resolved.args[0]) if resolved.args else NULLS)
        self._env = None
        return NOTHING

    def _give_back(self, value: Type) -> None:
        """The function at hand returns ``value``."""
        if self._env is None:
            return
        if self._function in self._calls.escaping:
            self.release(value)
        self.returned[self._function] = self.grown(self.returned.get(self._function, NOTHING), value)

    def _assignment(self, resolved: Resolved) -> Type:
        value = self._visit(resolved.args[0])
        if resolved.variable is None or self._env is None:
            return value
        return self._assign(resolved.variable, value, resolved, resolved.args[0])

    def _use(self, resolved: Resolved) -> Type:
        return self._read(resolved.variable) if resolved.variable is not None else NULLS

    def _lambda(self, resolved: Resolved) -> Type:
        if resolved.variable is not None:
            self._bind(resolved.variable, Type(FUNCTION), resolved)
        return Type(FUNCTION)

    def _apply(self, resolved: Resolved) -> Type:
        types = [self._visit(arg) for arg in resolved.args]
        if self._env is None:
            return NOTHING
        function = self._calls.called(resolved.args[0])
        if function is None:
            for given in types[1:]:
                self.release(given)
            return ANY
        for index, wanted in enumerate(function.parameters):
            value = types[index + 1] if index + 1 < len(types) else NULLS
            self._ever[wanted] = self.grown(self._ever.get(wanted, NOTHING), value)
        return self.returned.get(function, NOTHING)

    def _try(self, resolved: Resolved) -> Type:
        assert self._env is not None
        before = dict(self._env)
        found = self._visit(resolved.args[0])
        after = self._env
        for variable in self._assigned_in(resolved.args[0]):
            if variable in before:
                before[variable] = self.join(before[variable], self._ever.get(variable, NOTHING))
        self._env = before
        if resolved.variable is not None:
            self._bind(resolved.variable, ANY, resolved)
        if resolved.error is not None:
            self._bind(resolved.error, ANY_OBJECT, (resolved, "error"))
        found = self.join(found, self._visit(resolved.args[1]) if len(resolved.args) == 2 else NULLS)
        self._env = self._meet(after, self._env)
        return found

    def _with_timeout(self, resolved: Resolved) -> Type:
        self._visit(resolved.args[0])
        return self._visit(resolved.args[1])

    def _params(self, resolved: Resolved) -> Type:
        for arg, variable, wanted in zip(resolved.args, resolved.parameters, resolved.declared, strict=True):
            found = _DECLARED.get(wanted.type, ANY)
            if wanted.type == "int" and wanted.least is not None and wanted.most is not None:
                found = found.between(int(wanted.least // 1), int(-(-wanted.most // 1)))
            if not wanted.required:
                found = self.join(found, self._data(arg, wanted.default))
            self._bind(variable, found, (resolved, variable))
        return NULLS

    def _throw(self, resolved: Resolved) -> Type:
        self.release(self._visit(resolved.args[0]))
        self._env = None
        return NOTHING

    def _together(self, resolved: Resolved) -> Type:
        return ANY_LIST  # the tasks are functions that escape

    def _object(self, resolved: Resolved) -> Type:
        box = self._made(resolved)
        for pair in resolved.args:
            self._visit(pair.args[0])
            self.put(box, self._visit(pair.args[1]))
        return Type(OBJECT, element=box)

    def _list(self, resolved: Resolved) -> Type:
        box = self._made(resolved)
        for item in resolved.args:
            self.put(box, self._visit(item))
        return Type(LIST, element=box)

    def _logic(self, resolved: Resolved) -> Type:
        if resolved.args:
            self._env = self._meet(*self._condition(resolved))
        return BOOLEANS

    def _values(self, resolved: Resolved) -> Type:
        found, ends = NULLS if not resolved.args else NOTHING, None
        for arg in resolved.args:
            found = self.join(found, self._visit(arg))
            ends = self._meet(ends, None if self._env is None else dict(self._env))
        self._env = ends if resolved.args else self._env
        return found

    # Ops

    def _op(self, resolved: Resolved) -> Type:
        args = resolved.args
        if resolved.op in COMPARISONS and self._ops.standard(resolved.op):
            return self._compared(resolved)
        if len(args) > 1 and args[1].inline:
            return self._callback(resolved)
        types = [self._visit(arg) for arg in args]
        if self._env is None:
            return NOTHING
        op = self._ops.get(resolved.op)
        if op is None or not self._ops.standard(resolved.op):
            for given in types:
                self.release(given)
            return ANY
        settled = self._settled(args)
        for index, arg in enumerate(args):
            kinds = kinds_of(op.parameters[min(index, len(op.parameters) - 1)].type.accepts)
            types[index] = self._expect(arg, kinds, types[index]) if settled else types[index].narrowed(kinds)
        if resolved.op in "+-*/%" and len(args) >= 2:
            return self._arithmetic(resolved, types)
        callback = resolved.args[-1].function if resolved.args else None
        if callback is not None and callback in self._calls.comparators:
            self._order(callback, self._items(types[0]))
        if resolved.op == "list.range" and settled:
            self._affordable(resolved.args[1], types)
        return op_type(self, op, self._made(resolved), types)

    def _affordable(self, end: Resolved, types: Sequence[Type]) -> None:
        """Behind a ``list.range`` its end is known to be no further than fuel can pay for."""
        variable = end.variable
        if end.op == "std.var" and variable is not None and self._private(variable) and self._env is not None:
            known = self._env.get(variable)
            if known is not None and types[0].only(INT):
                self._env[variable] = known.between(-MAX_INTEGER, types[0].high + LONGEST)

    def _order(self, comparator: FunctionScope, item: Type) -> None:
        for given in comparator.parameters:
            self._ever[given] = self.grown(self._ever.get(given, NOTHING), item)

    def _callback(self, resolved: Resolved) -> Type:
        """``list.map`` and its like with their callback in line: a loop."""
        items, callback, *start = resolved.args
        found = self._visit(items)
        value = self._visit(start[0]) if start else NOTHING
        if self._env is None:
            return NOTHING
        found = self._expect(items, LIST, found) if self._settled(start) else found.narrowed(LIST)
        item = self._items(found)
        self.facts[callback] = Type(FUNCTION)
        assert callback.function is not None
        parameters = callback.function.parameters
        if start and parameters:
            self._bind(parameters[0], value, parameters[0])
        self._enter_loop(resolved)
        for index, variable in enumerate(parameters[len(start) :]):
            self._bind(variable, NULLS if index else item, variable)
        made = self._turn(resolved, callback.args[0], parameters)
        self._leave_loop(resolved, self._head(resolved))
        if start:
            return self._read(parameters[0]) if parameters else self.join(value, made)
        if resolved.op == "list.find":
            return self.join(item, NULLS)
        if resolved.op == "list.filter":
            return Type(LIST, element=found.element) if found.element is not None else ANY_LIST
        box = self._made(resolved)
        self.put(box, made)
        return Type(LIST, element=box)

    def _turn(self, resolved: Resolved, body: Resolved, parameters: Sequence[Variable]) -> Type:
        """What a turn of a callback in line makes."""
        if resolved.op in ("list.filter", "list.find"):
            self._env = self._meet(*self._condition(body))
            return NOTHING
        made = self._visit(body)
        if resolved.op == "list.reduce" and parameters and self._env is not None:
            return self._assign(parameters[0], made, (resolved, "sum"), body)
        return made

    def _items(self, found: Type) -> Type:
        """What a list holds."""
        return found.element.content if found.element is not None else ANY if found.kinds & LIST else NOTHING

    def _assigned_in(self, resolved: Resolved) -> Iterable[Variable]:
        """The variables that code gives values to."""
        pending = [resolved]
        while pending:
            current = pending.pop()
            if current.variable is not None and current.op in ("std.let", "std.set", "std.for", "std.define"):
                yield current.variable
            if current.inline and current.function is not None:
                yield from current.function.parameters
            pending.extend(current.args)

    _FORMS: ClassVar[Mapping[str, Callable[[Any, Resolved], Type]]] = {
        "std.seq": _seq,
        "std.if": _if,
        "std.while": _while,
        "std.for": _for,
        "std.break": _leave,
        "std.continue": _leave,
        "std.return": _return,
        "std.let": _assignment,
        "std.set": _assignment,
        "std.var": _use,
        "std.error": _use,
        "std.quote": lambda self, resolved: self._literal(resolved.args[0]),
        "std.lambda": _lambda,
        "std.define": _lambda,
        "std.apply": _apply,
        "std.try": _try,
        "std.with_timeout": _with_timeout,
        "std.params": _params,
        "std.throw": _throw,
        "par.all": _together,
        "obj.new": _object,
        "list.new": _list,
        "and": _logic,
        "or": _logic,
        "not": _logic,
        "guard": _values,
        "nullish": _values,
    }


_DECLARED = {
    "number": NUMBERS,
    "int": Type(INT),
    "string": TEXTS,
    "boolean": BOOLEANS,
    "list": ANY_LIST,
    "object": ANY_OBJECT,
    "image": Type(HOST),
}
