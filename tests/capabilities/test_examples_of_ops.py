"""The words for capabilities have help and examples, too, and every example gives what stands below it."""

from typing import Any

import pytest

from mintaka import stdlib
from mintaka.capabilities import ops as capability_ops
from mintaka.capabilities.grant import Grant
from mintaka.lang.checker import check
from mintaka.lang.diagnostics import Severity
from mintaka.lang.parser import parse
from mintaka.runtime.budget import Budget
from mintaka.runtime.compiler import compile_tree
from mintaka.runtime.execute import execute
from mintaka.runtime.ops import Op, OpTable
from mintaka.runtime.powers import Powers

OPS = OpTable.of(*stdlib.modules, capability_ops)
WORDS = list(OpTable.of(capability_ops))


async def value(world: Any, source: str) -> Any:
    tree = parse(source)
    assert not [found for found in check(tree, OPS.signatures) if found.severity is Severity.ERROR]
    held = [each.id for each in world.kernel.bootstrap("ann")]
    powers = Powers(world.clock, world.random, hosts={Grant: Grant(world.kernel, "ann", held)})
    return (await execute(compile_tree(tree, OPS), budget=Budget(), powers=powers)).value


@pytest.mark.parametrize("op", WORDS, ids=lambda op: op.name)
async def test_every_word_has_an_example_that_gives_what_it_says(world: Any, op: Op) -> None:
    assert op.description.endswith(".")
    assert op.examples
    for example in op.examples:
        assert op.name.replace("_", "-") in example.source
        assert await value(world, example.source) == await value(world, example.result)
