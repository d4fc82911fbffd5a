"""Which names a script binds, and which name a person may have meant."""

from collections.abc import Iterable
from difflib import get_close_matches

from mintaka.lang.forms import FORMS, ArgKind
from mintaka.lang.tree import Call, Literal, Node, walk

BINDERS = frozenset({"std.let", "std.define", "std.for", "std.lambda", "std.try", "std.params"})
"""Forms that bind the names they are given."""


def bound_names(node: Node) -> frozenset[str]:
    """Every name the script binds anywhere."""
    names: set[object] = set()
    for call in walk(node):
        if not isinstance(call, Call) or call.op not in BINDERS:
            continue
        for index, arg in enumerate(call.args):
            kind = FORMS[call.op].kind(index)
            if not isinstance(arg, Literal):
                continue
            if kind is ArgKind.NAME:
                names.add(arg.value)
            elif kind is ArgKind.NAMES and isinstance(arg.value, list):
                names.update(name for name in arg.value if isinstance(name, str))
            elif kind is ArgKind.PARAMETER and isinstance(arg.value, list) and isinstance((*arg.value, None)[0], str):
                names.add(arg.value[0])
    return frozenset(name for name in names if isinstance(name, str))


def near(name: str, names: Iterable[str]) -> str | None:
    """The one of ``names`` that was most likely meant by ``name``."""
    close = get_close_matches(name, list(names), n=1)
    return close[0] if close else None
