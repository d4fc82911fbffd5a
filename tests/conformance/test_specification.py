"""The specification says what generated code and the reference evaluator do: its examples, and its prices of fuel."""

import json
import random
import re
from pathlib import Path

import pytest

from mintaka.lang.checker import check
from mintaka.lang.diagnostics import Severity
from mintaka.lang.parser import parse
from mintaka.lang.tree import Node
from mintaka.runtime.budget import Budget
from mintaka.runtime.compiler import compile_tree
from mintaka.runtime.errors import ScriptError
from mintaka.runtime.execute import execute
from mintaka.runtime.powers import Powers
from mintaka.server.faults import rejected
from tests.conformance.test_viwoscript import OPS
from tests.reference.evaluator import Evaluator

PAGE = (Path(__file__).parents[2] / "docs" / "specification.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```mtk(?: error=(\w+))?\n(.*?)(?:; => ([^\n]+)\n)?```$", PAGE, re.MULTILINE | re.DOTALL)
PRICES = re.findall(r"^\|.*\| `(.+)` \| ([0-9]+) \|$", PAGE, re.MULTILINE)
BUDGET = Budget(fuel=20_000, depth=60, memory=1024 * 1024)
POWERS = Powers(clock=lambda: 0.0, random=random.Random(0))
PATIENT = Budget(fuel=1_000_000_000)
"""For what time ends."""


async def told(tree: Node, budget: Budget, *, compiled: bool) -> object:
    """What a program gives, as it is on the wire, or the kind of the error it ends with."""
    errors = [found for found in check(tree, OPS.signatures) if found.severity is Severity.ERROR]
    if errors:
        return rejected(errors).kind
    try:
        if not compiled:
            return on_the_wire(Evaluator(OPS, budget=budget, powers=POWERS).run(tree))
        return on_the_wire((await execute(compile_tree(tree, OPS), budget=budget, powers=POWERS)).value)
    except ScriptError as error:
        return error.kind


def on_the_wire(value: object) -> object:
    return json.loads(json.dumps(value), parse_constant=lambda name: None)


@pytest.mark.parametrize(("error", "source", "value"), EXAMPLES, ids=[source[:40] for _, source, _ in EXAMPLES])
async def test_an_example_does_what_the_page_says(error: str, source: str, value: str) -> None:
    tree = parse(source)
    expected = error or json.loads(value)
    timed = "with-timeout 0" in source
    assert await told(tree, PATIENT if timed else BUDGET, compiled=True) == expected
    if error != "memory" and not timed:  # which the reference knows nothing of
        assert await told(tree, BUDGET, compiled=False) == expected


@pytest.mark.parametrize(("source", "fuel"), PRICES, ids=[source[:40] for source, _ in PRICES])
async def test_a_program_costs_what_the_page_says(source: str, fuel: str) -> None:
    tree = parse(source)
    evaluator = Evaluator(OPS, budget=BUDGET, powers=POWERS)
    evaluator.run(tree)
    outcome = await execute(compile_tree(tree, OPS), budget=BUDGET, powers=POWERS)
    assert (evaluator.used, outcome.used.fuel) == (int(fuel), int(fuel))


def test_the_page_has_examples_and_prices() -> None:
    assert len(EXAMPLES) == PAGE.count("```mtk")
    assert len(PRICES) >= 15
