"""Throw random programs at the parser, the checker and the runtime: ``python fuzz/scripts.py [SECONDS]``.

Whatever comes in, only the language's own errors may come out, within the budget. A failure prints the source that
caused it and the seed that leads there.
"""

import asyncio
import random
import sys
import time
from pathlib import Path

from mintaka import stdlib
from mintaka.capabilities import ops as capability_ops
from mintaka.lang import SyntaxFault, check, parse
from mintaka.runtime import Budget, OpTable, Powers, ScriptError, compile_tree, execute

EXAMPLES = [path.read_text() for path in sorted((Path(__file__).parents[1] / "examples").glob("*.mtk"))]
PIECES = [
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ":k ",
    "'",
    "#_ ",
    '"',
    "\\",
    ";",
    "\n",
    "1e999 ",
    "-0 ",
    "x ",
    "cap.m ",
    "null ",
]
BUDGET = Budget(fuel=20_000, depth=50, deadline_s=2.0)


def source(rng: random.Random, ops: list[str]) -> str:
    """A program: an example with damage, or calls of random ops nested at random."""
    if rng.random() < 0.5:
        text = rng.choice(EXAMPLES)
        for _ in range(rng.randint(1, 6)):
            at = rng.randrange(len(text))
            text = text[:at] + rng.choice([*PIECES, rng.choice(ops), ""]) + text[at + rng.randint(0, 3) :]
        return text

    def form(depth: int) -> str:
        if depth == 0 or rng.random() < 0.3:
            return rng.choice(["0", "1", "-7.5", '"é"', "true", "null", "[]", "{}", "[1 2]", '{:a "b"}', "x"])
        arguments = " ".join(form(depth - 1) for _ in range(rng.randint(0, 3)))
        return rng.choice(
            [f"({rng.choice(ops)} {arguments})", f"(let x {form(depth - 1)})", f"(lambda [x] {arguments} x)"]
        )

    return f"(let x {form(1)})\n{form(5)}"


async def run(text: str, table: OpTable) -> str:
    """Take ``text`` the whole way; what stopped it, or ``ran``."""
    try:
        tree = parse(text)
    except SyntaxFault:
        return "syntax"
    if any(found.severity == "error" for found in check(tree, table.signatures)):
        return "checker"
    powers = Powers(clock=lambda: 0.0, random=random.Random(0), emit=lambda kind, data: None, hosts={})
    try:
        await execute(compile_tree(tree, table), budget=BUDGET, powers=powers)
    except ScriptError as error:
        return error.kind
    return "ran"


def main() -> None:
    """Run until the time is over; print how the programs ended."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    table = OpTable.of(*stdlib.modules, capability_ops)
    ops = [str(entry["opcode"]) for entry in table.describe()]
    ends: dict[str, int] = {}
    began, seed = time.monotonic(), 0
    while time.monotonic() - began < seconds:
        seed += 1
        text = source(random.Random(seed), ops)
        try:
            end = asyncio.run(run(text, table))
        except Exception:
            print(f"seed {seed}:\n{text}\n")
            raise
        ends[end] = ends.get(end, 0) + 1
    print(f"{seed} programs: " + ", ".join(f"{name} {count}" for name, count in sorted(ends.items())))


if __name__ == "__main__":
    main()
