"""From text to readings, by the grammar in ``grammar.lark``; what they mean is decided in `lower`.

Lark's LALR parser keeps its own stack, so nesting costs no recursion here; the limits on depth and size hold while
reading, before anything recursive sees the script.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from lark import Lark, Token, UnexpectedInput

from mintaka.lang.diagnostics import Code, Diagnostic, SyntaxFault
from mintaka.lang.limits import MAX_DEPTH, MAX_NODES
from mintaka.lang.readings import Brackets, Dropped, Part, Quoted, span_of
from mintaka.lang.recovery import recover
from mintaka.lang.spans import Span
from mintaka.lang.tree import too_deep, too_large

MAX_WORDS = 2 * MAX_NODES
"""Words and opening brackets of a text; no script of `MAX_NODES` needs more."""


@dataclass(frozen=True, slots=True)
class Text:
    """What was read of a source; with ``problems``, ``parts`` is the best guess at what was meant."""

    parts: tuple[Part, ...]
    problems: tuple[Diagnostic, ...] = ()

    @property
    def depth(self) -> int:
        """Levels of brackets."""
        return max((part.depth for part in self.parts if not isinstance(part, Token)), default=0)


def read(source: str) -> Text:
    """The readings of a text and everything that is wrong with its brackets, quotes and characters.

    Raises `SyntaxFault` for a text that is too large, too deep, or no Unicode at all.
    """
    _measure(source)
    parser = _parser()
    try:
        return Text(parser.parse(source))  # type: ignore[arg-type]  # what the builder's `start` gives
    except UnexpectedInput:
        mended, problems = recover(source, tokens)
        interactive = parser.parse_interactive()
        for token in mended:
            interactive.feed_token(token)
        return Text(interactive.feed_eof(), tuple(problems))  # type: ignore[no-untyped-call]


def tokens(source: str) -> Iterator[Token]:
    """The words, brackets and comments of a text that is well spelled, whatever it means."""
    return _parser().lex(source)


class _Builder:
    """What the parser calls for every rule it has seen, innermost first; it keeps no state."""

    def start(self, parts: list[Part]) -> tuple[Part, ...]:
        return tuple(parts)

    def parens(self, parts: list[Part]) -> Brackets:
        return _brackets("(", parts)

    def vector(self, parts: list[Part]) -> Brackets:
        return _brackets("[", parts)

    def object(self, parts: list[Part]) -> Brackets:
        return _brackets("{", parts)

    def quote(self, parts: list[Part]) -> Quoted:
        # A quote is no level of its own, as it is none in the JSON form; quotes of quotes are refused later.
        span = span_of(parts[0]).to(span_of(parts[-1]))
        return Quoted(tuple(parts[1:]), span, _depth(parts, span, int(isinstance(parts[-1], Quoted))))

    def dropped(self, parts: list[Part]) -> Dropped:
        span = span_of(parts[0]).to(span_of(parts[-1]))
        return Dropped(tuple(parts[1:]), span, _depth(parts, span, 1))


def _brackets(opener: str, parts: list[Part]) -> Brackets:
    first, last = parts[0], parts[-1]
    assert isinstance(first, Token)
    assert isinstance(last, Token)
    span = Span(first.line or 0, first.column or 0, last.end_line or 0, last.end_column or 0)
    return Brackets(opener, tuple(parts[1:-1]), span, _depth(parts, span, 1))


def _depth(parts: Iterable[Part], span: Span, levels: int) -> int:
    """The depth of what is ``levels`` above ``parts``."""
    deepest = 0
    for part in parts:
        if not isinstance(part, Token) and part.depth > deepest:
            deepest = part.depth
    if deepest + levels > MAX_DEPTH:
        raise too_deep(span)
    return deepest + levels


_WORD = re.compile(r'"(?:[^"\\]++|\\.)*+"?|;[^\n]*|[^\s()\[\]{}"\';,]+|[(\[{\']', re.DOTALL)


def _measure(source: str) -> None:
    """Refuse what is too large before the parser spends time on it."""
    if len(source) > MAX_WORDS and sum(word[0][0] != ";" for word in _WORD.finditer(source)) > MAX_WORDS:
        raise too_large(Span(1, 1, 1, 1))
    if not source.isascii():
        try:
            source.encode()
        except UnicodeEncodeError as error:
            line, column = source.count("\n", 0, error.start) + 1, error.start - source.rfind("\n", 0, error.start)
            here = Span(line, column, line, column + 1)
            message = "Half a character stands here (a lone surrogate); remove it."
            raise SyntaxFault([Diagnostic(Code.SYNTAX, message, here)]) from None


@cache
def _parser() -> Lark:
    grammar = files("mintaka.lang").joinpath("grammar.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", lexer="basic", transformer=_Builder())
