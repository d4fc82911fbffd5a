"""Kinds of values, as far as a checker can know them before a script runs, and the words for them."""

from collections.abc import Iterable
from enum import StrEnum
from typing import TypeAlias


class Kind(StrEnum):
    """A kind of value."""

    NULL = "null"
    BOOLEAN = "boolean"
    NUMBER = "number"
    STRING = "string"
    LIST = "list"
    OBJECT = "object"
    FUNCTION = "function"
    CAPABILITY = "capability"
    IMAGE = "image"


Kinds: TypeAlias = frozenset[Kind]
"""The kinds that a value may be of."""

ANY: Kinds = frozenset(Kind)
"""Nothing is known."""

NEVER: Kinds = frozenset()
"""There is no value: what would give it always leaves, like ``std.return``."""

HOST: Kinds = frozenset({Kind.CAPABILITY, Kind.IMAGE})
"""Opaque values of the host; which of them there are, only the host knows."""


def kinds(*members: Kind) -> Kinds:
    """A value of one of these kinds."""
    return frozenset(members)


def kind_of(data: object) -> Kind:
    """The kind of a value that stands in a script."""
    if data is None:
        return Kind.NULL
    if isinstance(data, bool):
        return Kind.BOOLEAN
    if isinstance(data, int | float):
        return Kind.NUMBER
    if isinstance(data, str):
        return Kind.STRING
    return Kind.LIST if isinstance(data, list) else Kind.OBJECT


def named(wanted: Kinds) -> str:
    """Kinds with their articles: ``a list``, ``a number or null``, ``anything``."""
    if wanted == ANY:
        return "anything"
    words = [article(word) for word in _words(wanted)]
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words) or "nothing"


def listed(known: Kinds) -> str:
    """Kinds in a table of a script's names: ``number``, ``capability | null``, ``any``."""
    return "any" if known == ANY else " | ".join(_words(known)) or "never"


def article(word: str) -> str:
    """A kind's word with its article; null stands alone."""
    if word == Kind.NULL:
        return word
    return f"{'an' if word[0] in 'aeiou' else 'a'} {word}"


def wrong_argument(op: str, parameter: str, wanted: str, given: str) -> str:
    """The message for an argument of a kind that an op does not take; ``wanted`` and ``given`` have their articles."""
    return f"`{op}` wants {wanted} as `{parameter}`, not {given}."


def not_a_function(given: str) -> str:
    """The message for calling what is no function; ``given`` has its article."""
    return f"Only a function can be called, and this is {given}."


def _words(members: Iterable[Kind]) -> list[str]:
    """The words in the order of `Kind`, null last; a value of the host in general is a capability to people."""
    found = set(members)
    if found >= HOST:
        found.discard(Kind.IMAGE)
    return [kind.value for kind in Kind if kind in found and kind is not Kind.NULL] + (
        [Kind.NULL.value] if Kind.NULL in found else []
    )
