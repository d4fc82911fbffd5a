"""``math.*``: doubles as IEEE 754 and ECMAScript have them; what is not defined is NaN, never an error."""

import math
from collections.abc import Callable

from mintaka.lang.numbers import MAX_INTEGER, number
from mintaka.runtime.ops import op
from mintaka.runtime.values import Number


@op("math.floor", label="round down")
def floor(x: float) -> Number:
    """The greatest whole number that is not above `x`.

    > (math.floor 2.7)
    2
    """
    return _whole(x, math.floor)


@op("math.ceil", label="round up")
def ceil(x: float) -> Number:
    """The least whole number that is not below `x`.

    > (math.ceil 2.1)
    3
    """
    return _whole(x, math.ceil)


@op("math.trunc", label="cut off")
def trunc(x: float) -> Number:
    """`x` without its fraction.

    > (math.trunc -2.7)
    -2
    """
    return _whole(x, math.trunc)


@op("math.round", label="round")
def round_(x: float) -> Number:
    """The nearest whole number; a half goes up.

    > (math.round 2.5)
    3
    """
    return _whole(x, _half_up)


def _half_up(x: float) -> int:
    whole = math.floor(x)
    return whole + (x - whole >= 0.5)


def _whole(x: Number, rounded: Callable[[float], int]) -> Number:
    """``x`` rounded; -0 and what rounds to 0 from below is -0."""
    if isinstance(x, int) or not -MAX_INTEGER < x < MAX_INTEGER:
        return x
    return rounded(x) or math.copysign(0.0, x) if math.copysign(1.0, x) < 0 else rounded(x)


@op("math.abs", label="absolute value")
def abs_(x: float) -> Number:
    """`x` without its sign.

    > (math.abs -3)
    3
    """
    return number(abs(x))


@op("math.sign", label="sign")
def sign(x: float) -> Number:
    """1 above 0, -1 below, else `x` itself.

    > (math.sign -3)
    -1
    """
    return x if x == 0 or x != x else (x > 0) - (x < 0)


@op("math.sqrt", label="square root")
def sqrt(x: float) -> Number:
    """The square root.

    > (math.sqrt 16)
    4
    """
    return _defined(math.sqrt, x)


@op("math.exp", label="exponential")
def exp(x: float) -> Number:
    """e to the power of `x`.

    > (math.exp 0)
    1
    """
    return _defined(math.exp, x)


@op("math.log", label="natural logarithm")
def log(x: float) -> Number:
    """The natural logarithm.

    > (math.log 1)
    0
    """
    return -math.inf if x == 0 else _defined(math.log, x)


@op("math.log2", label="binary logarithm")
def log2(x: float) -> Number:
    """The logarithm to base 2.

    > (math.log2 8)
    3
    """
    return -math.inf if x == 0 else _defined(math.log2, x)


@op("math.log10", label="decimal logarithm")
def log10(x: float) -> Number:
    """The logarithm to base 10.

    > (math.log10 1000)
    3
    """
    return -math.inf if x == 0 else _defined(math.log10, x)


@op("math.sin", label="sine")
def sin(x: float) -> Number:
    """The sine of an angle in radians.

    > (math.sin 0)
    0
    """
    return _defined(math.sin, x)


@op("math.cos", label="cosine")
def cos(x: float) -> Number:
    """The cosine of an angle in radians.

    > (math.cos 0)
    1
    """
    return _defined(math.cos, x)


@op("math.tan", label="tangent")
def tan(x: float) -> Number:
    """The tangent of an angle in radians.

    > (math.tan 0)
    0
    """
    return _defined(math.tan, x)


@op("math.asin", label="arc sine")
def asin(x: float) -> Number:
    """The angle whose sine is `x`, in radians.

    > (math.asin 0)
    0
    """
    return _defined(math.asin, x)


@op("math.acos", label="arc cosine")
def acos(x: float) -> Number:
    """The angle whose cosine is `x`, in radians.

    > (math.acos 1)
    0
    """
    return _defined(math.acos, x)


@op("math.atan", label="arc tangent")
def atan(x: float) -> Number:
    """The angle whose tangent is `x`, in radians.

    > (math.atan 0)
    0
    """
    return _defined(math.atan, x)


@op("math.atan2", label="angle of a point")
def atan2(y: float, x: float) -> Number:
    """The angle of the point (x, y) against the x axis, in radians.

    > (math.atan2 0 1)
    0
    """
    return number(math.atan2(y, x))


@op("math.min", label="least")
def least(first: float, *others: float) -> Number:
    """The least of the numbers; NaN if one of them is.

    > (math.min 3 1 2)
    1
    """
    values = (first, *others)
    return _nan_first(values) or min(values, key=_signed)


@op("math.max", label="greatest")
def greatest(first: float, *others: float) -> Number:
    """The greatest of the numbers; NaN if one of them is.

    > (math.max 3 1 2)
    3
    """
    values = (first, *others)
    return _nan_first(values) or max(values, key=_signed)


@op("math.clamp", label="clamp")
def clamp(x: float, least: float, most: float) -> Number:
    """`x`, but not below `least` nor above `most`.

    > (math.clamp 12 0 10)
    10
    """
    return _nan_first((x, least, most)) or min(max(x, least, key=_signed), most, key=_signed)


def _signed(value: Number) -> tuple[Number, float]:
    """What numbers are ordered by: -0 counts as less than 0."""
    return value, math.copysign(1.0, value)


def _nan_first(values: tuple[Number, ...]) -> Number | None:
    return math.nan if any(value != value for value in values) else None


def _defined(function: Callable[[float], float], x: Number) -> Number:
    """``function`` of ``x``, NaN where it is not defined, infinite where it is too large."""
    if x != x:
        return math.nan
    try:
        result = function(x)
    except OverflowError:
        return math.inf
    except ValueError:
        return math.nan
    return number(result)
