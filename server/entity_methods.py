"""Entities over the wire, as ViwoScript's clients ask for them: ``execute get_entities get_verb update_verb login``."""

from collections.abc import Iterator
from typing import Any, ClassVar

from pydantic import Field

from mintaka.capabilities.entities.space import CONTROL, CREATE, EntitySpace
from mintaka.capabilities.entities.value import EntityValue, Way
from mintaka.capabilities.failures import told
from mintaka.capabilities.grant import Grant
from mintaka.capabilities.kernel import Kernel
from mintaka.capabilities.value import CapabilityValue
from mintaka.library.entities import Entity
from mintaka.library.errors import no_such_entity
from mintaka.runtime.errors import HostFault, ScriptError
from mintaka.runtime.values import Value
from mintaka.server.connection import Caller, Reply
from mintaka.server.errors import Fault, Kind
from mintaka.server.methods import Params, rpc_method
from mintaka.server.present import Present
from mintaka.server.script_methods import ScriptMethods
from mintaka.server.sessions import Session
from mintaka.server.wire import Wire

OK = {"status": "ok"}


class EntitiesParams(Params):
    """Which entities."""

    ids: list[int] = Field(max_length=1000, description="Their numbers")


class EntityParams(Params):
    """Which entity."""

    entityId: int = Field(description="Its number")  # noqa: N815 - the name is the clients'


class VerbParams(EntityParams):
    """Which verb of which entity."""

    name: str


class UpdateVerbParams(VerbParams):
    """A verb and its new text."""

    source: str


class ExecuteParams(Params):
    """A verb of whatever is at hand, and its arguments."""

    rest: ClassVar[str | None] = "args"

    verb: str
    args: list[Any] = Field(default_factory=list)


class RunVerbParams(Params):
    """A verb of an entity, and its arguments."""

    entity: Any = Field(description="The entity or its number")
    verb: str
    args: list[Any] = Field(default_factory=list)


class ListParams(Params):
    """Which part of a list."""

    after: int = Field(default=0, ge=0, description="The number of the last entity known")
    count: int = Field(default=100, ge=1, le=1000)


class EntityMethods:
    """Looking at entities, writing their verbs and running them. A principal has at most one that stands for them."""

    def __init__(
        self, space: EntitySpace, kernel: Kernel, scripts: ScriptMethods, present: Present, wire: Wire
    ) -> None:
        self._space = space
        self._kernel = kernel
        self._scripts = scripts
        self._present = present
        self._wire = wire

    @rpc_method("entities.list")
    async def list_entities(self, caller: Caller, params: ListParams) -> Reply:
        """Your own entities by number: `{id prototype_id …}` each, as `get_entities` tells them."""
        session = caller.session
        with told():
            ids = self._space.entities.of(session.principal, params.after, params.count)
        return Reply(self._shown(caller, ids))

    @rpc_method("get_entities")
    async def get_entities(self, caller: Caller, params: EntitiesParams) -> Reply:
        """Entities by number, `{id prototype_id …}` with their properties; those you cannot reach are left out."""
        return Reply({"entities": self._shown(caller, params.ids)})

    @rpc_method("get_verb")
    async def get_verb(self, caller: Caller, params: VerbParams) -> Reply:
        """The text of a verb that an entity has or inherits."""
        self._space.reached(self._scripts.grant(caller.session), params.entityId, "read")
        with told():
            verb = self._space.entities.verb(params.entityId, params.name)
        if verb is None:
            raise Fault(Kind.METHOD_NOT_FOUND, f"Entity {params.entityId} has no verb `{params.name}`.")
        return Reply({"source": verb.source})

    @rpc_method("update_verb")
    async def update_verb(self, caller: Caller, params: UpdateVerbParams) -> Reply:
        """Write a verb of an entity, in place of its own of that name; refused where it is no script."""
        session = caller.session
        grant = self._scripts.grant(session)
        _, held = self._space.reached(grant, params.entityId, "setVerb", verbs=params.name)
        control = CapabilityValue(self._kernel, session.principal, held.id, CONTROL)
        args: list[Value] = [control, "setVerb", params.entityId, params.name, params.source]
        await self._scripts.run_op(session, "std.call_method", args, self._present.at(caller.connection))
        return Reply(OK)

    @rpc_method("entity.verb")
    async def run_verb(self, caller: Caller, params: RunVerbParams) -> Reply:
        """Run a verb of an entity; what it gives. What it sends on the way are notifications."""
        session = caller.session
        args: list[Value] = [self._wire.decode(each, session.handles) for each in params.args]
        target = self._wire.decode(params.entity, session.handles)
        return await self._run(caller, [target, params.verb, args])

    @rpc_method("execute")
    async def execute(self, caller: Caller, params: ExecuteParams) -> Reply:
        """Run a verb of what is at hand: your own entity, where it is, what is there, what it carries.

        `whoami`, `look` and `inventory` are there for everybody. What a verb sends are notifications; what it gives is
        not told.
        """
        session = caller.session
        player = await self._player(caller)
        at_hand = [] if player is None else list(self._at_hand(player))
        with told():
            found = next((id for id in at_hand if self._space.entities.verb(id, params.verb) is not None), None)
        if found is not None:
            args: list[Value] = [self._wire.decode(each, session.handles) for each in params.args]
            await self._run(caller, [found, params.verb, args])
        elif params.verb == "whoami":
            self._tell_player(caller, player)
        elif params.verb == "look":
            self._update(caller, [] if player is None else self._around(player))
        elif params.verb == "inventory":
            self._update(caller, [] if player is None else [player.id, *player.contents])
        else:
            raise Fault(Kind.METHOD_NOT_FOUND, f"There is nothing here that has a verb `{params.verb}`.")
        return Reply(OK)

    @rpc_method("login")
    async def login(self, caller: Caller, params: EntityParams) -> Reply:
        """Say that you are the entity that stands for you, which gives you nothing; any other answers as unknown."""
        player = await self._player(caller)
        if player is None or player.id != params.entityId:
            with told():
                raise no_such_entity()
        self._tell_player(caller, player)
        return Reply({"playerId": player.id, **OK})

    async def _run(self, caller: Caller, args: list[Value]) -> Reply:
        session = caller.session
        player = self._player_of(session)
        emit = self._present.at(caller.connection)
        me = None if player is None else EntityValue(self._space, self._kernel, player, None)
        outcome = await self._scripts.run_op(session, "entity.verb", args, emit, me)
        return Reply(self._wire.encode_result(outcome, session.handles, binary=caller.binary))

    def _player_of(self, session: Session) -> Entity | None:
        with told():
            id = self._space.entities.player(session.principal)
            return None if id is None else self._space.entities.get(id)

    async def _player(self, caller: Caller) -> Entity | None:
        """The entity that stands for the caller, made if they may make one; None where they may not."""
        session = caller.session
        player = self._player_of(session)
        if player is not None:
            return player
        create = self._scripts.grant(session).find(CREATE)
        if create is None:
            return None
        args: list[Value] = [create, "create", {"name": session.principal}]
        try:
            made = await self._scripts.run_op(session, "std.call_method", args, self._present.at())
        except ScriptError as error:
            if error.kind not in ("no_budget", "denied"):
                raise
            return None
        with told():
            assert isinstance(made.value, int)
            self._space.entities.set_player(session.principal, made.value)
        return self._player_of(session)

    def _at_hand(self, player: Entity) -> Iterator[int]:
        yield player.id
        if player.location is not None:
            yield player.location
            yield from (id for id in self._space.get(player.location).contents if id != player.id)
        yield from player.contents

    def _around(self, player: Entity) -> list[int]:
        """The place where somebody is and what is there, or themselves where they are nowhere."""
        if player.location is None:
            return [player.id]
        return [player.location, *self._space.get(player.location).contents]

    def _update(self, caller: Caller, ids: list[int]) -> None:
        caller.connection.notify("update", {"entities": self._shown(caller, ids)})

    def _tell_player(self, caller: Caller, player: Entity | None) -> None:
        if player is not None:
            caller.connection.notify("player_id", {"playerId": player.id})
            if player.location is not None:
                caller.connection.notify("room_id", {"roomId": player.location})

    def _shown(self, caller: Caller, ids: list[int]) -> list[object]:
        """Those of these entities that the caller reaches, as clients see them."""
        session = caller.session
        grant: Grant = self._scripts.grant(session)
        shown = []
        for id in ids:
            try:
                entity, held = self._space.reached(grant, id, "read")
            except HostFault:
                continue
            value = EntityValue(self._space, self._kernel, entity, Way(session.principal, held.id))
            shown.append(self._wire.encode(value, session.handles, binary=caller.binary))
        return shown
