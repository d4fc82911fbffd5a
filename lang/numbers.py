"""The numbers of scripts: exact integers up to ±2^53, doubles beyond and for fractions."""

import math

MAX_INTEGER = 2**53
"""Integers are exact up to here."""


def number(value: int | float) -> int | float:
    """The number a script sees: an integral double within ±2^53 as integer, a greater integer as double.

    Minus zero stays a double; an integer beyond the doubles becomes an infinity.
    """
    if isinstance(value, float):
        if -MAX_INTEGER <= value <= MAX_INTEGER and value == int(value) and (value or math.copysign(1.0, value) > 0):
            return int(value)
        return value
    if -MAX_INTEGER <= value <= MAX_INTEGER:
        return value
    try:
        return number(float(value))  # 2^53 + 1 is the double 2^53, and so an integer again
    except OverflowError:
        return math.inf if value > 0 else -math.inf
