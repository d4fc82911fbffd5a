"""What is emitted in line gives exactly what the checked op gives, for every kind of argument."""

import asyncio
import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mintaka import stdlib
from mintaka.lang.numbers import MAX_INTEGER
from mintaka.lang.tree import from_json
from mintaka.runtime.budget import Budget
from mintaka.runtime.compiler import Program, compile_tree
from mintaka.runtime.errors import TypeFault
from mintaka.runtime.execute import execute
from mintaka.runtime.operators import ARITHMETIC, COMPARISONS
from mintaka.runtime.ops import OpTable
from mintaka.runtime.powers import Powers
from mintaka.runtime.values import Value

OPS = OpTable.of(*stdlib.modules)
NAMES = sorted({*ARITHMETIC, *COMPARISONS, "^"})
NUMBERS = st.one_of(
    st.integers(-5, 5),
    st.integers(-MAX_INTEGER, MAX_INTEGER),
    st.sampled_from([MAX_INTEGER, -MAX_INTEGER, MAX_INTEGER - 1, 2**26, 3037000500]),
    st.floats(),
)
VALUES = st.one_of(NUMBERS, st.none(), st.booleans(), st.sampled_from(["", "a", "1"]))


def compiled(name: str, first: object, second: object) -> Program:
    return compile_tree(from_json([name, first, second]), OPS)


PROGRAMS = {name: compiled(name, ["std.arg", 0], ["std.arg", 1]) for name in NAMES}


async def told(program: Program, args: list[Value]) -> object:
    """The value a program gives, told apart from all others, or that it refused the types."""
    powers = Powers(clock=lambda: 0.0, random=random.Random(0))
    try:
        value = (await execute(program, args=args, budget=Budget(), powers=powers)).value
    except TypeFault:
        return "a type error"
    return _exactly(value)


def _exactly(value: object) -> object:
    if isinstance(value, float):
        return ("float", "nan" if value != value else value, math.copysign(1, value) if value == value else 0)
    return (type(value).__name__, value)


def expected(name: str, args: list[Value]) -> object:
    op = OPS.get(name)
    assert op is not None
    if any(not parameter.type.takes(arg) for parameter, arg in zip(op.parameters, args, strict=False)):
        return "a type error"
    return _exactly(op.function(*args))


@given(st.sampled_from(NAMES), VALUES, VALUES)
@settings(max_examples=400, deadline=None)
def test_operators_of_unknown_arguments(name: str, a: Value, b: Value) -> None:
    assert asyncio.run(told(PROGRAMS[name], [a, b])) == expected(name, [a, b])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("a", [0, 3, -3, 2.5, MAX_INTEGER, "a", None, True])
@pytest.mark.parametrize("b", [0, 4, -4, 0.5, MAX_INTEGER, "a", None, False])
async def test_operators_of_literals(name: str, a: Value, b: Value) -> None:
    assert await told(compiled(name, a, b), []) == expected(name, [a, b])
    assert await told(compiled(name, ["std.arg", 0], b), [a]) == expected(name, [a, b])
