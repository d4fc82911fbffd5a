"""Error recovery: every mistake in the characters, strings, quotes and brackets of a text, and tokens without them.

Only a text that the parser has refused comes here. Each mistake is mended in the likeliest way, so that one does not
look like many: an unended string ends with its line, and a missing bracket is sought where the indentation says that
its form ends. The mended tokens always parse; what else is wrong in the text can then be told, too.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from lark import Token, UnexpectedCharacters

from mintaka.lang.diagnostics import Code, Diagnostic
from mintaka.lang.readings import CLOSERS, COMMENT, STRING, span_of
from mintaka.lang.spans import Span

MAX_PROBLEMS = 50
"""Mistakes after which the rest of a text is left aside: it is probably no script at all."""

_LOOKAHEAD = 2_000
"""Tokens that are looked at to find out how a wrong bracket was meant."""

_BRACKET_TYPES = {
    "(": "OPEN_LIST", ")": "CLOSE_LIST",
    "[": "OPEN_VECTOR", "]": "CLOSE_VECTOR",
    "{": "OPEN_OBJECT", "}": "CLOSE_OBJECT",
}  # fmt: skip
_OPENERS = {closer: opener for opener, closer in CLOSERS.items()}
_PREFIXES = ("'", "#_")
_DELIMITER = re.compile(r"[\s,;)\]}]|$")
_STRING_BODY = re.compile(r'"[^\n]*?(?=[)\]}\s]*(?:\n|$))')

Lexer = Callable[[str], Iterable[Token]]


def recover(source: str, lex: Lexer) -> tuple[list[Token], list[Diagnostic]]:
    """Tokens of ``source`` that parse, and what was wrong with it, in order of its places."""
    lexing = _Lexing(source, lex)
    lexing.run()
    repair = _balanced(lexing.tokens)
    problems = sorted([*lexing.problems, *repair.problems], key=lambda found: (found.span.line, found.span.column))
    return repair.tokens, problems[:MAX_PROBLEMS]


class _Lexing:
    """The tokens of a text, with what begins none left out."""

    def __init__(self, source: str, lex: Lexer) -> None:
        self.tokens: list[Token] = []
        self.problems: list[Diagnostic] = []
        self._source = source
        self._lex = lex

    def run(self) -> None:
        position: int | None = 0
        while position is not None and len(self.problems) < MAX_PROBLEMS:
            position = self._tokens_from(position)

    def _tokens_from(self, start: int) -> int | None:
        """Read on from ``start``; where to go on behind a mistake, ``None`` at the end of the text."""
        line, column = self._source.count("\n", 0, start), start - self._source.rfind("\n", 0, start) - 1
        try:
            for token in self._lex(self._source[start:]):
                self.tokens.append(_moved(token, start, line, column))
        except UnexpectedCharacters as error:
            return self._mistake(start + (error.pos_in_stream or 0))
        return None

    def _mistake(self, position: int) -> int:
        char = self._source[position]
        if char == '"':
            return self._unended_string(position)
        end = position
        while self._source[end : end + 1] == char:
            end += 1
        hint = None
        if char == ":":
            hint = "A key is written :name, without a space behind the colon."
        elif char == "#":
            hint = "A comment begins with `;`, and `#_` drops the next form."
            if self._source[end : end + 1] == " ":  # it was meant as a comment
                end = (self._source + "\n").index("\n", end)
        span = self._span(position, position + 1)
        self.problems.append(Diagnostic(Code.SYNTAX, f"`{char}` cannot stand here.", span, hint))
        return end

    def _unended_string(self, position: int) -> int:
        """The string that lacks its end is an earlier one if that runs over lines and ends at the head of a word."""
        for index, token in enumerate(self.tokens):
            if token.type == STRING and "\n" in token and not _DELIMITER.match(self._source, token.end_pos or 0):
                del self.tokens[index:]
                position = token.start_pos or 0
                break
        body = _STRING_BODY.match(self._source, position)
        end = body.end() if body else position + 1
        span = self._span(position, end)
        self.tokens.append(
            Token(STRING, '""', position, span.line, span.column, span.end_line, span.end_column, end_pos=end)
        )
        message = "This string is never closed."
        place = Span(span.line, span.column, span.line, span.column + 1)
        self.problems.append(Diagnostic(Code.SYNTAX, message, place, hint='Add a `"` where it should end.'))
        return end

    def _span(self, start: int, end: int) -> Span:
        """The place of characters of one line."""
        line, column = self._source.count("\n", 0, start) + 1, start - self._source.rfind("\n", 0, start)
        return Span(line, column, line, column + end - start)


def _moved(token: Token, start: int, line: int, column: int) -> Token:
    """A token of the text from ``start`` on as one of the whole text."""
    first, last = token.line or 1, token.end_line or 1
    return Token(
        token.type,
        str(token),
        (token.start_pos or 0) + start,
        first + line,
        (token.column or 1) + (column if first == 1 else 0),
        last + line,
        (token.end_column or 1) + (column if last == 1 else 0),
        (token.end_pos or 0) + start,
    )


@dataclass(slots=True)
class _Repair:
    """Tokens whose brackets match, and what had to be done for that."""

    tokens: list[Token] = field(default_factory=list)
    problems: list[Diagnostic] = field(default_factory=list)
    changes: int = 0
    """Brackets that were added, changed or left out."""
    unclosed_from: int | None = None
    """Where among the tokens given the first bracket stands that the end of the text has closed."""


def _balanced(tokens: Sequence[Token]) -> _Repair:
    """Brackets taken as they stand, or from the first one never closed by indentation if that needs no more changes."""
    plain = _Balance(tokens, by_layout=False).run()
    if plain.unclosed_from is None:
        return plain
    before = _Balance(tokens[: plain.unclosed_from], by_layout=False).run()
    behind = _Balance(tokens[plain.unclosed_from :], by_layout=True).run()
    if before.changes + behind.changes > plain.changes:
        return plain
    return _Repair(before.tokens + behind.tokens, before.problems + behind.problems)


@dataclass(slots=True)
class _Level:
    """An open bracket."""

    opener: Token
    index: int
    prefixes: list[Token] = field(default_factory=list)
    """``'`` and ``#_`` that still want their form."""


class _Balance:
    """Goes through tokens once, keeping the open brackets on a stack."""

    def __init__(self, tokens: Sequence[Token], *, by_layout: bool) -> None:
        self._tokens = tokens
        self._by_layout = by_layout
        self._repair = _Repair()
        self._stack: list[_Level] = []
        self._prefixes: list[Token] = []
        self._last: Token | None = None
        self._surplus: int | None = None
        """Index of the last bracket that closed nothing."""

    def run(self) -> _Repair:
        for index, token in enumerate(self._tokens):
            if token.type == COMMENT:
                self._repair.tokens.append(token)
                continue
            if token in _OPENERS:
                self._closer(index, token)
            else:
                self._form(index, token)
            self._last = token
        if self._stack:
            self._repair.unclosed_from = self._stack[0].index
            self._missing(0)
        self._no_dangling(None)
        return self._repair

    def _form(self, index: int, token: Token) -> None:
        """An opening bracket, a prefix or a word."""
        first_of_line = self._last is not None and (token.line or 0) > (self._last.end_line or 0)
        if self._by_layout and first_of_line:
            self._outdent(token)
        self._repair.tokens.append(token)
        if token in _PREFIXES:
            self._pending.append(token)
        elif token in CLOSERS:
            self._stack.append(_Level(token, index))
        else:
            self._fulfil()

    def _closer(self, index: int, token: Token) -> None:
        if not self._stack:
            self._closes_nothing(index, token)
            return
        if CLOSERS[str(self._stack[-1].opener)] != token and not self._mismatch(index, token):
            return
        self._close(_bracket(CLOSERS[str(self._stack[-1].opener)], token))

    def _outdent(self, token: Token) -> None:
        """Brackets that ``token``, the first of its line, does not stand in by its indentation are closed before it."""
        keep = len(self._stack)
        while keep and self._stack[keep - 1].opener.line != token.line:
            if (self._stack[keep - 1].opener.column or 0) < (token.column or 0):
                break
            keep -= 1
        if keep < len(self._stack):
            self._missing(keep)

    def _missing(self, keep: int) -> None:
        """Close all but ``keep`` open brackets; one mistake is told, at the innermost."""
        opened = [level.opener for level in self._stack[keep:]]
        closers = "".join(CLOSERS[str(opener)] for opener in reversed(opened))
        last = self._last or opened[-1]
        where = f"at the end of line {last.end_line}" if self._by_layout else "where it should end"
        hint = f"Add {'a ' if len(closers) == 1 else ''}`{closers}` {where}."
        if len(opened) > 1:
            around = opened[-2]
            hint += f" The `{around}` of line {around.line}, column {around.column} is open, too."
        self._told(f"This `{opened[-1]}` is never closed.", opened[-1], hint, len(opened))
        for closer in closers:
            self._close(_bracket(closer, last, behind=True))

    def _closes_nothing(self, index: int, token: Token) -> None:
        if self._surplus is None or index != self._surplus + 1 or self._last is None or self._last.line != token.line:
            self._told(f"This `{token}` closes nothing.", token, "Remove it.", 1)
        else:
            self._repair.changes += 1
        self._surplus = index

    def _mismatch(self, index: int, token: Token) -> bool:
        """A bracket of another kind: whether one closes here, after brackets that lack their end were closed."""
        opener = self._stack[-1].opener
        closer = CLOSERS[str(opener)]
        kinds = [str(level.opener) for level in self._stack]
        message = f"This `{token}` does not close the `{opener}` of line {opener.line}, column {opener.column}."
        looked_at = _LOOKAHEAD if len(self._repair.problems) < MAX_PROBLEMS else 0
        ahead = self._tokens[index + 1 : index + 1 + looked_at]
        above = kinds[::-1].index(_OPENERS[str(token)]) if _OPENERS[str(token)] in kinds else None
        add = _changes(ahead, kinds[: -above - 1]) + above if above is not None else None
        replace = _changes(ahead, kinds[:-1]) + 1
        remove = _changes(ahead, kinds) + 1
        if above is not None and add is not None and add <= min(replace, remove):
            where = f"the `{token}` of line {token.line}, column {token.column}"
            self._told(
                f"This `{opener}` is not closed before {where}.", opener, f"Add a `{closer}` before that.", above
            )
            for _ in range(above):
                self._close(_bracket(CLOSERS[str(self._stack[-1].opener)], self._last or token, behind=True))
            return True
        if replace <= remove:
            self._told(message, token, f"Write `{closer}` here, or close the `{opener}` before.", 1)
            return True
        self._told(message, token, f"Remove it, or close the `{opener}` before.", 1)
        return False

    def _close(self, closer: Token) -> None:
        self._no_dangling(closer)
        self._repair.tokens.append(closer)
        self._stack.pop()
        self._fulfil()

    @property
    def _pending(self) -> list[Token]:
        return self._stack[-1].prefixes if self._stack else self._prefixes

    def _fulfil(self) -> None:
        """A form ends here: it is what the last prefix wants, and a quoted form is what the one before that wants."""
        pending = self._pending
        while pending and pending.pop() == "'":
            pass

    def _no_dangling(self, closer: Token | None) -> None:
        """Leave prefixes out that wait for a form in vain."""
        pending = self._pending
        if not pending:
            return
        verb = "quote" if pending[0] == "'" else "drop"
        where = f"before the `{closer}`" if closer is not None else "at the end of the text"
        hint = f"Write a form behind it, or remove the `{pending[0]}`."
        self._told(f"A form is missing {where}: there is nothing to {verb}.", pending[0], hint, 1)
        tokens, left_out = self._repair.tokens, set(map(id, pending))
        first = len(tokens) - 1
        while tokens[first] is not pending[0]:
            first -= 1
        tokens[first:] = [token for token in tokens[first:] if id(token) not in left_out]
        pending.clear()

    def _told(self, message: str, place: Token, hint: str, changes: int) -> None:
        self._repair.changes += changes
        if len(self._repair.problems) < MAX_PROBLEMS:
            self._repair.problems.append(Diagnostic(Code.SYNTAX, message, span_of(place), hint))


def _bracket(char: str, place: Token, *, behind: bool = False) -> Token:
    """A bracket where ``place`` stands, or right behind it."""
    line, column = (place.end_line, place.end_column) if behind else (place.line, place.column)
    return Token(_BRACKET_TYPES[char], char, None, line, column, place.end_line, place.end_column)


def _changes(tokens: Sequence[Token], opened: Sequence[str]) -> int:
    """How many brackets of ``tokens`` would have to be changed with those of ``opened`` open before them."""
    stack = list(opened)
    changes = 0
    for token in tokens:
        if token in CLOSERS:
            stack.append(str(token))
        elif token in _OPENERS and (not stack or stack.pop() != _OPENERS[str(token)]):
            changes += 1
    return changes + len(stack)
