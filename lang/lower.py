"""From what was read to the tree: heads are told apart, names and data are put where forms want them.

A head in a call is, in this order: a short name of a special form (``let``), a variable of the script that is then
applied, with ``variable.method`` a method called on it, a short name of an op (``log``), or the name of an op itself,
in which ``-`` and ``_`` are alike. A string as head is the op's exact name, whatever it is.
"""

import json
import math
import re
from collections.abc import Container, Iterable, Iterator
from enum import Enum, auto
from functools import lru_cache

from lark import Token

from mintaka.lang.diagnostics import Code, Diagnostic, SyntaxFault
from mintaka.lang.forms import FORMS, NAMESPACES, SHORT_FORMS, SHORT_OPS, ArgKind
from mintaka.lang.names import BINDERS
from mintaka.lang.numbers import number
from mintaka.lang.reader import Text
from mintaka.lang.readings import KEYWORD, NUMBER, STRING, SYMBOL, Brackets, Quoted, Reading, forms, span_of
from mintaka.lang.recovery import MAX_PROBLEMS
from mintaka.lang.spans import Span
from mintaka.lang.tree import Call, Data, Group, Literal, Node

CONSTANTS: dict[str, bool | None] = {"true": True, "false": False, "null": None}

_SYMBOL = re.compile(r"""[^\s()\[\]{}"':;,#][^\s()\[\]{}"':;,]*""")
_LETTER = re.compile(r"[^\W\d_]")
_NUMBER_LIKE = re.compile(r"[+-]?\.?[0-9]")


@lru_cache(maxsize=1024)
def op_name(symbol: str) -> str:
    """The op a symbol at the head of a call names, variables left aside: ``get-capability``, ``let``, ``-``."""
    name = symbol.replace("-", "_") if _LETTER.search(symbol) else symbol
    return SHORT_FORMS.get(name) or SHORT_OPS.get(name, name)


class HeadKind(Enum):
    """What a symbol at the head of a call means."""

    OP = auto()
    """An op or form of that name."""
    VARIABLE = auto()
    """A variable to be applied."""
    METHOD = auto()
    """``variable.method``: a method to be called."""


def head_kind(symbol: str, variables: Container[str]) -> HeadKind:
    """What ``symbol`` means at the head of a call in a script that binds ``variables``."""
    if symbol.replace("-", "_") in SHORT_FORMS:
        return HeadKind.OP
    owner, dot, method = symbol.partition(".")
    if owner not in variables:
        return HeadKind.OP
    if not dot:
        return HeadKind.VARIABLE
    return HeadKind.METHOD if method and owner not in NAMESPACES else HeadKind.OP


def is_symbol(text: str) -> bool:
    """Whether ``text`` can be written bare, as a symbol that stands for itself."""
    return bool(_SYMBOL.fullmatch(text)) and text not in CONSTANTS and not _NUMBER_LIKE.match(text)


def is_name(text: str) -> bool:
    """Whether ``text`` can be written bare as the name of a variable."""
    return is_symbol(text) and "." not in text


def lower(text: Text) -> Node:
    """The tree of a whole text: one form as it is, several as a ``std.seq``.

    Raises `SyntaxFault` with everything that is wrong with the text, in order of the places.
    """
    readings = forms(text.parts)
    lowering = _Lowering(frozenset(_bound_in(readings)))
    tree = lowering.script(readings)
    problems = [*text.problems, *lowering.problems]
    if problems:
        problems.sort(key=lambda found: (found.span.line, found.span.column))
        raise SyntaxFault(problems[:MAX_PROBLEMS], tree, [each.span for each in text.problems])
    return tree


class _Lowering:
    """Makes nodes for a script that binds ``variables``."""

    def __init__(self, variables: frozenset[str]) -> None:
        self.problems: list[Diagnostic] = []
        self._variables = variables

    def script(self, readings: tuple[Reading, ...]) -> Node:
        if len(readings) == 1:
            return self.code(readings[0])
        span = span_of(readings[0]).to(span_of(readings[-1])) if readings else Span(1, 1, 1, 1)
        return Call("std.seq", tuple(map(self.code, readings)), span, span)

    def code(self, reading: Reading) -> Node:
        """The node of what stands in a place for an expression."""
        if isinstance(reading, Token):
            return self._word(reading)
        if isinstance(reading, Quoted):
            inner = reading.inner
            data = self.data(inner)
            if isinstance(data, list):
                return Call("std.quote", (Literal(data, span_of(inner)),), reading.span, reading.span)
            return Literal(data, reading.span)
        if reading.opener == "(":
            return self._call(reading)
        if reading.opener == "[":
            return Call("list.new", tuple(map(self.code, reading.forms)), reading.span, reading.span)
        pairs = tuple(
            Group((Literal(key, place), self.code(value)), place.to(span_of(value)))
            for key, place, value in self._entries(reading)
        )
        return Call("obj.new", pairs, reading.span, reading.span)

    def data(self, reading: Reading) -> Data:
        """What stands in a place for data: symbols are texts, brackets lists and objects."""
        if isinstance(reading, Token):
            if reading.type == SYMBOL:
                return CONSTANTS.get(reading, str(reading))
            if reading.type == KEYWORD:
                self._problem("A key like this stands in an object: {:width 128}.", span_of(reading))
            return self._value(reading)
        if isinstance(reading, Quoted):
            self._problem("What is quoted is data already; a quote within it means nothing.", reading.span)
            return None
        if reading.opener == "{":
            return {key: self.data(value) for key, _, value in self._entries(reading)}
        return [self.data(item) for item in reading.forms]

    def _word(self, word: Token) -> Node:
        span = span_of(word)
        if word.type != SYMBOL:
            if word.type == KEYWORD:
                hint = 'A text is written "like this".'
                key = _shown(word)
                self._problem(f"The key `{key}` stands in an object: {{{key} …}}.", span, hint)
            return Literal(self._value(word), span)
        name = str(word)
        if name in CONSTANTS:
            return Literal(CONSTANTS[name], span)
        if _NUMBER_LIKE.match(name):
            self._problem(f"`{_shown(name)}` is neither a number nor a name.", span)
        elif "." in name:
            owner, _, field = _shown(name).partition(".")
            hint = f'Call it: ({_shown(name)}). A field is read with (obj.get {owner} "{field}").'
            self._problem(f"`{_shown(name)}` is no value by itself.", span, hint)
        return Call("std.var", (Literal(name, span),), span, span)

    def _value(self, word: Token) -> str | int | float:
        """The value of a string or a number; of a keyword, its name."""
        if word.type == NUMBER:
            return self._number(word)
        if word.type == STRING:
            return self._string(word)
        return word[1:]

    def _number(self, word: Token) -> int | float:
        if len(word) < 16 and word.lstrip("-").isdigit() and word != "-0":
            return int(word)
        value = number(float(word))
        if math.isinf(value):
            message = "This number is greater than any a script can hold; infinity is `(/ 1 0)`."
            self._problem(message, span_of(word))
            return 0
        return value

    def _string(self, word: Token) -> str:
        if "\\" not in word:
            return word[1:-1]
        try:
            value: str = json.loads(word, strict=False)
            value.encode()
        except json.JSONDecodeError as error:
            self._problem(_NO_ESCAPE, _within(word, error.pos))
        except UnicodeEncodeError:
            self._problem(_NO_ESCAPE, span_of(word), hint="A \\uD8xx wants its other half, \\uDCxx, right behind it.")
        else:
            return value
        return ""

    def _call(self, brackets: Brackets) -> Node:
        items = brackets.forms
        if not items:
            self._problem("A call names an op: (op …). An empty list is [], an empty object {}.", brackets.span)
            return Literal(None, brackets.span)
        head, rest = items[0], items[1:]
        place = span_of(head)
        if isinstance(head, Token):
            if head.type == STRING:
                return self._op(self._string(head), rest, brackets.span, place)
            if head.type == SYMBOL and not _NUMBER_LIKE.match(head) and head not in CONSTANTS:
                symbol = str(head)
                match head_kind(symbol, self._variables):
                    case HeadKind.OP:
                        return self._op(op_name(symbol), rest, brackets.span, place)
                    case HeadKind.METHOD:
                        owner, _, method = symbol.partition(".")
                        variable = Call("std.var", (Literal(owner, place),), place, place)
                        args = (variable, Literal(method, place), *map(self.code, rest))
                        return Call("std.call_method", args, brackets.span, place)
        return self._op("std.apply", items, brackets.span, place)

    def _op(self, op: str, readings: Iterable[Reading], span: Span, head: Span) -> Node:
        form = FORMS.get(op)
        if form is None:
            return Call(op, tuple(map(self.code, readings)), span, head)
        args = tuple(self._argument(op, form.kind(index), reading) for index, reading in enumerate(readings))
        return Call(op, args, span, head)

    def _argument(self, op: str, kind: ArgKind, reading: Reading) -> Node:
        if kind is ArgKind.NAME and isinstance(reading, Token) and reading.type == SYMBOL:
            if reading not in CONSTANTS:
                return Literal(str(reading), span_of(reading))
        elif kind in (ArgKind.DATA, ArgKind.NAMES, ArgKind.PARAMETER):
            return Literal(self.data(reading), span_of(reading))
        elif kind is ArgKind.PAIR:
            if isinstance(reading, Brackets) and reading.opener == "[":
                return Group(tuple(map(self.code, reading.forms)), reading.span)
            node = self.code(reading)
            if isinstance(node, Call):
                self._problem(f"`{op}` takes pairs, each [key value].", node.span)
            return node
        return self.code(reading)

    def _entries(self, brackets: Brackets) -> Iterator[tuple[str, Span, Reading]]:
        """Key, its place and value of each entry of an object."""
        items = iter(brackets.forms)
        for key in items:
            place = span_of(key)
            if not isinstance(key, Token) or key.type not in (KEYWORD, STRING):
                self._problem(
                    'A key of an object is a keyword or a text: {:width 128 "any text" 1}.',
                    place,
                    hint="A computed key is set with (obj.set object key value).",
                )
                return
            name = str(self._value(key))
            value = next(items, None)
            if value is None:
                self._problem(f"The key `{_shown(name)}` has no value.", place)
                return
            yield name, place, value

    def _problem(self, message: str, span: Span, hint: str | None = None) -> None:
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(Diagnostic(Code.SYNTAX, message, span, hint))


_NO_ESCAPE = 'This is an escape JSON does not know; there are \\" \\\\ \\/ \\b \\f \\n \\r \\t and \\uXXXX.'


def _shown(name: str) -> str:
    """A name as it is told in a message."""
    return name if len(name) <= _TOLD else name[: _TOLD - 1] + "…"


_TOLD = 60


def _within(word: Token, index: int) -> Span:
    """The place of the escape at ``index`` of a string."""
    before = word[:index]
    line = (word.line or 1) + before.count("\n")
    column = index - before.rfind("\n") if "\n" in before else (word.column or 1) + index
    return Span(line, column, line, column + 2)


def _bound_in(readings: Iterable[Reading]) -> Iterator[str]:
    """Every name a text binds anywhere, as `mintaka.lang.names.bound_names` finds them in its tree.

    Special forms are the same whatever is bound, so this can be known before heads are told apart.
    """
    pending = list(readings)
    while pending:
        reading = pending.pop()
        if not isinstance(reading, Brackets):
            continue
        items = reading.forms
        head = items[0] if items and reading.opener == "(" else None
        op = _form_of(head) if isinstance(head, Token) else None
        if op is None:
            pending.extend(item for item in items if not isinstance(item, Token))
            continue
        for index, item in enumerate(items[1:]):
            kind = FORMS[op].kind(index)
            if op in BINDERS:
                yield from _names(kind, item)
            if kind in _CODE_KINDS and not isinstance(item, Token):
                pending.append(item)


_CODE_KINDS = (ArgKind.CODE, ArgKind.PAIR, ArgKind.NAME)


def _form_of(head: Token) -> str | None:
    """The special form that ``head`` names, if it does."""
    if head.type == SYMBOL:
        op = op_name(str(head))
    elif head.type == STRING:
        op = _unescaped(head)
    else:
        return None
    return op if op in FORMS else None


def _names(kind: ArgKind, item: Reading) -> Iterator[str]:
    if kind is ArgKind.NAME:
        name = item.inner if isinstance(item, Quoted) else item
        if isinstance(name, Token):
            yield from _name(name)
    elif kind in (ArgKind.NAMES, ArgKind.PARAMETER) and isinstance(item, Brackets) and item.opener != "{":
        named = item.forms
        for name in named if kind is ArgKind.NAMES else named[:1]:
            if isinstance(name, Token):
                yield from _name(name)


def _name(word: Token) -> Iterator[str]:
    if word.type == SYMBOL and word not in CONSTANTS:
        yield str(word)
    elif word.type == STRING:
        yield _unescaped(word)


def _unescaped(word: Token) -> str:
    """The text of a string; of one that is not well written, its spelling."""
    try:
        return str(json.loads(word, strict=False))
    except ValueError:
        return str(word)
