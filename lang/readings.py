"""What a text is before it means anything: words, brackets, quotes, and the comments between them.

The reader makes readings of a text, the printer of a tree; `lower` gives them their meaning, `layout` writes them.
A word is lark's token: its type is the name of a terminal in ``grammar.lark``, and it knows where it stands.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from lark import Token

from mintaka.lang.spans import Span

SYMBOL: Final = "SYMBOL"
KEYWORD: Final = "KEYWORD"
STRING: Final = "STRING"
NUMBER: Final = "NUMBER"
COMMENT: Final = "COMMENT"

CLOSERS: Final = {"(": ")", "[": "]", "{": "}"}
"""What closes each opening bracket."""


@dataclass(frozen=True, slots=True)
class Brackets:
    """What stands between ``(``, ``[`` or ``{`` (``opener``) and its counterpart."""

    opener: str
    parts: tuple["Part", ...]
    span: Span = field(default_factory=Span)
    depth: int = 0
    """Levels of brackets in it, itself included."""

    @property
    def forms(self) -> tuple["Reading", ...]:
        """The parts that mean something."""
        return forms(self.parts)


@dataclass(frozen=True, slots=True)
class Quoted:
    """``'`` and what it quotes, which is the last of the ``parts``; comments and dropped forms may stand before it."""

    parts: tuple["Part", ...]
    span: Span = field(default_factory=Span)
    depth: int = 0

    @property
    def inner(self) -> "Reading":
        """What is quoted."""
        return forms(self.parts)[-1]


@dataclass(frozen=True, slots=True)
class Dropped:
    """``#_`` and the form it drops, which is the last of the ``parts``."""

    parts: tuple["Part", ...]
    span: Span
    depth: int


Reading: TypeAlias = Token | Brackets | Quoted
"""A form: a word (symbol, keyword, string or number) or something made of forms."""

Part: TypeAlias = Reading | Dropped
"""A form, a comment (a word of that type) or a dropped form."""


def forms(parts: tuple[Part, ...]) -> tuple[Reading, ...]:
    """The forms among ``parts``."""
    for part in parts:
        if means_nothing(part):
            return tuple(_forms(parts))
    return parts  # type: ignore[return-value]  # none of them is dropped


def means_nothing(part: Part) -> bool:
    """Whether ``part`` is a comment or a dropped form."""
    return part.type == COMMENT if isinstance(part, Token) else isinstance(part, Dropped)


def span_of(part: Part) -> Span:
    """Where ``part`` stands."""
    if isinstance(part, Token):
        return Span(part.line or 0, part.column or 0, part.end_line or 0, part.end_column or 0)
    return part.span


def _forms(parts: tuple[Part, ...]) -> Iterator[Reading]:
    for part in parts:
        if not means_nothing(part) and not isinstance(part, Dropped):
            yield part
