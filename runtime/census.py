"""How much data of a run is alive: what its suspended and running frames can reach.

The meter only adds up what is allocated, so garbage counts as well; when that sum passes the budget, this walk tells
how much of it is really held. Strings, lists and objects that generated code holds are in locals whenever script code
runs below it (the compiler spills them there), which is why looking at frames is enough.
"""

import sys
from collections.abc import Iterator
from types import CellType, FrameType, FunctionType

SCRIPT_FILE = "<script>"
"""File name of generated code: tells its frames from those of the host."""

_HELD = (list, dict, tuple, str, FunctionType, CellType)


def live_bytes() -> int:
    """Bytes of script data that the frames beneath the caller hold, shared data counted once."""
    pending: list[object] = []
    for frame in _frames():
        if frame.f_code.co_filename == SCRIPT_FILE:
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
            pending.extend(value)
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


def _frames() -> Iterator[FrameType]:
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        yield frame
        frame = frame.f_back
