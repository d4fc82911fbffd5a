"""From whatever a library raises to what may be told to whoever asked."""

import math
import sys
import traceback

import torch

from mintaka.engine.errors import DoesNotFit, EngineError, OutOfDeviceMemory
from mintaka.engine.requests import Drawing, Request

SIDE = 64
"""Sizes that would fit are told in multiples of so many pixels."""


def as_engine_error(error: BaseException, request: Request | None = None) -> EngineError:
    """``error`` as what may be told to whoever asked; what they may not see goes to the log, with its traceback."""
    if isinstance(error, DoesNotFit):
        return _too_large(error, request)
    if isinstance(error, EngineError) and error.__cause__ is None:
        return error
    traceback.print_exception(error, file=sys.stderr)
    if isinstance(error, EngineError):
        return error
    if is_out_of_memory(error):
        return OutOfDeviceMemory(
            "the device has not enough memory for this request", hint="ask for a smaller picture or a smaller batch"
        )
    return EngineError(
        f"drawing failed inside the pipeline ({type(error).__name__}); the server's log says more",
        hint="try another scheduler, size or number of steps",
    )


def _too_large(error: DoesNotFit, request: Request | None) -> OutOfDeviceMemory:
    if not isinstance(request, Drawing) or error.share is None:
        return OutOfDeviceMemory(error.message, hint="ask for a smaller picture or a smaller batch")
    width, height = (_side(side, error.share) for side in (request.width, request.height))
    return OutOfDeviceMemory(
        f"the device has not enough memory for a picture of {request.width} × {request.height}; "
        f"{width} × {height} would fit",
        hint=f"set width to {width} and height to {height}, or less",
    )


def _side(side: int, share: float) -> int:
    return max(SIDE, int(side * math.sqrt(share)) // SIDE * SIDE)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether ``error`` says that memory ran out, on the device or on the host."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
