"""The text form of a script, read."""

from mintaka.lang.limits import MAX_DEPTH, MAX_NODES, allow_deep_recursion
from mintaka.lang.lower import lower
from mintaka.lang.reader import read
from mintaka.lang.tree import Node, check_size


def parse(source: str) -> Node:
    """The tree of a script's text; several forms at the top are a ``std.seq``.

    Raises `SyntaxFault`, whose diagnostics have the place, what is wrong and what to do.
    """
    allow_deep_recursion()
    text = read(source)
    tree = lower(text)
    # A word becomes two nodes of the JSON form at most, a level two levels, and a method's variable three of each.
    if 2 * len(source) > MAX_NODES or 2 * text.depth + 3 > MAX_DEPTH:
        check_size(tree)
    return tree
