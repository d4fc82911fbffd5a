"""From whatever a library raises to what may be told to whoever asked."""

import sys
import traceback

import torch

from mintaka.engine.errors import EngineError, OutOfDeviceMemory


def as_engine_error(error: BaseException) -> EngineError:
    """``error`` as what may be told to whoever asked; what they may not see goes to the log, with its traceback."""
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


def is_out_of_memory(error: BaseException) -> bool:
    """Whether ``error`` says that memory ran out, on the device or on the host."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
