"""Callbacks in line: `list.map`, `list.filter`, `list.find` and `list.reduce` as loops, comparators of `list.sort`.

A callback in line costs what a call of it costs: a turn is one step of the meter, which `zip` takes before the item, so
the end of the list is one as well; the callback's body is a block with a price of its own. Where the body calls
functions it takes a link of the depth's chain, as a function would.

Where the body of `list.map` or `list.filter` comes to one expression and steps towards it, uses no local variable of
the function around it (which would have to become a cell), and makes numbers only, the loop is a list comprehension:

    [t7 for _, v5 in zip(tick, v3) for t6 in [v5 * v5] for t7 in [exact(t6) if t6 > 9007199254740992 else t6]]

CPython compiles ``for t in [e]`` to an assignment.
"""

import ast
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from itertools import islice

from mintaka.lang.scopes import FunctionScope, Resolved, Variable
from mintaka.runtime.accesses import Accesses
from mintaka.runtime.calls import Calls
from mintaka.runtime.frames import Frame, Signal
from mintaka.runtime.lattice import BOOLEAN, LIST, NULL, NUMBER
from mintaka.runtime.ops import Op
from mintaka.runtime.pynodes import Expr, Nodes, Stmt
from mintaka.runtime.writer import RETURN, Destination, boxed


class Callbacks(Accesses):
    """Writes callbacks."""

    _calls: Calls

    def _test(self, resolved: Resolved) -> Expr:
        raise NotImplementedError

    def _arm(self, resolved: Resolved, destination: Destination, *, blocks: int = 0) -> list[Stmt]:
        raise NotImplementedError

    def _priced(self, resolved: Resolved, write: Callable[[], None]) -> None:
        raise NotImplementedError

    def _loop(
        self,
        turn: Callable[[], None],
        block: Sequence[Resolved],
        item: str | None,
        items: Expr,
        *,
        within: Sequence[Resolved] = (),
    ) -> None:
        raise NotImplementedError

    def _in_line(self, op: Op, resolved: Resolved) -> Expr:
        """An op whose callback is written in line."""
        self._depth()
        items, callback, *start = resolved.args
        found = self._facts.of(items)
        values = [self._named(value) for value in self._all([items, *start])]
        self._guard(op.name, 0, values[0], found, LIST)
        assert callback.function is not None
        parameters, body = callback.function.parameters, callback.args[0]
        if op.name == "list.reduce":
            return self._reduce(values, parameters, body)
        if op.name == "list.find":
            return self._find(values[0], parameters, body)
        self._do(self._at.do(self._at.call(self._helper("room"), [values[0]])))
        return self._collect(op.name, values[0], parameters, body)

    def _pay(self) -> Stmt:
        """Pay one unit of fuel."""
        return self._at.for_("_", None, self._at.name(self._helper("tick")), [self._at.break_()])

    def _turns(self, items: Expr) -> Expr:
        """What a loop over ``items`` goes through: with each a step of the meter."""
        return self._at.call(self._helper("zip"), [self._at.name(self._helper("tick")), items])

    def _body(
        self, parameters: Sequence[Variable], given: Sequence[Expr], body: Resolved, write: Callable[[], None]
    ) -> None:
        """A callback's body: its parameters, what it costs, and its depth where it needs that."""
        for index, variable in enumerate(parameters):
            self._bind_new(variable, given[index] if index < len(given) else self._at.constant(None))
        self._with_depth(self._depth, lambda: self._priced(body, write))

    def _collect(self, op: str, items: Expr, parameters: Sequence[Variable], body: Resolved) -> Expr:
        """``list.map`` and ``list.filter``."""
        result, item = self._temporary(), self._symbol("t")
        append = self._helper("append")

        def write() -> None:
            if op == "list.map":
                self._do(self._at.do(self._at.call(append, [self._at.name(result), self._value(body)])))
            else:
                test = self._test(body)
                put = self._at.do(self._at.call(append, [self._at.name(result), self._at.name(item)]))
                self._do(self._at.if_(test, [put], []))

        def turn() -> None:
            self._body(parameters, [self._at.name(item)], body, write)

        before = len(self._homes)
        self._loop(turn, [], item, self._turns(items), within=[body])
        made = frozenset(islice(self._homes, before, None))
        loop = self._frame.body.pop()
        assert isinstance(loop, ast.For)
        # What a comprehension makes is in no variable until it is done, so it may hold nothing that takes memory.
        light = op == "list.filter" or self._facts.of(body).only(NUMBER | BOOLEAN | NULL)
        comprehension = self._comprehension(loop, result, made) if light else None
        if comprehension is not None:
            self._do(self._at.assign(result, comprehension))
        else:
            self._do(self._at.assign(result, self._at.array([])), loop)
        return self._at.name(result)

    def _find(self, items: Expr, parameters: Sequence[Variable], body: Resolved) -> Expr:
        result, item = self._temporary(), self._symbol("t")

        def write() -> None:
            test = self._test(body)

            def found() -> None:
                self._assign(result, self._at.name(item))
                self._jump(Signal.BREAK)

            self._do(self._at.if_(test, self._block(found), []))

        self._do(self._at.assign(result, self._at.constant(None)))
        self._loop(
            lambda: self._body(parameters, [self._at.name(item)], body, write),
            [],
            item,
            self._turns(items),
            within=[body],
        )
        return self._at.name(result)

    def _reduce(self, values: Sequence[Expr], parameters: Sequence[Variable], body: Resolved) -> Expr:
        items, start = values
        own = parameters[0] if parameters and not parameters[0].captured else None
        result = self._declare(own) if own is not None else self._temporary()
        self._do(self._at.assign(result, start))
        item = self._symbol("t")

        def write() -> None:
            self._assign(result, self._value(body, result if self._homes[result] is self._frame else None))

        def turn() -> None:
            if own is None:
                self._body(parameters, [self._at.name(result), self._at.name(item)], body, write)
            else:
                self._body(parameters[1:], [self._at.name(item)], body, write)

        self._loop(turn, [], item, self._turns(items), within=[body])
        return self._keep(self._at.name(result))

    def _comprehension(self, loop: ast.For, result: str, made: AbstractSet[str]) -> Expr | None:
        """The list comprehension that a loop which appends to ``result`` is, or ``None``.

        ``made`` are the variables of a turn; a comprehension could give values to no others.
        """
        assert isinstance(loop.target, ast.Tuple)
        item = loop.target.elts[1]
        assert isinstance(item, ast.Name)
        *statements, last = loop.body
        steps = [_step(statement) for statement in statements]
        each = item.id
        match steps:  # the callback's parameter is the item, unless it gets another value
            case [(name, ast.Name(id=item.id)), *others] if all(step is None or step[0] != name for step in others):
                each, steps = name, others
        own = {"_", item.id, each, *self.helpers.values()}
        clauses = [self._at.clause("_", each, loop.iter)]
        for step in steps:
            if step is None or step[0] not in made or not _names(step[1]) <= own:
                return None
            own.add(step[0])
            clauses.append(self._at.clause(step[0], None, self._at.array([step[1]])))
        match last:
            case ast.Expr(value=ast.Call(args=[ast.Name(id=into), element])) if into == result:
                used = _names(element)
            case ast.If(test=test, body=[ast.Expr(value=ast.Call(args=[ast.Name(id=into), _]))], orelse=[]) if (
                into == result
            ):
                element = self._at.name(each)
                clauses[-1].ifs.append(test)
                used = _names(test)
            case _:
                return None
        return self._at.collect(element, clauses) if used <= own else None

    def _sorted(self, op: Op, resolved: Resolved) -> Expr | None:
        """``list.sort`` with a comparator that certainly gives a number: C's sort calls it without anything between."""
        items, comparator = resolved.args
        function, body = comparator.function, comparator.args[0]
        assert function is not None
        if not self._facts.of(items).kinds & LIST or not self._gives_number(function, body):
            return None
        depth = self._depth()
        value = self._named(self._all([items])[0])
        self._guard(op.name, 0, value, self._facts.of(items), LIST)
        name = self._symbol("f")
        self._do(self._comparator(name, function, body))
        key = self._at.call(self._helper("ordering"), [self._at.name(name)])
        return self._at.call(self._helper(f"raw:{op.name}"), [depth, value, key])

    def _gives_number(self, function: FunctionScope, body: Resolved) -> bool:
        return not any(map(boxed, function.free)) and self._facts.returned(function, body).only(NUMBER | BOOLEAN)

    def _comparator(self, name: str, function: FunctionScope, body: Resolved) -> Stmt:
        """A function of two items that pays for its call itself, and takes the depth from around it."""
        outer = self._frame
        depth = self._depth()
        self._frame = frame = Frame(depth=self._symbol("d"))
        frame.here = frame.depth
        names = [self._declare(parameter) for parameter in function.parameters]
        frame.parameters = frozenset(names)
        self._do(self._pay())
        frame.body.extend(self._arm(body, RETURN))
        self._frame = outer
        if frame.used:
            frame.body.insert(0, self._at.unpack(frame.depth, depth))
        return self._at.function(name, names, self._finished(frame))


def _step(statement: Stmt) -> tuple[str, Expr] | None:
    """What a statement gives to which name, if that is all it does."""
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            return name, value
        case ast.If(test=test, body=[ast.Assign(targets=[ast.Name(id=name)], value=value)], orelse=[]):
            at = Nodes(value.lineno)
            return name, at.choose([test], value, at.name(name))
    return None


def _names(node: ast.AST) -> set[str]:
    return {found.id for found in ast.walk(node) if isinstance(found, ast.Name)}
