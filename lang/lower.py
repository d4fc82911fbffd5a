"""From what was read to the tree: heads are told apart, names and data are put where forms want them.

A head in a call is, in this order: a short name of a special form (``let``), a variable of the script that is then
applied, with ``variable.method`` a method called on it, a short name of an op (``log``), or the name of an op itself,
in which ``-`` and ``_`` are alike. A string as head is the op's exact name, whatever it is.
"""

import re
from collections.abc import Container, Iterable
from enum import Enum, auto

from mintaka.lang.diagnostics import Code, Diagnostic, SyntaxFault
from mintaka.lang.forms import FORMS, NAMESPACES, SHORT_FORMS, SHORT_OPS, ArgKind
from mintaka.lang.names import bound_names
from mintaka.lang.numbers import number
from mintaka.lang.reader import Atom, AtomKind, Brackets, Quoted, Reading
from mintaka.lang.spans import Span
from mintaka.lang.tree import Call, Data, Group, Literal, Node

CONSTANTS: dict[str, bool | None] = {"true": True, "false": False, "null": None}

_SYMBOL = re.compile(r"""[^\s()\[\]{}"':;,#][^\s()\[\]{}"':;,]*""")
_LETTER = re.compile(r"[^\W\d_]")
_NUMBER_LIKE = re.compile(r"[+-]?\.?[0-9]")


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


def lower(readings: Iterable[Reading]) -> Node:
    """The tree of a whole text: one form as it is, several as a ``std.seq``. Raises `SyntaxFault`."""
    readings = list(readings)
    # Which names are variables is seen in the tree itself; special forms are the same with and without knowing them.
    first = _Lowering(frozenset())
    tree = first.script(readings)
    names = bound_names(tree)
    if names:
        second = _Lowering(names)
        tree = second.script(readings)
        first = second
    if first.problems:
        raise SyntaxFault(first.problems)
    return tree


class _Lowering:
    def __init__(self, variables: frozenset[str]) -> None:
        self.problems: list[Diagnostic] = []
        self._variables = variables

    def script(self, readings: list[Reading]) -> Node:
        if len(readings) == 1:
            return self.code(readings[0])
        span = readings[0].span.to(readings[-1].span) if readings else Span(1, 1, 1, 1)
        return Call("std.seq", tuple(map(self.code, readings)), span, span)

    def code(self, reading: Reading) -> Node:
        if isinstance(reading, Atom):
            return self._atom(reading)
        if isinstance(reading, Quoted):
            data = self.data(reading.inner)
            if isinstance(data, list):
                return Call("std.quote", (Literal(data, reading.inner.span),), reading.span, reading.span)
            return Literal(data, reading.span)
        if reading.opener == "[":
            return Call("list.new", tuple(map(self.code, reading.items)), reading.span, reading.span)
        if reading.opener == "{":
            pairs = tuple(
                Group((Literal(key, place), self.code(value)), place.to(value.span))
                for key, place, value in self._entries(reading)
            )
            return Call("obj.new", pairs, reading.span, reading.span)
        return self._call(reading)

    def data(self, reading: Reading) -> Data:
        """What stands in a place for data: symbols are texts, brackets lists and objects."""
        if isinstance(reading, Atom):
            if reading.kind is AtomKind.NUMBER and not isinstance(reading.value, str):
                return number(reading.value)
            if reading.kind is AtomKind.KEYWORD:
                self._problem("A key like this stands in an object: {:width 128}.", reading.span)
            if reading.kind is AtomKind.SYMBOL and reading.value in CONSTANTS:
                return CONSTANTS[str(reading.value)]
            return reading.value
        if isinstance(reading, Quoted):
            self._problem("What is quoted is data already; a quote within it means nothing.", reading.span)
            return None
        if reading.opener == "{":
            return {key: self.data(value) for key, _, value in self._entries(reading)}
        return [self.data(item) for item in reading.items]

    def _atom(self, atom: Atom) -> Node:
        if atom.kind is AtomKind.NUMBER and not isinstance(atom.value, str):
            return Literal(number(atom.value), atom.span)
        if atom.kind is AtomKind.STRING:
            return Literal(atom.value, atom.span)
        name = str(atom.value)
        if atom.kind is AtomKind.KEYWORD:
            self._problem(f"The key `:{name}` stands in an object: {{:{name} …}}.", atom.span)
        elif name in CONSTANTS:
            return Literal(CONSTANTS[name], atom.span)
        elif _NUMBER_LIKE.match(name):
            self._problem(f"`{name}` is neither a number nor a name.", atom.span)
        elif "." in name:
            owner, _, field = name.partition(".")
            self._problem(
                f"`{name}` is no value by itself.",
                atom.span,
                hint=f'Call it: ({name}). A field is read with (obj.get {owner} "{field}").',
            )
        return Call("std.var", (Literal(name, atom.span),), atom.span, atom.span)

    def _call(self, brackets: Brackets) -> Node:
        if not brackets.items:
            self._problem("A call names an op: (op …). An empty list is [], an empty object {}.", brackets.span)
            return Literal(None, brackets.span)
        head, rest = brackets.items[0], brackets.items[1:]
        if isinstance(head, Atom) and head.kind is AtomKind.STRING:
            return self._op(str(head.value), rest, brackets.span, head.span)
        if not isinstance(head, Atom) or head.kind is not AtomKind.SYMBOL:
            return self._op("std.apply", brackets.items, brackets.span, head.span)
        symbol = str(head.value)
        if _NUMBER_LIKE.match(symbol) or symbol in CONSTANTS:
            return self._op("std.apply", brackets.items, brackets.span, head.span)
        kind = head_kind(symbol, self._variables)
        if kind is HeadKind.VARIABLE:
            return self._op("std.apply", brackets.items, brackets.span, head.span)
        if kind is HeadKind.METHOD:
            owner, _, method = symbol.partition(".")
            variable = Call("std.var", (Literal(owner, head.span),), head.span, head.span)
            args = (variable, Literal(method, head.span), *map(self.code, rest))
            return Call("std.call_method", args, brackets.span, head.span)
        return self._op(op_name(symbol), rest, brackets.span, head.span)

    def _op(self, op: str, readings: Iterable[Reading], span: Span, head: Span) -> Node:
        form = FORMS.get(op)
        args = tuple(
            self._argument(op, form.kind(index) if form else ArgKind.CODE, reading)
            for index, reading in enumerate(readings)
        )
        return Call(op, args, span, head)

    def _argument(self, op: str, kind: ArgKind, reading: Reading) -> Node:
        if kind is ArgKind.NAME and isinstance(reading, Atom) and reading.kind is AtomKind.SYMBOL:
            if reading.value not in CONSTANTS:
                return Literal(reading.value, reading.span)
        elif kind in (ArgKind.DATA, ArgKind.NAMES, ArgKind.PARAMETER):
            return Literal(self.data(reading), reading.span)
        elif kind is ArgKind.PAIR:
            if isinstance(reading, Brackets) and reading.opener == "[":
                return Group(tuple(map(self.code, reading.items)), reading.span)
            node = self.code(reading)
            if isinstance(node, Call):
                self._problem(f"`{op}` takes pairs, each [key value].", reading.span)
            return node
        return self.code(reading)

    def _entries(self, brackets: Brackets) -> list[tuple[str, Span, Reading]]:
        """Key, its place and value of each entry of an object."""
        entries: list[tuple[str, Span, Reading]] = []
        items = list(brackets.items)
        while items:
            key = items.pop(0)
            if not isinstance(key, Atom) or key.kind not in (AtomKind.KEYWORD, AtomKind.STRING):
                self._problem(
                    'A key of an object is a keyword or a text: {:width 128 "any text" 1}.',
                    key.span,
                    hint="A computed key is set with (obj.set object key value).",
                )
                break
            if not items:
                self._problem(f"The key `{key.value}` has no value.", key.span)
                break
            entries.append((str(key.value), key.span, items.pop(0)))
        return entries

    def _problem(self, message: str, span: Span, hint: str | None = None) -> None:
        self.problems.append(Diagnostic(Code.SYNTAX, message, span, hint))
