"""How large a script may be, and the room that recursion over it needs."""

import sys

MAX_DEPTH = 512
"""Levels of nesting of a script, in text and in JSON alike."""

MAX_NODES = 50_000
"""Calls, literals and elements of data in one script."""

RECURSION = 6_000
"""Python frames that passes over a tree of `MAX_DEPTH` and calls within calls of a script may take."""


def allow_deep_recursion() -> None:
    """Raise Python's recursion limit so far that plain recursive functions can walk the deepest script.

    The limit belongs to the whole process and is never lowered here, so calling this is safe at any time. What
    protects the machine's stack are `MAX_DEPTH` and a run's depth budget, both far below it.
    """
    if sys.getrecursionlimit() < RECURSION:
        sys.setrecursionlimit(RECURSION)
