"""A world for durable runs to act in: it remembers what was done, and processes in it can be killed at any point."""

import asyncio
import random
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mintaka import stdlib
from mintaka.lang.parser import parse
from mintaka.runtime.budget import Budget
from mintaka.runtime.compiler import Program, compile_tree
from mintaka.runtime.errors import HostFault
from mintaka.runtime.execute import Outcome, execute
from mintaka.runtime.journal import Journal, MemoryJournal, Row
from mintaka.runtime.meter import SLICE
from mintaka.runtime.ops import OpTable, op
from mintaka.runtime.powers import Powers
from mintaka.runtime.records import Codec
from mintaka.runtime.run import Run
from mintaka.runtime.values import HostObject, Value


@op("test.random")
def random_number(run: Run) -> float:
    """A random number."""
    return run.random.random()


@op("test.mood")
def mood(run: Run) -> bool:
    """What no journal knows of: true in the first process of a world and false in all others."""
    return run.host(World).processes == 1


@op("test.pass_time")
def pass_time(run: Run, seconds: float) -> None:
    """Let time pass in the first process of a world; in others it stands still."""
    world = run.host(World)
    world.later += seconds if world.processes == 1 else 0


@op("test.wait")
def wait_for_nothing(run: Run) -> None:
    """Wait for something that is no effect."""
    run.wait(asyncio.get_running_loop().create_future())


OPS = OpTable.of(*stdlib.modules, sys.modules[__name__])


class Killed(BaseException):
    """The process ends here, as by ``kill -9``: nothing that would clean up gets to run."""


@dataclass
class Axe:
    """Kills the process at the ``at``-th point it passes; never without one."""

    at: int | None = None
    points: int = 0

    def pass_(self) -> None:
        """A point where a process may be killed."""
        self.points += 1
        if self.at is not None and self.points > self.at:
            raise Killed


@dataclass
class World:
    """What outlives processes: effects by their names, what was told, the journal."""

    seed: int = 0
    done: dict[str, Value | HostFault] = field(default_factory=dict)
    acts: list[str] = field(default_factory=list)
    """Names of what was done, each time it was."""
    told: list[str] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    processes: int = 0
    later: float = 0
    """Seconds that time is ahead of the machine's."""

    async def run(
        self,
        program: Program,
        *,
        axe: Axe | None = None,
        args: Sequence[Value] = (),
        budget: Budget | None = None,
        slice_length: int = SLICE,
        codec: Codec | None = None,
    ) -> Outcome:
        """Run a program, or go on with it, in a new process; its first argument is the door to the world."""
        axe = axe or Axe()
        journal = _Journal("run", self.rows, axe)
        return await execute_in(
            self, program, journal, axe=axe, args=args, budget=budget, slice_length=slice_length, codec=codec
        )

    async def run_killed(self, program: Program, at: int) -> bool:
        """Run a program in a process that is killed at a point; whether it got so far."""
        axe = Axe(at)
        try:
            await self.run(program, axe=axe)
        except Killed:
            return True
        return False


class _Journal(MemoryJournal):
    """The journal in the world, written by a process that may be killed before and after."""

    def __init__(self, run: str, kept: list[Row], axe: Axe) -> None:
        super().__init__(run, kept)
        self._kept = kept
        self._axe = axe

    def append(self, rows: Sequence[Row]) -> None:
        self._axe.pass_()
        super().append(rows)
        self._kept += rows
        self._axe.pass_()


class Door(HostObject):
    """What a script acts through. Each effect is done once, however often it is asked for under its name."""

    type_name = "door"

    def __init__(self, world: World, axe: Axe, randomness: random.Random) -> None:
        self._world = world
        self._axe = axe
        self._random = randomness

    def fields(self) -> Mapping[str, Value]:
        return {}

    async def call(self, run: Run, method: str, args: list[Value]) -> Value:
        name = run.effect
        assert name is not None
        for _ in range(self._random.randrange(5)):
            await asyncio.sleep(0)
        self._axe.pass_()
        if name not in self._world.done:
            self._world.acts.append(name)
            self._world.done[name] = self._answer(method, args)
        self._axe.pass_()
        for _ in range(self._random.randrange(5)):
            await asyncio.sleep(0)
        if method == "age":
            self._world.later += args[0]  # type: ignore[operator]
        answer = self._world.done[name]
        if isinstance(answer, HostFault):
            raise HostFault(answer.message, kind=answer.kind, data=dict(answer.data))
        return answer

    def _answer(self, method: str, args: list[Value]) -> Value | HostFault:
        if method == "fail":
            return HostFault("The door is shut.", kind="denied", data={"asked": args})
        if method == "next":
            return len(self._world.acts)
        return {"drawn": args, "list": [1, [2.5, None, "é", True]]}


async def execute_in(
    world: World,
    program: Program,
    journal: Journal,
    *,
    axe: Axe | None = None,
    args: Sequence[Value] = (),
    budget: Budget | None = None,
    slice_length: int = SLICE,
    codec: Codec | None = None,
) -> Outcome:
    """Run a program in a new process of a world, with a journal that is kept elsewhere."""
    world.processes += 1
    loop = asyncio.get_running_loop()
    loop.time = lambda: time.monotonic() + world.later  # type: ignore[method-assign]
    randomness = random.Random(f"{world.seed} {world.processes}")
    powers = Powers(
        clock=lambda: 1_700_000_000.0 + world.processes,
        random=randomness,
        emit=lambda kind, data: world.told.append(str(data["text"])),
        hosts={World: world},
    )
    return await execute(
        program,
        args=[Door(world, axe or Axe(), randomness), *args],
        budget=budget or Budget(),
        powers=powers,
        slice_length=slice_length,
        journal=journal,
        codec=codec,
    )


def compiled(source: str) -> Program:
    """A program of a script in which ``door`` is the door."""
    return compile_tree(parse(f"(let door (arg 0))\n{source}"), OPS)
