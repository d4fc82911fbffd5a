"""Which names a script binds, and which name a person may have meant."""

from collections.abc import Collection, Iterable, Iterator
from difflib import get_close_matches

from mintaka.lang.forms import FORMS, ArgKind
from mintaka.lang.tree import Call, Data, Literal, Node, walk

BINDERS = frozenset({"std.let", "std.define", "std.for", "std.lambda", "std.try", "std.params"})
"""Forms that bind the names they are given."""


def bound_names(node: Node) -> frozenset[str]:
    """Every name the script binds anywhere."""
    names: set[str] = set()
    for call in walk(node):
        if not isinstance(call, Call) or call.op not in BINDERS:
            continue
        for index, arg in enumerate(call.args):
            if isinstance(arg, Literal):
                names.update(_names(FORMS[call.op].kind(index), arg.value))
    return frozenset(names)


def _names(kind: ArgKind, value: Data) -> Iterator[str]:
    """The names that an argument of a binding form binds."""
    if kind is ArgKind.NAME and isinstance(value, str):
        yield value
    elif kind is ArgKind.NAMES and isinstance(value, list):
        yield from (name for name in value if isinstance(name, str))
    elif kind is ArgKind.PARAMETER and isinstance(value, list) and value and isinstance(value[0], str):
        yield value[0]


LONGEST = 64
"""Longer names are not compared: the time that takes grows with the square of their lengths."""

COMPARISONS = 50_000
"""How many pairs of names are compared for one script, so that one that is wrong all over is told so quickly."""


def near(name: str, names: Iterable[str]) -> str | None:
    """The one of ``names`` that was most likely meant by ``name``."""
    if len(name) > LONGEST:
        return None
    close = get_close_matches(name, [each for each in names if len(each) <= LONGEST], n=1)
    return close[0] if close else None


class Suggestions:
    """Finds near names for one script, as long as that takes no more than `COMPARISONS`."""

    def __init__(self) -> None:
        self._left = COMPARISONS
        self.given: set[str] = set()
        """What was suggested."""

    def near(self, name: str, names: Collection[str]) -> str | None:
        """The one of ``names`` that was most likely meant by ``name``."""
        self._left -= len(names)
        found = near(name, names) if self._left >= 0 else None
        if found is not None:
            self.given.add(found)
        return found

    def did_you_mean(self, name: str, names: Collection[str]) -> str | None:
        """The near name as a question."""
        found = self.near(name, names)
        return f"Did you mean `{found}`?" if found is not None else None

    def or_all(self, name: str, names: Collection[str], all: str, listed: Iterable[str] | None = None) -> str | None:
        """The near name as a question, or without one ``all`` with the names, or those ``listed``, in its braces."""
        question = self.did_you_mean(name, names)
        known = ", ".join(names if listed is None else listed)
        return question or (all.format(known) if known else None)
