"""The text form of a tree. ``parse(print_tree(tree)) == tree`` for every tree that a reader gives."""

import json
from collections.abc import Iterable

from lark import Token

from mintaka.lang.forms import FORMS, ArgKind
from mintaka.lang.layout import lay_out
from mintaka.lang.limits import allow_deep_recursion
from mintaka.lang.lower import HeadKind, head_kind, is_name, is_symbol, op_name
from mintaka.lang.names import bound_names
from mintaka.lang.readings import KEYWORD, NUMBER, STRING, SYMBOL, Brackets, Quoted, Reading
from mintaka.lang.tree import Call, Data, Group, Literal, Node


def print_tree(node: Node) -> str:
    """The text of a whole script, laid out, without a line break at its end."""
    allow_deep_recursion()
    printer = _Printer(bound_names(node))
    if isinstance(node, Call) and node.op == "std.seq" and len(node.args) > 1:
        return lay_out([printer.code(step) for step in node.args])
    return lay_out([printer.code(node)])


class _Printer:
    """Spells nodes for a script that binds ``variables``."""

    def __init__(self, variables: frozenset[str]) -> None:
        self._variables = variables

    def code(self, node: Node) -> Reading:
        if isinstance(node, Literal):
            # In a place for code, brackets would be a call: an object literal is quoted.
            data = _data(node.value)
            return Quoted((data,)) if isinstance(data, Brackets) else data
        if isinstance(node, Group):
            return self._brackets("[", node.items)
        return self._sugar(node) or self._call(node)

    def _sugar(self, node: Call) -> Reading | None:
        """The shorter way to write a call, if it has one."""
        match node.op, node.args:
            case "std.var", (Literal(str(name)),) if is_name(name):
                return _symbol(name)
            case "std.quote", (Literal(list(data)),):
                return Quoted((_data(data),))
            case "list.new", args:
                return self._brackets("[", args)
            case "obj.new", args if all(map(_is_entry, args)):
                return Brackets("{", tuple(part for pair in args for part in self._entry(pair)))
            case "std.apply", (Call("std.var", (Literal(str(name)),)), *_) if (
                is_name(name) and head_kind(name, self._variables) is HeadKind.VARIABLE
            ):
                return self._brackets("(", node.args)
            case "std.apply", (Call("std.lambda"), *_):
                return self._brackets("(", node.args)
            case "std.call_method", (Call("std.var", (Literal(str(name)),)), Literal(str(method)), *rest):
                head = f"{name}.{method}"
                if is_name(name) and is_symbol(head) and head_kind(head, self._variables) is HeadKind.METHOD:
                    return Brackets("(", (_symbol(head), *map(self.code, rest)))
        return None

    def _call(self, node: Call) -> Reading:
        form = FORMS.get(node.op)
        args = [self._argument(form.kind(index) if form else ArgKind.CODE, arg) for index, arg in enumerate(node.args)]
        return Brackets("(", (self._head(node.op), *args))

    def _brackets(self, opener: str, nodes: Iterable[Node]) -> Brackets:
        return Brackets(opener, tuple(map(self.code, nodes)))

    def _argument(self, kind: ArgKind, node: Node) -> Reading:
        if not isinstance(node, Literal):
            # Where a name belongs, a bare symbol is a name: a mistaken `std.var` there is written in full.
            if kind is ArgKind.NAME and isinstance(node, Call) and node.op == "std.var":
                return self._call(node)
            return self.code(node)
        if kind is ArgKind.NAME and isinstance(node.value, str) and is_symbol(node.value):
            return _symbol(node.value)
        if kind in (ArgKind.NAMES, ArgKind.PARAMETER):
            return _data(node.value, bare=True, opener="[" if kind is ArgKind.NAMES else "(")
        return _data(node.value) if kind is ArgKind.DATA else self.code(node)

    def _head(self, op: str) -> Token:
        """The shortest spelling that means exactly ``op``; a string always does."""
        for name in (op.removeprefix("std."), op):
            symbol = name.replace("_", "-")
            if is_symbol(symbol) and op_name(symbol) == op and head_kind(symbol, self._variables) is HeadKind.OP:
                return _symbol(symbol)
        return _scalar(op)

    def _entry(self, pair: Node) -> tuple[Reading, Reading]:
        assert isinstance(pair, Group)
        assert isinstance(pair.items[0], Literal)
        return _key(str(pair.items[0].value)), self.code(pair.items[1])


def _is_entry(node: Node) -> bool:
    return (
        isinstance(node, Group)
        and len(node.items) == 2
        and isinstance(node.items[0], Literal)
        and isinstance(node.items[0].value, str)
    )


def _data(data: Data, *, bare: bool = False, opener: str = "[") -> Reading:
    """Data where data is expected; ``bare`` leaves the quotation marks off texts that symbols can stand for."""
    if isinstance(data, list):
        return Brackets(opener, tuple(_data(item, bare=bare, opener=opener) for item in data))
    if isinstance(data, dict):
        entries = ((_key(key), _data(value, bare=bare)) for key, value in data.items())
        return Brackets("{", tuple(part for entry in entries for part in entry))
    if bare and isinstance(data, str) and is_symbol(data):
        return _symbol(data)
    return _scalar(data)


def _key(key: str) -> Token:
    return Token(KEYWORD, f":{key}") if is_symbol(key) else _scalar(key)


def _symbol(name: str) -> Token:
    return Token(SYMBOL, name)


def _scalar(value: Data) -> Token:
    if value is None or isinstance(value, bool):
        return _symbol(json.dumps(value))
    return Token(STRING if isinstance(value, str) else NUMBER, json.dumps(value, ensure_ascii=False))
