"""Arithmetic and comparisons in line: Python's operators, guarded where Python would accept what a script may not.

What Python gets wrong for scripts, and what is emitted because of it:

* ``True + 1`` and ``"a" < "b"`` are fine in Python: operands that may be no numbers are tested first (`_guard`);
* integers grow without bounds: a result that may pass ±2^53 is tested and made a double (`exact`). Inference bounds
  most counters (`mintaka.runtime.trips`) and signs, so that often one comparison is left, or none;
* a sum of products without signs is tested once, at its end: a product beyond 2^53 makes the sum so (`_scaled_sum`);
* zero times a negative integer is minus zero: a product that may be zero with a negative factor goes through the op;
* ``%`` has the sign of the divisor in Python, of the dividend in scripts: only what is known or found to be not
  negative by a positive divisor is in line;
* ``1 == True`` and ``[] == []`` hold in Python: ``==`` is in line where the kinds cannot mix so.
"""

import ast
from collections.abc import Sequence
from itertools import pairwise
from typing import TypeGuard

from mintaka.lang.numbers import MAX_INTEGER
from mintaka.lang.scopes import Resolved
from mintaka.lang.tree import Literal
from mintaka.runtime.facts import Facts
from mintaka.runtime.lattice import (
    ALL,
    BOOLEAN,
    CONTAINER,
    FUNCTION,
    HOST,
    INT,
    LIST,
    NULL,
    NUMBER,
    OBJECT,
    TEXT,
    Type,
)
from mintaka.runtime.op_types import arithmetic, clamped
from mintaka.runtime.operators import ARITHMETIC, ORDER
from mintaka.runtime.ops import Op, OpTable
from mintaka.runtime.pynodes import Expr
from mintaka.runtime.writer import Writer

_ONE_DIGIT = 2**30 - 1
"""The greatest integer that CPython holds in one digit."""

TESTED = {
    NUMBER: ("int", "float"),
    LIST: ("list",),
    OBJECT: ("dict",),
    TEXT: ("str",),
    FUNCTION: ("function",),
}
"""Kinds that a guard tests for, and the helpers that are Python's types of them, the most common first."""


class Operations(Writer):
    """Writes operators."""

    _ops: OpTable
    _facts: Facts

    def _value(self, resolved: Resolved, into: str | None = None, *, loose: bool = False) -> Expr:
        """What ``resolved`` needs in front is emitted; gives the expression for its value: the emitter's work."""
        raise NotImplementedError

    def _guard(self, op: str, index: int, value: Expr, found: Type, kinds: int) -> None:
        """Refuse ``value``, a name, as argument ``index`` of ``op`` unless it is of these kinds."""
        found = self._narrowed(value, found)
        if found.only(kinds):
            return
        if found.kinds & kinds and self._steady(value):
            self._known[value.id] = (found.kinds & kinds, self._moments)
        kept = kinds
        if found.kinds & ~kinds == NULL:
            test, kept = self._at.is_(value, self._at.constant(None)), ALL & ~NULL
        else:
            other = [self._at.is_not(self._type(value), self._at.name(self._helper(name))) for name in TESTED[kinds]]
            test = self._at.all(other)
        place = [self._at.constant(op), self._at.constant(index)]
        refuse = self._at.do(self._at.call(self._helper("check"), [*place, value]))
        self._do(self._at.if_(self._in_front(value, kept, test), [refuse], []))

    def _in_front(self, value: Expr, kinds: int, test: Expr) -> Expr:
        """``test``, whether ``value`` is not of ``kinds``: done once in front of a loop that does not change it."""
        if not isinstance(value, ast.Name) or value.id not in self._settled or value.id in self._exposed:
            return test
        for head in self._frame.heads:
            if int(value.id[1:]) <= head.made:  # it had its value when the loop began
                if (value.id, kinds) not in head.tests:
                    head.tests[value.id, kinds] = (self._temporary(), test)
                return self._at.name(head.tests[value.id, kinds][0])
        return test

    def _narrowed(self, value: Expr, found: Type) -> Type:
        """``found``, what ``value`` can be, as far as guards on every way to here left it."""
        if self._known and self._steady(value):
            kinds, moment = self._known.get(value.id, (0, -1))
            if found.kinds & kinds and moment >= self._stored.get(value.id, 0):
                return found.narrowed(kinds)
        return found

    def _steady(self, value: Expr) -> TypeGuard[ast.Name]:
        """Whether ``value`` is a variable that nothing gives a value while the function at hand is at work, but itself.

        The function around it waits for it, and so do those of other fibers that could see the variable.
        """
        return isinstance(value, ast.Name) and value.id not in self._exposed and value.id in self._homes

    def _type(self, value: Expr) -> Expr:
        return self._at.call(self._helper("type"), [value])

    def _is(self, value: Expr, kind: str) -> Expr:
        """Whether ``value`` is of the Python type that the helper ``kind`` is."""
        return self._at.is_(self._type(value), self._at.name(self._helper(kind)))

    def _arithmetic(self, resolved: Resolved, into: str | None) -> Expr | None:
        """``+ - *`` of any number of arguments, ``% /`` of two; ``None`` for what is left to the op."""
        name, types = resolved.op, [self._facts.of(arg) for arg in resolved.args]
        if any(not found.kinds & NUMBER for found in types) or (name in "%/" and len(types) != 2):
            return None
        if name == "+":
            total = self._scaled_sum(resolved, types, into)
            if total is not None:
                return total
        values = self._all(resolved.args, loose=True)
        if name in "%/":
            return self._division(name, values, types)
        values = self._numbers(name, values, types)
        total, known = values[0], types[0].narrowed(NUMBER)
        for index, value in enumerate(values[1:], 2):
            step = types[index - 1].narrowed(NUMBER)
            square = index == 2 and _same_name(values[0], value)
            total = self._step(name, total, value, known, step, square, into if index == len(values) else None)
            known = clamped(arithmetic(name, known, step, square=square))
        return total

    def _scaled_sum(self, resolved: Resolved, types: Sequence[Type], into: str | None) -> Expr | None:
        """``a * b + c`` or ``a * b + c * d`` of variables, where only the end needs a test; else ``None``.

        Of integers without signs a sum is beyond 2^53 if a part of it is; it is computed anew then, step by step. Where
        one part is a double, Python rounds the other as it adds them, which is what would have become of it before.
        """
        if len(types) != 2 or not all(self._unsigned(arg) for arg in resolved.args):
            return None
        spans = []
        for arg, found in zip(resolved.args, types, strict=True):
            spans.append(arithmetic("*", *map(self._facts.of, arg.args)) if arg.op == "*" else found)
        if not any(span.high > MAX_INTEGER for span in spans) or not all(span.kinds & INT for span in spans):
            return None
        parts = [
            [self._named(self._value(factor)) for factor in (arg.args if arg.op == "*" else [arg])]
            for arg in resolved.args
        ]
        quick = [part[0] if len(part) == 1 else self._at.binary(ast.Mult(), *part) for part in parts]
        exact = [part[0] if len(part) == 1 else self._at.call(self._helper("op:*"), part) for part in parts]
        if into is None or any(into == _name(factor) for part in parts for factor in part):
            into = self._temporary()
        self._store(into, self._at.binary(ast.Add(), *quick))
        value = self._at.name(into)
        repaired = self._at.assign(into, self._at.call(self._helper("op:+"), exact))
        self._do(self._at.if_(self._at.compare(ast.Gt(), value, MAX_INTEGER), [repaired], []))
        return value

    def _unsigned(self, arg: Resolved) -> bool:
        """Whether ``arg`` is a variable, a literal or a product of two, of numbers whose integers have no signs."""
        factors = [arg]
        if arg.op == "*" and len(arg.args) == 2 and self._ops.standard("*"):
            factors = list(arg.args)
        found = [self._facts.of(factor) for factor in factors]
        simple = all(isinstance(factor.node, Literal) or factor.op == "std.var" for factor in factors)
        return simple and all(each.only(NUMBER) and each.kinds & INT and each.low >= 0 for each in found)

    def _numbers(self, name: str, values: Sequence[Expr], types: Sequence[Type]) -> list[Expr]:
        """Operands that are certainly numbers."""
        if all(found.only(NUMBER) for found in types):
            return list(values)
        named = [self._named(value) for value in values]
        for index, (value, found) in enumerate(zip(named, types, strict=True)):
            self._guard(name, index, value, found, NUMBER)
        return named

    def _step(
        self, name: str, a: Expr, b: Expr, first: Type, second: Type, square: bool, into: str | None
    ) -> Expr:  # fmt: skip
        result = arithmetic(name, first, second, square=square)
        signed = name == "*" and not square and result.low <= 0 and (first.low < 0 or second.low < 0)
        beyond = result.low < -MAX_INTEGER or result.high > MAX_INTEGER
        if not result.kinds & INT or not (beyond or signed):
            return self._at.binary(ARITHMETIC[name](), a, b)
        if signed:
            a, b = self._named(a), self._named(b)
        if into is None or (signed and into in (_name(a), _name(b))):
            into = self._temporary()
        self._store(into, self._at.binary(ARITHMETIC[name](), a, b))
        value = self._at.name(into)
        counted = name != "*" and (isinstance(a, ast.Constant) or isinstance(b, ast.Constant))
        if signed:
            repaired = self._at.call(self._helper("raw:*"), [a, b])
        else:
            repaired = self._at.call(self._helper("exact"), [value])
        test = self._beyond(value, result, zero=signed, counted=counted)
        self._do(self._at.if_(test, [self._at.assign(into, repaired)], []))
        return value

    def _beyond(self, value: Expr, result: Type, *, zero: bool, counted: bool) -> Expr:
        """Whether a result is beyond ±2^53, or with ``zero``, whether it is zero.

        Integers of one digit are told first, for CPython compares them at once: where there are two sides, and where
        the result is ``counted`` (what a constant is added to is mostly a counter).
        """
        above = self._at.compare(ast.Gt(), value, MAX_INTEGER)
        low = [self._at.negate(value)] * zero
        if result.low < -MAX_INTEGER:
            low.append(self._at.compare(ast.Lt(), value, -MAX_INTEGER))
        below = self._at.any(low) if low else None
        if below is not None and result.low < -MAX_INTEGER:
            near = self._at.compare(ast.Lt(), value, 1 if zero else -_ONE_DIGIT)
            below = self._at.all([near, below]) if counted or zero or result.high > MAX_INTEGER else below
        if result.high <= MAX_INTEGER:
            assert below is not None
            return below
        large = self._at.compare(ast.Gt(), value, _ONE_DIGIT)
        if below is None:
            return self._at.all([large, above]) if counted else above
        return self._at.choose([large], above, below)

    def _division(self, name: str, values: Sequence[Expr], types: Sequence[Type]) -> Expr:
        a, b = map(self._named, values)
        tests = []
        for value, found in ((a, types[0]), (b, types[1])):
            if not found.only(INT):
                tests.append(self._is(value, "int"))
        if name == "%" and types[0].low < 0:
            tests.append(self._at.compare(ast.GtE(), a, 0))
        if types[1].low < 1:
            tests.append(self._at.compare(ast.Gt(), b, 0))
        if name == "%":
            plain = self._at.binary(ast.Mod(), a, b)
        else:  # a quotient is whole only where nothing is left: doubles near it are closer together than 1 / b
            left = self._at.binary(ast.Mod(), a, b)
            plain = self._at.choose([left], self._at.binary(ast.Div(), a, b), self._at.binary(ast.FloorDiv(), a, b))
        return self._at.choose(tests, plain, self._at.call(self._helper(f"op:{name}"), [a, b])) if tests else plain

    def _comparison(self, resolved: Resolved) -> Expr | None:
        """``< > <= >= == !=``; ``None`` for what is left to the op."""
        types = [self._facts.of(arg) for arg in resolved.args]
        if resolved.op not in ORDER:
            return self._equality(resolved.op, resolved.args, types) if len(types) == 2 else None
        if any(not found.kinds & NUMBER for found in types) or len(types) < 2:
            return None
        values = self._numbers(resolved.op, self._all(resolved.args), types)
        if len(values) == 2:
            return self._at.compare(ORDER[resolved.op](), *values)
        named = [self._named(value) for value in values]
        return self._at.all([self._at.compare(ORDER[resolved.op](), a, b) for a, b in pairwise(named)])

    def _equality(self, name: str, args: Sequence[Resolved], types: Sequence[Type]) -> Expr:
        a, b = values = self._all(args)
        equal = self._equal(a, b, *map(self._narrowed, values, types))
        if name == "==":
            return equal
        if isinstance(equal, ast.Compare) and isinstance(equal.ops[0], ast.Eq | ast.Is):
            opposite = self._at.is_not if isinstance(equal.ops[0], ast.Is) else self._at.unequal
            return opposite(equal.left, equal.comparators[0])
        return self._at.negate(equal)

    def _equal(self, a: Expr, b: Expr, first: Type, second: Type) -> Expr:
        if first.only(NULL) or second.only(NULL):
            return self._at.is_(self._variable(a), self._variable(b))
        mixed = [(first, second, b), (second, first, a)]
        for one, other, value in mixed:
            if not one.only(NUMBER | TEXT):
                continue
            if one.only(TEXT) or not other.kinds & BOOLEAN:
                return self._at.equal(a, b)
            if isinstance(value, ast.Name):
                boolean = self._at.is_not(self._type(value), self._at.name(self._helper("bool")))
                return self._at.all([self._at.equal(a, b), boolean])
        if not (first.kinds | second.kinds) & (CONTAINER | HOST) and not _mixes(first, second):
            return self._at.equal(a, b)
        a, b = map(self._named, (a, b))
        told = self._at.call(self._helper("same"), [a, b])
        if not first.kinds & second.kinds & INT:
            return told
        whole = [self._is(value, "int") for value, found in ((a, first), (b, second)) if not found.only(INT)]
        return self._at.choose(whole, self._at.equal(a, b), told)

    def _named(self, value: Expr) -> Expr:
        """``value`` as a name or a constant, to be used more than once."""
        return value if isinstance(value, ast.Name) else self._keep(value)

    def _variable(self, value: Expr) -> Expr:
        """``value`` as something that Python compares by identity without a warning: no number and no text."""
        return self._copied(value) if isinstance(value, ast.Constant) and value.value is not None else value

    def _checked(self, op: Op, values: Sequence[Expr], types: Sequence[Type]) -> Expr:
        """A call of an op, its arguments guarded in line where they need it."""
        front = [self._depth()] if op.takes_run else []
        wanted = [op.parameters[min(index, len(op.parameters) - 1)].type for index in range(len(values))]
        kinds = [_GUARDED.get(kind.word, 0) if kind.accepts else ALL for kind in wanted]
        if any(not found.kinds & taken for found, taken in zip(types, kinds, strict=True)):
            return self._at.call(self._helper(f"op:{op.name}"), [*front, *values])
        if any(found.kinds & ~taken for found, taken in zip(types, kinds, strict=True)):
            values = [self._named(value) for value in values]
            for index, (value, found) in enumerate(zip(values, types, strict=True)):
                if kinds[index] != ALL:
                    self._guard(op.name, index, value, found, kinds[index])
        return self._at.call(self._helper(f"raw:{op.name}"), [*front, *values])


_GUARDED = {"number": NUMBER, "list": LIST, "object": OBJECT, "string": TEXT, "lambda": FUNCTION}
"""Types of parameters that can be guarded in line, and their kinds."""


def _mixes(first: Type, second: Type) -> bool:
    """Whether a number may meet a boolean, which are equal for Python."""
    return bool((first.kinds & NUMBER and second.kinds & BOOLEAN) or (first.kinds & BOOLEAN and second.kinds & NUMBER))


def _name(value: Expr) -> str:
    return value.id if isinstance(value, ast.Name) else ""


def _same_name(a: Expr, b: Expr) -> bool:
    return _name(a) != "" and _name(a) == _name(b)
