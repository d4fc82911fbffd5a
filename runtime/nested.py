"""A program run within another's run: on the same budget, with powers and arguments of its own.

It runs in the fiber of the script that called it, so whatever it uses is used by that run: fuel, memory, calls, time,
and the depth that was left where it was called. It shares nothing else with its caller. Values cross as copies, so
neither can change afterwards what the other was given; functions, which would bring their own powers along, do not
cross at all.
"""

from collections.abc import Callable, Sequence

from mintaka.lang.limits import MAX_DEPTH
from mintaka.runtime.binding import bind
from mintaka.runtime.compiler import Program
from mintaka.runtime.errors import ScriptError, TooDeep, TypeFault
from mintaka.runtime.faults import script_error
from mintaka.runtime.powers import Powers
from mintaka.runtime.run import Depth, Run
from mintaka.runtime.values import Function, HostObject, Value

LINKS = 8
"""Links of the depth's chain that a program within another takes: it needs more of the machine than a function does."""

FUEL = 256
"""Units of fuel for each program that is begun within another."""

Handed = Callable[[HostObject], HostObject]
"""What becomes of a host's object that crosses. Raises `HostFault` for one that must not."""


class Nested(Run):
    """The run of a program within another's: the powers and arguments are its own, all that is counted the other's."""

    def __init__(self, outer: Run, program: Program, powers: Powers, args: Sequence[Value]) -> None:
        self.__dict__.update(outer.__dict__)
        self._outer = outer
        self._functions = program.functions
        self.powers = powers
        self.args = list(args)
        self.depth = _below(outer.depth)
        self.meter.admit(program.bytes_per_tick)

    @property
    def calls(self) -> int:
        """How many calls were made by the whole run."""
        return self._outer.calls

    @calls.setter
    def calls(self, count: int) -> None:
        self._outer.calls = count

    @property
    def deadline(self) -> float:
        """When the time of the whole run is over, or of what it is within."""
        return self._outer.deadline

    @deadline.setter
    def deadline(self, moment: float) -> None:
        self._outer.deadline = moment


def run_within(outer: Run, program: Program, powers: Powers, args: Sequence[Value]) -> Value:
    """Run ``program`` within ``outer``, from an op that it called; its value, which is not copied yet.

    Raises `ScriptError`: what the program failed with, with the line it failed at as ``line_within`` in its data.
    """
    outer.charge(FUEL)
    nested = Nested(outer, program, powers, args)
    space: dict[str, object] = {"__builtins__": {}}
    exec(program.code, space)
    main = space["outer"](*bind(program, nested))  # type: ignore[operator]
    try:
        value: Value = main(nested.depth)
    except Exception as error:
        raise _told(script_error(error, program.sites)) from None
    return value


def handed(run: Run, value: Value, host: Handed) -> Value:
    """``value`` as it crosses from one program to another: a copy, paid for by ``run``.

    Raises `TypeFault` for a function, and for what contains itself.
    """
    return _handed(run, value, host, 0)


def _handed(run: Run, value: Value, host: Handed, depth: int) -> Value:
    if depth > MAX_DEPTH:
        raise TypeFault("This value is nested too deeply to be handed to another script, or contains itself.")
    if isinstance(value, list):
        run.build(len(value))
        items: list[Value] = []
        for item in value:
            items.append(_handed(run, item, host, depth + 1))
        return items
    if isinstance(value, dict):
        run.build(2 * len(value))
        members: dict[str, Value] = {}
        for key, member in value.items():
            members[key] = _handed(run, member, host, depth + 1)
        return members
    if isinstance(value, Function):
        raise TypeFault("A function cannot be handed to another script, nor be its result; hand over plain values.")
    return host(value) if isinstance(value, HostObject) else value


def _below(depth: Depth) -> Depth:
    for _ in range(LINKS):
        if not depth:
            raise TooDeep("Scripts are called within scripts too deeply. Look for one that calls itself without end.")
        (depth,) = depth
    return depth


def _told(error: ScriptError) -> ScriptError:
    """The error as the calling script gets it, where it is one of the call: its own lines mean nothing there."""
    if error.line is not None:
        error.data = {"line_within": error.line, **error.data}
    error.span = error.op = None
    error.__traceback__ = None
    return error
