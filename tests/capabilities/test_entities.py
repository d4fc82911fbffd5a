"""Entities in the hands of scripts: what a verb may do, whose authority it has, and what stays whose."""

import base64
import random
import struct
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
from mintaka.capabilities.entities.space import CONTROL, CREATE, EntitySpace
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


# Properties


async def test_a_script_makes_reads_and_changes_an_entity(town: Town) -> None:
    source = """
    (let id (create.create {:name "lamp" :tags ["warm"]}))
    (let lit (control.update id {:light 5 :tags null}))
    [id (obj.get lit "light") (obj.get (entity id) "tags") (typeof lit) (obj.keys lit)]
    """
    id, *seen = await town.run("ann", source)
    assert seen == [
        5,
        None,
        "entity",
        ["id", "prototype_id", "name", "tags", "light", "location", "contents"],
    ]
    assert await town.run("ann", f'(control.unset {id} ["tags"]) (control.destroy {id})') is True
    assert (await town.fails("ann", f"(entity {id})")).kind == "no_such_capability"


async def test_what_is_in_an_entity_is_what_has_it_as_its_location(town: Town) -> None:
    source = """
    (let room (create.create {:name "room"}))
    (let box (create.create {:name "box" :location room}))
    (let coin (create.create {:name "coin" :location box}))
    (let before (obj.get (entity box) "contents"))
    (control.update coin {:location room})
    [room box coin before (obj.get (entity room) "contents") (try (control.update room {:location coin}) e e)]
    """
    room, box, coin, before, inside, refused = await town.run("ann", source)
    assert (before, inside) == ([coin], [box, coin])
    assert refused == f"entity {coin} is within {room}, or is itself"


async def test_properties_and_verbs_are_inherited_and_circles_refused(town: Town) -> None:
    id = await lamp(town, shine='(str.concat (obj.get (std.this) "name") "!")')
    source = f"""
    (let mine (create.create {{:name "mine" :prototype_id {id}}}))
    [(obj.get (entity mine) "light") (call mine "shine") (entity.prototype mine)
     (try (entity.set-prototype {id} mine) e e)]
    """
    light, shone, prototype, refused = await town.run("ann", source)
    assert (light, shone, prototype) == (5, "mine!", id)
    assert refused == f"entity {id + 1} has {id} among its prototypes, or is itself"


@pytest.mark.parametrize(
    ("properties", "kind"),
    [
        ("{:id 5}", "invalid_params"),
        ("{:contents []}", "invalid_params"),
        ('{"" 1}', "invalid_params"),
        ("{:f (lambda [] 1)}", "type"),
        ('{:text "' + "x" * 300_000 + '"}', "limit"),
        ('{:image "data:image/png;base64,AAAA"}', "bad_image"),
        ('{:image "data:image/png;base64,%%"}', "bad_image"),
        ("{:location 4711}", "no_such_capability"),
        ('{:location "here"}', "type"),
        ("{:location 1.5}", "type"),
        ("{:location (/ 1 0)}", "type"),
    ],
)
async def test_what_cannot_be_kept_is_refused(town: Town, properties: str, kind: str) -> None:
    assert (await town.fails("ann", f"(create.create {properties})")).kind == kind
    assert town.space.entities.of("ann") == []


async def test_a_value_within_itself_is_refused(town: Town) -> None:
    assert (await town.fails("ann", "(let l [1]) (list.push l l) (create.create {:l l})")).kind == "limit"


async def test_objects_with_any_keys_come_back_as_they_were(town: Town) -> None:
    source = '(let id (create.create {:a {"$" "capability" "id" "c_1"}})) (obj.get (entity id) "a")'
    assert await town.run("ann", source) == {"$": "capability", "id": "c_1"}


async def test_a_picture_that_comes_as_a_data_url_becomes_an_asset_of_its_owner(town: Town) -> None:
    png = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sIIBBBBBI", 13, b"IHDR", 64, 48, 8, 6, 0, 0, 0, 0) + b"rest"
    url = "data:image/png;base64," + base64.b64encode(png).decode()
    image = await town.run("ann", '(let id (create.create {:image (arg 0)})) (obj.get (entity id) "image")', url)
    assert (image.width, image.height, image.type_name) == (64, 48, "image")
    assert town.kernel.owns("ann", image.asset)
    assert town.space.blobs.read(image.asset) == png
    town.share("ben", CREATE)
    assert (await town.fails("ben", "(create.create {:image (arg 0)})", image)).kind == "denied"


# What pays


async def test_making_entities_is_bounded_in_number_and_in_bytes(town: Town) -> None:
    town.share("ben", CREATE, {"max_bytes": 60}, {"uses": 2, "bytes": 100})
    assert (await town.fails("ben", f'(create.create {{:a "{"x" * 90}"}})')).kind == "denied"
    first = await town.run("ben", f'(create.create {{:a "{"x" * 40}"}})')
    assert (await town.fails("ben", f'(create.create {{:a "{"x" * 50}"}})')).kind == "no_budget"
    await town.run("ben", "(create.create {})")
    assert (await town.fails("ben", "(create.create {})")).kind == "no_budget"
    assert (await town.fails("ben", f'(control.update {first} {{:b "{"x" * 50}"}})')).kind == "denied"  # max_bytes


async def test_what_makes_an_entity_larger_is_paid_by_what_it_was_made_with(town: Town) -> None:
    id = await ben_creates(town, bytes=100)
    assert (await town.fails("ben", f'(control.setVerb {id} "v" (arg 0))', f'"{"x" * 100}"')).kind == "no_budget"
    await town.run("ben", f'(control.update {id} {{:a "{"x" * 50}"}})')
    assert (await town.fails("ben", f'(control.update {id} {{:b "{"x" * 50}"}})')).kind == "no_budget"
    await town.run("ben", f'(control.unset {id} ["a"])')
    [create] = [each for each in town.kernel.given("ann") if each.type == CREATE]
    town.kernel.revoke("ann", create.id)
    refused = await town.fails("ben", f"(control.update {id} {{:b 1}})")
    assert refused.message == f"entity {id} cannot grow: the sys.create that it was made with was taken back"
    assert await town.run("ben", f"(control.destroy {id})") is True


# Whose authority


async def test_a_verb_acts_with_what_its_entity_keeps_and_not_with_what_its_caller_or_its_owner_holds(
    town: Town,
) -> None:
    id = await lamp(
        town,
        bare='(has-capability "diffusers.generate")',
        kept='[(has-capability "diffusers.generate") (typeof (obj.get (std.this) "draw"))]',
    )
    assert await town.run("ann", f'[(has-capability "diffusers.generate") (call {id} "bare")]') == [True, False]
    await town.run("ann", f'(control.update {id} {{:draw (get-capability "diffusers.generate")}})')
    assert await town.run("ann", f'(call {id} "kept")') == [True, "capability"]


async def test_a_deputy_does_not_lend_its_callers_its_own_authority(town: Town) -> None:
    """Ann's tool reads any entity it is told the number of. Ben tells it the number of Ann's diary."""
    diary = await town.run("ann", '(create.create {:name "diary" :text "secret"})')
    tool = await lamp(town, read='(obj.get (entity (arg 0)) "text")', given='(obj.get (arg 0) "name")')
    town.share("ben", CONTROL, {"entities": [tool], "methods": ["call"]})
    refused = await town.fails("ben", f'(call {tool} "read" {diary})')
    assert refused.kind == "no_such_capability"
    assert refused.message == (await town.fails("ben", f'(call {tool} "read" 4711)')).message
    assert (await town.fails("ann", f'(call {tool} "read" {diary})')).kind == "no_such_capability"  # nor for herself
    assert await town.run("ann", f'(call {tool} "given" (entity {diary}))') == "diary"


async def test_a_verb_has_of_its_callers_what_it_was_handed_and_only_for_the_call(town: Town) -> None:
    id = await lamp(
        town,
        use="(typeof (delegate (arg 0) {:max_steps 2}))",
        share='(share-capability (arg 0) "eve")',
        give='(give-capability (arg 0) "ann")',
        export="(export-capability (arg 0))",
        revoke="(revoke-capability (arg 0))",
        keep='(schedule "use" [(arg 0)] 0)',
    )
    town.share("ben", CONTROL, {"entities": [id], "methods": ["call", "read"]})
    draw = town.share("ben", "diffusers.generate")
    assert await town.run("ben", f'(call {id} "use" (arg 0))', draw) == "capability"
    assert [each.id for each in town.kernel.held("ben") if each.type == "diffusers.generate"] == [draw.id]
    for verb in ("share", "give", "export", "revoke", "keep"):
        assert (await town.fails("ben", f'(call {id} "{verb}" (arg 0))', draw)).kind == "denied"
    assert town.kernel.describe("ben", draw.id)
    assert not town.kernel.held("eve")


async def test_what_an_entity_keeps_is_seen_by_its_own_verbs_alone(town: Town) -> None:
    id = await lamp(town, mine='(typeof (obj.get (std.this) "draw"))', me="(std.this)", throw="(throw (std.this))")
    await town.run("ann", f'(control.update {id} {{:draw (get-capability "diffusers.generate")}})')
    child = await town.run("ann", f"(create.create {{:prototype_id {id}}})")
    seen = f"""
    [(obj.get (entity {id}) "draw") (call {id} "mine") (obj.get (call {id} "me") "draw")
     (obj.get (try (call {id} "throw") e e) "draw") (call {child} "mine") (obj.get (entity {child}) "draw")]
    """
    assert await town.run("ann", seen) == [None, "capability", None, None, "null", None]


async def test_a_verb_returns_no_capability_of_its_owners_to_somebody_else(town: Town) -> None:
    give = '(get-capability "diffusers.generate")'
    id = await lamp(town, give=give, wrap=f"[{{:a {give}}}]", throw=f"(throw {give})")
    await town.run("ann", f'(control.update {id} {{:draw (get-capability "diffusers.generate")}})')
    town.share("ben", CONTROL, {"entities": [id]})
    for verb in ("give", "wrap", "throw"):
        assert (await town.fails("ben", f'(call {id} "{verb}")')).kind == "denied"
    assert await town.run("ann", f'(typeof (call {id} "give"))') == "capability"


async def test_what_an_entity_keeps_dies_when_it_is_taken_back(town: Town) -> None:
    id = await lamp(town, has='(has-capability "diffusers.generate")')
    made = await town.run(
        "ann",
        f"""(let few (delegate (get-capability "diffusers.generate") {{:max_steps 2}}))
            (control.update {id} {{:draw few}}) [few (call {id} "has")]""",
    )
    assert made[1] is True
    assert await town.run("ann", f'(call {id} "has")') is True  # what is kept outlives the run that made it
    town.kernel.revoke("ann", made[0].id)
    assert await town.run("ann", f'(call {id} "has")') is False


async def test_an_entity_keeps_nothing_that_its_owner_does_not_hold(town: Town) -> None:
    id = await lamp(town)
    town.share("ben", CONTROL, {"entities": [id]})
    draw = town.share("ben", "diffusers.generate")
    assert (await town.fails("ben", f"(control.update {id} {{:draw (arg 0)}})", draw)).kind == "denied"


async def test_a_verb_makes_entities_with_a_lent_capability_for_its_caller(town: Town) -> None:
    id = await lamp(town, make='(let create (arg 0)) (create.create {:name "made"})')
    town.share("ben", CONTROL, {"entities": [id]})
    create = town.share("ben", CREATE)
    made = await town.run("ben", f'(call {id} "make" (arg 0))', create)
    assert town.space.entities.get(made).owner == "ben"


async def test_a_verb_reaches_what_it_made_and_no_other_entity_of_its_owners(town: Town) -> None:
    id = await lamp(
        town, make='(let create (get-capability "sys.create")) (obj.get (entity (create.create {:a 7})) "a")'
    )
    await town.run("ann", f"(control.update {id} {{:create create}})")
    assert await town.run("ann", f'(call {id} "make")') == 7
    other = await lamp(town, peep="(entity (arg 0))")
    source = f'(let new (create.create {{}})) (entity new) (call {other} "peep" new)'
    assert (await town.fails("ann", source)).kind == "no_such_capability"


async def test_this_and_caller_are_the_entity_and_whose_verb_called_it(town: Town) -> None:
    inner = await lamp(town, me='[(obj.get (std.this) "id") (std.caller) (std.args)]')
    outer = await lamp(town, ask='(call (arg 0) "me" 1 2)')
    this, caller, args = await town.run("ann", f'(call {outer} "ask" (entity {inner}))')
    assert (this, caller.id, args) == (inner, outer, [1, 2])
    assert await town.run("ann", f'(call {inner} "me")') == [inner, None, []]


async def test_a_verb_does_not_learn_which_entity_of_somebody_elses_called_it(town: Town) -> None:
    hers = await lamp(town, me="(std.caller)")
    town.share("ben", CONTROL, {"entities": [hers]})
    town.share("ben", CREATE)
    his = await lamp(town, "ben", ask='(call (arg 0) "me")')
    assert await town.run("ben", f'(call {his} "ask" (entity {hers}))') is None


# Who sees what


async def test_unknown_foreign_and_destroyed_entities_answer_alike(town: Town) -> None:
    hers, gone = await lamp(town), await lamp(town)
    await town.run("ann", f"(control.destroy {gone})")
    his = await ben_creates(town)
    answers = set()
    for id in (hers, gone, 4711):
        for source in (
            f"(entity {id})",
            f'(call {id} "shine")',
            f"(verbs {id})",
            f'(get-verb {id} "shine")',
            f"(control.update {id} {{:a 1}})",
            f"(control.destroy {id})",
            f'(control.setVerb {id} "a" "1")',
            f"(control.setPrototype {his} {id})",
            f"(entity.set-prototype {his} {id})",
            f"(create.create {{:location {id}}})",
        ):
            refused = await town.fails("ben", source)
            answers.add((refused.kind, refused.message, refused.hint))
    assert len(answers) == 1
    assert await town.run("ann", f'(try (entity {his}) e (obj.get (std.error) "code"))') == "no_such_capability"


async def test_control_that_was_shared_covers_what_it_names_of_its_makers_and_nothing_else(town: Town) -> None:
    one, two = await lamp(town, shine="1", hide="2"), await lamp(town)
    his = await ben_creates(town)
    cap = town.share("ben", CONTROL, {"entities": [one], "methods": ["read", "call", "update"], "verbs": ["shine"],
                                      "properties": ["light"]})  # fmt: skip
    only = [cap.id]
    assert await town.run("ben", f'(control.update {one} {{:light 7}}) (call {one} "shine")', caps=only) == 1
    assert await town.run("ben", f'(obj.get (entity {one}) "light")', caps=only) == 7
    for refused, kind in (
        (f"(control.update {one} {{:name 7}})", "denied"),
        (f"(control.update {one} {{:location null}})", "denied"),
        (f"(control.destroy {one})", "denied"),
        (f'(call {one} "hide")', "denied"),
        (f'(control.setVerb {one} "shine" "1")', "denied"),
        (f"(entity {two})", "no_such_capability"),
        (f"(entity {his})", "no_such_capability"),
    ):
        assert (await town.fails("ben", refused, caps=only)).kind == kind


async def test_control_that_was_given_away_still_covers_what_is_its_makers(town: Town) -> None:
    his = await ben_creates(town)
    root = town.held("ben", CONTROL)
    town.kernel.give("ben", root.id, "eve")
    assert await town.run("eve", f'(obj.get (entity {his}) "name")') == "his"
    assert (await town.fails("ben", f"(entity {his})", caps=[])).kind == "no_such_capability"


async def test_control_of_a_namespace_covers_what_is_made_in_it(town: Town) -> None:
    create = town.share("ben", CREATE, {"namespace": "game.npc"})
    inside = await town.run("ben", '(create.create {} {:namespace "game.npc.elf"})', caps=[create.id])
    plain = await town.run("ben", "(create.create {})", caps=[create.id])
    assert [town.space.entities.get(id).namespace for id in (inside, plain)] == ["game.npc.elf", "game.npc"]
    assert (await town.fails("ben", '(create.create {} {:namespace "game"})', caps=[create.id])).kind == "denied"
    assert (
        await town.fails("ben", '(create.create {} {:namespace "a..b"})', caps=[create.id])
    ).kind == "invalid_params"
    narrow = town.kernel.delegate("ben", town.held("ben", CONTROL).id, Terms({"namespace": "game.npc.elf"}))
    assert await town.run("ben", f'(obj.get (entity {inside}) "id")', caps=[narrow.id]) == inside
    assert (await town.fails("ben", f"(entity {plain})", caps=[narrow.id])).kind == "no_such_capability"


async def test_calls_by_others_count_as_uses_and_end_with_the_capability(town: Town) -> None:
    id = await lamp(town, shine="1")
    cap = town.share("ben", CONTROL, {"entities": [id]}, {"uses": 2})
    assert await town.run("ben", f'(let e (entity {id})) [(e.shine) (call e "shine")]') == [1, 1]
    assert (await town.fails("ben", f'(call {id} "shine")')).kind == "no_budget"
    assert [each.data["method"] for each in town.kernel.audit() if each.cap == cap.id and "method" in each.data] == [
        "call",
        "call",
    ]
    town.kernel.revoke("ann", cap.id)
    assert (await town.fails("ben", f'(call {id} "shine")')).kind == "no_such_capability"


async def test_an_entity_in_hand_is_good_for_as_long_as_what_it_was_reached_by(town: Town) -> None:
    id = await lamp(town, shine="1")
    few = town.kernel.delegate("ann", town.held("ann", CONTROL).id)
    source = f'(let e (entity {id})) (revoke-capability (get-capability "{CONTROL}")) (e.shine)'
    assert (await town.fails("ann", source, caps=[few.id])).kind == "no_such_capability"


# Running verbs


async def test_values_cross_as_copies_and_functions_not_at_all(town: Town) -> None:
    id = await lamp(town, change="(list.push (arg 0) 9) (arg 0)", give="(lambda [] 1)")
    assert await town.run("ann", f'(let l [1]) [(call {id} "change" l) l]') == [[1, 9], [1]]
    assert (await town.fails("ann", f'(call {id} "change" (lambda [] 1))')).kind == "type"
    assert (await town.fails("ann", f'(call {id} "give")')).kind == "type"


async def test_an_endless_verb_is_stopped_on_its_callers_budget(town: Town) -> None:
    id = await lamp(
        town, spin="(while true null)", bounce='(call (std.this) "bounce")', work="(for i (list.range 0 500) i)"
    )
    with pytest.raises(ScriptError) as spent:
        await town.outcome("ann", f'(try (call {id} "spin") e 1)', budget=Budget(fuel=50_000))
    assert spent.value.kind == "fuel"
    with pytest.raises(ScriptError) as deep:
        await town.outcome("ann", f'(try (call {id} "bounce") e 1)')
    assert deep.value.kind == "depth"
    alone = (await town.outcome("ann", f'(call {id} "work")')).used.fuel
    twice = (await town.outcome("ann", f'(call {id} "work") (call {id} "work")')).used.fuel
    assert alone > 500
    assert twice > 2 * alone - 100


async def test_a_verb_uses_its_callers_memory_and_calls(town: Town) -> None:
    id = await lamp(town, fill="(let l []) (while true (list.push l (list.range 0 1000)))")
    with pytest.raises(ScriptError) as full:
        await town.outcome("ann", f'(call {id} "fill")', budget=Budget(memory=1 << 20))
    assert full.value.kind == "memory"
    with pytest.raises(ScriptError) as most:
        await town.outcome("ann", f'(call {id} "a") (call {id} "a")', budget=Budget(calls=1))
    assert most.value.kind == "method_not_found"
    id = await lamp(town, a="1")
    with pytest.raises(ScriptError) as most:
        await town.outcome("ann", f'(call {id} "a") (call {id} "a")', budget=Budget(calls=1))
    assert most.value.kind == "no_budget"


async def test_an_error_in_a_verb_is_an_error_of_the_call(town: Town) -> None:
    id = await lamp(town, fail='\n\n(throw {:why "no oil"})', wrong="(+ 1 (arg 0))")
    error = await town.fails("ann", f'\n(call {id} "fail")')
    assert (error.kind, error.op, error.data["line_within"]) == ("thrown", "call", 3)
    assert error.line == len(START.splitlines()) + 2
    assert await town.run("ann", f'(try (call {id} "fail") e (obj.get e "why"))') == "no oil"
    assert (await town.fails("ann", f'(call {id} "wrong" "x")')).kind == "type"
    near = await town.fails("ann", f'(call {id} "fial")')
    assert near.message == f"entity {id} has no verb `fial` — did you mean `fail`?"


async def test_a_verb_that_waits_and_one_that_works_on_many_things_at_once(town: Town) -> None:
    id = await lamp(
        town, double="(* 2 (arg 0))", all='(let me (std.this)) (par.map (arg 0) (lambda [n] (call me "double" n)))'
    )
    assert await town.run("ann", f'(call {id} "all" [1 2 3])') == [2, 4, 6]
    assert await town.run("ann", f'(par.map [4 5] (lambda [n] (call {id} "double" n)))') == [8, 10]


async def test_a_timeout_around_a_call_holds_within_it(town: Town) -> None:
    id = await lamp(town, spin="(while true null)")
    refused = await town.fails("ann", f'(with-timeout 0 (call {id} "spin"))')
    assert refused.kind == "deadline"


async def test_what_a_verb_sends_is_told_to_whom_it_runs_for(town: Town) -> None:
    id = await lamp(town, say='(send "message" (str.concat "hello " (arg 0)))')
    await town.run("ann", f'(call {id} "say" "you")')
    assert town.events == [("log", {"text": "hello you", "type": "message"})]


async def test_verbs_can_be_listed_read_and_taken_away(town: Town) -> None:
    id = await lamp(town, b="1", a="2")
    assert await town.run("ann", f"(verbs {id})") == [{"name": "a", "entity_id": id}, {"name": "b", "entity_id": id}]
    assert await town.run("ann", f'(get-verb {id} "a")') == {"name": "a", "entity_id": id, "source": "2"}
    assert await town.run(
        "ann", f'[(control.removeVerb {id} "a") (control.removeVerb {id} "a") (get-verb {id} "a")]'
    ) == [
        True,
        False,
        None,
    ]
    assert (await town.fails("ann", f'(control.setVerb {id} "" "1")')).kind == "invalid_params"
    assert (await town.fails("ann", f'(control.setVerb {id} "a" (arg 0))', " " * 70_000)).kind == "limit"


# Scheduling


async def test_a_verb_schedules_verbs_of_its_own_entity(town: Town) -> None:
    id = await lamp(
        town,
        tick='(schedule "tick" [1 {:a (arg 0)}] 5000)',
        wrong='(schedule "tock" [] 0)',
        soon='(schedule "tick" [] 0)',
    )
    await town.run("ann", f'(call {id} "tick" 2) (call {id} "soon")')
    now = town.clock()
    assert [(each.verb, each.args, each.due - now) for each in town.space.agenda.of(id)] == [
        ("tick", "[]", 1.0),
        ("tick", '[1,{"a":2}]', 5.0),
    ]
    assert (await town.fails("ann", f'(call {id} "wrong")')).kind == "method_not_found"
    assert (await town.fails("ann", '(schedule "tick" [] 0)')).kind == "invalid_params"


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        ('(schedule "a" [] -1)', "invalid_params"),
        ('(schedule "a" [] (/ 0 0))', "invalid_params"),
        (f'(schedule "a" ["{"x" * 5000}"] 1)', "limit"),
        ('(schedule "a" [(lambda [] 1)] 1)', "type"),
    ],
)
async def test_what_cannot_be_scheduled_is_refused(town: Town, call: str, kind: str) -> None:
    id = await lamp(town, a=call)
    assert (await town.fails("ann", f'(call {id} "a")')).kind == kind
    assert town.space.agenda.next() is None
