"""Running a program within a budget, on the event loop."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from mintaka.lang.limits import allow_deep_recursion
from mintaka.runtime.binding import bind
from mintaka.runtime.budget import Budget, Used
from mintaka.runtime.compiler import Program
from mintaka.runtime.faults import script_error
from mintaka.runtime.fiber import drive
from mintaka.runtime.journal import Journal
from mintaka.runtime.meter import SLICE
from mintaka.runtime.powers import Powers
from mintaka.runtime.records import Codec
from mintaka.runtime.run import Run
from mintaka.runtime.values import Value


@dataclass(frozen=True, slots=True)
class Outcome:
    """The value of a script that ran to its end, and what the run used."""

    value: Value
    used: Used


async def execute(
    program: Program,
    *,
    args: Sequence[Value] = (),
    budget: Budget,
    powers: Powers,
    slice_length: int = SLICE,
    journal: Journal | None = None,
    codec: Codec | None = None,
) -> Outcome:
    """Run a program. Raises `ScriptError` with the op and the place it came from.

    Cancelling the task that awaits this cancels the run, whatever it does or waits for. ``slice_length`` is how many
    units of fuel the run uses at most before it looks whether it is time to let others work; it changes nothing else.

    With a ``journal`` the run is durable: given the journal of a run that was cut off, this goes on where that stopped,
    and does nothing a second time. ``codec`` says how the host's objects are kept in it; without one they are refused.
    Raises `Diverged` where the script, the arguments or the budget are not those that the journal was begun with, or
    the run goes another way than it did.
    """
    allow_deep_recursion()
    run = Run(
        budget,
        powers,
        args,
        functions=program.functions,
        bytes_per_tick=program.bytes_per_tick,
        slice_length=slice_length,
        journal=journal,
        codec=codec,
    )
    recorder = run.recorder
    try:
        if recorder is not None:
            recorder.begin(program.digest(), run.slice_length)
        space: dict[str, object] = {"__builtins__": {}}
        exec(program.code, space)
        main = space["outer"](*bind(program, run))  # type: ignore[operator]
        value: Value = await drive(lambda: main(run.depth), run.fibers)
        if recorder is not None:
            recorder.end()
    except asyncio.CancelledError:
        if recorder is not None:
            recorder.cancelled()
        raise
    except Exception as error:  # whatever failed below ends this run alone, with an error in a script's terms
        raised = script_error(error, program.sites)
        if recorder is not None:
            raised = recorder.failed(raised)
        raised.used = run.used
        raise raised from raised.__cause__
    finally:
        powers.garbage.left(run.meter.memory)
    return Outcome(value, run.used)
