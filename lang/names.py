"""Which names a script binds, and which name a person may have meant."""

from collections.abc import Iterable, Iterator
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


def near(name: str, names: Iterable[str]) -> str | None:
    """The one of ``names`` that was most likely meant by ``name``."""
    close = get_close_matches(name, list(names), n=1)
    return close[0] if close else None
