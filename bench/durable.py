"""What a durable run costs: a call without a journal, with one in memory, with one in the database; and replaying.

Prints microseconds of processor time an effect, by turns in one process, medians of the turns; and how many entries a
second the database takes by the clock, one transaction each, flushed to the disk.
"""

import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from mintaka import stdlib
from mintaka.lang.parser import parse
from mintaka.runtime.budget import Budget
from mintaka.runtime.compiler import Program, compile_tree
from mintaka.runtime.execute import execute
from mintaka.runtime.journal import Journal, MemoryJournal, Row
from mintaka.runtime.ops import OpTable
from mintaka.runtime.powers import Powers
from mintaka.runtime.run import Run
from mintaka.runtime.values import HostObject, Value
from mintaka.storage.database import Database
from mintaka.storage.journal import Runs

TURNS = 7
CALLS = 300
OPS = OpTable.of(*stdlib.modules)
SCRIPTS = {
    "calls": f'(for i (list.range 1 {CALLS}) ((lambda [door] (door.open i "abc")) (arg 0)))',
    "calls in par.map": f'(par.map (list.range 1 {CALLS}) (lambda [i] ((lambda [door] (door.open i "abc")) (arg 0))))',
    "time.now": f"(for i (list.range 1 {CALLS}) (time.now))",
    "log": f"(for i (list.range 1 {CALLS}) (log i))",
}


class Door(HostObject):
    """A host object that answers at once."""

    type_name = "door"

    def fields(self) -> Mapping[str, Value]:
        return {}

    async def call(self, run: Run, method: str, args: list[Value]) -> Value:
        return [method, *args]


async def once(program: Program, journal: Journal | None) -> float:
    """Microseconds of processor time an effect."""
    powers = Powers(clock=time.time, random=random.Random(0))
    started = time.thread_time()
    await execute(program, args=[Door()], budget=Budget(), powers=powers, journal=journal)
    return (time.thread_time() - started) / CALLS * 1e6


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{Path(folder) / 'mintaka.db'}")
        runs = Runs(database, clock=time.time)
        heads = ("no journal", "in memory", "replayed", "database", "replayed")
        print(f"{'µs an effect':18}" + "".join(f"{head:>12}" for head in heads))
        for name, source in SCRIPTS.items():
            program = compile_tree(parse(source), OPS)
            figures: list[list[float]] = []
            for turn in range(TURNS):
                memory = MemoryJournal(f"m{turn}")
                stored = runs.add(f"{name} {turn}", tree=program.digest(), program="", args="", budget="")
                journals = (None, memory, memory, stored, runs.journal(stored.run))
                figures.append([await once(program, journal) for journal in journals])
            medians = [statistics.median(column) for column in zip(*figures, strict=True)]
            print(f"{name:18}" + "".join(f"{figure:12.1f}" for figure in medians))
        row: Row = ("0", "call", "door.open", "0" * 32, '{"value":["open",1,"abc"]}', 0.5)
        journal = runs.add("entries", tree="", program="", args="", budget="")
        started = time.perf_counter()
        for _ in range(CALLS):
            journal.append([row])
        took = time.perf_counter() - started
        print(f"database: {CALLS / took:,.0f} appends a second, one entry each")
        database.close()


if __name__ == "__main__":
    asyncio.run(main())
