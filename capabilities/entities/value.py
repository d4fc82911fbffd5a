"""An entity in a script's hands: what it was when it was looked up, and its verbs.

A verb is a deputy: somebody calls it, it acts. If it acted with all that its owner holds, it could be talked into what
its owner never meant; with what its caller holds, it could do what its caller never meant. So a verb

* looks up capabilities among those that **this entity keeps** in properties of its own, and nowhere else;
* has of its caller's only what it was handed as an argument, for the time of the call: what it was lent it can neither
  keep nor hand on;
* returns no capability of its owner's to somebody else. For that there is `share_capability`, which can be taken back.
"""

import difflib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from mintaka.capabilities.effects import Done
from mintaka.capabilities.entities.kept import capabilities_kept, shown
from mintaka.capabilities.entities.looking import observed, record, recorded
from mintaka.capabilities.entities.space import CONTROL, EntitySpace, covers
from mintaka.capabilities.failures import told
from mintaka.capabilities.grant import Grant
from mintaka.capabilities.kernel import Kernel
from mintaka.capabilities.references import Kind
from mintaka.capabilities.value import CapabilityValue
from mintaka.library.entities import Entity
from mintaka.library.errors import no_such_entity
from mintaka.runtime.errors import HostFault, Thrown, TypeFault
from mintaka.runtime.nested import handed, run_within
from mintaka.runtime.powers import Powers
from mintaka.runtime.records import Json
from mintaka.runtime.values import HostObject, Scripted, Value

if TYPE_CHECKING:
    from mintaka.runtime.run import Run


@dataclass(frozen=True, slots=True)
class Way:
    """What an entity was reached by: the ``entity.control`` called ``control`` that ``holder`` holds."""

    holder: str
    control: str


@dataclass(frozen=True, slots=True, eq=False)
class EntityValue(Scripted):
    """An entity as it was when it was looked up.

    It shows its properties and runs its verbs, which is all that whoever was handed one can do with it; to change it
    takes an ``entity.control``. It is good for as long as what it was reached by.
    """

    space: EntitySpace
    kernel: Kernel
    entity: Entity
    way: Way | None
    """None for one that was handed over by a verb, or is in the hands of its own."""
    itself: bool = False
    """Whether it is in the hands of its own verb, which alone sees the capabilities that it keeps."""

    @property
    def id(self) -> int:
        """Its number."""
        return self.entity.id

    @property
    def type_name(self) -> str:
        """``entity``."""
        return "entity"

    def fields(self) -> Mapping[str, Value]:
        """Its properties, inherited ones included; its number, its prototype's, where it is and what is in it."""
        entity = self.entity
        inherited = {name: shown(tree, _hidden) for name, tree in entity.inherited.items()}
        own = {name: shown(tree, self._kept if self.itself else _hidden) for name, tree in entity.own.items()}
        return {
            "id": entity.id,
            "prototype_id": entity.prototype,
            **inherited,
            **own,
            "location": entity.location,
            "contents": list[Value](entity.contents),
        }

    def handed_over(self) -> "EntityValue":
        """The same in somebody else's hands."""
        return replace(self, itself=False)

    def now(self, method: str, **asked: object) -> Entity:
        """The entity as it is now, if ``method`` may still be done to it by the way it was reached.

        Raises `HostFault` no_such_capability, denied.
        """
        entity = self.space.get(self.id)
        if self.way is not None:
            held = self.kernel.describe(self.way.holder, self.way.control)
            with told():
                if not covers(held, entity):
                    raise no_such_entity()
            held.restrictions.permit(CONTROL, {"methods": method, **asked})
        return entity

    def run_method(self, run: "Run", method: str, args: list[Value]) -> Value:
        """Run the verb of that name.

        Raises `HostFault` (no_such_capability, denied, method_not_found) and what the verb itself fails with.
        """
        found = observed(run, f"verb {self.id} {method}", lambda: self._found(method))
        entity = recorded(found["entity"])
        if self.way is not None and self.way.holder != entity.owner:
            self._charge(run, self.way, entity, method)
        program = self.space.compile(found["source"])
        outer = run.host(Grant)
        inner = Grant(self.kernel, entity.owner, capabilities_kept(entity.own), outer.effects)
        given = [handed(run, arg, _lent) for arg in args]
        try:
            result = run_within(run, program, self._powers(run, entity, inner), given)
        except Thrown as thrown:
            thrown.value = handed(run, thrown.value, lambda host: self._returned(host, outer))
            raise
        return handed(run, result, lambda host: self._returned(host, outer))

    def _found(self, name: str) -> dict[str, Any]:
        """The entity and the text of a verb, as they are now."""
        entity = self.now("call", verbs=name)
        with told():
            verbs = {each.name: each for each in self.space.entities.verbs(entity.id)}
        if name in verbs:
            return {"entity": record(entity), "source": verbs[name].source}
        near = difflib.get_close_matches(name, verbs, n=1)
        hint = f"did you mean `{near[0]}`?" if near else "it has " + (", ".join(verbs) or "none")
        raise HostFault(f"entity {entity.id} has no verb `{name}` — {hint}", kind="method_not_found", hint=hint)

    def _charge(self, run: "Run", way: Way, entity: Entity, verb: str) -> None:
        """What somebody else's control of an entity is used for counts as a use of it, and is in the audit log."""
        asked = {"entities": entity.id, "namespace": entity.namespace or "", "verbs": verb}

        def use(args: list[Value]) -> Value:
            admission = self.kernel.calls.admit(way.holder, way.control, "call", asked, {"uses": 1}, run.effect)
            if not admission.settled:
                self.kernel.calls.settle(admission, {})
            return None

        run.perform_at_once("entity call", [entity.id, verb], use)

    def _powers(self, run: "Run", entity: Entity, grant: Grant) -> Powers:
        caller = run.powers.caller or run.powers.this
        known = isinstance(caller, EntityValue) and caller.entity.owner == entity.owner
        return replace(
            run.powers,
            hosts={**run.powers.hosts, Grant: grant},
            this=EntityValue(self.space, self.kernel, entity, None, itself=True),
            caller=caller.handed_over() if known and isinstance(caller, EntityValue) else None,
        )

    def _returned(self, host: HostObject, caller: Grant) -> HostObject:
        """What a caller gets of an object in a verb's result."""
        if isinstance(host, EntityValue) and host.id == self.id:
            return replace(host, way=self.way, itself=False)  # what it had already, and no more
        if isinstance(host, CapabilityValue) and caller.lent(host):
            raise HostFault(
                "a verb cannot return a capability of its owner's to somebody else",
                kind="denied",
                hint="let it use the capability itself, or share it with whoever calls",
            )
        return _lent(host)

    def _kept(self, id: str, type: str) -> Value:
        return CapabilityValue(self.kernel, self.entity.owner, id, type)


def entity_kind(space: EntitySpace, kernel: Kernel) -> Kind:
    """How entities are kept in the journals of durable runs: as they were when they were looked up."""

    def to_json(value: EntityValue) -> Json:
        way = None if value.way is None else asdict(value.way)
        return {"entity": record(value.entity), "way": way, "itself": value.itself}

    def from_json(of: Any) -> EntityValue:
        way = None if of["way"] is None else Way(**of["way"])
        return EntityValue(space, kernel, recorded(of["entity"]), way, of["itself"])

    return Kind("entity", EntityValue, to_json, from_json)


def entity_value(run: "Run", id: int, method: str = "read", **asked: object) -> EntityValue:
    """Entity ``id``, as this run can reach it to do ``method`` to it.

    Raises `HostFault` no_such_capability, denied.
    """
    space, grant, this = run.host(EntitySpace), run.host(Grant), run.powers.this

    def read() -> dict[str, Any]:
        if isinstance(this, EntityValue) and this.id == id:
            return {"entity": record(this.now(method)), "control": None}
        try:
            entity, held = space.reached(grant, id, method, **asked)
        except HostFault:
            control = made_here(run, id)
            if control is None:
                raise
            return {"entity": record(space.get(id)), "control": control}
        return {"entity": record(entity), "control": held.id}

    found = observed(run, f"entity {id}", read)
    entity, control = recorded(found["entity"]), found["control"]
    if control is None:
        return EntityValue(space, grant.kernel, entity, None, itself=True)
    return EntityValue(space, grant.kernel, entity, Way(grant.holder, control))


def made(run: "Run", id: int, control: str) -> Done:
    """That this run made entity ``id``, which ``control``, an ``entity.control``, covers."""
    return Done({"entity": id, "control": control, "by": _belongs_to(run)})


def made_here(run: "Run", id: int) -> str | None:
    """What covers an entity that was made in this run by the script at hand, or by another verb of its entity."""
    for done in run.host(Grant).effects.all():
        if isinstance(done.value, dict) and done.value.get("entity") == id and done.value["by"] == _belongs_to(run):
            return str(done.value["control"])
    return None


def _belongs_to(run: "Run") -> int | None:
    this = run.powers.this
    return this.id if isinstance(this, EntityValue) else None


def entity_number(given: object) -> int:
    """The number of an entity that a script or a client names: by itself, by number, or as clients are shown it."""
    if isinstance(given, EntityValue):
        return given.id
    number = given.get("id") if isinstance(given, dict) else given
    if isinstance(number, bool) or not isinstance(number, int | float) or not 0 <= number < 2**31:
        raise TypeFault("an entity is named by itself or by its number")
    if number != int(number):
        raise TypeFault("the number of an entity is whole")
    return int(number)


def _lent(host: HostObject) -> HostObject:
    """What a verb gets of an object among its arguments."""
    return host.handed_over() if isinstance(host, EntityValue) else host


def _hidden(id: str, type: str) -> Value:
    """What others than the entity itself see of a capability that it keeps."""
    return None
