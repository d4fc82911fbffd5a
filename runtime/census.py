"""How much data of a run is alive: what its suspended and running frames can reach.

The meter only adds up what is allocated, so garbage counts as well; when that sum passes the budget, this walk tells
how much of it is really held. What generated code holds is in locals whenever script code runs below it (the compiler
puts it there), and what an op works with is in the op's locals, so looking at frames is enough.
"""

import sys
from collections.abc import Iterable, Iterator
from types import CellType, FrameType, FunctionType

from mintaka.runtime.fiber import Fiber

_HELD = (list, dict, tuple, str, FunctionType, CellType)


def live_bytes(fibers: Iterable[Fiber]) -> int:
    """Bytes of data that ``fibers`` and the one this is called from hold; shared data counts once."""
    pending: list[object] = []
    for frame in _frames([sys._getframe(1), *[fiber.gr_frame for fiber in fibers]]):
        pending.extend(frame.f_locals.values())
    seen: set[int] = set()
    total = 0
    while pending:
        value = pending.pop()
        if not isinstance(value, _HELD) or id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, str):
            total += 8 * (8 + len(value))
        elif isinstance(value, list):
            total += 8 * (8 + len(value))
            pending.extend([item for item in value if type(item) in _HELD])
        elif isinstance(value, dict):
            total += 8 * (8 + 3 * len(value) + sum(map(len, value)))
            pending.extend(value.values())
        elif isinstance(value, FunctionType):
            total += 128
            pending.extend(value.__closure__ or ())
        elif isinstance(value, CellType):
            try:
                pending.append(value.cell_contents)
            except ValueError:  # a variable that is not bound yet
                continue
    return total


def _frames(innermost: Iterable[FrameType | None]) -> Iterator[FrameType]:
    for start in innermost:
        frame = start
        while frame is not None:
            yield frame
            frame = frame.f_back
