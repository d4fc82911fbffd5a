"""``== != < > <= >= not``: of several arguments each is compared with the next."""

from collections.abc import Callable, Sequence
from itertools import pairwise

from mintaka.runtime.ops import op
from mintaka.runtime.values import Number, Value, same, truthy


@op("==", label="equal", category="Logic", layout="infix")
def equal(a: Value, b: Value, *more: Value) -> bool:
    """Whether values are equal: numbers, texts, booleans and null by value, without conversion; all else by identity.

    > (== 1 1 2)
    false
    """
    return same(a, b) and (not more or all(same(x, y) for x, y in pairwise((b, *more))))


@op("!=", label="not equal", category="Logic", layout="infix")
def unequal(a: Value, b: Value, *more: Value) -> bool:
    """Whether each value is unequal to the next.

    > (!= 1 2)
    true
    """
    return not same(a, b) and (not more or not any(same(x, y) for x, y in pairwise((b, *more))))


@op("<", label="less", category="Logic", layout="infix")
def less(a: float, b: float, *more: float) -> bool:
    """Whether numbers ascend.

    > (< 1 2 3)
    true
    """
    return a < b and (not more or _holds(lambda x, y: x < y, (b, *more)))


@op(">", label="greater", category="Logic", layout="infix")
def greater(a: float, b: float, *more: float) -> bool:
    """Whether numbers descend.

    > (> 3 2 1)
    true
    """
    return a > b and (not more or _holds(lambda x, y: x > y, (b, *more)))


@op("<=", label="at most", category="Logic", layout="infix")
def at_most(a: float, b: float, *more: float) -> bool:
    """Whether no number is less than the one before it.

    > (<= 1 1 2)
    true
    """
    return a <= b and (not more or _holds(lambda x, y: x <= y, (b, *more)))


@op(">=", label="at least", category="Logic", layout="infix")
def at_least(a: float, b: float, *more: float) -> bool:
    """Whether no number is greater than the one before it.

    > (>= 2 2 1)
    true
    """
    return a >= b and (not more or _holds(lambda x, y: x >= y, (b, *more)))


@op("not", label="not", category="Logic", layout="primitive")
def negation(value: Value) -> bool:
    """Whether a value counts as false.

    > (not "")
    true
    """
    return not truthy(value)


def _holds(relation: Callable[[Number, Number], bool], values: Sequence[Number]) -> bool:
    return all(relation(x, y) for x, y in pairwise(values))
