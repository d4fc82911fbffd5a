"""What straight code costs, read off the tree alone, so that fuel never depends on how well a program is compiled.

A loop or callback turn is 1, and so is the end of a loop; a block that holds a call of a function is 1; further 64
nodes of straight code in a block are 1. What builtins charge stands in their own code.
"""

from dataclasses import dataclass

from mintaka.lang.scopes import Resolved
from mintaka.lang.tree import Data, Group, Literal

NODES_PER_UNIT = 64
"""Nodes of straight code that the turn or block they belong to pays for."""

SHORT_TEXT = 127
"""Texts of up to so many characters are put together at the price of the tick, for fuel and for memory."""

_BYTES_A_NODE = 64

_ARMS = {
    "std.if": 1,
    "std.while": 0,
    "std.for": 1,
    "std.try": 0,
    "std.with_timeout": 1,
    "std.lambda": 0,
    "std.define": 0,
    "par.all": 0,
}
"""The first resolved argument that is a block of its own."""


@dataclass(frozen=True, slots=True)
class Price:
    """What a block costs each time it runs, without the blocks within it."""

    nodes: int
    applies: bool
    makes: int
    """Bytes of data it may make, roughly and without what builtins account for."""

    @property
    def extra(self) -> int:
        """Units beyond the one that its turn or its call costs."""
        return self.nodes // NODES_PER_UNIT


def price(*block: Resolved) -> Price:
    """The price of straight code."""
    elements, makes, applies = 0, 0, False
    nodes = list(block)
    for current in nodes:
        node, op, args = current.node, current.op, current.args
        if isinstance(node, Literal):
            if isinstance(node.value, list | dict):
                elements += _size(node.value)
            continue
        if isinstance(node, Group) or op in _MAKERS:
            makes += _BYTES_A_NODE + 8 * len(args)
        elif op == "str.concat":
            makes += _BYTES_A_NODE + 8 * SHORT_TEXT * len(args)
        elif op == "std.apply":
            applies = True
        nodes.extend(args[: _ARMS[op]] if op in _ARMS else args)
    return Price(len(nodes) + elements, applies, makes + elements * _BYTES_A_NODE)


_MAKERS = frozenset(
    {"list.new", "obj.new", "obj.set", "list.push", "list.unshift", "list.set", "std.quote", "std.lambda"}
)


def _size(data: Data) -> int:
    """Elements of a literal list or object, nested ones included."""
    count = 0
    pending = [data]
    while pending:
        current = pending.pop()
        if isinstance(current, dict):
            pending.extend(current.values())
            count += 2 * len(current)
        elif isinstance(current, list):
            pending.extend(current)
            count += len(current)
    return count
