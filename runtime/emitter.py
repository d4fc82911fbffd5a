"""From a resolved tree to Python's `ast`: statements into destinations, in A-normal form.

Every expression is emitted as the statements it needs, in front, and a plain Python expression for its value. So
``break``, ``continue`` and ``return`` work wherever an expression may stand, and arguments are evaluated from left to
right: whatever a later argument's statements could change is put into a variable first.
"""

import ast
from collections.abc import Callable, Sequence
from typing import cast

from mintaka.lang.scopes import FunctionScope, Resolution, Resolved, Variable
from mintaka.lang.tree import Call, Data, Literal
from mintaka.runtime.frames import Frame, Signal
from mintaka.runtime.ops import OpTable
from mintaka.runtime.prices import price
from mintaka.runtime.pynodes import Expr, Nodes, Stmt
from mintaka.runtime.shortcuts import correction, shortcut
from mintaka.runtime.values import Value, truthy
from mintaka.runtime.writer import DISCARD, RETURN, Destination, Into, Writer, boxed, passed


class Emitter(Writer):
    """Writes one program. After `module` its attributes say what the code needs and where its lines come from."""

    def __init__(self, resolution: Resolution, ops: OpTable) -> None:
        super().__init__()
        self._resolution = resolution
        self._ops = ops
        self.functions: dict[str, Call] = {}
        """Name of each Python function → the ``std.lambda`` it stands for."""
        self.declarations: list[Data] = []
        """What ``std.params`` declares."""
        self.bytes_per_tick = 0
        """Bytes of data that a unit of fuel can make without accounting for them."""
        self._statements: dict[str, Callable[[Resolved, Destination], None]] = {
            "std.seq": self._seq,
            "std.if": self._if,
            "std.while": self._while,
            "std.for": self._for,
            "std.break": self._leave,
            "std.continue": self._leave,
            "std.return": self._return,
            "std.let": self._assignment,
            "std.set": self._assignment,
            "std.try": self._try,
            "std.with_timeout": self._with_timeout,
            "std.params": self._params,
            "and": self._logic,
            "or": self._logic,
            "guard": self._logic,
            "nullish": self._logic,
        }
        self._expressions: dict[str, Callable[[Resolved], Expr]] = {
            "std.var": self._use,
            "std.error": self._use,
            "std.quote": self._quote,
            "std.lambda": self._lambda,
            "std.define": self._lambda,
            "std.apply": self._apply,
            "par.all": self._together,
            "obj.new": self._object,
            "list.new": lambda resolved: self._at.array(self._all(resolved.args)),
            "not": lambda resolved: self._at.negate(self._truth(resolved.args[0])),
        }

    def module(self) -> ast.Module:
        """``def outer(helpers…): def main(depth): …; return main``."""
        main = self._function("main", [], self._resolution.root, [])
        at = Nodes(1)
        outer = at.function("outer", list(self.helpers.values()), [main, at.return_(at.name("main"))])
        return ast.Module(body=[outer], type_ignores=[])

    def _emit(self, resolved: Resolved, destination: Destination) -> None:
        """Emit ``resolved`` so that its value gets to ``destination``."""
        self._open(resolved)
        statement = self._statements.get(resolved.op)
        if statement is None:
            self._put(self._plain(resolved), destination)
            return
        outer = self._enter(resolved.op, resolved.node.span)
        statement(resolved, destination)
        self._at = outer

    def _value(self, resolved: Resolved) -> Expr:
        """Emit what ``resolved`` needs in front; the expression for its value, to be used once and soon."""
        if resolved.op not in self._statements:
            self._open(resolved)
            value = self._plain(resolved)
            # What other script code may run behind is complete before the next argument is begun.
            return self._keep(value) if self._calls_back(resolved) else value
        if resolved.op in ("std.break", "std.continue", "std.return"):
            self._emit(resolved, DISCARD)
            return self._at.constant(None)
        if resolved.op in ("std.let", "std.set") and resolved.variable is not None:
            self._emit(resolved, DISCARD)
            return self._read(resolved.variable)
        name = self._temporary()
        self._emit(resolved, Into(name))
        return self._at.name(name)

    def _plain(self, resolved: Resolved) -> Expr:
        """The value of what is no statement: a literal, a variable, a call."""
        if isinstance(resolved.node, Literal):
            return self._literal(resolved.node.value)
        outer = self._enter(resolved.op, resolved.node.span)
        value = self._expressions.get(resolved.op, self._op)(resolved)
        self._at = outer
        return value

    def _calls_back(self, resolved: Resolved) -> bool:
        """Whether calling ``resolved`` may run other code of the script."""
        op = self._ops.get(resolved.op)
        return resolved.op in ("std.apply", "par.all") or (op is not None and op.takes_run)

    def _all(self, args: Sequence[Resolved]) -> list[Expr]:
        """The values of arguments, evaluated from left to right."""
        outer = self._frame.body
        pieces: list[tuple[list[Stmt], Expr]] = []
        for arg in args:
            self._frame.body = []
            value = self._value(arg)
            pieces.append((self._frame.body, value))
        self._frame.body = outer
        last = max((index for index, (needs, _) in enumerate(pieces) if needs), default=0)
        values = []
        for index, (needs, value) in enumerate(pieces):
            self._do(*needs)
            values.append(self._keep(value) if index < last else value)
        return values

    def _truth(self, resolved: Resolved) -> Expr:
        """A Python truth value that says whether ``resolved`` is true for a script."""
        if isinstance(resolved.node, Literal):
            return self._at.constant(truthy(cast(Value, resolved.node.value)))
        value = self._value(resolved)
        op = self._ops.get(resolved.op)
        if resolved.op in ("and", "or") or (op is not None and op.returns == "boolean"):
            return value
        return self._at.call(self._helper("truthy"), [value])

    def _literal(self, data: Data) -> Expr:
        """A literal; lists and objects are made afresh each time."""
        if isinstance(data, list):
            return self._at.array([self._literal(item) for item in data])
        if isinstance(data, dict):
            return self._at.mapping(list(data), [self._literal(value) for value in data.values()])
        return self._at.constant(data)

    def _named(self, value: Expr) -> Expr:
        """``value`` as a name, to be used more than once."""
        if isinstance(value, ast.Name):
            return value
        name = self._temporary()
        self._do(self._at.assign(name, value))
        return self._at.name(name)

    # Blocks and what they cost

    def _arm(self, resolved: Resolved, destination: Destination, *, blocks: int = 0) -> list[Stmt]:
        """A block of its own, ``blocks`` of Python deeper than here."""

        def write() -> None:
            cost = price(resolved)
            self.bytes_per_tick = max(self.bytes_per_tick, cost.makes)
            if cost.applies:
                self._do(self._at.for_("_", None, self._tick(), [self._at.break_()]))
            self._charge(cost.extra)
            self._emit(resolved, destination)

        return self._deeper(write, destination, blocks=blocks)

    def _loop(self, turn: Callable[[], None], block: Sequence[Resolved], item: str | None, items: Expr) -> None:
        """``for _ in items: turn``; the first element of each turn is the tick that pays for it."""

        def write() -> None:
            cost = price(*block)
            self.bytes_per_tick = max(self.bytes_per_tick, cost.makes)
            self._charge(cost.extra)
            turn()

        self._frame.loops += 1
        body = self._deeper(write, DISCARD, blocks=1)
        self._frame.loops -= 1
        self._do(self._at.for_("_", item, items, body))

    def _charge(self, units: int) -> None:
        if units:
            self._do(self._at.do(self._at.call(self._helper("charge"), [self._at.constant(units)])))

    def _tick(self) -> Expr:
        return self._at.name(self._helper("tick"))

    def _function(self, name: str, parameters: Sequence[Variable], body: Resolved, boxes: Sequence[str]) -> Stmt:
        """A function of the script."""
        outer = self._frame
        self._frame = frame = Frame(depth=self._symbol("d"))
        names = [self._declare(parameter) for parameter in parameters]
        frame.parameters = frozenset(names)
        frame.body = self._arm(body, RETURN)
        self._frame = outer
        return self._at.function(name, names, self._finished(frame), first=passed(frame.depth), boxes=boxes)

    # Statements

    def _seq(self, resolved: Resolved, destination: Destination) -> None:
        if not resolved.args:
            self._put(self._at.constant(None), destination)
            return
        for step in resolved.args[:-1]:
            self._emit(step, DISCARD)
        self._emit(resolved.args[-1], destination)

    def _if(self, resolved: Resolved, destination: Destination) -> None:
        test = self._truth(resolved.args[0])
        then = self._arm(resolved.args[1], destination)
        if len(resolved.args) == 3:
            other = self._arm(resolved.args[2], destination)
        else:
            other = self._block(lambda: self._put(self._at.constant(None), destination))
        self._do(self._at.if_(test, then, other))

    def _while(self, resolved: Resolved, destination: Destination) -> None:
        condition, body = resolved.args

        def turn() -> None:
            test = self._truth(condition)
            self._do(self._at.if_(self._at.negate(test), self._block(lambda: self._jump(Signal.BREAK)), []))
            self._emit(body, DISCARD)

        self._loop(turn, [condition, body], None, self._tick())
        self._put(self._at.constant(None), destination)

    def _for(self, resolved: Resolved, destination: Destination) -> None:
        items, body = resolved.args
        variable = resolved.variable
        assert variable is not None
        each = self._at.call(self._helper("items"), [self._value(items)])
        item = self._symbol("t")

        def turn() -> None:
            self._bind_new(variable, self._at.name(item))
            self._emit(body, DISCARD)

        self._loop(turn, [body], item, self._at.call(self._helper("zip"), [self._tick(), each]))
        self._put(self._at.constant(None), destination)

    def _leave(self, resolved: Resolved, destination: Destination) -> None:
        self._jump(Signal.BREAK if resolved.op == "std.break" else Signal.CONTINUE)

    def _return(self, resolved: Resolved, destination: Destination) -> None:
        if not resolved.args:
            self._answer(self._at.constant(None))
        elif self._frame.caller is None and not self._frame.blocks:
            self._emit(resolved.args[0], RETURN)
        else:  # within a loop its value may still `break` out of it, which a function that returns it could not
            self._answer(self._value(resolved.args[0]))

    def _assignment(self, resolved: Resolved, destination: Destination) -> None:
        variable = resolved.variable
        if variable is None:  # nothing is bound: only the value matters
            self._emit(resolved.args[0], destination)
            return
        self._bind(variable, self._value(resolved.args[0]))
        if destination is not DISCARD:
            self._put(self._read(variable), destination)

    def _try(self, resolved: Resolved, destination: Destination) -> None:
        body = self._arm(resolved.args[0], destination, blocks=1)
        caught = self._symbol("e")

        def handle() -> None:
            error = self._keep(self._at.call(self._helper("caught"), [self._at.name(caught)]))
            if resolved.variable is not None:
                self._bind_new(resolved.variable, self._at.call(self._helper("thrown"), [error]))
            if resolved.error is not None:
                self._bind_new(resolved.error, self._at.call(self._helper("record"), [error]))
            if len(resolved.args) == 2:
                self._do(*self._arm(resolved.args[1], destination))
            else:
                self._put(self._at.constant(None), destination)

        handler = self._deeper(handle, destination, blocks=3)
        self._do(self._at.try_(body, self._helper("errors"), caught, handler, []))

    def _with_timeout(self, resolved: Resolved, destination: Destination) -> None:
        seconds = self._value(resolved.args[0])
        limit = self._keep(self._at.call(self._helper("begin_timeout"), [seconds]))
        body = self._arm(resolved.args[1], destination, blocks=3)
        caught = self._symbol("e")
        told = self._at.do(self._at.call(self._helper("timed_out"), [self._at.name(caught), limit]))
        end = self._at.do(self._at.call(self._helper("end_timeout"), [limit]))
        self._do(self._at.try_(body, self._helper("errors"), caught, [told], [end]))

    def _params(self, resolved: Resolved, destination: Destination) -> None:
        declared = [arg.node.value for arg in resolved.args if isinstance(arg.node, Literal)]
        self.declarations.extend(declared)
        values = self._temporary()
        self._do(self._at.assign(values, self._at.call(self._helper("parameters"), [self._literal(declared)])))
        for index, variable in enumerate(resolved.parameters):
            self._bind(variable, self._at.item(values, index))
        self._put(self._at.constant(None), destination)

    def _logic(self, resolved: Resolved, destination: Destination) -> None:
        """``and or guard nullish``: each argument only if those before it do not settle the matter."""
        if not resolved.args:
            self._put(self._at.constant({"and": True, "or": False}.get(resolved.op)), destination)
            return
        name = self._temporary()
        value = self._truth if resolved.op in ("and", "or") else self._value
        for index, arg in enumerate(resolved.args):
            step = self._block(lambda arg=arg: self._assign(name, value(arg)))  # type: ignore[misc]
            self._do(*(step if index == 0 else [self._at.if_(self._open_question(resolved.op, name), step, [])]))
        self._put(self._at.name(name), destination)

    def _open_question(self, op: str, name: str) -> Expr:
        """Whether the value so far leaves the matter open."""
        value = self._at.name(name)
        if op == "and":
            return value
        if op == "or":
            return self._at.negate(value)
        if op == "guard":
            return self._at.call(self._helper("truthy"), [value])
        return self._at.is_(value, self._at.constant(None))

    # Expressions

    def _use(self, resolved: Resolved) -> Expr:
        return self._read(resolved.variable)

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
        self._do(self._function(name, function.parameters, resolved.args[0], boxes))
        if resolved.variable is not None:
            self._bind(resolved.variable, self._at.name(name))
        return self._at.name(name)

    def _apply(self, resolved: Resolved) -> Expr:
        function, *args = self._all(resolved.args)
        if resolved.args[0].op != "std.lambda":
            function = self._named(function)
            kind = self._at.call(self._helper("type"), [function])
            is_function = self._at.is_(kind, self._at.name(self._helper("function")))
            refuse = self._at.do(self._at.call(self._helper("not_function"), [function]))
            self._do(self._at.if_(self._at.negate(is_function), [refuse], []))
        assert isinstance(function, ast.Name)
        return self._at.call(function.id, [self._depth(), *args])

    def _together(self, resolved: Resolved) -> Expr:
        names = []
        for task, body in zip(resolved.tasks, resolved.args, strict=True):
            name = self._symbol("f")
            boxes = [self._names[variable] for variable in task.free if boxed(variable)]
            self._do(self._function(name, [], body, boxes))
            names.append(self._at.name(name))
        return self._at.call(self._helper("together"), [self._depth(), self._at.array(names)])

    def _object(self, resolved: Resolved) -> Expr:
        keys = [pair.args[0].node for pair in resolved.args]
        values = self._all([pair.args[1] for pair in resolved.args])
        return self._at.mapping([str(key.value) for key in keys if isinstance(key, Literal)], values)

    def _op(self, resolved: Resolved) -> Expr:
        op = self._ops.get(resolved.op)
        values = self._all(resolved.args)
        if op is None:
            return self._at.call(self._helper(f"op:{resolved.op}"), values)
        values = [value if isinstance(value, ast.Constant) else self._named(value) for value in values]
        depth = self._depth() if op.takes_run else None
        return self._corrected(op.name, shortcut(op, values, depth, self._at, self._helper), values)

    def _corrected(self, op: str, value: Expr, args: Sequence[Expr]) -> Expr:
        """The value of a shortcut, made a number of scripts if it is arithmetic."""
        if op not in ("+", "-", "*") or isinstance(value, ast.Call):
            return value
        result = self._temporary()
        self._do(self._at.assign(result, value))
        repair = correction(op, result, args, self._at, self._helper)
        self._do(*([repair] if repair is not None else []))
        return self._at.name(result)
