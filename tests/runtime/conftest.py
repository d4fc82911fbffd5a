"""Running scripts in tests: on a real event loop, with a fixed clock and random numbers."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from mintaka import stdlib
from mintaka.lang.limits import allow_deep_recursion
from mintaka.lang.parser import parse
from mintaka.runtime.budget import Budget
from mintaka.runtime.compiler import Program, compile_tree
from mintaka.runtime.execute import Outcome, execute
from mintaka.runtime.meter import SLICE
from mintaka.runtime.ops import OpTable
from mintaka.runtime.powers import Powers
from mintaka.runtime.values import Value
from tests.reference.checks import mistakes

allow_deep_recursion()  # Hypothesis warns of code that does so during a test

OPS = OpTable.of(*stdlib.modules)


@dataclass
class Runner:
    """Runs scripts and keeps what they told."""

    events: list[tuple[str, Mapping[str, object]]] = field(default_factory=list)

    def compile(self, source: str) -> Program:
        """A program of a script that can be compiled."""
        tree = parse(source)
        assert mistakes(tree, OPS.signatures) == []
        return compile_tree(tree, OPS)

    async def __call__(
        self, source: str, *args: Value, budget: Budget | None = None, slice_length: int = SLICE
    ) -> Outcome:
        """What became of a script."""
        powers = Powers(
            clock=lambda: 0.0, random=random.Random(0), emit=lambda kind, data: self.events.append((kind, data))
        )
        program = self.compile(source)
        return await execute(program, args=args, budget=budget or Budget(), powers=powers, slice_length=slice_length)

    async def value(self, source: str, *args: Value, budget: Budget | None = None) -> Value:
        """The value of a script."""
        return (await self(source, *args, budget=budget)).value


@pytest.fixture
def run() -> Runner:
    """Runs scripts."""
    return Runner()
