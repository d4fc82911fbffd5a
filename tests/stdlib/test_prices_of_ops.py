"""No op does more than it is paid for, counted without a clock: steps of Python, bytes of Python, sizes of arguments.

An op that forgets to charge fails here: the laws hold for every op of the table, whatever it is given.
"""

import asyncio
import random
import sys
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mintaka import stdlib
from mintaka.runtime.budget import Budget
from mintaka.runtime.errors import ScriptError
from mintaka.runtime.ops import Op, OpTable
from mintaka.runtime.powers import Powers
from mintaka.runtime.run import Run
from mintaka.runtime.values import Value

OPS = [op for op in OpTable.of(*stdlib.modules) if not op.name.startswith("par.")]  # those need a fiber to wait in

FREE = 200
"""Steps of Python that the node of a call, and that of an argument, may take by itself: one or two microseconds."""

PER_UNIT = 720
"""Steps for a unit of fuel, which also pays for 64 nodes of straight code."""

LARGE = 8_192
"""Items or characters of an argument that is long enough to tell who reads it."""

PER_LARGE = 1024
"""Characters that an op reads at most for a unit of fuel, in C."""

PER_BYTE = 12
"""Bytes that Python takes at most for one that is accounted for."""

HANDED_ON = {
    "list.new": {0}, "list.get": {0}, "list.set": {0, 2}, "list.push": {0, 1}, "list.pop": {0}, "list.unshift": {1},
    "list.len": {0}, "list.empty": {0}, "list.includes": {1}, "list.reduce": {2}, "list.concat": {1},
    "obj.get": {0, 1, 2}, "obj.set": {0, 1, 2}, "obj.has": {0, 1}, "obj.del": {0, 1}, "obj.filter": {1},
    "obj.reduce": {1, 2}, "obj.flatMap": {1}, "str.len": {0}, "str.concat": {0}, "str.slice": {0}, "send": {0},
    "std.typeof": {0}, "std.boolean": {0}, "std.string": {0}, "std.throw": {0}, "std.number": {0},
    "std.call_method": {0, 1}, "==": {0, 1}, "!=": {0, 1}, "not": {0}, "time.to_timestamp": {0}, "time.parse": {0},
    "time.format": {0}, "time.offset": {1}, "std.log": {0},
    "list.find": {0}, "str.split": {1}, "str.replace": {1, 2}, "str.includes": {1},
}  # fmt: skip
"""Op → the places of arguments that may be long without more work: handed on as they are, looked into at one place, or
refused for their length. (Texts of lists are paid for when they are made: the first law sees them.)"""


def each(depth: object, *args: Value) -> Value:
    """A function of a script: gives its first argument."""
    return args[0] if args else None


SMALL: list[Value] = [0, 1, -7.5, 2.0**60, 1e-7, "é", "", "Jan 5, 2024 10:20", "year", "12.5e3", "k1", True, None, each]


def sized(n: int) -> list[Value]:
    """Values of so many items or characters."""
    return [
        list(range(n)), [0.1 + x for x in range(n)], [f"x{x}" for x in range(n)], [[x] for x in range(n)], [None] * n,
        {f"k{x}": x for x in range(n)}, {str(x): [x] for x in range(n)}, "ab, " * (n // 4), "9" * n, " " * n, "𝕏" * n,
        " " * n + "x", "0x" + "f" * n, "[" + "1," * (n // 2) + "1]", "YYYY" * (n // 4),
    ]  # fmt: skip


def fits(op: Op, index: int, value: Value) -> bool:
    """Whether an op takes ``value`` there."""
    wanted = op.parameters[min(index, len(op.parameters) - 1)].type
    return not wanted.accepts or type(value) in wanted.accepts or wanted.takes(value)


@dataclass(frozen=True, slots=True)
class Spent:
    """What a call took: ``work`` in the unit it was measured in, ``fuel``, and ``bytes`` that were accounted for."""

    work: int
    fuel: int
    bytes: int


def called(op: Op, args: list[Value], measured: Callable[[Callable[[], None]], int]) -> Spent:
    """Call an op outside any program."""

    async def measure() -> Spent:
        run = Run(Budget(memory=2**33), Powers(clock=lambda: 0.0, random=random.Random(0)))
        accounted = 0
        allocate = run.meter.allocate

        def noting(size: int) -> None:
            nonlocal accounted
            accounted += size
            allocate(size)

        run.meter.allocate = noting  # type: ignore[method-assign]
        run.meter._census = lambda: 0  # what is alive is the test's, not a run's

        def call() -> None:
            try:
                op.function(*[run] if op.takes_run else [], *args)
            except ScriptError as error:
                error.__traceback__ = None

        return Spent(measured(call), run.meter.used, accounted)

    return asyncio.run(measure())


def steps(call: Callable[[], None]) -> int:
    """Instructions of Python that a call takes."""
    count = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal count
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
    return count


def peak(call: Callable[[], None]) -> int:
    """Bytes that a call takes at most at once."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def arguments(op: Op, sizes: st.SearchStrategy[int]) -> st.SearchStrategy[list[Value]]:
    """Arguments that an op takes, small ones and sized ones."""

    def of(size: int) -> st.SearchStrategy[list[Value]]:
        values = [*SMALL, *sized(size)]
        least = op.signature.minimum
        most = least + 2 if op.signature.maximum is None else op.signature.maximum

        def places(count: int) -> st.SearchStrategy[list[Value]]:
            fitting = [[value for value in values if fits(op, index, value)] for index in range(count)]
            return st.tuples(*map(st.sampled_from, fitting)).map(list)

        return st.integers(least, most).flatmap(places)

    return sizes.flatmap(of)


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
@given(data=st.data())
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck), database=None)
def test_the_steps_of_an_op_are_bounded_by_its_fuel(op: Op, data: st.DataObject) -> None:
    args = data.draw(arguments(op, st.sampled_from([3, 40, 300])))
    called(op, args, steps)  # what is only done once: regular expressions
    spent = called(op, args, steps)
    assert spent.work <= FREE * (1 + len(args)) + PER_UNIT * spent.fuel


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
@given(data=st.data())
@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck), database=None)
def test_the_memory_an_op_takes_is_bounded_by_what_it_accounts_for(op: Op, data: st.DataObject) -> None:
    args = data.draw(arguments(op, st.just(2_000)))
    called(op, args, peak)
    spent = called(op, args, peak)
    read = 8 * sum(len(arg) for arg in args if isinstance(arg, str | list | dict))
    assert spent.work <= 8192 + PER_BYTE * spent.bytes + 5 * read  # a list that grows takes its own size anew


def unmeasured(call: Callable[[], None]) -> int:
    """Only call."""
    call()
    return 0


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_who_reads_an_argument_pays_for_its_length(op: Op) -> None:
    count = op.signature.minimum
    for index in set(range(count)) - HANDED_ON.get(op.name, set()):
        for large in [value for value in sized(LARGE) if fits(op, index, value)]:
            args = [
                next(value for value in (each, *sized(3), *SMALL) if fits(op, place, value)) for place in range(count)
            ]
            args[index] = large
            assert called(op, args, unmeasured).fuel >= LARGE // PER_LARGE
