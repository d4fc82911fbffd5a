"""The type ``entity.control``: the power to change entities, to read them and to run their verbs."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from mintaka.capabilities.effects import Done
from mintaka.capabilities.entities.keeping import Keeper, property_names
from mintaka.capabilities.entities.kept import text
from mintaka.capabilities.entities.restrictions import ControlRestrictions
from mintaka.capabilities.entities.space import CONTROL, CREATE, EntitySpace, covers
from mintaka.capabilities.entities.value import EntityValue, Way, entity_number
from mintaka.capabilities.failures import told
from mintaka.capabilities.kernel import Kernel
from mintaka.capabilities.registry import Effect, capability, method
from mintaka.capabilities.use import Use
from mintaka.library.entities import Entity, Json
from mintaka.library.errors import no_such_entity
from mintaka.runtime.errors import HostFault

MOST_SOURCE = 64 << 10
"""Characters of a verb."""

Target = Annotated[object, "The entity, or its number"]
VerbName = Annotated[str, "The verb's name"]


@capability(CONTROL, label="Control entities", restrictions=ControlRestrictions)
class Control:
    """Change entities of whoever made it: what it is narrowed to, or all they own.

    Besides its methods it permits `read`, which is to look an entity up, and `call`, which is to run its verbs. Whoever
    may write the verbs of an entity may use the capabilities that the entity keeps.
    """

    def __init__(self, entity_space: EntitySpace) -> None:
        self._space = entity_space

    @method(effects=Effect.WRITES, label="Destroy")
    async def destroy(self, use: Use, target: Target) -> bool:
        """End an entity, its verbs and what it has scheduled. What is in it comes to be where it was."""
        entity = self._covered(use, target)
        self._change(use, entity, lambda: self._space.entities.destroy(entity.id))
        return True

    @method(effects=Effect.WRITES, label="Update", errors=("limit", "bad_image", "storage_error", "storage_full"))
    async def update(
        self,
        use: Use,
        target: Target,
        updates: Annotated[dict[str, Any], "Properties to set; with `location`, where it shall be"],
    ) -> EntityValue:
        """Set properties of an entity, and leave the others as they are; the entity.

        Where it becomes larger, the `sys.create` that it was made with pays for the bytes.
        """
        entity, changes = self._covered(use, target), dict(updates)
        for name in changes:
            use.permit(properties=name)
        moves, location = "location" in changes, changes.pop("location", None)
        place = None if location is None else self._covered(use, location).id
        keeper = Keeper(use.kernel, entity.owner)
        kept = keeper.keep(property_names(changes))
        assert isinstance(kept, dict)
        growth = _bytes({**entity.own, **kept}) - _bytes(entity.own) + keeper.picture_bytes

        def change() -> None:
            if kept:
                self._space.entities.update(entity.id, kept, (), size=_size(entity, growth))
            if moves:
                self._space.entities.move(entity.id, place)

        self._change(use, entity, change, growth, keeper)
        return self._value(use, entity.id)

    @method(effects=Effect.WRITES, label="Unset properties")
    async def unset(self, use: Use, target: Target, names: Annotated[list[Any], "Names of properties"]) -> EntityValue:
        """Take properties of its own from an entity, which then has what its prototype has; the entity."""
        entity = self._covered(use, target)
        for name in names:
            if not isinstance(name, str):
                raise HostFault("the names of properties are texts", kind="invalid_params")
            use.permit(properties=name)
        left = {name: value for name, value in entity.own.items() if name not in names}
        size = _size(entity, _bytes(left) - _bytes(entity.own))
        self._change(use, entity, lambda: self._space.entities.update(entity.id, {}, names, size=size))
        return self._value(use, entity.id)

    @method(effects=Effect.WRITES, label="Set the prototype")
    async def set_prototype(
        self, use: Use, target: Target, prototype: Annotated[object, "The entity to inherit from, or null"]
    ) -> bool:
        """Let an entity inherit properties and verbs from another, or from none."""
        entity = self._covered(use, target)
        above = None if prototype is None else self._covered(use, prototype).id
        self._change(use, entity, lambda: self._space.entities.set_prototype(entity.id, above))
        return True

    @method(effects=Effect.WRITES, label="Write a verb", errors=("limit", "script_rejected", "unknown_op"))
    async def set_verb(
        self, use: Use, target: Target, name: VerbName, source: Annotated[str, "A script, in text"]
    ) -> bool:
        """Write a verb of an entity, in place of its own of that name. The bytes are paid as those of `update` are."""
        entity = self._covered(use, target)
        use.permit(verbs=name)
        if not 0 < len(name) <= 200:
            raise HostFault("the name of a verb has 1 to 200 characters", kind="invalid_params")
        if len(source) > MOST_SOURCE:
            raise HostFault(f"a verb has at most {MOST_SOURCE} characters", kind="limit", hint="let it call others")
        self._space.compile(source)
        growth = len(source.encode()) - self._own_verb(entity, name)
        size = _size(entity, growth)
        self._change(use, entity, lambda: self._space.entities.set_verb(entity.id, name, source, size=size), growth)
        return True

    @method(effects=Effect.WRITES, label="Remove a verb")
    async def remove_verb(self, use: Use, target: Target, name: VerbName) -> bool:
        """Take a verb of its own from an entity; whether it had one of that name."""
        entity = self._covered(use, target)
        use.permit(verbs=name)
        size = _size(entity, -self._own_verb(entity, name))
        return bool(self._change(use, entity, lambda: self._space.entities.remove_verb(entity.id, name, size=size)))

    def _change(
        self,
        use: Use,
        entity: Entity,
        change: Callable[[], bool | None],
        growth: int = 0,
        keeper: Keeper | None = None,
    ) -> Json:
        """Change an entity, as one use of the capability; what ``change`` gives."""

        def act() -> Done:
            asked = {"entities": entity.id, "namespace": entity.namespace or ""}
            with use.admitted(asked, {"uses": 1}):
                if growth > 0 or (keeper is not None and keeper.pictures):
                    self._pay(use.kernel, entity, growth, keeper)
                return Done(change())

        return self._space.once(use.run, act, () if keeper is None else keeper.capabilities)

    def _pay(self, kernel: Kernel, entity: Entity, growth: int, keeper: Keeper | None) -> None:
        """What makes an entity larger is paid, in bytes, by the capability that it was made with.

        So what may be stored is bounded by who let it be made, however it comes to grow.
        """
        asked = {"max_bytes": entity.size + growth, "namespace": entity.namespace or ""}
        try:
            admission = kernel.calls.admit(entity.owner, entity.maker, "create", asked, {"bytes": max(0, growth)})
        except HostFault as fault:
            if fault.kind != "no_such_capability":
                raise
            raise HostFault(
                f"entity {entity.id} cannot grow: the {CREATE} that it was made with was taken back",
                kind="denied",
                hint="make it smaller, or make a new one",
            ) from None
        kernel.calls.settle(admission, {}, [] if keeper is None else keeper.publish(self._space.blobs))

    def _covered(self, use: Use, target: object) -> Entity:
        """The entity that is named, if the capability in hand is one over it."""
        id = entity_number(target)
        with told():
            entity = self._space.entities.get(id)
            if not covers(use.held, entity):
                raise no_such_entity()
        return entity

    def _own_verb(self, entity: Entity, name: str) -> int:
        """Bytes of the entity's own verb of a name."""
        found = self._space.entities.verb(entity.id, name)
        return len(found.source.encode()) if found is not None and found.entity == entity.id else 0

    def _value(self, use: Use, id: int) -> EntityValue:
        way = Way(use.held.holder, use.held.id)
        return EntityValue(self._space, use.kernel, self._space.get(id), way)


def _size(entity: Entity, growth: int) -> int:
    return max(0, entity.size + growth)


def _bytes(properties: Mapping[str, Json]) -> int:
    return len(text(dict(properties)))
