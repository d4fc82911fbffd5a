"""Values as text: what ``std.string`` and ``str.concat`` make of them, and how numbers are written everywhere."""

import math
from collections.abc import Callable
from decimal import Decimal

from mintaka.lang.limits import MAX_DEPTH
from mintaka.runtime.errors import TypeFault
from mintaka.runtime.values import HostObject, Number, Value

_PIECE = 1024
"""Items that are paid for at a time: between payments other work may be let on."""

_ITEM = 4
"""What an item costs beside its text."""

_LEAST = 16
"""What the shortest list costs: lists of lists may be read again and again, as often as there are ways to them."""

Spend = Callable[[int], None]
"""Pays for so many characters before they are built; raises when that is too many."""


def number_text(value: Number) -> str:
    """A number as ECMAScript writes it (ECMA-262, Number::toString): shortest digits, exponents from 1e21 and 1e-7."""
    if isinstance(value, int):
        return str(value)
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0:
        return "0"
    shortest = repr(value)
    if "e" not in shortest:  # from 1e-4 to below 1e16 Python writes the same, but for whole numbers
        return shortest.removesuffix(".0")
    sign, places, exponent = Decimal(shortest).as_tuple()
    digits = "".join(map(str, places)).rstrip("0")
    assert isinstance(exponent, int)
    point = len(places) + exponent
    minus = "-" if sign else ""
    if len(digits) <= point <= 21:
        return minus + digits.ljust(point, "0")
    if 0 < point <= 21:
        return f"{minus}{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"{minus}0.{'0' * -point}{digits}"
    fraction = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{minus}{digits[0]}{fraction}e{point - 1:+d}"


def to_text(value: Value, spend: Spend) -> str:
    """``value`` as text: lists as their items with commas between, null in a list as nothing, objects as a word.

    Raises `TypeFault` for lists that contain themselves.
    """
    if isinstance(value, list):
        pieces: list[str] = []
        _list_text(value, pieces, spend, 0)
        return "".join(pieces)
    return scalar_text(value)


def scalar_text(value: Value) -> str:
    """The text of anything but a list."""
    if isinstance(value, str):
        return value
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return number_text(value)
    return f"[{value.type_name}]" if isinstance(value, HostObject) else "[object Object]"


def _list_text(items: list[Value], pieces: list[str], spend: Spend, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise TypeFault("This list is nested too deeply to be written as text, or contains itself.")
    spend(max(_LEAST, _ITEM * min(_PIECE, len(items))))
    for index, item in enumerate(items):
        if index and not index & _PIECE - 1:
            spend(_ITEM * min(_PIECE, len(items) - index))
        if index:
            pieces.append(",")
        if isinstance(item, list):
            _list_text(item, pieces, spend, depth + 1)
        elif item is not None:
            text = scalar_text(item)
            spend(len(text))
            pieces.append(text)
