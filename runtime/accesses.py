"""Reading and changing lists, objects and texts in line.

``try: t = xs[i]`` costs nothing where it succeeds, so what is there is read without asking first; what is not, and
whatever else is unusual (a fraction as an index, a key that is a number), raises and is decided by the op itself. Only
what Python would take in its own way is excluded before: a negative index, which counts from the end there, a boolean
as an index, and anything but a list where ``xs[i]`` would mean something else.
"""

import ast
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from mintaka.lang.scopes import Resolved
from mintaka.runtime.lattice import BOOLEAN, INT, LIST, NULL, NUMBER, OBJECT, TEXT, Type
from mintaka.runtime.operations import Operations
from mintaka.runtime.ops import Op
from mintaka.runtime.prices import SHORT_TEXT
from mintaka.runtime.pynodes import Expr, Stmt

MOST_PARTS = 7
"""Parts of a text that is put together in line: if all are short it stays below a unit of fuel."""

Template = Callable[[Any, Op, Resolved, Sequence[Expr], Sequence[Type], str | None, bool], Expr | None]


class Accesses(Operations):
    """Writes accesses to data."""

    def _call(self, resolved: Resolved, op: Op, into: str | None, wanted: bool) -> Expr:
        """A call of an op of the table; ``wanted`` says whether its value is of interest."""
        if op.takes_run:
            self._costly += 1
            self._depth()
        types = [self._facts.of(arg) for arg in resolved.args]
        template = self._TEMPLATES.get(op.name) if self._ops.standard(op.name) else None
        values = self._all(resolved.args)
        if template is not None:
            value = template(self, op, resolved, values, types, into, wanted)
            if value is not None:
                return value
        return self._checked(op, values, types)

    def _by_op(self, op: Op, args: Sequence[Expr]) -> Expr:
        """The call of the op itself, which checks its arguments."""
        return self._at.call(self._helper(f"op:{op.name}"), [*([self._depth()] if op.takes_run else []), *args])

    def _holder(self, value: Expr) -> Expr:
        """``value`` as a name, for Python warns of subscripts of constants."""
        return value if isinstance(value, ast.Name) else self._copied(value)

    def _attempt(self, quick: list[Stmt], otherwise: list[Stmt]) -> None:
        self._do(self._at.try_(quick, self._helper("misses"), None, otherwise, []))

    def _list_get(
        self, op: Op, resolved: Resolved, values: Sequence[Expr], types: Sequence[Type], into: str | None, wanted: bool
    ) -> Expr | None:
        if not (types[0].kinds & LIST and types[1].kinds & INT):
            return None
        items, index = self._holder(values[0]), self._named(values[1])
        self._guard(op.name, 0, items, types[0], LIST)
        self._guard(op.name, 1, index, types[1], NUMBER)
        target = into if into is not None else self._temporary()
        other = self._by_op(op, [items, index])
        quick = self._at.subscript(items, index)
        if types[1].low < 0:
            quick = self._at.choose([self._at.compare(ast.GtE(), index, 0)], quick, other)
        self._attempt([self._stored_in(target, quick)], [self._at.assign(target, other)])
        return self._at.name(target)

    def _list_set(
        self, op: Op, resolved: Resolved, values: Sequence[Expr], types: Sequence[Type], into: str | None, wanted: bool
    ) -> Expr | None:
        if not (types[0].kinds & LIST and types[1].kinds & INT):
            return None
        items, index, value = self._holder(values[0]), *map(self._named, values[1:])
        self._guard(op.name, 0, items, types[0], LIST)
        self._guard(op.name, 1, index, types[1], NUMBER)
        other = self._at.do(self._by_op(op, [items, index, value]))
        quick = self._at.assign_item(items, index, value)
        if types[1].low < 0:
            quick = self._at.if_(self._at.compare(ast.GtE(), index, 0), [quick], [other])
        self._attempt([quick], [other])
        return value

    def _list_push(
        self, op: Op, resolved: Resolved, values: Sequence[Expr], types: Sequence[Type], into: str | None, wanted: bool
    ) -> Expr | None:
        if not types[0].kinds & LIST:
            return None
        items = self._named(values[0])
        value = values[1] if types[0].only(LIST) else self._named(values[1])
        self._guard(op.name, 0, items, types[0], LIST)
        self._do(self._at.do(self._at.call(self._helper("append"), [items, value])))
        return self._at.call(self._helper("len"), [items]) if wanted else self._at.constant(None)

    def _length(
        self, op: Op, resolved: Resolved, values: Sequence[Expr], types: Sequence[Type], into: str | None, wanted: bool
    ) -> Expr | None:
        kind = LIST if op.name == "list.len" else TEXT
        if not types[0].kinds & kind:
            return None
        value = values[0] if types[0].only(kind) else self._named(values[0])
        self._guard(op.name, 0, value, types[0], kind)
        return self._at.call(self._helper("len"), [value])

    def _object_get(
        self, op: Op, resolved: Resolved, values: Sequence[Expr], types: Sequence[Type], into: str | None, wanted: bool
    ) -> Expr | None:
        if not (types[0].kinds & OBJECT and types[1].kinds & TEXT):
            return None
        named = [self._holder(values[0]), *map(self._named, values[1:])]
        target = into if into is not None else self._temporary()
        other = self._by_op(op, named)
        quick = self._at.subscript(named[0], named[1])
        if not types[1].only(TEXT):
            quick = self._at.choose([self._is(named[1], "str")], quick, other)
        self._attempt([self._stored_in(target, quick)], [self._at.assign(target, other)])
        return self._at.name(target)

    def _object_set(
        self, op: Op, resolved: Resolved, values: Sequence[Expr], types: Sequence[Type], into: str | None, wanted: bool
    ) -> Expr | None:
        if not (types[0].kinds & OBJECT and types[1].kinds & TEXT):
            return None
        holder, key, value = self._holder(values[0]), *map(self._named, values[1:])
        other = self._at.do(self._by_op(op, [holder, key, value]))
        quick = self._at.assign_item(holder, key, value)
        if not types[1].only(TEXT):
            quick = self._at.if_(self._is(key, "str"), [quick], [other])
        self._attempt([quick], [other])
        return holder

    def _concat(
        self, op: Op, resolved: Resolved, values: Sequence[Expr], types: Sequence[Type], into: str | None, wanted: bool
    ) -> Expr | None:
        """Put texts together; long ones are paid for before that, short ones are in the price of the tick."""
        if not 2 <= len(values) <= MOST_PARTS:
            return None
        if not all(
            found.only(INT) or isinstance(value, ast.Constant) for value, found in zip(values, types, strict=True)
        ):
            values = [self._named(value) for value in values]
        parts = [self._part_of_text(value, found) for value, found in zip(values, types, strict=True)]
        long = [index for index, (_, short) in enumerate(parts) if not short]
        pieces = [piece for piece, _ in parts]
        if not long:
            return self._at.text(pieces)
        if long == [0]:  # the usual case: something short is put behind a text, which CPython then extends in place
            last = pieces[1] if len(pieces) == 2 else None
            rest = self._at.constant(last) if isinstance(last, str) else self._named(self._at.text(pieces[1:]))
            pieces = [pieces[0], rest]
            sizes = pieces
        else:
            pieces = [self._in_full(piece, short) for piece, short in parts]
            sizes = [self._at.constant(piece) if isinstance(piece, str) else piece for piece in pieces]
        length = [self._at.call(self._helper("len"), [size]) for size in sizes if not isinstance(size, str)]
        total = length[0]
        for more in length[1:]:
            total = self._at.binary(ast.Add(), total, more)
        tests = [self._at.compare(ast.Gt(), length[index], SHORT_TEXT) for index in long]
        self._do(self._at.if_(self._at.any(tests), [self._at.do(self._at.call(self._helper("afford"), [total]))], []))
        if len(pieces) > 2:
            return self._at.text(pieces)
        first, second = (self._at.constant(piece) if isinstance(piece, str) else piece for piece in pieces)
        return self._at.binary(ast.Add(), first, second)

    def _part_of_text(self, value: Expr, found: Type) -> tuple[str | Expr, bool]:
        """What stands for a part of a text, and whether that is certainly short."""
        if isinstance(value, ast.Constant) and isinstance(value.value, str) and len(value.value) <= SHORT_TEXT:
            return value.value, True
        if found.only(INT):
            return (str(value.value) if isinstance(value, ast.Constant) else value), True
        named = self._named(value)
        found = self._narrowed(named, found)
        if found.only(TEXT):
            return named, False
        text, short = self._at.call(self._helper("text"), [named]), found.only(NUMBER | BOOLEAN | NULL)
        if found.kinds & INT:
            written = named if short else self._at.call(self._helper("str"), [named])
            text = self._at.choose([self._is(named, "int")], written, text)
        if found.kinds & TEXT:
            text = self._at.choose([self._is(named, "str")], named, text)
        return self._keep(text), short

    def _in_full(self, piece: str | Expr, short: bool) -> str | Expr:
        """A part as a text of its own: what is short may still be an integer."""
        return self._keep(self._at.call(self._helper("str"), [piece])) if isinstance(piece, Expr) and short else piece

    def _string(
        self, op: Op, resolved: Resolved, values: Sequence[Expr], types: Sequence[Type], into: str | None, wanted: bool
    ) -> Expr | None:
        return self._of_whole(op, values[0], types[0], lambda value: self._at.call(self._helper("str"), [value]))

    def _whole(
        self, op: Op, resolved: Resolved, values: Sequence[Expr], types: Sequence[Type], into: str | None, wanted: bool
    ) -> Expr | None:
        return self._of_whole(op, values[0], types[0], lambda value: value)

    def _absolute(
        self, op: Op, resolved: Resolved, values: Sequence[Expr], types: Sequence[Type], into: str | None, wanted: bool
    ) -> Expr | None:
        return self._of_whole(op, values[0], types[0], lambda value: self._at.call(self._helper("abs"), [value]))

    def _of_whole(self, op: Op, value: Expr, found: Type, quick: Callable[[Expr], Expr]) -> Expr | None:
        """What ``quick`` makes of an integer; anything else is left to the op."""
        if not found.kinds & INT:
            return None
        if found.only(INT):
            return quick(value)
        value = self._named(value)
        return self._at.choose([self._is(value, "int")], quick(value), self._by_op(op, [value]))

    _TEMPLATES: ClassVar[Mapping[str, Template]] = {
        "list.get": _list_get,
        "list.set": _list_set,
        "list.push": _list_push,
        "list.len": _length,
        "str.len": _length,
        "obj.get": _object_get,
        "obj.set": _object_set,
        "str.concat": _concat,
        "std.string": _string,
        "math.floor": _whole,
        "math.abs": _absolute,
    }
