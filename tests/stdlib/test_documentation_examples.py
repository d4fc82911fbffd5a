"""Every op has help and an example, and every example gives what stands below it."""

import random

import pytest

from mintaka import stdlib
from mintaka.lang.checker import check
from mintaka.lang.diagnostics import Severity
from mintaka.lang.parser import parse
from mintaka.runtime.budget import Budget
from mintaka.runtime.compiler import compile_tree
from mintaka.runtime.execute import execute
from mintaka.runtime.ops import Op, OpTable
from mintaka.runtime.powers import Powers
from mintaka.runtime.values import Value

OPS = OpTable.of(*stdlib.modules)
EXAMPLES = [(op.name, example.source, example.result) for op in OPS for example in op.examples]
WITHOUT_EXAMPLE = {"time.now"}
"""What gives something else every time."""


async def value(source: str) -> Value:
    tree = parse(source)
    assert not [found for found in check(tree, OPS.signatures) if found.severity is Severity.ERROR]
    powers = Powers(clock=lambda: 0.0, random=random.Random(0))
    return (await execute(compile_tree(tree, OPS), budget=Budget(), powers=powers)).value


@pytest.mark.parametrize(("name", "source", "result"), EXAMPLES, ids=[name for name, _, _ in EXAMPLES])
async def test_an_example_gives_what_stands_below_it(name: str, source: str, result: str) -> None:
    told, expected = await value(source), await value(result)
    assert told == expected
    assert type(told) is type(expected)


@pytest.mark.parametrize("op", list(OPS), ids=lambda op: op.name)
def test_an_op_has_help_and_an_example(op: Op) -> None:
    assert op.description.endswith(".")
    assert op.examples or op.name in WITHOUT_EXAMPLE
