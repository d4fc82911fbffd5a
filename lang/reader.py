"""From text to brackets and atoms, by the grammar in ``grammar.lark``; what they mean is decided in `lower`.

Lark's LALR parser keeps its own stack, so nesting costs no recursion here; the limits on depth and size hold while
reading, before anything recursive sees the script.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache
from importlib.resources import files
from typing import Any, TypeAlias

from lark import Lark, Token, UnexpectedCharacters, UnexpectedToken

from mintaka.lang.diagnostics import Code, Diagnostic, SyntaxFault
from mintaka.lang.limits import MAX_DEPTH, MAX_NODES
from mintaka.lang.spans import Span


class AtomKind(Enum):
    """What sort of word an atom is."""

    SYMBOL = "symbol"
    KEYWORD = "keyword"
    STRING = "string"
    NUMBER = "number"


@dataclass(frozen=True, slots=True)
class Atom:
    """A symbol or keyword (``value`` is its name), a string or a number (``value`` is the value itself)."""

    kind: AtomKind
    value: str | int | float
    span: Span


@dataclass(frozen=True, slots=True)
class Brackets:
    """Items between ``(``, ``[`` or ``{`` (``opener``) and its counterpart."""

    opener: str
    items: tuple["Reading", ...]
    span: Span
    depth: int


@dataclass(frozen=True, slots=True)
class Quoted:
    """``'`` and what it quotes."""

    inner: "Reading"
    span: Span
    depth: int


Reading: TypeAlias = Atom | Brackets | Quoted


def read(source: str) -> tuple[Reading, ...]:
    """The forms of a text. Raises `SyntaxFault` with the place and what to do."""
    nodes = sum(not word[0].startswith(";") for word in _WORD.finditer(source))
    if nodes > MAX_NODES:  # before the parser spends time on them
        message = f"The script has more than {MAX_NODES:,} nodes; cut it into smaller ones."
        raise SyntaxFault([Diagnostic(Code.SIZE, message, Span(1, 1, 1, 1))])
    try:
        return tuple(_kept(_parser().parse(source)))  # type: ignore[arg-type]
    except UnexpectedToken as error:
        raise SyntaxFault([_misplaced(error)]) from None
    except UnexpectedCharacters as error:
        raise SyntaxFault([_unreadable(source, error)]) from None


class _Builder:
    """What the parser calls for every rule it has seen, innermost first; it keeps no state."""

    def start(self, forms: list[Any]) -> list[Any]:
        return forms

    def symbol(self, tokens: list[Token]) -> Atom:
        return self._atom(AtomKind.SYMBOL, str(tokens[0]), tokens[0])

    def keyword(self, tokens: list[Token]) -> Atom:
        return self._atom(AtomKind.KEYWORD, tokens[0][1:], tokens[0])

    def number(self, tokens: list[Token]) -> Atom:
        value: int | float = json.loads(tokens[0]) if len(tokens[0]) < 400 else float(tokens[0])
        if value in (float("inf"), float("-inf")):
            raise _fault("This number is greater than any a script can hold; infinity is `(/ 1 0)`.", _span(tokens[0]))
        return self._atom(AtomKind.NUMBER, value, tokens[0])

    def string(self, tokens: list[Token]) -> Atom:
        try:
            value: str = json.loads(tokens[0], strict=False)
            value.encode()
        except ValueError:
            raise _fault(
                'This string has an escape JSON does not know; there are \\" \\\\ \\/ \\b \\f \\n \\r \\t and \\uXXXX.',
                _span(tokens[0]),
            ) from None
        return self._atom(AtomKind.STRING, value, tokens[0])

    def parens(self, items: list[Any]) -> Brackets:
        return self._brackets("(", items)

    def vector(self, items: list[Any]) -> Brackets:
        return self._brackets("[", items)

    def object(self, items: list[Any]) -> Brackets:
        return self._brackets("{", items)

    def quote(self, parts: list[Any]) -> Quoted:
        token, inner = parts
        if inner is None:
            raise _fault("There is nothing to quote here: the form behind the quote is dropped by `#_`.", _span(token))
        return Quoted(inner, _span(token).to(inner.span), self._deeper([inner], _span(token)))

    def dropped(self, parts: list[Any]) -> None:
        """A form behind ``#_`` is read, and left out."""

    def _atom(self, kind: AtomKind, value: str | int | float, token: Token) -> Atom:
        return Atom(kind, value, _span(token))

    def _brackets(self, opener: str, parts: list[Any]) -> Brackets:
        span = _span(parts[0]).to(_span(parts[-1]))
        items = _kept(parts[1:-1])
        return Brackets(opener, tuple(items), span, self._deeper(items, span))

    def _deeper(self, items: Sequence[Reading], span: Span) -> int:
        depth = 1 + max((item.depth for item in items if not isinstance(item, Atom)), default=0)
        if depth > MAX_DEPTH:
            message = f"The script is nested deeper than {MAX_DEPTH} levels; name parts of it with `let`."
            raise _fault(message, span, Code.SIZE)
        return depth


_WORD = re.compile(r'"(?:[^"\\]|\\.)*"|;[^\n]*|[^\s()\[\]{}"\';,]+|[(\[{\']', re.DOTALL)


@cache
def _parser() -> Lark:
    grammar = files("mintaka.lang").joinpath("grammar.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", transformer=_Builder())


def _kept(forms: list[Any]) -> list[Reading]:
    return [form for form in forms if form is not None]


def _span(token: Token) -> Span:
    return Span(token.line or 1, token.column or 1, token.end_line or 1, token.end_column or 1)


def _fault(message: str, span: Span, code: Code = Code.SYNTAX) -> SyntaxFault:
    return SyntaxFault([Diagnostic(code, message, span)])


_CLOSERS = {"(": ")", "[": "]", "{": "}"}


def _misplaced(error: UnexpectedToken) -> Diagnostic:
    """A bracket or a word where none can stand; what is open then is on the parser's stack."""
    stack = error.interactive_parser.parser_state.value_stack
    opened = [token for token in stack if isinstance(token, Token) and token in _CLOSERS]
    token = error.token
    if token.type == "$END":
        if opened:
            closer = _CLOSERS[str(opened[-1])]
            return Diagnostic(
                Code.SYNTAX,
                f"This `{opened[-1]}` is never closed.",
                _span(opened[-1]),
                hint=f"Add a `{closer}` where it should end.",
            )
        return Diagnostic(Code.SYNTAX, "The text ends where a form is missing behind `'` or `#_`.", _span(stack[-1]))
    if token in _CLOSERS.values():
        if not opened:
            return Diagnostic(Code.SYNTAX, f"This `{token}` closes nothing.", _span(token), hint="Remove it.")
        if _CLOSERS[str(opened[-1])] == token:
            return Diagnostic(Code.SYNTAX, f"A form is missing before this `{token}`.", _span(token))
        closer, line = _CLOSERS[str(opened[-1])], opened[-1].line
        return Diagnostic(
            Code.SYNTAX,
            f"This `{token}` does not close the `{opened[-1]}` of line {line}, column {opened[-1].column}.",
            _span(token),
            hint=f"Write `{closer}` here, or close the `{opened[-1]}` before.",
        )
    return Diagnostic(
        Code.SYNTAX,
        f"`{token}` cannot stand here.",
        _span(token),
        hint='Keys like `:width` stand in objects: {:width 128}. A text is written "like this".',
    )


def _unreadable(source: str, error: UnexpectedCharacters) -> Diagnostic:
    """A character that begins nothing; a quotation mark does when its string never ends."""
    char = source[error.pos_in_stream or 0]
    span = Span(error.line, error.column, error.line, error.column + 1)
    if char == '"':
        return Diagnostic(Code.SYNTAX, "This string is never closed.", span, hint='Add a `"` where it should end.')
    hint = "A key is written :name, without a space behind the colon." if char == ":" else None
    return Diagnostic(Code.SYNTAX, f"`{char}` cannot stand here.", span, hint=hint)
