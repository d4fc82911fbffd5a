"""Running what entities have scheduled, when it is due."""

import asyncio
import contextlib
import json

from mintaka.capabilities.entities.kept import shown
from mintaka.capabilities.entities.space import EntitySpace
from mintaka.capabilities.entities.value import EntityValue
from mintaka.capabilities.grant import Grant
from mintaka.capabilities.kernel import Kernel
from mintaka.capabilities.value import CapabilityValue
from mintaka.library.agenda import Due
from mintaka.library.entities import Entity
from mintaka.runtime.budget import Budget
from mintaka.runtime.errors import HostFault
from mintaka.runtime.values import Value
from mintaka.server.faults import Faults
from mintaka.server.powers import ServerPowers
from mintaka.server.present import Present
from mintaka.server.scripts import Scripts

BUDGET = Budget(fuel=20_000_000, deadline_s=300.0, calls=200)
"""What a run that was scheduled may use."""

AT_ONCE = 8
"""How many run at the same time; of one owner, one."""

LOOK_AGAIN_S = 60.0
"""How long is waited at most without a look at the clock, which may be set."""


class Errands:
    """Runs what is due, one thing of an owner at a time, until `stop`."""

    def __init__(
        self,
        space: EntitySpace,
        kernel: Kernel,
        scripts: Scripts,
        present: Present,
        faults: Faults,
        powers: ServerPowers,
    ) -> None:
        self._space = space
        self._kernel = kernel
        self._scripts = scripts
        self._present = present
        self._faults = faults
        self._powers = powers
        self._awake = asyncio.Event()
        self._running: dict[str, asyncio.Task[None]] = {}
        self._loop: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, with what became due while nobody ran it."""
        self._loop = asyncio.create_task(self._go())

    async def stop(self) -> None:
        """Cancel what runs, and take nothing more."""
        tasks = [task for task in (self._loop, *self._running.values()) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def wake(self) -> None:
        """Something was scheduled, or has ended."""
        self._awake.set()

    async def _go(self) -> None:
        while True:
            self._awake.clear()
            while len(self._running) < AT_ONCE and self._begin():
                pass
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._pause()):
                    await self._awake.wait()

    def _begin(self) -> bool:
        """Begin what has been due for longest; whether there was something."""
        due = self._space.agenda.take(self._powers.clock(), list(self._running))
        if due is None:
            return False
        try:
            entity = self._space.get(due.entity)
        except HostFault:  # it was destroyed in this very moment
            return True
        self._running[entity.owner] = asyncio.create_task(self._run(due, entity))
        return True

    def _pause(self) -> float:
        """Seconds until there may be something to do."""
        if len(self._running) >= AT_ONCE:
            return LOOK_AGAIN_S
        next = self._space.agenda.next(list(self._running))
        return LOOK_AGAIN_S if next is None else min(LOOK_AGAIN_S, max(0.0, next - self._powers.clock()))

    async def _run(self, due: Due, entity: Entity) -> None:
        try:
            await self._call(due, entity)
        except Exception as error:  # whatever failed: it ends this run alone, and its owner is told in their terms
            told = self._faults.tell(error)
            where = f"The verb `{due.verb}` of entity {entity.id}, which was scheduled, failed: "
            self._present.fault(entity.owner, where + str(told["message"]))
        finally:
            del self._running[entity.owner]
            self.wake()

    async def _call(self, due: Due, entity: Entity) -> None:
        # What let the entity be made pays for what it does unasked: nothing goes on after it was taken back.
        self._kernel.describe(entity.owner, entity.maker)
        itself = EntityValue(self._space, self._kernel, entity, None)

        def kept(id: str, type: str) -> Value:
            return CapabilityValue(self._kernel, entity.owner, id, type)

        args = [shown(tree, kept) for tree in json.loads(due.args)]
        program = self._scripts.program(["entity.verb", ["std.arg", 0], ["std.arg", 1], ["std.arg", 2]])
        grant = Grant(self._kernel, entity.owner, ())
        try:
            await self._scripts.run(
                program,
                args=[itself, due.verb, args],
                budget=BUDGET,
                emit=self._present.of(entity.owner),
                hosts={Grant: grant},
                caller=itself,
            )
        finally:
            grant.end()
