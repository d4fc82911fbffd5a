"""Mintaka's own rules, where ViwoScript has a fault or is silent: in text, in JSON, and in the reference evaluator."""

import json
import random
from pathlib import Path

import pytest

from mintaka.lang.checker import check
from mintaka.lang.diagnostics import Severity
from mintaka.lang.parser import parse
from mintaka.lang.tree import Node, from_json, to_json
from mintaka.runtime.budget import Budget
from mintaka.runtime.compiler import compile_tree
from mintaka.runtime.errors import ScriptError
from mintaka.runtime.execute import execute
from mintaka.runtime.powers import Powers
from mintaka.runtime.values import Value
from tests.conformance.test_viwoscript import OPS, plain
from tests.reference.evaluator import Evaluator

CASES = [
    json.loads(line) for line in (Path(__file__).parent / "mintaka.jsonl").read_text(encoding="utf-8").splitlines()
]
BUDGET = Budget(fuel=100_000, depth=100)
POWERS = Powers(clock=lambda: 0.0, random=random.Random(0))


async def outcome(tree: Node, args: list[Value], *, compiled: bool) -> dict[str, object]:
    """The result of a case, or the kind of its error."""
    errors = [found for found in check(tree, OPS.signatures) if found.severity is Severity.ERROR]
    if errors:
        return {"error": errors[0].code.value}
    try:
        if not compiled:
            return {"result": plain(Evaluator(OPS, budget=BUDGET, powers=POWERS, args=args).run(tree))}
        done = await execute(compile_tree(tree, OPS), args=args, budget=BUDGET, powers=POWERS)
    except ScriptError as error:
        return {"error": error.kind}
    return {"result": plain(done.value)}


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["id"]))
async def test_an_own_rule_holds(case: dict[str, object]) -> None:
    args = case.get("args", [])
    assert isinstance(args, list)
    expected = {key: case[key] for key in ("result", "error") if key in case}
    tree = parse(str(case["text"]))
    assert to_json(tree) == case["script"]
    assert await outcome(tree, args, compiled=True) == expected
    assert await outcome(tree, args, compiled=False) == expected
    if "line" not in json.dumps(expected):  # the JSON form has paths in place of lines
        assert await outcome(from_json(case["script"]), args, compiled=True) == expected


def test_every_case_has_a_name_of_its_own_and_says_its_rule() -> None:
    assert len({case["id"] for case in CASES}) == len(CASES)
    assert all(str(case["rule"]).endswith((".", ":")) for case in CASES)
