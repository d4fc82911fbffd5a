"""Positions in lists and texts, as ECMAScript's ``slice`` and ``splice`` take them."""

import math


def position(index: float, length: int) -> int:
    """Where ``index`` falls in something of ``length``: fractions are cut off, negative ones count from the end."""
    if index != index:
        return 0
    if index in (math.inf, -math.inf):
        return length if index > 0 else 0
    whole = int(index)
    return max(0, whole + length) if whole < 0 else min(whole, length)


def element(index: float) -> int | None:
    """``index`` as the number of an element, ``None`` when it is none: negative, a fraction, not finite."""
    if type(index) is int:
        return index if index >= 0 else None
    return int(index) if math.isfinite(index) and index >= 0 and index == int(index) else None
