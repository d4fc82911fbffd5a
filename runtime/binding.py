"""What generated code is given: the meter, a few built-in functions, and the ops it names, bound to one run."""

from collections.abc import Callable, Mapping, Sequence
from functools import cmp_to_key
from typing import Any

from mintaka.lang.kinds import named, not_a_function, wrong_argument
from mintaka.lang.numbers import number
from mintaka.runtime.arguments import bind_parameters
from mintaka.runtime.compiler import Program
from mintaka.runtime.errors import DeadlinePassed, HostFault, ScriptError, Stopped, TypeFault
from mintaka.runtime.faults import caught_value, record, script_error
from mintaka.runtime.ops import Op
from mintaka.runtime.run import CELL, Depth, Run
from mintaka.runtime.text import to_text
from mintaka.runtime.types import ArgType, described
from mintaka.runtime.values import Function, Value, same, truthy

Helper = Callable[..., Any] | object


def bind(program: Program, run: Run) -> list[Helper]:
    """The helpers a program asks for, in its order."""
    return [_helper(name, program, run) for name in program.helpers]


def _helper(name: str, program: Program, run: Run) -> Helper:
    if name in _SHARED:
        return _SHARED[name]
    make = _OF_A_RUN.get(name)
    return make(program, run) if make is not None else _op(program, name, run)


def _caught(program: Program, run: Run) -> Helper:
    def caught(error: Exception) -> ScriptError:
        """The error as a handler gets it; what ends the run goes on."""
        known = script_error(error, program.sites)
        error.__traceback__ = None  # it would keep the data of all functions it came through
        if isinstance(known, Stopped):
            raise known
        return known

    return caught


def _begin_timeout(program: Program, run: Run) -> Helper:
    def begin_timeout(seconds: Value) -> tuple[float, float, float]:
        """Bring the deadline nearer: the one before, the one now, and the seconds."""
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds >= 0:
            raise TypeFault(f"`std.with_timeout` takes a number of seconds, not {described(seconds)}.")
        before = run.deadline
        run.deadline = min(before, run.now() + seconds)
        return before, run.deadline, seconds

    return begin_timeout


def _timed_out(program: Program, run: Run) -> Helper:
    def timed_out(error: Exception, limit: tuple[float, float, float]) -> None:
        """Let an error go on; running out of this very time is one that a script can catch."""
        before, deadline, seconds = limit
        if isinstance(error, DeadlinePassed) and deadline < before and run.now() < before:
            raise HostFault(f"This was not done within {seconds:g} s.", kind="deadline") from None
        raise error

    return timed_out


def _end_timeout(program: Program, run: Run) -> Helper:
    def end_timeout(limit: tuple[float, float, float]) -> None:
        run.deadline = limit[0]

    return end_timeout


def _together(program: Program, run: Run) -> Helper:
    def together(depth: Depth, tasks: list[Function]) -> list[Value]:
        run.depth = depth
        return run.together(len(tasks), lambda index: run.apply(tasks[index]))

    return together


def _afford(program: Program, run: Run) -> Helper:
    allocate, charge = run.meter.allocate, run.meter.charge

    def afford(length: int) -> None:
        """Pay for a text that is about to be built, as the ops that build texts do."""
        allocate(length * CELL)
        if length > 1023:
            charge(length >> 10)

    return afford


def items(value: Value) -> Sequence[Value]:
    """What ``std.for`` goes through: a list as it grows; anything else has no items."""
    return value if isinstance(value, list) else ()


def entries(parts: Sequence[Value]) -> dict[str, Value]:
    """The object of an ``obj.new`` with computed keys: ``parts`` are keys and values in turn."""
    made: dict[str, Value] = {}
    for key, value in zip(parts[::2], parts[1::2], strict=True):
        if not isinstance(key, str):
            raise TypeFault(f"`obj.new` wants a string as key, not {described(key)}.", op="obj.new")
        made[key] = value
    return made


def not_function(value: Value) -> None:
    """Refuse to call what is no function."""
    raise TypeFault(not_a_function(described(value)))


def _op(program: Program, helper: str, run: Run) -> Helper:
    """``op:name`` checks its arguments, ``raw:name`` is for code that has done so itself."""
    how, _, name = helper.partition(":")
    op = _known(program, name)
    if how == "raw":
        return _raw(op, run) if op.takes_run else op.function
    return _with_run(op, run) if op.takes_run else _without_run(op)


def _known(program: Program, name: str) -> Op:
    op = program.ops.get(name)
    if op is None:
        raise ScriptError(f"There is no op `{name}`.", kind="unknown_op")
    return op


def _with_run(op: Op, run: Run) -> Helper:
    function, check = op.function, _Checks(op)

    def call(depth: Depth, *args: Value) -> Value:
        check(args)
        run.depth = depth
        result: Value = function(run, *args)
        return result

    return call


def _raw(op: Op, run: Run) -> Helper:
    function = op.function

    def call(depth: Depth, *args: Value) -> Value:
        run.depth = depth
        result: Value = function(run, *args)
        return result

    return call


def _without_run(op: Op) -> Helper:
    if all(not parameter.type.accepts for parameter in op.parameters):
        return op.function
    function, check = op.function, _Checks(op)

    def call(*args: Value) -> Value:
        check(args)
        result: Value = function(*args)
        return result

    return call


class _Checks:
    """Checks the types of an op's arguments as its signature says."""

    def __init__(self, op: Op) -> None:
        self._op = op
        self._types = [parameter.type for parameter in op.parameters]
        self._rest = self._types[-1] if op.parameters and op.parameters[-1].variadic else None

    def __call__(self, args: Sequence[Value]) -> None:
        for index, (wanted, value) in enumerate(zip(self._types, args, strict=False)):
            if wanted.accepts and type(value) not in wanted.accepts and not wanted.takes(value):
                raise self._refused(index, wanted, value)
        if self._rest is not None and self._rest.accepts:
            for index in range(len(self._types), len(args)):
                if not self._rest.takes(args[index]):
                    raise self._refused(index, self._rest, args[index])

    def check(self, index: int, value: Value) -> None:
        """Refuse ``value`` as argument ``index`` if it is of a wrong type."""
        wanted = self._types[min(index, len(self._types) - 1)]
        if not wanted.takes(value):
            raise self._refused(index, wanted, value)

    def _refused(self, index: int, wanted: ArgType, value: Value) -> TypeFault:
        parameter = self._op.parameters[min(index, len(self._op.parameters) - 1)]
        message = wrong_argument(self._op.name, parameter.name, named(wanted.kinds), described(value))
        return TypeFault(message, op=self._op.name)


_SHARED: Mapping[str, Helper] = {
    "exact": number,
    "int": int,
    "float": float,
    "bool": bool,
    "str": str,
    "list": list,
    "dict": dict,
    "zip": zip,
    "type": type,
    "function": Function,
    "errors": Exception,
    "truthy": truthy,
    "same": same,
    "len": len,
    "abs": abs,
    "append": list.append,
    "misses": (IndexError, KeyError, TypeError),
    "ordering": cmp_to_key,
    "items": items,
    "entries": entries,
    "not_function": not_function,
    "thrown": caught_value,
    "record": record,
}
"""Helpers that are the same for every run."""

_OF_A_RUN: Mapping[str, Callable[[Program, Run], Helper]] = {
    "tick": lambda program, run: run.meter.tick,
    "charge": lambda program, run: run.charge,
    "check": lambda program, run: lambda name, *given: _Checks(_known(program, name)).check(*given),
    "text": lambda program, run: lambda value: to_text(value, run.build),
    "afford": _afford,
    "room": lambda program, run: lambda items: run.allocate(len(items)),
    "caught": _caught,
    "begin_timeout": _begin_timeout,
    "timed_out": _timed_out,
    "end_timeout": _end_timeout,
    "together": _together,
    "parameters": lambda program, run: lambda: bind_parameters(program.parameters, run.args),
}
"""Helpers that work for one run."""
