"""Call every op with arguments of all sorts: ``python -m fuzz.ops [SECONDS]``.

Whatever they are given, only the language's own errors may come out, within the budget, and none of them may say that
something went wrong inside an op. A failure prints the program that caused it and the seed that leads there.
"""

import asyncio
import random
import sys
import time
from collections import Counter

from mintaka import stdlib
from mintaka.capabilities import ops as capability_ops
from mintaka.lang import Signature, check, parse
from mintaka.runtime import Budget, OpTable, Powers, ScriptError, compile_tree, execute

VALUES = [
    "0", "1", "-7.5", "9007199254740992", "1e300", "(/ 0 0)", "(/ 1 0)", '"é"', '""', '"2024-01-05"', "true", "null",
    "[]", "{}", "[1 [2]]", '{:a "b" "10" null}', "x", "(lambda [a b] a)", '(lambda [a] (throw "no"))', "around",
]  # fmt: skip
BUDGET = Budget(fuel=20_000, depth=50, deadline_s=2.0, memory=4 * 1024 * 1024)


def source(rng: random.Random, ops: list[Signature]) -> str:
    """A program: calls of random ops, nested at random."""

    def form(depth: int) -> str:
        if depth == 0 or rng.random() < 0.3:
            return rng.choice(VALUES)
        op = rng.choice(ops)
        most = op.minimum + 2 if op.maximum is None else op.maximum
        return f"({op.name} {' '.join(form(depth - 1) for _ in range(rng.randint(op.minimum, most)))})"

    around = "(let around [1]) (list.push around around)"
    return f"{around}\n(let x {form(1)})\n" + "\n".join(f"(try {form(4)} e (log e (error)))" for _ in range(3))


async def run(text: str, table: OpTable) -> str:
    """Take ``text`` the whole way; what stopped it, or ``ran``."""
    tree = parse(text)
    if any(found.severity == "error" for found in check(tree, table.signatures)):
        return "checker"
    told: list[str] = []
    powers = Powers(clock=lambda: 0.0, random=random.Random(0), emit=lambda kind, data: told.append(str(data)))
    try:
        await execute(compile_tree(tree, table), budget=BUDGET, powers=powers)
    except ScriptError as error:
        if error.kind == "internal":
            raise
        return error.kind
    assert not any("went wrong inside an op" in line for line in told)
    return "ran"


def main() -> None:
    """Run until the time is over; print how the programs ended."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    table = OpTable.of(*stdlib.modules, capability_ops)
    ops = [op.signature for op in table]
    ends: Counter[str] = Counter()
    began, seed = time.monotonic(), 0
    with asyncio.Runner() as runner:
        while time.monotonic() - began < seconds:
            seed += 1
            text = source(random.Random(seed), ops)
            try:
                ends[runner.run(run(text, table))] += 1
            except Exception:
                print(f"seed {seed}:\n{text}\n")
                raise
    print(f"{seed} programs: " + ", ".join(f"{name} {count}" for name, count in ends.most_common()))


if __name__ == "__main__":
    main()
