"""``+ - * / % ^``: numbers are exact integers up to 2^53 and doubles beyond; no operation makes a greater integer."""

import math
from functools import reduce

from mintaka.lang.numbers import number
from mintaka.runtime.ops import op
from mintaka.runtime.values import Number


@op("+", label="add", category="Arithmetic", layout="infix")
def add(a: float, b: float, *more: float) -> Number:
    """The sum of numbers.

    > (+ 1 2 3)
    6
    """
    total: Number = a + b
    for value in more:
        total = _exact(total) + value
    return _exact(total)


@op("-", label="subtract", category="Arithmetic", layout="infix")
def subtract(a: float, b: float, *more: float) -> Number:
    """The first number less all others.

    > (- 10 3 2)
    5
    """
    total: Number = a - b
    for value in more:
        total = _exact(total) - value
    return _exact(total)


@op("*", label="multiply", category="Arithmetic", layout="infix")
def multiply(a: float, b: float, *more: float) -> Number:
    """The product of numbers.

    > (* 2 3 4)
    24
    """
    return reduce(_product, more, _product(a, b))


@op("/", label="divide", category="Arithmetic", layout="infix")
def divide(a: float, b: float, *more: float) -> Number:
    """The first number divided by all others in turn; dividing by zero gives an infinity, 0 / 0 NaN.

    > (/ 100 5 2)
    10
    """
    return reduce(_quotient, more, _quotient(a, b))


@op("%", label="remainder", category="Arithmetic", layout="infix")
def remainder(a: float, b: float) -> Number:
    """What is left of `a` when it is divided by `b`; it has the sign of `a`.

    > (% -7 3)
    -1
    """
    if a != a or b != b or b == 0 or a in (math.inf, -math.inf):
        return math.nan
    if type(a) is int and type(b) is int:
        rest = abs(a) % abs(b)
        return rest if a >= 0 else -rest or -0.0
    return math.fmod(a, b)


@op("^", label="power", category="Arithmetic", layout="infix")
def power(a: float, b: float, *more: float) -> Number:
    """The first number to the power of the second; of several the last pair comes first.

    > (^ 2 10)
    1024
    """
    values: list[Number] = [a, b, *more]
    result = values.pop()
    while values:
        result = _power(values.pop(), result)
    return result


def _exact(value: Number) -> Number:
    """A sum or product as scripts have numbers: beyond ±2^53 a double."""
    return number(value) if type(value) is int else value


def _product(a: Number, b: Number) -> Number:
    result = a * b
    if result == 0 and type(result) is int and (a < 0 or b < 0):
        return -0.0
    return _exact(result)


def _quotient(a: Number, b: Number) -> Number:
    if b:
        return number(a / b)
    if a == 0 or a != a or b != b:
        return math.nan
    return math.copysign(math.inf, a) * math.copysign(1.0, b)


def _power(base: Number, exponent: Number) -> Number:
    if exponent != exponent or (abs(base) == 1 and exponent in (math.inf, -math.inf)):
        return math.nan
    if type(base) is int and type(exponent) is int and (0 <= exponent <= 53 or (abs(base) <= 1 and exponent >= 0)):
        return number(base**exponent)
    try:
        result = float(base) ** float(exponent)
    except OverflowError:
        if base < 0 and exponent % 1:
            return math.nan
        return -math.inf if base < 0 and exponent % 2 == 1 else math.inf
    except ZeroDivisionError:
        return math.copysign(math.inf, base) if exponent % 2 == 1 else math.inf
    return math.nan if isinstance(result, complex) else number(result)
