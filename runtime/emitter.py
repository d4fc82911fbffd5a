"""From a resolved tree to Python's `ast`: statements into destinations, in A-normal form.

Every expression is emitted as the statements it needs, in front, and a plain Python expression for its value. So
``break``, ``continue`` and ``return`` work wherever an expression may stand, and arguments are evaluated from left to
right: whatever a later argument's statements could change is put into a variable first.
"""

import ast
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, cast

from mintaka.lang.scopes import FunctionScope, Resolution, Resolved
from mintaka.lang.tree import Call, Data, Literal
from mintaka.runtime.calls import COMPARATOR, Calls
from mintaka.runtime.facts import Facts
from mintaka.runtime.lattice import BOOLEAN, CONTAINER, FLOAT, HOST, NULL, NUMBER
from mintaka.runtime.op_types import CALL_BACK
from mintaka.runtime.operators import ARITHMETIC, COMPARISONS
from mintaka.runtime.ops import OpTable
from mintaka.runtime.pynodes import Expr, Nodes, Stmt
from mintaka.runtime.statements import Statements
from mintaka.runtime.values import Value, truthy
from mintaka.runtime.writer import DISCARD, Destination, Into, boxed

_AT_ONCE = frozenset({"", "std.var", "std.error"})
"""What is emitted as an expression alone and cannot fail: literals and variables."""


class Emitter(Statements):
    """Writes one program. After `module` its attributes say what the code needs and where its lines come from."""

    def __init__(self, resolution: Resolution, ops: OpTable, calls: Calls, facts: Facts) -> None:
        super().__init__()
        self._resolution = resolution
        self._ops = ops
        self._calls = calls
        self._facts = facts
        self.functions: dict[str, Call] = {}
        """Name of each Python function → the ``std.lambda`` it stands for."""

    def module(self) -> ast.Module:
        """``def outer(helpers…): def main(depth): …; return main``."""
        main = self._function("main", self._resolution.main, self._resolution.root, [])
        at = Nodes(1)
        outer = at.function("outer", list(self.helpers.values()), [main, at.return_(at.name("main"))])
        return ast.Module(body=[outer], type_ignores=[])

    def _emit(self, resolved: Resolved, destination: Destination) -> None:
        """Emit ``resolved`` so that its value gets to ``destination``."""
        self._open(resolved)
        statement = self._STATEMENTS.get(resolved.op)
        if statement is None:
            own = isinstance(destination, Into) and self._homes[destination.name] is self._frame
            into = destination.name if isinstance(destination, Into) and own else None
            self._put(self._plain(resolved, into, wanted=destination is not DISCARD), destination)
            return
        outer = self._enter(resolved.op, resolved.node.span)
        statement(self, resolved, destination)
        self._at = outer

    def _value(self, resolved: Resolved, into: str | None = None, *, loose: bool = False) -> Expr:
        """Emit what ``resolved`` needs in front; the expression for its value, to be used once and soon.

        What is computed in several steps may be written to ``into``, a variable that will get the value anyway.
        ``loose`` promises that nothing is emitted between this value and the arguments behind it.
        """
        if resolved.op not in self._STATEMENTS:
            self._open(resolved)
            value = self._plain(resolved, into, wanted=True)
            # What other script code may run behind is complete before the next argument is begun. Data stands in a
            # variable then, where the census sees it; a number need not.
            if not self._calls_back(resolved) or (loose and self._facts.of(resolved).only(NUMBER | BOOLEAN | NULL)):
                return value
            return self._kept(value)
        if resolved.op in ("std.break", "std.continue", "std.return"):
            self._emit(resolved, DISCARD)
            return self._at.constant(None)
        if resolved.op in ("std.let", "std.set") and resolved.variable is not None:
            self._emit(resolved, DISCARD)
            return self._read(resolved.variable)
        name = self._temporary() if into is None else into
        self._emit(resolved, Into(name))
        return self._at.name(name)

    def _plain(self, resolved: Resolved, into: str | None, *, wanted: bool) -> Expr:
        """The value of what is no statement: a literal, a variable, a call."""
        if isinstance(resolved.node, Literal):
            return self._literal(resolved.node.value)
        if resolved.op in _AT_ONCE:
            return self._read(resolved.variable)
        outer = self._enter(resolved.op, resolved.node.span)
        expression = self._EXPRESSIONS.get(resolved.op)
        value = expression(self, resolved) if expression is not None else self._op(resolved, into, wanted)
        self._at = outer
        return value

    def _calls_back(self, resolved: Resolved) -> bool:
        """Whether calling ``resolved`` may run other code of the script."""
        if resolved.op in _AT_ONCE:
            return False
        op = self._ops.get(resolved.op)
        if op is None:
            return resolved.op in ("std.apply", "par.all")
        if not op.takes_run:
            return False
        return op.name in CALL_BACK or not self._ops.standard(op.name)

    def _kept(self, value: Expr) -> Expr:
        return value if isinstance(value, ast.Name) else self._keep(value)

    def _all(self, args: Sequence[Resolved], *, loose: bool = False) -> list[Expr]:
        """The values of arguments, evaluated from left to right."""
        if _AT_ONCE.issuperset([arg.op for arg in args]):
            return [self._value(arg) for arg in args]
        outer = self._frame.body
        pieces: list[tuple[list[Stmt], Expr, int]] = []
        last, holds = 0, False
        for index, arg in enumerate(args):
            self._frame.body, before = [], self._costly
            value = self._value(arg, loose=loose)
            pieces.append((self._frame.body, value, self._moments))
            # Python's own stack, where values wait for those behind them, is hidden from the census.
            if self._frame.body or (holds and self._costly > before):
                last = index
            holds = holds or not (
                isinstance(value, ast.Name | ast.Constant) or self._facts.of(arg).only(NUMBER | BOOLEAN | NULL)
            )
        self._frame.body = outer
        values = []
        for index, (needs, value, moment) in enumerate(pieces):
            self._do(*needs)
            values.append(value if index >= last or self._lasts(value, moment) else self._keep(value))
        return values

    def _lasts(self, value: Expr, moment: int) -> bool:
        """Whether an expression written at ``moment`` still has its value behind all statements written since."""
        if isinstance(value, ast.Constant):
            return True
        return isinstance(value, ast.Name) and value.id not in self._exposed and self._stored.get(value.id, 0) <= moment

    def _test(self, resolved: Resolved) -> Expr:
        """Something that is true for Python exactly where ``resolved`` is true for a script."""
        if isinstance(resolved.node, Literal):
            return self._at.constant(truthy(cast(Value, resolved.node.value)))
        if resolved.op in ("and", "or") and resolved.args:
            return self._both(resolved, self._test)
        if resolved.op == "not" and self._ops.standard("not"):
            self._open(resolved)
            return self._at.negate(self._test(resolved.args[0]))
        value, found = self._value(resolved), self._facts.of(resolved)
        if not found.kinds & (FLOAT | CONTAINER | HOST):
            return value
        value = self._named(value)
        told = self._at.call(self._helper("truthy"), [value])
        if not found.kinds & BOOLEAN:
            return told
        is_true, is_false = (self._at.is_(value, self._at.constant(answer)) for answer in (True, False))
        return self._at.any([is_true, self._at.all([self._at.negate(is_false), told])])

    def _truth(self, resolved: Resolved) -> Expr:
        """`True` or `False`: whether ``resolved`` is true for a script."""
        if resolved.op in ("and", "or") and resolved.args:
            return self._both(resolved, self._truth)
        test = self._test(resolved)
        if isinstance(test, ast.Compare | ast.UnaryOp) or self._facts.of(resolved).only(BOOLEAN):
            return test
        if isinstance(test, ast.Constant):
            return self._at.constant(bool(test.value))
        return self._at.choose([test], self._at.constant(True), self._at.constant(False))

    def _both(self, resolved: Resolved, part: Callable[[Resolved], Expr]) -> Expr:
        """``and`` and ``or``: a Python operator where no part needs statements, else one ``if`` for each."""
        self._open(resolved)
        pieces: list[tuple[list[Stmt], Expr]] = []
        always = self._known
        for arg in resolved.args:
            outer, self._frame.body = self._frame.body, []
            value = part(arg)
            pieces.append((self._frame.body, value) if not pieces else self._guarded(self._frame.body, value))
            self._frame.body = outer
            always = always if len(pieces) > 1 else dict(self._known)
        self._known = always  # what the first part settles; the others may not be evaluated
        self._do(*pieces[0][0])
        if not any(needs for needs, _ in pieces[1:]):
            combine = self._at.all if resolved.op == "and" else self._at.any
            return combine([value for _, value in pieces])
        name = self._temporary()
        self._assign(name, pieces[0][1])
        for needs, value in pieces[1:]:
            undecided = self._at.name(name) if resolved.op == "and" else self._at.negate(self._at.name(name))
            step = [*needs, *self._block(lambda value=value: self._assign(name, value))]  # type: ignore[misc]
            self._do(self._at.if_(undecided, step, []))
        return self._at.name(name)

    def _guarded(self, needs: list[Stmt], value: Expr) -> tuple[list[Stmt], Expr]:
        """Guards in front of a part of ``and`` or ``or`` go into its expression, where there is nothing else in front.

        Then the whole stays one expression, of whose comparisons CPython makes jumps.
        """
        check = self.helpers.get("check")
        guards = []
        for need in needs:
            match need:
                case ast.If(
                    test=test, body=[ast.Expr(value=ast.Call(func=ast.Name(id=name)) as refuse)], orelse=[]
                ) if name == check:
                    guards.append(self._at.all([test, refuse]))  # a check raises or gives null
                case _:
                    return needs, value
        return [], self._at.any([*guards, value])

    def _literal(self, data: Data) -> Expr:
        """A literal; lists and objects are made afresh each time."""
        if isinstance(data, list):
            return self._at.array([self._literal(item) for item in data])
        if isinstance(data, dict):
            return self._at.mapping(list(data), [self._literal(value) for value in data.values()])
        return self._at.constant(data)

    def _logic(self, resolved: Resolved, destination: Destination) -> None:
        """``and or guard nullish``: each argument only if those before it do not settle the matter."""
        if not resolved.args:
            self._put(self._at.constant({"and": True, "or": False}.get(resolved.op)), destination)
            return
        if resolved.op in ("and", "or"):
            self._put(self._both(resolved, self._truth), destination)
            return
        name = self._temporary()
        for index, arg in enumerate(resolved.args):
            step = self._block(lambda arg=arg: self._assign(name, self._value(arg)))  # type: ignore[misc]
            self._do(*(step if index == 0 else [self._at.if_(self._open_question(resolved.op, name), step, [])]))
        self._put(self._at.name(name), destination)

    def _open_question(self, op: str, name: str) -> Expr:
        """Whether the value so far leaves the matter open."""
        value = self._at.name(name)
        if op == "guard":
            return self._at.call(self._helper("truthy"), [value])
        return self._at.is_(value, self._at.constant(None))

    # Expressions

    def _quote(self, resolved: Resolved) -> Expr:
        data = resolved.args[0].node
        assert isinstance(data, Literal)
        return self._literal(data.value)

    def _lambda(self, resolved: Resolved) -> Expr:
        function, node = resolved.function, resolved.node
        assert isinstance(function, FunctionScope)
        assert isinstance(node, Call)
        name = self._symbol("f")
        self.functions[name] = node
        # A box is passed on when the function is made: the variable of this turn, not of a later one.
        boxes = [self._names[variable] for variable in function.free if boxed(variable)]
        self._do(self._function(name, function, resolved.args[0], boxes))
        if resolved.variable is not None:
            self._bind(resolved.variable, self._at.name(name))
        return self._at.name(name)

    def _apply(self, resolved: Resolved) -> Expr:
        known = self._calls.called(resolved.args[0])
        function, *args = self._all(resolved.args)
        if not isinstance(function, ast.Name):
            function = self._copied(function)
        variable = resolved.args[0].variable
        if known is None or (variable is not None and variable.early):
            args = [self._named(arg) for arg in args]
            refuse = self._at.do(self._at.call(self._helper("not_function"), [function]))
            kind = self._at.call(self._helper("type"), [function])
            self._do(self._at.if_(self._at.is_not(kind, self._at.name(self._helper("function"))), [refuse], []))
        if known is not None:
            count = len(known.parameters)
            if len(args) > count:
                args = [self._named(arg) for arg in args][:count]
            args += [self._at.constant(None)] * (count - len(args))
        return self._at.call(function.id, [self._depth(), *args])

    def _together(self, resolved: Resolved) -> Expr:
        names = []
        for task, body in zip(resolved.tasks, resolved.args, strict=True):
            name = self._symbol("f")
            boxes = [self._names[variable] for variable in task.free if boxed(variable)]
            self._do(self._function(name, task, body, boxes))
            names.append(self._at.name(name))
        return self._at.call(self._helper("together"), [self._depth(), self._at.array(names)])

    def _object(self, resolved: Resolved) -> Expr:
        keys = [pair.args[0].node for pair in resolved.args]
        written = [str(key.value) for key in keys if isinstance(key, Literal)]
        if len(written) == len(keys):
            return self._at.mapping(written, self._all([pair.args[1] for pair in resolved.args]))
        parts = self._all([part for pair in resolved.args for part in pair.args])
        return self._at.call(self._helper("entries"), [self._at.array(parts)])

    def _op(self, resolved: Resolved, into: str | None, wanted: bool) -> Expr:
        """A call of an op: in line as far as the types of its arguments allow."""
        op, args = self._ops.get(resolved.op), resolved.args
        if op is None:
            return self._at.call(self._helper(f"op:{resolved.op}"), self._all(args))
        value = None
        if len(args) > 1 and args[1].inline:
            value = self._in_line(op, resolved)
        elif not self._ops.standard(resolved.op):
            pass
        elif resolved.op in ARITHMETIC:
            value = self._arithmetic(resolved, into)
        elif resolved.op in COMPARISONS:
            value = self._comparison(resolved)
        elif resolved.op == "not":
            value = self._at.negate(self._test(resolved.args[0]))
        elif resolved.op == COMPARATOR and len(args) == 2 and args[1].function in self._calls.comparators:
            value = self._sorted(op, resolved)
        return value if value is not None else self._call(resolved, op, into, wanted)

    _STATEMENTS: ClassVar[Mapping[str, Callable[[Any, Resolved, Destination], None]]] = {
        **Statements._STATEMENTS,
        **dict.fromkeys(("and", "or", "guard", "nullish"), _logic),
    }
    _EXPRESSIONS: ClassVar[Mapping[str, Callable[[Any, Resolved], Expr]]] = {
        "std.quote": _quote,
        "std.lambda": _lambda,
        "std.define": _lambda,
        "std.apply": _apply,
        "par.all": _together,
        "obj.new": _object,
        "list.new": lambda self, resolved: self._at.array(self._all(resolved.args)),
    }
    """How forms are written that are no statements."""
