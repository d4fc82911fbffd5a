"""The blocks of a script: the JSON that ``Blockly.serialization.workspaces.load`` takes and ``save`` gives.

Every block gives a value, so any block fits into any input; a script is the one block at the top. The types of blocks
derive from names alone, so an editor can make their definitions from ``get_opcodes``:

- A call is a block whose type is the name of its op, ``list.map`` or ``std.if``. Its arguments are the inputs ``arg0``,
  ``arg1`` and so on. The name of a variable, where a form wants one, is the field of that name instead; parameters of
  functions, quoted data and declarations are kept as they are in ``extraState.data``, under that name, too.
  ``extraState.args`` is the number of arguments; without it the last one that is there tells.
- A value is a block of the type ``literal.number``, ``literal.string`` or ``literal.boolean`` with the field ``value``,
  or ``literal.null``.
- A key and its value in an ``obj.new`` are a block of the type ``pair`` with the field ``key`` and the input ``value``.
- What has no block of its own is one of the type ``json`` with its JSON form in ``extraState.json``: literal objects,
  pairs that are none, and calls of ops that the editor does not have.

The ids of blocks are the paths of their nodes in the JSON form, ``/2/1``. ``from_blocks`` takes any ids, and ignores
where blocks stand and how they look. Reference: https://developers.google.com/blockly/guides/configure/web/serialization
"""

import re
from collections.abc import Container, Mapping
from typing import Any, NoReturn

from mintaka.lang.diagnostics import Code, Diagnostic, SyntaxFault
from mintaka.lang.forms import FORMS, ArgKind
from mintaka.lang.limits import MAX_DEPTH, MAX_NODES, allow_deep_recursion
from mintaka.lang.spans import Path, Span
from mintaka.lang.tree import Call, Data, Group, Literal, Node, from_json, to_json, too_deep, too_large

JSON, PAIR, NULL = "json", "pair", "literal.null"
SCALARS: Mapping[type, str] = {
    bool: "literal.boolean",
    int: "literal.number",
    float: "literal.number",
    str: "literal.string",
}
"""Types of the blocks of values."""

RESERVED = frozenset({JSON, PAIR, NULL, *SCALARS.values()})
"""Types of blocks that are no op's."""

_ARGUMENT = re.compile(r"arg(0|[1-9][0-9]{0,5})")

Block = dict[str, Any]
"""The state of a block, as Blockly keeps it."""


def to_blocks(node: Node, ops: Container[str] | None = None) -> dict[str, Any]:
    """A workspace with the blocks of a script; of ``ops``, if given, those that have blocks.

    Calls of other ops become blocks that carry their JSON. ``from_blocks(to_blocks(tree)) == tree``.
    """
    allow_deep_recursion()
    top = {**_Writer(ops).code(node, ()), "x": 0, "y": 0}
    return {"blocks": {"languageVersion": 0, "blocks": [top]}}


def from_blocks(workspace: object) -> Node:
    """The script of a workspace; an empty one is an empty script.

    Raises `SyntaxFault`, which names the block, where an input is empty, blocks stand apart, or it is no workspace at
    all, and where the script is deeper or larger than a script may be.
    """
    allow_deep_recursion()
    reader = _Reader()
    data = reader.script(workspace)
    try:
        return from_json(data)
    except SyntaxFault as fault:
        raise SyntaxFault([reader.at_its_block(diagnostic) for diagnostic in fault.diagnostics]) from None


class _Writer:
    def __init__(self, ops: Container[str] | None) -> None:
        self._ops = ops

    def code(self, node: Node, path: Path) -> Block:
        if isinstance(node, Literal):
            return self._literal(node.value, path)
        if isinstance(node, Group):
            return self._pair(node, path)
        known = node.op in FORMS or self._ops is None or node.op in self._ops
        if not known or node.op in RESERVED:
            return self._json(node, path)
        return self._call(node, path)

    def _literal(self, value: Data, path: Path) -> Block:
        if value is None:
            return {"type": NULL, "id": _id(path)}
        scalar = SCALARS.get(type(value))
        if scalar is None:
            return self._json(Literal(value), path)
        return {"type": scalar, "id": _id(path), "fields": {"value": value}}

    def _pair(self, group: Group, path: Path) -> Block:
        match group.items:
            case (Literal(str(key)), value):
                inputs = {"value": {"block": self.code(value, (*path, 1))}}
                return {"type": PAIR, "id": _id(path), "fields": {"key": key}, "inputs": inputs}
        return self._json(group, path)

    def _call(self, call: Call, path: Path) -> Block:
        form = FORMS.get(call.op)
        fields, data, inputs = {}, {}, {}
        for index, arg in enumerate(call.args):
            name = f"arg{index}"
            kind = form.kind(index) if form else ArgKind.CODE
            if kind is ArgKind.NAME and isinstance(arg, Literal) and isinstance(arg.value, str):
                fields[name] = arg.value
            elif kind in (ArgKind.NAMES, ArgKind.DATA, ArgKind.PARAMETER) and isinstance(arg, Literal):
                data[name] = arg.value
            else:
                inputs[name] = {"block": self.code(arg, (*path, index + 1))}
        block: Block = {"type": call.op, "id": _id(path)}
        block |= {name: value for name, value in (("fields", fields), ("inputs", inputs)) if value}
        return block | {"extraState": {"args": len(call.args)} | ({"data": data} if data else {})}

    def _json(self, node: Node, path: Path) -> Block:
        return {"type": JSON, "id": _id(path), "extraState": {"json": to_json(node)}}


class _Reader:
    """Makes the JSON form of blocks, and remembers which block is where in it."""

    def __init__(self) -> None:
        self._ids: dict[Path, str] = {}

    def script(self, workspace: object) -> Data:
        blocks = workspace.get("blocks") if isinstance(workspace, dict) else None
        tops = blocks.get("blocks", []) if isinstance(blocks, dict) else None
        if not isinstance(tops, list) or not isinstance(workspace, dict):
            _refuse("A workspace is {blocks: {languageVersion: 0, blocks: […]}}, as Blockly saves it.", ())
        if len(tops) > 1:
            _refuse(f"{_named(tops[1])} stands apart: a script is one block; put steps into a `std.seq`.", ())
        return self._read(tops[0], ()) if tops else ["std.seq"]

    def at_its_block(self, diagnostic: Diagnostic) -> Diagnostic:
        """What is wrong with the JSON form, told of the block that it comes from."""
        path = diagnostic.span.path
        while path and path not in self._ids:
            path = path[:-1]
        message = f"Block `{self._ids[path]}`: {diagnostic.message}" if path in self._ids else diagnostic.message
        return Diagnostic(diagnostic.code, message, diagnostic.span, diagnostic.hint)

    def _read(self, block: object, path: Path) -> Data:
        if not isinstance(block, dict) or not isinstance(block.get("type"), str):
            _refuse("A block is an object with a type.", path)
        self._ids[path] = str(block.get("id", ""))[:100]
        if len(path) > MAX_DEPTH:
            raise too_deep(Span(path=path[:8]))
        if len(self._ids) > MAX_NODES:
            raise too_large(Span())
        if block.get("next"):
            _refuse(f"{_named(block)} has another below it; steps go into the inputs of a `std.seq`.", path)
        if block.get("enabled") is False or block.get("disabledReasons"):
            _refuse(f"{_named(block)} is disabled; enable it, or remove it.", path)
        match block["type"]:
            case "json":
                return self._state(block, path, "json")
            case "literal.null":
                return None
            case "pair":
                return [self._field(block, "key", path), self._input(block, "value", (*path, 1))]
            case scalar if scalar in RESERVED:
                value = self._field(block, "value", path)
                if SCALARS.get(type(value)) != scalar:
                    _refuse(f"{_named(block)} wants a {scalar.removeprefix('literal.')} in its field `value`.", path)
                return value
        return self._call(block, path)

    def _call(self, block: Block, path: Path) -> Data:
        fields, inputs, state = (self._part(block, part, path) for part in ("fields", "inputs", "extraState"))
        data = self._part(state, "data", path, block)
        args: list[Data] = []
        for index in range(self._count(block, state, {**fields, **inputs, **data}, path)):
            name = f"arg{index}"
            if name in data:
                args.append(data[name])
            elif name in fields:
                args.append(fields[name])
            else:
                args.append(self._input(block, name, (*path, index + 1)))
        return [block["type"], *args]

    def _count(self, block: Block, state: Block, given: Block, path: Path) -> int:
        """How many arguments a call has."""
        numbers = [int(match[1]) for name in given if (match := _ARGUMENT.fullmatch(str(name)))]
        count = state.get("args", max(numbers, default=-1) + 1)
        if not isinstance(count, int) or isinstance(count, bool) or not 0 <= count <= MAX_NODES:
            _refuse(f"{_named(block)} has no number of arguments in `extraState.args`.", path)
        surplus = [number for number in numbers if number >= count]
        if surplus:
            _refuse(f"{_named(block)} has something in `arg{min(surplus)}`, but only {count} arguments.", path)
        return count

    def _part(self, block: Block, name: str, path: Path, owner: Block | None = None) -> Block:
        part = block.get(name) or {}
        if not isinstance(part, dict):
            _refuse(f"{_named(owner or block)} has something in `{name}` that is no object.", path)
        return part

    def _state(self, block: Block, path: Path, name: str) -> Data:
        state = self._part(block, "extraState", path)
        if name not in state:
            _refuse(f"{_named(block)} carries nothing in `extraState.{name}`.", path)
        value: Data = state[name]
        return value

    def _field(self, block: Block, name: str, path: Path) -> Data:
        fields = self._part(block, "fields", path)
        if name not in fields:
            _refuse(f"{_named(block)} has no field `{name}`.", path)
        value: Data = fields[name]
        return value

    def _input(self, block: Block, name: str, path: Path) -> Data:
        connection = self._part(self._part(block, "inputs", path), name, path, block)
        inner = connection.get("block") or connection.get("shadow")
        if inner is None:
            _refuse(f"{_named(block)} has nothing in its input `{name}`; put a block there.", path)
        return self._read(inner, path)


def _id(path: Path) -> str:
    return str(Span(path=path))


def _named(block: object) -> str:
    if not isinstance(block, dict):
        return "What is no block"
    return f"Block `{str(block.get('id', ''))[:100]}` ({str(block.get('type', ''))[:100]})"


def _refuse(message: str, path: Path) -> NoReturn:
    raise SyntaxFault([Diagnostic(Code.SYNTAX, message, Span(path=path))])
