"""Jobs as durable runs: what was asked for as it is kept, the run that is made of it, and what that gave.

All that is kept of a request is sealed together: what somebody changed in the database is not run.
"""

import asyncio
import hmac
import json
from collections.abc import Callable, Collection, Coroutine, Sequence
from dataclasses import asdict, dataclass
from types import FunctionType
from typing import Any

from blake3 import blake3

from mintaka.capabilities.effects import KeptEffects
from mintaka.capabilities.entities.value import EntityValue
from mintaka.capabilities.grant import Grant
from mintaka.capabilities.handles import Handles
from mintaka.capabilities.images import Image
from mintaka.capabilities.kernel import Kernel
from mintaka.capabilities.limits import MEGA
from mintaka.capabilities.references import Kind, References
from mintaka.capabilities.urgency import Urgency
from mintaka.capabilities.value import CapabilityValue
from mintaka.runtime.budget import Budget, Used
from mintaka.runtime.errors import HostFault
from mintaka.runtime.execute import Outcome
from mintaka.runtime.journal import emitted
from mintaka.runtime.powers import Emit
from mintaka.runtime.records import Json, decoded, digest, dumps, encoded, loads, unjournalable
from mintaka.runtime.values import HostObject, Value
from mintaka.server.scripts import Scripts
from mintaka.server.wire import Wire
from mintaka.storage.database import Database
from mintaka.storage.jobs import Request, SavedJob
from mintaka.storage.journal import Runs

LOOK_S = 1.0
"""Seconds between two looks whether the capabilities live that a job was given; a call sees at once if its own does."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody asks a job for."""

    script: object
    """A `Source` or a JSON form."""
    args: Sequence[Value]
    budget: Budget
    grant: Sequence[str]
    """The ids of the capabilities it may look up."""
    chosen: bool = False
    """Whether these were named one by one; the job then stops when one of them is taken back."""
    priority: int = 0


class JobRuns:
    """Runs jobs. ``key`` is 32 secret bytes, ``token_bytes(n)`` gives n random ones; ``kinds`` as in `References`."""

    def __init__(
        self,
        scripts: Scripts,
        kernel: Kernel,
        database: Database,
        wire: Wire,
        *,
        clock: Callable[[], float],
        token_bytes: Callable[[int], bytes],
        key: bytes,
        kinds: Sequence[Kind] = (),
    ) -> None:
        self._scripts = scripts
        self._kernel = kernel
        self._database = database
        self._wire = wire
        self._runs = Runs(database, clock=clock)
        self._token_bytes = token_bytes
        self._key = key
        self._kinds = kinds

    def request(self, id: str, principal: str, asked: Asked) -> Request:
        """What is kept of a request, for job ``id``. Raises HostFault for arguments that cannot be kept."""
        codec = self._codec(id, principal)
        program = self._scripts.keep(asked.script)
        budget = json.dumps(asdict(asked.budget))
        same = digest([program, list(asked.args), list(asked.grant) if asked.chosen else None, budget], _NAMES)
        unsealed = Request(
            tree=self._scripts.program(asked.script).digest(),
            program=program,
            args=dumps(encoded(list(asked.args), codec)),
            budget=budget,
            grant="",
            digest=f"{same}.{asked.priority}",
            priority=asked.priority,
        )
        grant: dict[str, Json] = {"ids": list[Json](asked.grant), "chosen": asked.chosen}
        return unsealed._replace(grant=json.dumps({**grant, "seal": self._seal(id, principal, unsealed, grant)}))

    def again(self, saved: SavedJob) -> Asked:
        """What a job was asked for. Raises HostFault ``storage_error`` where that has been changed since."""
        request, kept = saved.request, loads(saved.request.grant)
        grant = {"ids": kept["ids"], "chosen": kept["chosen"]}
        seal = self._seal(saved.id, saved.principal, request, grant)
        if not hmac.compare_digest(str(kept.get("seal")).encode(), seal.encode()):
            raise HostFault("What was kept of this job has been changed.", kind="storage_error", hint="start it again")
        args = decoded(loads(request.args), self._codec(saved.id, saved.principal))
        assert isinstance(args, list)
        return Asked(
            script=self._scripts.read_kept(request.program),
            args=args,
            budget=Budget(**loads(request.budget)),
            grant=kept["ids"],
            chosen=kept["chosen"],
            priority=request.priority,
        )

    async def run(self, saved: SavedJob, emit: Emit) -> Outcome:
        """Run a job, or go on with it where it was cut off. What its script told and nobody heard is told first."""
        asked = self.again(saved)
        grant = Grant(self._kernel, saved.principal, asked.grant, self._effects(saved.id))
        codec, journal = self._codec(saved.id, saved.principal), self._runs.journal(saved.id)
        for kind, data in emitted(journal, codec)[saved.told :]:
            emit(kind, data)
        running = self._scripts.run(
            self._scripts.program(asked.script),
            args=asked.args,
            budget=asked.budget,
            emit=emit,
            hosts={Grant: grant, Urgency: Urgency(asked.priority)},
            journal=journal,
            codec=codec,
        )
        outcome = await _while_all_live(running, grant, set(asked.grant) if asked.chosen else set())
        # A result that cannot be sent is a failure of the job, not of whoever asks for it.
        self._wire.encode_result(outcome, Handles(self._token_bytes))
        return outcome

    def keep(self, saved: SavedJob, outcome: Outcome) -> str:
        """An outcome as it is kept. Raises HostFault ``limit`` for one that is too large."""
        # pyright takes an attribute that may be a function for a method.
        value = _sendable(outcome.value)  # pyright: ignore[reportArgumentType]
        tree = encoded(value, self._codec(saved.id, saved.principal))
        return dumps({"value": tree, "used": asdict(outcome.used)})

    def outcome(self, saved: SavedJob) -> Outcome | None:
        """What a job gave. Raises HostFault ``storage_error`` where that has been changed since."""
        if saved.outcome is None:
            return None
        kept = loads(saved.outcome)
        return Outcome(decoded(kept["value"], self._codec(saved.id, saved.principal)), Used(**kept["used"]))

    def cost(self, id: str) -> float:
        """What a job has cost so far, in megapixel-steps."""
        return self._kernel.calls.compute_spent(id) / MEGA

    def published(self, id: str) -> list[dict[str, object]]:
        """What a job has published, each picture once: an endpoint passes on what it drew."""
        found: dict[str, dict[str, object]] = {}
        for call, each in self._kernel.calls.published(id):
            told: dict[str, object] = {"call": call, "asset": each.name, "width": each.width, "height": each.height}
            found.setdefault(each.name, told)
        return list(found.values())

    def ended(self, saved: SavedJob, outcome: Outcome | None = None) -> None:
        """A job is over: what its run made for itself ends with it, but for what it gave; nothing stays reserved."""
        effects = self._effects(saved.id)
        # pyright takes an attribute that may be a function for a method.
        value: Value = None if outcome is None else outcome.value  # pyright: ignore[reportAssignmentType]
        with self._database.write():
            Grant(self._kernel, saved.principal, (), effects).end(value)
            self._kernel.calls.end_run(saved.id)
            effects.forget()

    def lost(self, unfinished: Collection[str], get: Callable[[str], SavedJob | None]) -> None:
        """After a crash: end what runs of cancelled jobs left behind."""
        for run in KeptEffects.runs(self._database):
            saved = get(run)
            if saved is not None and run not in unfinished:
                self.ended(saved)

    def _codec(self, id: str, principal: str) -> References:
        return References(self._kernel, principal, id, key=self._key, kinds=self._kinds)

    def _effects(self, id: str) -> KeptEffects:
        return KeptEffects(self._database, id, key=self._key)

    def _seal(self, id: str, principal: str, request: Request, grant: Json) -> str:
        sealed = [id, principal, request.tree, request.program, request.args, request.budget, grant]
        return blake3(json.dumps(sealed, sort_keys=True).encode(), key=self._key).hexdigest(length=16)


async def _while_all_live(running: Coroutine[Any, Any, Outcome], grant: Grant, chosen: set[str]) -> Outcome:
    """Run as long as every one of the ``chosen`` capabilities lives. Raises HostFault ``no_such_capability``."""
    task = asyncio.create_task(running)
    try:
        while not chosen or chosen <= {each.id for each in grant.held()}:
            done, _ = await asyncio.wait({task}, timeout=LOOK_S if chosen else None)
            if done:
                return task.result()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    raise HostFault(
        "A capability that this job was given has been taken back, so it stopped.",
        kind="no_such_capability",
        hint="ask for the capability, then start the job again",
    )


class _Names:
    """Tells host values apart by what they are called: enough to compare requests."""

    def encode(self, value: HostObject) -> Json:
        """The id of a capability, the asset of a picture."""
        if isinstance(value, CapabilityValue):
            return value.id
        return value.asset if isinstance(value, Image) else value.type_name

    def decode(self, reference: Json) -> HostObject:
        """Refuse: a name is not the thing."""
        raise unjournalable("a name")


_NAMES = _Names()


def _sendable(value: Value) -> Value:
    """A result as it is sent: functions, and what only lives within a run, become what clients are shown of them."""
    if isinstance(value, list):
        return [_sendable(each) for each in value]
    if isinstance(value, dict):
        return {key: _sendable(each) for key, each in value.items()}
    if isinstance(value, FunctionType):
        return {"$function": True}
    if isinstance(value, HostObject) and not isinstance(value, CapabilityValue | EntityValue | Image):
        return {"$host": value.type_name}
    return value
