"""The text form of a tree. ``parse(print_tree(tree)) == tree`` for every tree that a reader gives."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from mintaka.lang.forms import FORMS, ArgKind
from mintaka.lang.limits import allow_deep_recursion
from mintaka.lang.lower import HeadKind, head_kind, is_name, is_symbol, op_name
from mintaka.lang.names import bound_names
from mintaka.lang.tree import Call, Data, Group, Literal, Node

WIDTH = 100
"""Columns a line takes where it can."""

_FIRST_LINE = {"std.lambda": 2, "std.define": 3, "std.for": 3, "std.while": 2, "std.if": 2, "std.let": 2}
"""How many items of a broken form stay on its first line, head included; of other calls the head alone."""


def print_tree(node: Node) -> str:
    """The text of a whole script, without a line break at its end."""
    allow_deep_recursion()
    printer = _Printer(bound_names(node))
    if isinstance(node, Call) and node.op == "std.seq" and len(node.args) > 1:
        return "\n".join(_layout(printer.code(arg), 0) for arg in node.args)
    return _layout(printer.code(node), 0)


@dataclass(frozen=True, slots=True)
class _Block:
    """Items between brackets; ``first`` of them stay on the first line when it is broken."""

    opener: str
    items: Sequence["_Doc"]
    closer: str
    first: int = 0
    width: int = field(init=False)

    def __post_init__(self) -> None:
        inner = sum(map(_width, self.items)) + max(0, len(self.items) - 1)
        object.__setattr__(self, "width", len(self.opener) + inner + len(self.closer))


_Doc: TypeAlias = str | _Block


def _width(doc: _Doc) -> int:
    return doc.width if isinstance(doc, _Block) else len(doc)


def _flat(doc: _Doc) -> str:
    if isinstance(doc, str):
        return doc
    return doc.opener + " ".join(map(_flat, doc.items)) + doc.closer


def _layout(doc: _Doc, indent: int) -> str:
    if isinstance(doc, str) or indent + doc.width <= WIDTH:
        return _flat(doc)
    inner = indent + (2 if doc.first else len(doc.opener))
    lines = [_layout(item, inner) for item in doc.items[doc.first :]]
    if doc.first:
        lines.insert(0, " ".join(map(_flat, doc.items[: doc.first])))
    return doc.opener + ("\n" + " " * inner).join(lines) + doc.closer


class _Printer:
    """Spells nodes for a script that binds ``variables``."""

    def __init__(self, variables: frozenset[str]) -> None:
        self._variables = variables

    def code(self, node: Node) -> _Doc:
        if isinstance(node, Literal):
            # In a place for code, brackets would be a call: an object literal is quoted.
            return _quoted(node.value) if isinstance(node.value, dict | list) else _scalar(node.value)
        if isinstance(node, Group):
            return _Block("[", [self.code(item) for item in node.items], "]")
        return self._sugar(node) or self._call(node)

    def _sugar(self, node: Call) -> _Doc | None:
        """The shorter way to write a call, if it has one."""
        match node.op, node.args:
            case "std.var", (Literal(str(name)),) if is_name(name):
                return name
            case "std.quote", (Literal(list(data)),):
                return _quoted(data)
            case "list.new", args:
                return _Block("[", [self.code(arg) for arg in args], "]")
            case "obj.new", args if all(map(_is_entry, args)):
                return _Block("{", [self._entry(arg) for arg in args], "}")
            case "std.apply", (Call("std.var", (Literal(str(name)),)), *_) if (
                is_name(name) and head_kind(name, self._variables) is HeadKind.VARIABLE
            ):
                return _Block("(", [self.code(arg) for arg in node.args], ")", 1)
            case "std.apply", (Call("std.lambda"), *_):
                return _Block("(", [self.code(arg) for arg in node.args], ")", 1)
            case "std.call_method", (Call("std.var", (Literal(str(name)),)), Literal(str(method)), *rest):
                head = f"{name}.{method}"
                if is_name(name) and is_symbol(head) and head_kind(head, self._variables) is HeadKind.METHOD:
                    return _Block("(", [head, *[self.code(arg) for arg in rest]], ")", 1)
        return None

    def _call(self, node: Call) -> _Doc:
        form = FORMS.get(node.op)
        args = [self._argument(form.kind(index) if form else ArgKind.CODE, arg) for index, arg in enumerate(node.args)]
        return _Block("(", [self._head(node.op), *args], ")", _FIRST_LINE.get(node.op, 1))

    def _argument(self, kind: ArgKind, node: Node) -> _Doc:
        if not isinstance(node, Literal):
            # Where a name belongs, a bare symbol is a name: a mistaken `std.var` there is written in full.
            if kind is ArgKind.NAME and isinstance(node, Call) and node.op == "std.var":
                return self._call(node)
            return self.code(node)
        if kind is ArgKind.NAME and isinstance(node.value, str) and is_symbol(node.value):
            return node.value
        if kind in (ArgKind.NAMES, ArgKind.PARAMETER):
            return _data(node.value, bare=True, opener="[" if kind is ArgKind.NAMES else "(")
        return _data(node.value) if kind is ArgKind.DATA else self.code(node)

    def _head(self, op: str) -> str:
        """The shortest spelling that means exactly ``op``; a string always does."""
        for name in (op.removeprefix("std."), op):
            symbol = name.replace("_", "-")
            if is_symbol(symbol) and op_name(symbol) == op and head_kind(symbol, self._variables) is HeadKind.OP:
                return symbol
        return _scalar(op)

    def _entry(self, pair: Node) -> _Doc:
        assert isinstance(pair, Group)
        assert isinstance(pair.items[0], Literal)
        return _Block(_key(str(pair.items[0].value)) + " ", [self.code(pair.items[1])], "")


def _is_entry(node: Node) -> bool:
    return (
        isinstance(node, Group)
        and len(node.items) == 2
        and isinstance(node.items[0], Literal)
        and isinstance(node.items[0].value, str)
    )


def _quoted(data: Data) -> _Doc:
    block = _data(data)
    assert isinstance(block, _Block)
    return _Block("'" + block.opener, block.items, block.closer)


def _data(data: Data, *, bare: bool = False, opener: str = "[") -> _Doc:
    """Data where data is expected; ``bare`` leaves the quotation marks off texts that symbols can stand for."""
    if isinstance(data, list):
        items = [_data(item, bare=bare, opener=opener) for item in data]
        return _Block(opener, items, ")" if opener == "(" else "]")
    if isinstance(data, dict):
        entries = [_Block(_key(key) + " ", [_data(value, bare=bare, opener="[")], "") for key, value in data.items()]
        return _Block("{", entries, "}")
    if bare and isinstance(data, str) and is_symbol(data):
        return data
    return _scalar(data)


def _key(key: str) -> str:
    return f":{key}" if is_symbol(key) else _scalar(key)


def _scalar(value: Data) -> str:
    return json.dumps(value, ensure_ascii=False)
