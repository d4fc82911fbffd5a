"""A town of principals with entities, for tests of what those are and of what their verbs may do."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from mintaka import stdlib
from mintaka.capabilities import ops as capability_ops
from mintaka.capabilities.diffusion.generate import Generate
from mintaka.capabilities.entities import ops as entity_ops
from mintaka.capabilities.entities.control import Control
from mintaka.capabilities.entities.creating import Create
from mintaka.capabilities.entities.space import CREATE, EntitySpace
from mintaka.capabilities.grant import Grant
from mintaka.capabilities.kernel import Kernel
from mintaka.capabilities.minting import Mint
from mintaka.capabilities.registry import Registry
from mintaka.capabilities.terms import Terms
from mintaka.capabilities.value import CapabilityValue
from mintaka.lang.parser import parse
from mintaka.library.agenda import Agenda
from mintaka.library.entities import Entities
from mintaka.runtime.budget import Budget
from mintaka.runtime.compiler import compile_tree
from mintaka.runtime.errors import ScriptError
from mintaka.runtime.execute import Outcome, execute
from mintaka.runtime.ops import OpTable
from mintaka.runtime.powers import Powers
from mintaka.runtime.values import Value

OPS = OpTable.of(*stdlib.modules, capability_ops, entity_ops)

START = """
(let create (get-capability "sys.create"))
(let control (get-capability "entity.control"))
"""


@dataclass
class Town:
    """Several principals with entities, and the events of their runs."""

    kernel: Kernel
    space: EntitySpace
    clock: Any
    events: list[tuple[str, Mapping[str, object]]] = field(default_factory=list)

    async def outcome(
        self, who: str, source: str, *args: Value, caps: list[str] | None = None, budget: Budget | None = None
    ) -> Outcome:
        """Run a script of somebody's, with all that they hold or with ``caps``."""
        held = [each.id for each in self.kernel.held(who)] if caps is None else caps
        grant = Grant(self.kernel, who, held)
        emit = lambda kind, data: self.events.append((kind, data))  # noqa: E731
        powers = Powers(self.clock, random.Random(1), emit, {Grant: grant, EntitySpace: self.space})
        outcome = None
        try:
            program = compile_tree(parse(START + source), OPS)
            outcome = await execute(program, args=args, budget=budget or Budget(), powers=powers)
        finally:
            grant.end(None if outcome is None else outcome.value)  # type: ignore[arg-type]
        return outcome

    async def run(self, who: str, source: str, *args: Value, caps: list[str] | None = None) -> Any:
        return (await self.outcome(who, source, *args, caps=caps)).value

    async def fails(self, who: str, source: str, *args: Value, caps: list[str] | None = None) -> ScriptError:
        with pytest.raises(ScriptError) as caught:
            await self.run(who, source, *args, caps=caps)
        return caught.value

    def held(self, who: str, type: str) -> CapabilityValue:
        held = next(each for each in self.kernel.held(who) if each.type == type)
        return CapabilityValue(self.kernel, who, held.id, type)

    def share(self, to: str, type: str, restrictions: object = None, limits: object = None) -> CapabilityValue:
        cap = self.held("ann", type)
        shared = self.kernel.share("ann", cap.id, to, Terms(restrictions, limits))
        return CapabilityValue(self.kernel, to, shared.id, type)


@pytest.fixture
def town(world: Any) -> Town:
    space = EntitySpace(
        world.database,
        Entities(world.database),
        Agenda(world.database),
        world.blobs,
        lambda source: compile_tree(parse(source), OPS),
    )
    bits = random.Random(3)
    behind = world.kernel.registry.object("diffusers.generate")
    assert isinstance(behind, Generate)
    registry = Registry([Mint(), behind, Create(space), Control(space)])
    kernel = Kernel(world.database, registry, clock=world.clock, token_bytes=bits.randbytes, key=bytes(range(32)))
    kernel.bootstrap("ann")
    for name in ("ben", "eve"):
        kernel.introduce(name)
    return Town(kernel, space, world.clock)


async def lamp(town: Town, who: str = "ann", **verbs: str) -> int:
    """An entity of somebody's with some verbs."""
    made: int = await town.run(who, '(create.create {:name "lamp" :light 5})')
    for name, source in verbs.items():
        await town.run(who, f"(control.setVerb {made} {name!r} (arg 0))".replace("'", '"'), source)
    return made


async def ben_creates(town: Town, **limits: int) -> int:
    """Ben, who may make entities, makes one."""
    town.share("ben", CREATE, None, limits or None)
    made: int = await town.run("ben", '(create.create {:name "his"})')
    return made
