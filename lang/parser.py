"""The text form of a script, read."""

from mintaka.lang.limits import allow_deep_recursion
from mintaka.lang.lower import lower
from mintaka.lang.reader import read
from mintaka.lang.tree import Node


def parse(source: str) -> Node:
    """The tree of a script's text; several forms at the top are a ``std.seq``.

    Raises `SyntaxFault`, whose diagnostics have the place, what is wrong and what to do.
    """
    allow_deep_recursion()
    return lower(read(source))
