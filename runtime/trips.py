"""Bounds of counters and sums: how far additions can carry a variable before the fuel is gone.

A variable that no other function sets grows only where its own function assigns to it. Where the assigned value is the
variable itself plus or minus something, one assignment moves it by at most that something, and there are at most
`COUNT` of them, since a place of a function is passed again only by a turn of a loop and every turn costs fuel. So

    lowest start - COUNT × sum of the falls  ≤  variable  ≤  highest start + COUNT × sum of the rises

over all other assignments (the starts) and all additive ones. A count by ones stays below 2^34 and needs no test
against 2^53. Integers only: once a sum has become a double it stays one, and no bound speaks of doubles.
"""

from dataclasses import dataclass, field

from mintaka.lang.numbers import MAX_INTEGER
from mintaka.lang.scopes import Resolved, Variable
from mintaka.runtime.lattice import COUNT, INT, STEPS, Type

Sign = int
Place = object
"""What tells the places that assign to a variable apart."""


@dataclass(slots=True)
class Moves:
    """What the places that assign to one variable do to it."""

    starts: dict[Place, tuple[int, int]] = field(default_factory=dict)
    """Place → the range it assigns."""
    steps: dict[Place, tuple[int, int]] = field(default_factory=dict)
    """Place → how far it moves the variable down and up at most; neither is negative."""

    @property
    def bounds(self) -> tuple[int, int]:
        """The range of the variable's integers."""
        low = min((low for low, _ in self.starts.values()), default=0)
        high = max((high for _, high in self.starts.values()), default=0)
        low -= COUNT * sum(down for down, _ in self.steps.values())
        high += COUNT * sum(up for _, up in self.steps.values())
        return max(low, -MAX_INTEGER), min(high, MAX_INTEGER)

    def start(self, place: Place, value: Type) -> bool:
        """Note an assignment of a value; whether that is news. Once a start, a place stays one."""
        if not value.kinds & INT:
            return False
        known = self.starts.get(place)
        new = (value.low, value.high) if known is None else _wider(known, (value.low, value.high))
        self.steps.pop(place, None)
        self.starts[place] = new
        return new != known

    def step(self, place: Place, down: int, up: int) -> bool:
        """Note an addition; whether that is news."""
        if place in self.starts:
            return False
        known = self.steps.get(place)
        if known is not None:
            down, up = _further(known[0], down), _further(known[1], up)
        self.steps[place] = (down, up)
        return (down, up) != known


def additions(value: Resolved, variable: Variable, sign: Sign = 1) -> list[tuple[Sign, Resolved]] | None:
    """What is added to ``variable`` to give ``value``, each with its sign; ``None`` if that is not how it is made."""
    if value.op == "std.var":
        return [] if value.variable is variable else None
    if value.op not in ("+", "-") or len(value.args) < 2:
        return None
    first = additions(value.args[0], variable)
    if first is not None:
        rest = -sign if value.op == "-" else sign
        return first + [(rest, arg) for arg in value.args[1:]]
    if value.op == "+":
        last = additions(value.args[-1], variable)
        if last is not None:
            return last + [(sign, arg) for arg in value.args[:-1]]
    return None


def _wider(old: tuple[int, int], new: tuple[int, int]) -> tuple[int, int]:
    low, high = min(old[0], new[0]), max(old[1], new[1])
    if low < old[0]:
        low = -_further(-old[0], -low)
    if high > old[1]:
        high = _further(old[1], high)
    return low, high


def _further(old: int, new: int) -> int:
    """``old``, or where ``new`` is more, the step that holds it."""
    if new <= old:
        return old
    return next((step for step in STEPS if step >= new), max(new, MAX_INTEGER))
