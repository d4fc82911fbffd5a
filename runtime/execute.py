"""Running a program within a budget, on the event loop."""

from collections.abc import Sequence
from dataclasses import dataclass

from mintaka.lang.limits import allow_deep_recursion
from mintaka.runtime.binding import bind
from mintaka.runtime.budget import Budget, Used
from mintaka.runtime.compiler import Program
from mintaka.runtime.faults import script_error
from mintaka.runtime.fiber import drive
from mintaka.runtime.meter import SLICE
from mintaka.runtime.powers import Powers
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
) -> Outcome:
    """Run a program. Raises `ScriptError` with the op and the place it came from.

    Cancelling the task that awaits this cancels the run, whatever it does or waits for. ``slice_length`` is how many
    units of fuel the run uses between two turns of the event loop; it changes nothing else.
    """
    allow_deep_recursion()
    run = Run(
        budget,
        powers,
        args,
        functions=program.functions,
        bytes_per_tick=program.bytes_per_tick,
        slice_length=slice_length,
    )
    try:
        space: dict[str, object] = {"__builtins__": {}}
        exec(program.code, space)
        main = space["outer"](*bind(program, run))  # type: ignore[operator]
        value: Value = await drive(lambda: main(run.depth), run.fibers)
    except Exception as error:
        raised = script_error(error, program.sites)
        raise raised from raised.__cause__
    return Outcome(value, run.used)
