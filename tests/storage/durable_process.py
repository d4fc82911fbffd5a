"""A process that runs a durable script and is killed by its parent: see test_journal.py.

``python -m tests.storage.durable_process DATABASE EFFECTS SOURCE``. Its effects are lines of the file EFFECTS. Before
and after each it says so and waits for a line of its standard input; at the end it prints the run's value.
"""

import asyncio
import json
import os
import random
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from mintaka import stdlib
from mintaka.lang.parser import parse
from mintaka.lang.tree import to_json
from mintaka.runtime.budget import Budget
from mintaka.runtime.compiler import compile_tree
from mintaka.runtime.execute import execute
from mintaka.runtime.ops import OpTable
from mintaka.runtime.powers import Powers
from mintaka.runtime.run import Run
from mintaka.runtime.values import HostObject, Value
from mintaka.storage.database import Database
from mintaka.storage.journal import Runs, RunState

RUN = "r_1"


class Printer(HostObject):
    """Prints lines, each once: a line that is there under the effect's name is not printed again."""

    type_name = "printer"

    def __init__(self, effects: Path) -> None:
        self._effects = effects

    def fields(self) -> Mapping[str, Value]:
        return {}

    async def call(self, run: Run, method: str, args: list[Value]) -> Value:
        say("begun")
        lines = self._effects.read_text().splitlines()
        line = f"{run.effect} {args[0]}"
        if line not in lines:
            lines.append(line)
            with self._effects.open("a") as file:
                file.write(f"{line}\n")
                file.flush()
                os.fsync(file.fileno())
        say("done")
        return f"{args[0]}!"


def say(what: str) -> None:
    """Tell the parent, and wait for it to let this process go on."""
    print(what, flush=True)
    sys.stdin.readline()


async def main(url: str, effects: Path, source: str) -> None:
    runs = Runs(Database(url), clock=time.time)
    tree = parse(source)
    program = compile_tree(tree, OpTable.of(*stdlib.modules))
    budget = Budget()
    if runs.get(RUN) is None:
        runs.add(
            RUN, tree=program.digest(), program=json.dumps(to_json(tree)), args="[]", budget=json.dumps(asdict(budget))
        )
    powers = Powers(clock=time.time, random=random.Random())
    outcome = await execute(program, args=[Printer(effects)], budget=budget, powers=powers, journal=runs.journal(RUN))
    value = json.dumps(outcome.value)
    runs.end(RUN, RunState.DONE, value)
    print(f"value {value}", flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3]))
