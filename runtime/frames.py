"""Python functions while they are written: their statements, what they own, and how control leaves them.

A script's function is one Python function, as long as it is not nested too deeply for Python (20 blocks). Then an arm
of it moves to an inner function, a *part*, called on the spot. A part shares the variables of the function it was cut
from; what would leave it (``break``, ``continue``, ``return``) it tells its caller by a signal.
"""

from dataclasses import dataclass, field
from enum import IntEnum

from mintaka.runtime.pynodes import Expr, Stmt

MOST_BLOCKS = 12
"""Blocks of Python open in one frame before the next arm becomes a part; an arm may open a few more."""


class Signal(IntEnum):
    """What a part tells the code that called it. Nothing (``None``): go on."""

    BREAK = 1
    CONTINUE = 2
    RETURN = 3


@dataclass(slots=True)
class Head:
    """What stands in front of a loop: tests of values that no turn changes, which a turn then looks up."""

    made: int
    """How many names had been made before it."""
    tests: dict[tuple[str, int], tuple[str, Expr]] = field(default_factory=dict)
    """Name of a variable and kinds → the name of the result, and the test."""


@dataclass(slots=True, eq=False)
class Frame:
    """A Python function in the making."""

    depth: str
    """The name of what is left of the depth for functions called from here."""
    caller: "Frame | None" = None
    """The frame it is a part of; ``None`` for a function of the script."""
    signals: bool = False
    """A part that returns a signal; else what is returned is the script's value."""
    body: list[Stmt] = field(default_factory=list)
    """Statements of the innermost block."""
    blocks: int = 0
    """Blocks of Python open at this point."""
    loops: int = 0
    """Loops of the script open at this point, in this frame."""
    heads: list[Head] = field(default_factory=list)
    """Of each of these."""
    calls: bool = False
    """Whether it needs what is left of the depth from its beginning."""
    here: str = ""
    """The name of what is left of the depth in the block at hand, if that has one of its own."""
    used: bool = False
    """Whether the block at hand needs it."""
    parameters: frozenset[str] = frozenset()
    rebinds: dict[str, None] = field(default_factory=dict)
    """Names of frames around it that it gives a value."""
    shared: dict[str, None] = field(default_factory=dict)
    """Its own names that frames within it give a value."""
    result: str = ""
    """Where parts leave the value it is to return, if they do."""
    told: set[Signal] = field(default_factory=set)
    """Signals it may give."""

    @property
    def function(self) -> "Frame":
        """The frame of the script's function that this is, or is a part of."""
        frame = self
        while frame.caller is not None:
            frame = frame.caller
        return frame

    @property
    def answering(self) -> "Frame":
        """The innermost frame, from here outwards, whose return value is the script's value."""
        frame = self
        while frame.signals and frame.caller is not None:
            frame = frame.caller
        return frame
