"""The one tree behind all forms of a program, and its JSON form.

A JSON array is a call, its first element the op's name; anything else is a literal. What stands where a form wants
names or data instead of code is told by `mintaka.lang.forms`: the parameters of a lambda, quoted data, the pairs of
``obj.new``. ``from_json(to_json(tree)) == tree`` for every tree; spans do not take part in comparison.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from mintaka.lang.diagnostics import Code, Diagnostic, SyntaxFault
from mintaka.lang.forms import FORMS, ArgKind
from mintaka.lang.limits import MAX_DEPTH, MAX_NODES, allow_deep_recursion
from mintaka.lang.numbers import number
from mintaka.lang.spans import Path, Span, at_path

__all__ = [
    "Call", "Data", "Group", "Literal", "Node", "Span", "check_size", "children", "from_json", "to_json", "too_deep",
    "too_large", "walk",
]  # fmt: skip

Data: TypeAlias = "bool | int | float | str | list[Data] | dict[str, Data] | None"
"""JSON data. Trees share it; nobody may change it."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A value as it stands: a scalar, an object, or a list where a form takes data (``std.quote``, parameters)."""

    value: Data
    span: Span = field(default_factory=Span, compare=False)


@dataclass(frozen=True, slots=True)
class Call:
    """``op`` applied to ``args``: an op of the table or a special form."""

    op: str
    args: tuple["Node", ...] = ()
    span: Span = field(default_factory=Span, compare=False)
    head: Span = field(default_factory=Span, compare=False)
    """Where the op's name stands."""


@dataclass(frozen=True, slots=True)
class Group:
    """An array that is no call, its items code: a ``[key value]`` pair of ``obj.new``."""

    items: tuple["Node", ...]
    span: Span = field(default_factory=Span, compare=False)


Node: TypeAlias = Literal | Call | Group


def to_json(node: Node) -> Data:
    """The JSON form of a tree."""
    allow_deep_recursion()
    return _write(node)


def from_json(data: object) -> Node:
    """The tree of a JSON form. Raises `SyntaxFault` when it is no script, or too deep or too large."""
    allow_deep_recursion()
    return _Reader().read(data, ())


def children(node: Node) -> Sequence[Node]:
    """The nodes directly below ``node``."""
    if isinstance(node, Call):
        return node.args
    return node.items if isinstance(node, Group) else ()


def walk(node: Node) -> Iterator[Node]:
    """``node`` and all nodes below it, in order of the source."""
    pending = [node]
    while pending:
        current = pending.pop()
        yield current
        if not isinstance(current, Literal):
            pending.extend(reversed(children(current)))


def check_size(node: Node) -> None:
    """Hold a tree to the bounds of its JSON form. Raises `SyntaxFault` when it has more nodes or levels than those."""
    count = 0
    pending: list[tuple[Node | Data, int, Span]] = [(node, 0, node.span)]
    while pending:
        current, depth, span = pending.pop()
        count += 1
        if depth > MAX_DEPTH:
            raise too_deep(span)
        depth += 1
        if isinstance(current, Call | Group):
            pending.extend((child, depth, child.span) for child in children(current))
            continue
        value = current.value if isinstance(current, Literal) else current
        if isinstance(value, dict):
            value = list(value.values())
        if isinstance(value, list):
            pending.extend((element, depth, span) for element in value)
    if count > MAX_NODES:
        raise too_large(node.span)


def too_deep(span: Span) -> SyntaxFault:
    """What is said of a script with too many levels."""
    message = f"The script is nested deeper than {MAX_DEPTH} levels; name parts of it with `let`."
    return SyntaxFault([Diagnostic(Code.SIZE, message, span)])


def too_large(span: Span) -> SyntaxFault:
    """What is said of a script with too many nodes."""
    message = f"The script has more than {MAX_NODES:,} nodes; cut it into smaller ones."
    return SyntaxFault([Diagnostic(Code.SIZE, message, span)])


def _write(node: Node) -> Data:
    if isinstance(node, Literal):
        return node.value
    if isinstance(node, Group):
        return [_write(item) for item in node.items]
    return [node.op, *[_write(arg) for arg in node.args]]


_WITH_DATA = frozenset(
    name
    for name, form in FORMS.items()
    if not {ArgKind.PAIR, ArgKind.NAMES, ArgKind.DATA, ArgKind.PARAMETER}.isdisjoint(form.kinds)
)
"""Forms with arguments that are no scripts themselves."""


class _Reader:
    """Reads one JSON form, counting what it meets."""

    def __init__(self) -> None:
        self._nodes = 0

    def read(self, data: object, path: Path) -> Node:
        if not isinstance(data, list):
            return self._literal(data, path)
        self._count(path)
        if not data or not isinstance(data[0], str):
            raise SyntaxFault(
                [
                    Diagnostic(
                        Code.UNKNOWN_OP,
                        'A call begins with the name of an op, like `["+", 1, 2]`; a list of values is made with '
                        '`list.new`, or quoted: `["std.quote", [1, 2]]`.',
                        at_path(path),
                    )
                ]
            )
        places = enumerate(data)
        op = next(places)[1]
        if op in _WITH_DATA:
            args = [self._argument(FORMS[op].kind(index - 1), arg, (*path, index)) for index, arg in places]
        else:
            args = [self.read(arg, (*path, index)) for index, arg in places]
        return Call(op, (*args,), at_path(path), at_path((*path, 0)))

    def _argument(self, kind: ArgKind, data: object, path: Path) -> Node:
        if kind is ArgKind.PAIR and isinstance(data, list):
            self._count(path)
            return Group(tuple([self.read(item, (*path, index)) for index, item in enumerate(data)]), at_path(path))
        if kind in (ArgKind.CODE, ArgKind.PAIR, ArgKind.NAME):
            return self.read(data, path)
        return self._literal(data, path)

    def _literal(self, data: object, path: Path) -> Literal:
        self._count(path)
        value = data if isinstance(data, str) and data.isascii() else self._data(data, path)
        return Literal(value, at_path(path))

    def _data(self, data: object, path: Path) -> Data:
        """A copy of JSON data with numbers as scripts have them."""
        if isinstance(data, str):
            return self._text(data, path)
        if data is None or isinstance(data, bool):
            return data
        if isinstance(data, int | float):
            if data != data or data in (float("inf"), float("-inf")):
                raise self._refused("A number in a script is finite; infinity is `(/ 1 0)`.", path)
            return number(data)
        if isinstance(data, list):
            return [self._element(item, (*path, index)) for index, item in enumerate(data)]
        if isinstance(data, dict):
            return {self._text(key, path): self._element(item, (*path, str(key))) for key, item in data.items()}
        raise self._refused("A script is made of JSON values only.", path)

    def _element(self, data: object, path: Path) -> Data:
        self._count(path)
        return self._data(data, path)

    def _text(self, text: object, path: Path) -> str:
        if not isinstance(text, str) or (not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text)):
            raise self._refused(
                "Texts and keys are strings of whole Unicode characters, without lone surrogates.", path
            )
        return text

    def _count(self, path: Path) -> None:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise too_large(Span())
        if len(path) > MAX_DEPTH:
            raise too_deep(at_path(path[:8]))

    def _refused(self, message: str, path: Path) -> SyntaxFault:
        return SyntaxFault([Diagnostic(Code.SYNTAX, message, at_path(path))])
