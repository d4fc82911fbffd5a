"""Every op, form and function of the prelude has help and an example; every example gives what stands below it."""

import random

import pytest

from mintaka import stdlib
from mintaka.lang.checker import check
from mintaka.lang.diagnostics import Severity
from mintaka.lang.forms import FORMS
from mintaka.lang.parser import parse
from mintaka.runtime.budget import Budget
from mintaka.runtime.compiler import compile_tree
from mintaka.runtime.execute import execute
from mintaka.runtime.ops import OpTable
from mintaka.runtime.powers import Powers
from mintaka.runtime.values import Value

OPS = OpTable.of(*stdlib.modules)
DESCRIBED = [*FORMS.values(), *OPS, *OPS.definitions.values()]
EXAMPLES = [(each.name, example.source, example.result) for each in DESCRIBED for example in each.examples]
NOW = 1_700_000_000.0
"""The time in examples: 14 November 2023, 22:13:20 UTC."""


async def value(source: str) -> Value:
    tree = parse(source)
    assert not [found for found in check(tree, OPS.signatures) if found.severity is Severity.ERROR]
    powers = Powers(clock=lambda: NOW, random=random.Random(0))
    return (await execute(compile_tree(tree, OPS), budget=Budget(), powers=powers)).value


@pytest.mark.parametrize(("name", "source", "result"), EXAMPLES, ids=[name for name, _, _ in EXAMPLES])
async def test_an_example_gives_what_stands_below_it(name: str, source: str, result: str) -> None:
    told, expected = await value(source), await value(result)
    assert told == expected
    assert type(told) is type(expected)


@pytest.mark.parametrize("described", [each.describe() for each in DESCRIBED], ids=lambda each: str(each["opcode"]))
def test_everything_a_script_can_call_has_help_and_an_example(described: dict[str, object]) -> None:
    assert str(described["description"]).endswith(".")
    assert described["examples"]


@pytest.mark.parametrize("name", sorted(OPS.signatures))
def test_an_example_shows_what_it_is_an_example_of(name: str) -> None:
    described = next(each for each in DESCRIBED if each.name == name)
    written = {name, name.removeprefix("std.")} | SHORT.get(name, set())
    sources = " ".join(example.source.replace("-", "_") for example in described.examples)
    assert any(word.replace("-", "_") in sources for word in written)


SHORT = {"list.new": {"["}, "obj.new": {"{"}}
"""Brackets that stand for an op."""
