from random import Random
from typing import Any

import pytest

from mintaka.capabilities import ops
from mintaka.capabilities.grant import Grant
from mintaka.capabilities.handles import Handles
from mintaka.capabilities.images import Image
from mintaka.capabilities.terms import Terms
from mintaka.capabilities.value import CapabilityValue
from mintaka.runtime.errors import ArityError, HostFault, TypeFault
from mintaka.runtime.ops import OpTable

GENERATE = "diffusers.generate"


def kind_of(refused: Any) -> str:
    with pytest.raises(HostFault) as caught:
        refused()
    return caught.value.kind


async def test_a_run_finds_only_what_it_was_granted(world: Any) -> None:
    draw, small = world.root(), world.narrow(world.root(), {"max_width": 64})
    found = ops.get_capability(world.run(small), GENERATE)
    assert isinstance(found, CapabilityValue)
    assert found.id == small.id
    assert ops.get_capability(world.run(small), "sys.mint") is None
    assert ops.get_capability(world.run(), GENERATE) is None
    assert ops.get_capability(world.run(draw, small), GENERATE).id == draw.id  # type: ignore[union-attr]
    assert ops.has_capability(world.run(small), GENERATE)
    assert not ops.has_capability(world.run(small), "sys.mint")


async def test_what_was_revoked_is_no_longer_found(world: Any) -> None:
    small = world.narrow(world.root())
    run = world.run(small)
    world.kernel.revoke("ann", small.id)
    assert ops.get_capability(run, GENERATE) is None


async def test_a_filter_picks_by_label_or_id_and_nothing_else(world: Any) -> None:
    draw = world.root()
    named = world.kernel.delegate("ann", draw.id, Terms(label="small"))
    run = world.run(draw, CapabilityValue(world.kernel, "ann", named.id, GENERATE))
    for filter in ({"label": "small"}, {"id": named.id}):
        assert ops.get_capability(run, GENERATE, filter).id == named.id  # type: ignore[arg-type, union-attr]
    assert ops.get_capability(run, GENERATE, {"label": "large"}) is None
    assert kind_of(lambda: ops.get_capability(run, GENERATE, {"*": True})) == "invalid_params"
    with pytest.raises(TypeFault):
        ops.get_capability(run, GENERATE, {"label": 5})


async def test_a_script_narrows_and_mints_with_what_it_holds(world: Any) -> None:
    draw, power = world.root(), world.root("sys.mint")
    run = world.run(draw, power)
    small = ops.delegate(run, draw, {"max_width": 64}, {"uses": 1})
    assert small.describe().to_json()["restrictions"] == {"max_width": 64}  # type: ignore[attr-defined]
    minted = ops.mint(run, power, GENERATE, {"max_steps": 3}, {"compute": 5})
    assert minted.describe().to_json()["limits"] == {"compute": 5}  # type: ignore[attr-defined]
    called = await power.call(run, "mint", [GENERATE, {"max_steps": 2}])
    assert called.describe().to_json()["restrictions"] == {"max_steps": 2}
    with pytest.raises(TypeFault, match="takes a capability first, not image"):
        ops.delegate(run, Image("0" * 64, 1, 1))


async def test_what_a_run_made_ends_with_it_unless_it_was_handed_out(world: Any) -> None:
    draw = world.root()
    run = world.run(draw)
    lost = ops.delegate(run, draw, {"max_width": 8})
    middle = ops.delegate(run, draw, {"max_width": 64})
    kept = ops.delegate(run, middle, {"max_steps": 5})
    beside = ops.delegate(run, middle, {"max_steps": 6})
    result: list[Any] = [1, {"kept": kept}]
    result.append(result)
    run.host(Grant).end(result)
    living = {held.id for held in world.kernel.held("ann")}
    assert {draw.id, middle.id, kept.id} <= living  # type: ignore[attr-defined]
    assert not {lost.id, beside.id} & living  # type: ignore[attr-defined]


async def test_a_grant_lists_what_lives_in_its_own_order(world: Any) -> None:
    draw, small = world.root(), world.narrow(world.root())
    grant = Grant(world.kernel, "ann", [small.id, "c_unknown", draw.id])
    grant.end()
    assert [held.id for held in grant.held()] == [small.id, draw.id]


async def test_a_grant_of_somebody_elses_capability_is_empty(world: Any) -> None:
    assert list(Grant(world.kernel, "bob", [world.root().id]).held()) == []


async def test_a_capability_is_opaque(world: Any) -> None:
    draw = world.root()
    assert draw.type_name == "capability"
    assert dict(draw.fields()) == {}
    assert "h_" not in repr(draw)


async def test_an_image_shows_what_it_is(world: Any) -> None:
    image = Image("a" * 64, 3, 2, seed=5, notes=("drawn",), made_with={"prompt": "a"})
    shown = {"asset": "a" * 64, "width": 3, "height": 2, "format": "png", "seed": 5, "notes": ["drawn"]}
    assert image.type_name == "image"
    assert image.fields() == shown
    assert await image.call(world.run(), "metadata", []) == {**shown, "made_with": {"prompt": "a"}}
    with pytest.raises(ArityError):
        await image.call(world.run(), "metadata", [1])


async def test_a_handle_means_something_in_its_own_session_only(world: Any) -> None:
    bits = Random(1)
    mine, theirs = Handles(bits.randbytes), Handles(bits.randbytes)
    draw = world.root()
    handle = mine.issue(draw)
    assert len(handle) == len("h_") + 32
    assert mine.issue(draw) == handle
    assert mine.resolve(handle) is draw
    assert theirs.issue(draw) != handle
    for wrong in ("h_" + "0" * 32, draw.id, None, 5, ["h_"], {"$cap": handle}):
        assert kind_of(lambda wrong=wrong: mine.resolve(wrong)) == "no_such_capability"
    assert kind_of(lambda: theirs.resolve(handle)) == "no_such_capability"


async def test_the_words_are_in_the_table_of_ops() -> None:
    table = OpTable.of(ops)
    making = {"get_capability", "has_capability", "mint", "delegate", "revoke_capability"}
    handing_on = {"share_capability", "give_capability", "export_capability", "redeem_capability"}
    assert {op.name for op in table} >= making | handing_on
    for op in table:
        assert op.description
        assert op.category == "Capabilities"
