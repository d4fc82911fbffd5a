"""Entities in the hands of scripts: what they hold, what they cost, and who sees what."""

import base64
import struct

import pytest

from mintaka.capabilities.entities.space import CONTROL, CREATE
from mintaka.capabilities.terms import Terms
from tests.capabilities.town import Town, ben_creates, lamp

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
