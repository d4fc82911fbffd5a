"""The words scripts have for entities."""

from typing import cast

from mintaka.capabilities.effects import Done
from mintaka.capabilities.entities.keeping import Keeper
from mintaka.capabilities.entities.kept import text
from mintaka.capabilities.entities.looking import observed
from mintaka.capabilities.entities.space import CONTROL, EntitySpace
from mintaka.capabilities.entities.value import EntityValue, entity_number, entity_value
from mintaka.capabilities.failures import told
from mintaka.capabilities.grant import Grant
from mintaka.capabilities.value import CapabilityValue
from mintaka.runtime.errors import HostFault
from mintaka.runtime.ops import op
from mintaka.runtime.run import Run
from mintaka.runtime.values import HostObject, Value

SOONEST_MS = 1_000
"""The least delay of what is scheduled, in milliseconds: a shorter one is taken for this."""

LATEST_MS = 10 * 366 * 24 * 3_600_000
"""The longest, ten years."""

MOST_ARGUMENTS = 4_096
"""Bytes of JSON of the arguments of what is scheduled."""


@op("entity", label="entity", category="Entities")
def entity(run: Run, id: float) -> HostObject:
    """The entity of a number, as far as this run holds an `entity.control` of it. `(obj.get it "name")` reads it.

    > (let create (get-capability "sys.create"))
      (let id (create.create {:name "lamp"}))
      (obj.get (entity id) "name")
    "lamp"
    """
    return entity_value(run, entity_number(id))


@op("call", label="call verb", category="Entities")
def call(run: Run, target: Value, verb: str, *args: Value) -> Value:
    """Run a verb of an entity, which may be named by its number; what the verb gives.

    It runs with what the entity keeps, not with what this run holds; what it shall have of yours is an argument.

    > (let create (get-capability "sys.create"))
      (let id (create.create {:name "lamp"}))
      (let control (get-capability "entity.control"))
      (control.setVerb id "shine" "(str.concat (obj.get (std.this) \\"name\\") (arg 0))")
      (call id "shine" "!")
    "lamp!"
    """
    return run.call_method(_found(run, target, "call", verbs=verb), verb, list(args))


@op("entity.verb", label="run verb", category="Entities")
def run_verb(run: Run, entity: Value, verb: str, args: list[Value] | None = None) -> Value:
    """Run a verb of an entity as `call` does, with its arguments in a list.

    > (let create (get-capability "sys.create"))
      (let id (create.create {}))
      (let control (get-capability "entity.control"))
      (control.setVerb id "add" "(+ (arg 0) (arg 1))")
      (entity.verb id "add" [1 2])
    3
    """
    return run.call_method(_found(run, entity, "call", verbs=verb), verb, list(args or []))


@op("verbs", label="verbs", category="Entities")
def verbs(run: Run, target: Value) -> list[Value]:
    """The verbs of an entity, inherited ones included: `{name entity_id}` each, the entity that it is written on.

    > (let create (get-capability "sys.create"))
      (let id (create.create {}))
      (let control (get-capability "entity.control"))
      (control.setVerb id "wait" "null")
      (list.map (verbs id) (lambda [verb] (obj.get verb "name")))
    ["wait"]
    """
    found = _found(run, target)
    told_of = observed(run, f"verbs of {found.id}", lambda: {"verbs": [_named(*each) for each in _verbs(found)]})
    listed = cast(list[Value], told_of["verbs"])
    run.build(len(listed))
    return listed


@op("get_verb", label="get verb", category="Entities")
def get_verb(run: Run, target: Value, name: str) -> dict[str, Value] | None:
    """A verb of an entity, `{name entity_id source}`, or null where it has none of that name.

    > (let create (get-capability "sys.create"))
      (let id (create.create {}))
      (let control (get-capability "entity.control"))
      (control.setVerb id "wait" "null")
      (obj.get (get-verb id "wait") "source")
    "null"
    """
    found = _found(run, target)

    def read() -> dict[str, Value]:
        named = {each[0]: each for each in _verbs(found)}
        return {"verb": {**_named(*named[name]), "source": named[name][2]} if name in named else None}

    verb = cast("dict[str, Value] | None", observed(run, f"verb {name} of {found.id}", read)["verb"])
    run.build(0 if verb is None else len(str(verb["source"])))
    return verb


@op("entity.prototype", label="prototype", category="Entities")
def prototype(run: Run, target: Value) -> int | None:
    """The number of what an entity inherits from; null where it inherits from nothing.

    > (let create (get-capability "sys.create"))
      (let id (create.create {}))
      (entity.prototype id)
    null
    """
    return _found(run, target).entity.prototype


@op("get_prototype", label="get prototype", category="Entities")
def get_prototype(run: Run, target: Value) -> int | None:
    """The number of what an entity inherits from, as `entity.prototype` gives it.

    > (let create (get-capability "sys.create"))
      (let id (create.create {}))
      (get-prototype id)
    null
    """
    return prototype(run, target)


@op("entity.set_prototype", label="set prototype", category="Entities")
def set_prototype(run: Run, target: Value, prototype: Value) -> bool:
    """Let an entity inherit properties and verbs from another, or from none, by an `entity.control` that covers both.

    > (let create (get-capability "sys.create"))
      (let lamp (create.create {:light 5}))
      (let mine (create.create {}))
      (entity.set-prototype mine lamp)
      (obj.get (entity mine) "light")
    5
    """
    id = entity_number(target)
    grant, space = run.host(Grant), run.host(EntitySpace)
    found = observed(run, f"control of {id}", lambda: {"cap": space.reached(grant, id, "setPrototype")[1].id})
    control = CapabilityValue(grant.kernel, grant.holder, found["cap"], CONTROL)
    return bool(run.call_method(control, "setPrototype", [id, prototype]))


@op("resolve_props", label="all properties", category="Entities")
def resolve_props(run: Run, target: Value) -> dict[str, Value]:
    """Everything an entity shows as an object of its own: its properties, inherited ones included, `id` and the like.

    > (let create (get-capability "sys.create"))
      (let id (create.create {:name "lamp"}))
      (obj.get (resolve-props id) "name")
    "lamp"
    """
    fields = dict(_found(run, target).fields())
    run.build(2 * len(fields))
    return fields


@op("schedule", label="schedule", category="Entities")
def schedule(run: Run, verb: str, args: list[Value], delay: float) -> None:
    """In a verb: let a verb of the same entity be run after `delay` milliseconds, at least a second, with `args`.

    It runs once, also after the server was restarted, with what the entity keeps, and is its own caller.

    > (let create (get-capability "sys.create"))
      (let id (create.create {}))
      (let control (get-capability "entity.control"))
      (control.setVerb id "tick" "(schedule \\"tick\\" [] 60000)")
      (call id "tick")
    null
    """
    this = run.powers.this
    if not isinstance(this, EntityValue):
        raise HostFault(
            "this script belongs to no entity", kind="invalid_params", hint="schedule from a verb of an entity"
        )
    if not 0 <= delay <= LATEST_MS:
        raise HostFault(f"a delay is from 0 to {LATEST_MS} milliseconds", kind="invalid_params")
    keeper = Keeper(this.kernel, this.entity.owner)
    kept = text(keeper.keep(args))
    if len(kept) > MOST_ARGUMENTS or keeper.pictures:
        raise HostFault(
            f"the arguments of what is scheduled are at most {MOST_ARGUMENTS} bytes of JSON",
            kind="limit",
            hint="keep them in a property of the entity",
        )

    def add(_: list[Value]) -> Value:
        if this.space.entities.verb(this.id, verb) is None:
            raise HostFault(f"entity {this.id} has no verb `{verb}` to be run", kind="method_not_found")
        due = run.powers.clock() + max(delay, SOONEST_MS) / 1000

        def act() -> Done:
            this.space.agenda.add(this.id, verb, kept, due)
            return Done()

        this.space.once(run, act, keeper.capabilities)
        this.space.wake()
        return None

    run.perform_at_once("schedule", [verb, list(args), delay], add)


def _found(run: Run, target: Value, method: str = "read", **asked: object) -> EntityValue:
    if isinstance(target, EntityValue):
        return target
    return entity_value(run, entity_number(target), method, **asked)


def _verbs(found: EntityValue) -> list[tuple[str, int, str]]:
    found.now("read")
    with told():
        return [(each.name, each.entity, each.source) for each in found.space.entities.verbs(found.id)]


def _named(name: str, entity: int, source: str) -> dict[str, Value]:
    return {"name": name, "entity_id": entity}
