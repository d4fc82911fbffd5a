"""The kinds of restriction. Each is a partial order of bounds in which two bounds always have a meet.

For every kind, with ⊥ meaning "nothing is permitted" (`meet` raises `Empty`):

* the meet is idempotent, commutative and associative, and ⊥ absorbs;
* ``permits(meet(a, b), q)`` exactly where ``permits(a, q) and permits(b, q)``;
* ``parse(encode(a)) == a``, and equal bounds have equal encodings.

Hence a capability can only ever become narrower as it is handed on. `Preference` alone is no restriction: it permits
everything, and the later one counts.
"""

import math
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Generic, TypeVar

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]

EXACT = 2**53
"""Integers within ±EXACT survive every JSON reader."""

THOUSAND = 1000
ROUNDING = 1e-6
"""What a fraction times a thousand may be off a whole number by."""

Bound = TypeVar("Bound")
Asked = TypeVar("Asked")


class Unfit(ValueError):
    """Data that is no bound of this kind; the message says what would be."""


class Empty(ValueError):
    """⊥: two bounds that together would permit nothing."""


class Order(ABC, Generic[Bound, Asked]):
    """One kind of restriction: bounds of type ``Bound``, and questions of type ``Asked`` that they permit or not."""

    @abstractmethod
    def parse(self, data: object) -> Bound:
        """The bound that JSON ``data`` writes, in its one normal form.

        Raises `Unfit` for what is no bound of this kind and `Empty` for a bound that would permit nothing.
        """

    @abstractmethod
    def meet(self, a: Bound, b: Bound) -> Bound:
        """The widest bound that is no wider than either. Raises `Empty` where that would permit nothing."""

    @abstractmethod
    def permits(self, bound: Bound, asked: Asked) -> bool:
        """Whether what is asked lies within the bound."""

    @abstractmethod
    def encode(self, bound: Bound) -> Json:
        """The canonical JSON of a bound."""

    @abstractmethod
    def tell(self, bound: Bound) -> str:
        """The bound in words, to follow "it allows": "at most 256"."""

    def facts(self, bound: Bound) -> dict[str, Json]:
        """What the bound says about an argument it governs, in the words of JSON Schema; nothing unless overridden."""
        return {}

    def show(self, asked: Asked) -> Json:
        """What was asked for as people write it; as it is unless overridden."""
        return list[Json](asked) if isinstance(asked, tuple) else asked  # type: ignore[return-value]  # no other kind


class Allowed(Order[frozenset[str], str]):
    """A list of what may be used; the meet is what both lists name.

    ``normal`` brings a name into its one form, where a thing has several names; it may raise ValueError.
    """

    def __init__(self, normal: Callable[[str], str] = lambda name: name) -> None:
        self._normal = normal

    def parse(self, data: object) -> frozenset[str]:
        """A list of names, none of them empty."""
        if not isinstance(data, list) or not all(isinstance(name, str) and name.strip() for name in data):
            raise Unfit('a list of names, such as ["starter"]')
        if not data:
            raise Empty
        return frozenset(self._normal(unicodedata.normalize("NFC", name.strip())) for name in data)

    def meet(self, a: frozenset[str], b: frozenset[str]) -> frozenset[str]:
        """The intersection."""
        if common := a & b:
            return common
        raise Empty

    def permits(self, bound: frozenset[str], asked: str) -> bool:
        """Whether the list names it, under any of its names."""
        return self._normal(unicodedata.normalize("NFC", asked)) in bound

    def encode(self, bound: frozenset[str]) -> Json:
        """The names in order."""
        return list[Json](sorted(bound))

    def tell(self, bound: frozenset[str]) -> str:
        """Each name."""
        return "only " + ", ".join(sorted(bound))

    def facts(self, bound: frozenset[str]) -> dict[str, Json]:
        """The names are the choices."""
        return {"choices": self.encode(bound)}


class Selection(Order[frozenset[str], tuple[str, ...]]):
    """A list of what may be used, any number of them at once; ``[]`` allows none. The meet is what both lists name."""

    def parse(self, data: object) -> frozenset[str]:
        """A list of names, none of them empty."""
        if not isinstance(data, list) or not all(isinstance(name, str) and name.strip() for name in data):
            raise Unfit('a list of names, such as ["storybook"], or [] for none')
        return frozenset(unicodedata.normalize("NFC", name.strip()) for name in data)

    def meet(self, a: frozenset[str], b: frozenset[str]) -> frozenset[str]:
        """The intersection."""
        return a & b

    def permits(self, bound: frozenset[str], asked: tuple[str, ...]) -> bool:
        """Whether the list names all of them."""
        return all(unicodedata.normalize("NFC", name) in bound for name in asked)

    def encode(self, bound: frozenset[str]) -> Json:
        """The names in order."""
        return list[Json](sorted(bound))

    def tell(self, bound: frozenset[str]) -> str:
        """Each name."""
        return "only " + ", ".join(sorted(bound)) if bound else "none"

    def show(self, asked: tuple[str, ...]) -> Json:
        """The names as a person lists them."""
        return ", ".join(asked)

    def facts(self, bound: frozenset[str]) -> dict[str, Json]:
        """The names are the choices, of which several may be made."""
        return {"choices": self.encode(bound)}


class Numbers(Order[frozenset[int], int]):
    """A list of the numbers of what may be used; the meet is what both lists have."""

    def parse(self, data: object) -> frozenset[int]:
        """A list of whole numbers."""
        if not isinstance(data, list):
            raise Unfit("a list of whole numbers, such as [7]")
        if not data:
            raise Empty
        return frozenset(whole(number) for number in data)

    def meet(self, a: frozenset[int], b: frozenset[int]) -> frozenset[int]:
        """The intersection."""
        if common := a & b:
            return common
        raise Empty

    def permits(self, bound: frozenset[int], asked: int) -> bool:
        """Whether the list has it."""
        return asked in bound

    def encode(self, bound: frozenset[int]) -> Json:
        """The numbers in order."""
        return list[Json](sorted(bound))

    def tell(self, bound: frozenset[int]) -> str:
        """Each number."""
        return "only " + ", ".join(map(str, sorted(bound)))

    def facts(self, bound: frozenset[int]) -> dict[str, Json]:
        """The numbers are the choices."""
        return {"choices": self.encode(bound)}


class AtMost(Order[int, int]):
    """An upper bound; the meet is the smaller one. Nothing smaller than ``least`` could ever be asked for.

    What is counted are whole numbers; people write it in units of ``scale`` of them, with a fraction where it is above
    1.
    """

    def __init__(self, least: int = -EXACT, *, scale: int = 1) -> None:
        self._least = least
        self._scale = scale

    def parse(self, data: object) -> int:
        """A number, a whole one where nothing is scaled."""
        bound = whole(data) if self._scale == 1 else _scaled(data, self._scale)
        if bound < self._least:
            raise Empty
        return bound

    def meet(self, a: int, b: int) -> int:
        """The smaller."""
        return min(a, b)

    def permits(self, bound: int, asked: int) -> bool:
        """Whether it is no more than the bound."""
        return asked <= bound

    def encode(self, bound: int) -> Json:
        """The number, as people write it."""
        scaled = bound / self._scale
        return int(scaled) if scaled.is_integer() else scaled

    def tell(self, bound: int) -> str:
        """At most that."""
        return f"at most {self.encode(bound)}"

    def facts(self, bound: int) -> dict[str, Json]:
        """The bound is the maximum."""
        return {"maximum": self.encode(bound)}

    def show(self, asked: int) -> Json:
        """The number, as people write it."""
        return self.encode(asked)


class AtLeast(Order[int, int]):
    """A lower bound; the meet is the larger one. Nothing larger than ``most`` could ever be asked for."""

    def __init__(self, most: int = EXACT) -> None:
        self._most = most

    def parse(self, data: object) -> int:
        """A whole number."""
        bound = whole(data)
        if bound > self._most:
            raise Empty
        return bound

    def meet(self, a: int, b: int) -> int:
        """The larger."""
        return max(a, b)

    def permits(self, bound: int, asked: int) -> bool:
        """Whether it is no less than the bound."""
        return asked >= bound

    def encode(self, bound: int) -> Json:
        """The number."""
        return bound

    def tell(self, bound: int) -> str:
        """At least that."""
        return f"at least {bound}"

    def facts(self, bound: int) -> dict[str, Json]:
        """The bound is the minimum."""
        return {"minimum": bound}


Range = tuple[int, int]
"""The whole numbers from the first to the second, both included."""


class Interval(Order[Range, Range]):
    """A range of whole numbers; the meet is what both cover. What is asked is a range too, and all of it must fit."""

    def parse(self, data: object) -> Range:
        """A list of two whole numbers, the lower first."""
        if not isinstance(data, list) or len(data) != 2:
            raise Unfit("a list of two whole numbers, the lower first, such as [0, 99]")
        low, high = whole(data[0]), whole(data[1])
        if low > high:
            raise Empty
        return low, high

    def meet(self, a: Range, b: Range) -> Range:
        """The overlap."""
        low, high = max(a[0], b[0]), min(a[1], b[1])
        if low > high:
            raise Empty
        return low, high

    def permits(self, bound: Range, asked: Range) -> bool:
        """Whether all of it lies within."""
        return bound[0] <= asked[0] and asked[1] <= bound[1]

    def encode(self, bound: Range) -> Json:
        """Both ends."""
        return list[Json](bound)

    def tell(self, bound: Range) -> str:
        """From end to end."""
        return f"{bound[0]} to {bound[1]}"

    def facts(self, bound: Range) -> dict[str, Json]:
        """The ends are minimum and maximum."""
        return {"minimum": bound[0], "maximum": bound[1]}


class Fractions(Order[Range, float]):
    """A range of fractions, kept in thousandths; the meet is what both cover."""

    def parse(self, data: object) -> Range:
        """A list of two fractions of at most three digits, the lower first."""
        if not isinstance(data, list) or not all(type(each) in (int, float) for each in data):
            raise Unfit("a list of two fractions, the lower first, such as [0.2, 0.8]")
        scaled = [each * THOUSAND for each in data]
        if not all(math.isfinite(each) and abs(each - round(each)) < ROUNDING for each in scaled):
            raise Unfit("a list of two fractions of at most three digits, such as [0.2, 0.8]")
        return _INTERVAL.parse([round(each) for each in scaled])

    def meet(self, a: Range, b: Range) -> Range:
        """The overlap."""
        return _INTERVAL.meet(a, b)

    def permits(self, bound: Range, asked: float) -> bool:
        """Whether it lies within."""
        return bound[0] - ROUNDING <= asked * THOUSAND <= bound[1] + ROUNDING

    def encode(self, bound: Range) -> Json:
        """Both ends, as fractions."""
        return [each / THOUSAND for each in bound]

    def tell(self, bound: Range) -> str:
        """From end to end."""
        return f"{bound[0] / THOUSAND:g} to {bound[1] / THOUSAND:g}"

    def facts(self, bound: Range) -> dict[str, Json]:
        """The ends are minimum and maximum."""
        return {"minimum": bound[0] / THOUSAND, "maximum": bound[1] / THOUSAND}


_INTERVAL = Interval()


class Deny(Order[bool, bool]):
    """A ban: its only bound is ``true``. What is asked is whether the banned thing is to be done."""

    def parse(self, data: object) -> bool:
        """Only true; to allow the thing, leave the restriction out."""
        if data is not True:
            raise Unfit("true (to allow it, leave the restriction out)")
        return True

    def meet(self, a: bool, b: bool) -> bool:
        """A ban stays a ban."""
        return True

    def permits(self, bound: bool, asked: bool) -> bool:
        """Everything but the banned thing."""
        return not asked

    def encode(self, bound: bool) -> Json:
        """True."""
        return True

    def tell(self, bound: bool) -> str:
        """Not at all."""
        return "none"

    def facts(self, bound: bool) -> dict[str, Json]:
        """The argument can only be false."""
        return {"choices": [False]}


class Preference(Order[str, str]):
    """What to use when a call does not say. It permits everything, so it restricts nothing; of two the later counts."""

    def parse(self, data: object) -> str:
        """A name."""
        if not isinstance(data, str) or not data.strip():
            raise Unfit('a name, such as "starter"')
        return unicodedata.normalize("NFC", data.strip())

    def meet(self, a: str, b: str) -> str:
        """The later."""
        return b

    def permits(self, bound: str, asked: str) -> bool:
        """Anything."""
        return True

    def encode(self, bound: str) -> Json:
        """The name."""
        return bound

    def tell(self, bound: str) -> str:
        """The name, as a preference."""
        return f"anything, and {bound} by preference"


def _scaled(data: object, scale: int) -> int:
    """So many of what ``data`` is in units of ``scale``; exact, as every reader of JSON understands it."""
    most = EXACT // 8 // scale  # so that no rounding of the fraction changes what is counted
    if isinstance(data, bool) or not isinstance(data, int | float) or not abs(data) <= most:
        raise Unfit(f"a number of at most {most:,}")
    return round(data * scale)


def whole(data: object) -> int:
    """A whole number within ±`EXACT`; an integral float counts, as in JSON. Raises `Unfit`."""
    if isinstance(data, float) and data.is_integer():
        data = int(data)
    if isinstance(data, bool) or not isinstance(data, int) or abs(data) > EXACT:
        raise Unfit("a whole number")
    return data
