"""The types that inference works with: a set of kinds, a range for integers, and what lists and objects hold.

Types are ordered by what they allow; joining two gives the least that allows what either does. Nothing (no kind at all)
is at the bottom: no value has been seen yet. Anything is at the top.

What a list or an object holds is not part of its type but stands in a `Box`, one for each place of the script that
makes one. All names of one list lead to one box, so what is put in by one name is seen by all; where two boxes may be
behind one name they become one for good (union-find). So aliasing needs no analysis of its own. A list that code
outside our sight may change has the box `ANYTHING`.
"""

from typing import NamedTuple

from mintaka.lang.numbers import MAX_INTEGER
from mintaka.runtime.budget import FUEL_CAP

INT, FLOAT, BOOLEAN, TEXT, NULL, LIST, OBJECT, FUNCTION, HOST = (1 << bit for bit in range(9))
NUMBER = INT | FLOAT
CONTAINER = LIST | OBJECT
ALL = (1 << 9) - 1

MOST_LENGTH = 1 << 40
"""No list or text is longer."""

STEPS = (0, 1 << 20, 1 << 34, MAX_INTEGER)
"""Where growing ranges stop, so that inference ends: small numbers, what a run can count to, all there are."""


class Box:
    """What some lists or objects hold: the join of everything that is put into them."""

    __slots__ = ("_type", "_united")

    def __init__(self, content: "Type | None" = None) -> None:
        self._united: Box | None = None
        self._type = content

    def find(self) -> "Box":
        """The box that this one has become part of."""
        box = self
        while box._united is not None:
            box = box._united
        return box

    @property
    def content(self) -> "Type":
        """The type of what is in it."""
        return self.find()._type or NOTHING


class Type(NamedTuple):
    """A set of values. ``low`` and ``high`` bound those of kind `INT`; ``element`` goes with `LIST` and `OBJECT`."""

    kinds: int
    low: int = -MAX_INTEGER
    high: int = MAX_INTEGER
    element: Box | None = None

    def only(self, kinds: int) -> bool:
        """Whether every value is of one of these kinds; of no value that is not said."""
        return self.kinds != 0 and not self.kinds & ~kinds

    def narrowed(self, kinds: int) -> "Type":
        """Those of the values that are of these kinds."""
        return Type(self.kinds & kinds, self.low, self.high, self.element if kinds & CONTAINER else None)

    def between(self, low: int, high: int) -> "Type":
        """Those of the values that are no integers, or integers in this range."""
        low, high = max(low, self.low), min(high, self.high)
        return Type(self.kinds, low, max(low, high), self.element)

    def same(self, other: "Type") -> bool:
        """Whether both allow the same."""
        if self is other:
            return True
        if self.kinds != other.kinds or (self.kinds & INT and (self.low != other.low or self.high != other.high)):
            return False
        if self.element is None or other.element is None:
            return self.element is other.element
        return self.element.find() is other.element.find()


NOTHING = Type(0, 0, 0)
ANYTHING = Box()
ANY = Type(ALL, element=ANYTHING)
ANYTHING._type = ANY
NUMBERS = Type(NUMBER)
BOOLEANS = Type(BOOLEAN)
TEXTS = Type(TEXT)
NULLS = Type(NULL)
LENGTHS = Type(INT, 0, MOST_LENGTH)
ANY_LIST = Type(LIST, element=ANYTHING)
ANY_OBJECT = Type(OBJECT, element=ANYTHING)


def integers(low: int, high: int) -> Type:
    """Integers of a range."""
    return Type(INT, low, high)


def of_scalar(value: object) -> Type:
    """The type of one value that is no list and no object."""
    if value is None:
        return NULLS
    if isinstance(value, bool):
        return BOOLEANS
    if isinstance(value, int):
        return Type(INT, value, value)
    return Type(FLOAT) if isinstance(value, float) else TEXTS


def widened(old: Type, new: Type) -> Type:
    """``new``, its range pushed out to the next of `STEPS` where it has outgrown ``old``."""
    if not (old.kinds & INT and new.kinds & INT):
        return new
    low, high = new.low, new.high
    if low < old.low:
        low = next((-step for step in STEPS if -step <= low), -MAX_INTEGER)
    if high > old.high:
        high = next((step for step in STEPS if step >= high), MAX_INTEGER)
    return Type(new.kinds, low, high, new.element)


class Lattice:
    """Joins types and boxes, and remembers whether anything grew: inference is done when nothing does."""

    def __init__(self) -> None:
        self.grew = True

    def join(self, one: Type, other: Type) -> Type:
        """What allows both; the boxes of both become one."""
        if one is other or not other.kinds:
            return one
        if not one.kinds:
            return other
        if not other.kinds & INT:
            low, high = one.low, one.high
        elif not one.kinds & INT:
            low, high = other.low, other.high
        else:
            low, high = min(one.low, other.low), max(one.high, other.high)
        element = one.element
        if element is None:
            element = other.element
        elif other.element is not None and other.element is not element:
            element = self.unite(element, other.element)
        kinds = one.kinds | other.kinds
        if kinds == one.kinds and low == one.low and high == one.high and element is one.element:
            return one
        return Type(kinds, low, high, element)

    def grown(self, old: Type, more: Type) -> Type:
        """The join of both, widened; remembers whether that is more than ``old``."""
        new = self.join(old, more)
        if new.same(old):
            return old
        self.grew = True
        return widened(old, new)

    def unite(self, one: Box, other: Box) -> Box:
        """Make two boxes one."""
        one, other = one.find(), other.find()
        if one is other:
            return one
        if other is ANYTHING:
            one, other = other, one
        self.grew = True
        content, more = one.content, other.content
        other._united = one
        if one is ANYTHING:  # what was in the other box is now in sight of code that we do not see
            self.release(more)
        else:
            self.put(one, self.join(content, more))
        return one.find()

    def put(self, box: Box, content: Type) -> None:
        """Something of this type is put into a list or object."""
        box = box.find()
        if box is ANYTHING:
            self.release(content)
            return
        known = box.content
        new = self.join(known, content)
        if new is known:
            return
        box = box.find()
        if box is not ANYTHING and not new.same(box.content):
            self.grew = True
            box._type = widened(box.content, self.join(box.content, new))

    def release(self, value: Type) -> None:
        """Values of this type get to code that we do not see, which may put anything into them."""
        if value.element is not None:
            self.unite(ANYTHING, value.element)


COUNT = FUEL_CAP + 1
"""How often one place of a function can be passed in one call of it: every turn of a loop costs fuel."""
