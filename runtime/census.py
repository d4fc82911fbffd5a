"""How much data of a run is alive: what its suspended and running frames can reach.

The meter only adds up what is allocated, so garbage counts as well; when that sum passes the budget, this walk tells
how much of it is really held. What generated code holds is in locals whenever script code runs below it (the compiler
puts it there), and what an op works with is in the op's locals, so looking at frames is enough. (A list that a
comprehension is building, or the items that a sort works on, is in no local: ops that call back or charge keep what
they build in a variable.)

The walk pauses after every few thousand values, so that it holds up nobody however much there is to count. Nothing else
of the run goes on meanwhile; should a host change a list or an object all the same, the count is of before or after.
"""

import sys
from collections.abc import Callable, Iterable, Iterator
from inspect import CO_OPTIMIZED
from itertools import islice
from types import CellType, FrameType, FunctionType

from mintaka.runtime.errors import Thrown
from mintaka.runtime.fiber import Fiber
from mintaka.runtime.values import Value

_HELD = frozenset({list, dict, tuple, str, FunctionType, CellType, Thrown})

STEP = 4096
"""Values that are looked at between two pauses."""


def live_bytes(fibers: Iterable[Fiber], roots: list[Value], pause: Callable[[], object]) -> int:
    """Bytes of data that ``fibers``, the one this is called from and ``roots`` hold; shared data counts once.

    ``pause`` is called every `STEP` values.
    """
    pending: list[Iterator[object]] = [iter([roots])]
    for frame in _frames([sys._getframe(1), *[fiber.gr_frame for fiber in fibers]]):
        pending.append(iter(_local_values(frame)))
    seen: set[int] = set()
    total = 0
    steps = 0
    while pending:
        values = list(islice(pending[-1], STEP))
        if len(values) < STEP:
            pending.pop()
        for value in [value for value in values if type(value) in _HELD]:
            if id(value) not in seen:
                seen.add(id(value))
                size, within = _look_into(value)
                total += size
                if within is not None:
                    pending.append(iter(within))
        steps += len(values) + 1
        if steps >= STEP:
            steps = 0
            pause()
    return total


def _look_into(value: object) -> tuple[int, Iterable[object] | None]:
    """What a value takes by itself, and the values in it."""
    if isinstance(value, str):
        return 8 * (8 + len(value)), None
    if isinstance(value, tuple) and len(value) == 1 and isinstance(value[0], tuple):
        return 0, None  # a link of the depth's chain: no value of a script is a tuple
    if isinstance(value, list | tuple):
        return 8 * (8 + len(value)), value
    if isinstance(value, dict):
        return 8 * (8 + 3 * len(value) + sum(map(len, value))), list(value.values())
    if isinstance(value, FunctionType):
        return 128, (value.__closure__, value.__defaults__)
    if isinstance(value, CellType):
        try:
            return 0, (value.cell_contents,)
        except ValueError:  # a variable that is not bound yet
            return 0, None
    assert isinstance(value, Thrown)
    return 0, (value.value,)


def _local_values(frame: FrameType) -> list[object]:
    """The values of a frame's variables."""
    found = frame.f_locals
    values = list(found.values())
    if frame.f_code.co_flags & CO_OPTIMIZED:
        found.clear()  # a copy that Python keeps with the frame: nothing should live on in it
    return values


def _frames(innermost: Iterable[FrameType | None]) -> Iterator[FrameType]:
    for start in innermost:
        frame = start
        while frame is not None:
            yield frame
            frame = frame.f_back
