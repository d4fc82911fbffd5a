"""Blocks of a program, read off the tree alone: what belongs to one, what it costs, and which names it binds."""

from mintaka.lang.forms import FORMS, ArgKind
from mintaka.lang.tree import Call, Data, Group, Literal, Node

NODES_PER_UNIT = 64
"""Nodes of straight code that a block does before they cost a unit of fuel."""

STRAIGHT = {
    "std.if": (0,),
    "std.while": (),
    "std.for": (1,),
    "std.try": (),
    "std.with_timeout": (0,),
    "std.lambda": (),
    "std.define": (),
    "par.all": (),
}
"""Arguments that belong to the block a form stands in; the others of these forms are blocks and scopes of their own."""


def price(*block: Node) -> tuple[bool, int]:
    """What a block costs each time: whether it holds a call of a function, and units for its nodes."""
    nodes, applies = 0, False
    pending = list(block)
    while pending:
        node = pending.pop()
        nodes += 1 + (size(node.value) if isinstance(node, Literal) else 0)
        applies = applies or (isinstance(node, Call) and node.op == "std.apply")
        pending.extend(straight(node))
    return applies, nodes // NODES_PER_UNIT


def straight(node: Node) -> list[Node]:
    """The parts of a node that belong to the same block and scope as itself; names are no nodes."""
    if isinstance(node, Literal):
        return []
    if isinstance(node, Group):
        return list(node.items)
    if node.op in STRAIGHT:
        return [node.args[index] for index in STRAIGHT[node.op]]
    form = FORMS.get(node.op)
    kinds = [form.kind(index) if form is not None else ArgKind.CODE for index in range(len(node.args))]
    return [arg for arg, kind in zip(node.args, kinds, strict=True) if kind not in (ArgKind.NAME, ArgKind.NAMES)]


def bound_in(node: Node) -> list[str]:
    """The names that ``std.let`` and ``std.define`` bind in the scope that ``node`` stands in."""
    if isinstance(node, Call) and node.op == "std.seq":
        return []  # a scope of its own
    own = [name_of(node)] if isinstance(node, Call) and node.op in ("std.let", "std.define") else []
    return own + [name for part in straight(node) for name in bound_in(part)]


def size(data: Data) -> int:
    """Elements of a literal, those of lists and objects in it included."""
    if isinstance(data, list):
        return len(data) + sum(map(size, data))
    if isinstance(data, dict):
        return 2 * len(data) + sum(map(size, data.values()))
    return 0


def name_of(call: Call, index: int = 0) -> str:
    """The name that a form is given."""
    name = call.args[index]
    assert isinstance(name, Literal)
    return str(name.value)
