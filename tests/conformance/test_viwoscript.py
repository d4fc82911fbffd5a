"""Programs of ViwoScript mean in Mintaka what they mean there."""

import json
import math
import random
from pathlib import Path

import pytest

from mintaka import stdlib
from mintaka.lang.checker import check
from mintaka.lang.diagnostics import Severity, SyntaxFault
from mintaka.lang.parser import parse
from mintaka.lang.printer import print_tree
from mintaka.lang.tree import from_json
from mintaka.runtime.budget import Budget
from mintaka.runtime.compiler import compile_tree
from mintaka.runtime.errors import ScriptError
from mintaka.runtime.execute import execute
from mintaka.runtime.ops import OpTable
from mintaka.runtime.powers import Powers
from mintaka.runtime.values import Value

CASES = [
    json.loads(line)
    for line in (Path(__file__).parent / "viwoscript.jsonl").read_text(encoding="utf-8").strip().split("\n")
]
OPS = OpTable.of(*stdlib.modules)


def plain(value: Value) -> object:
    """A value as the file writes it."""
    if isinstance(value, float):
        if math.isnan(value):
            return {"$": "NaN"}
        if math.isinf(value):
            return {"$": "Infinity" if value > 0 else "-Infinity"}
        if value == 0 and math.copysign(1, value) < 0:
            return {"$": "-0"}
        return int(value) if value == int(value) else value
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value


async def outcome(script: object, args: list[Value], *, through_text: bool) -> dict[str, object]:
    """What became of a case: its result and warnings, or the kind of its error."""
    warnings: list[object] = []

    def emit(kind: str, data: object) -> None:
        assert isinstance(data, dict)
        if data.get("level") == "warning":
            warnings.append(data["text"])

    try:
        tree = from_json(script)
        if through_text:
            tree = parse(print_tree(tree))
        errors = [found for found in check(tree, OPS.signatures) if found.severity is Severity.ERROR]
        if errors:
            return {"error": errors[0].code.value}
        powers = Powers(clock=lambda: 0.0, random=random.Random(0), emit=emit)
        done = await execute(compile_tree(tree, OPS), args=args, budget=Budget(), powers=powers)
    except SyntaxFault as fault:
        return {"error": fault.diagnostics[0].code.value}
    except ScriptError as error:
        return {"error": error.kind}
    return {"result": plain(done.value), **({"warnings": warnings} if warnings else {})}


@pytest.mark.parametrize("through_text", [False, True], ids=["json", "text"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["id"]))
async def test_a_program_of_viwoscript_means_the_same(case: dict[str, object], through_text: bool) -> None:
    args = case.get("args", [])
    assert isinstance(args, list)
    told = await outcome(case["script"], args, through_text=through_text)
    if case.get("error") == "any":
        assert "error" in told
    else:
        assert told == {key: case[key] for key in ("result", "warnings", "error") if key in case}
