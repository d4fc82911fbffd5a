"""Capabilities where they are used: in scripts, through the words and the method calls of the language."""

from typing import Any

import pytest

from mintaka import stdlib
from mintaka.capabilities import ops as capability_ops
from mintaka.capabilities.grant import Grant
from mintaka.capabilities.images import Image
from mintaka.capabilities.metadata import Metadata
from mintaka.lang.parser import parse
from mintaka.runtime.budget import Budget
from mintaka.runtime.compiler import compile_tree
from mintaka.runtime.errors import HostFault
from mintaka.runtime.execute import execute
from mintaka.runtime.ops import OpTable
from mintaka.runtime.powers import Powers

OPS = OpTable.of(*stdlib.modules, capability_ops)


async def run(world: Any, source: str, *held: Any) -> Any:
    grant = Grant(world.kernel, "ann", [each.id for each in held])
    powers = Powers(world.clock, world.random, lambda kind, data: world.events.append((kind, data)), {Grant: grant})
    outcome = await execute(compile_tree(parse(source), OPS), budget=Budget(), powers=powers)
    grant.end(outcome.value)
    return outcome.value


async def test_a_script_takes_the_power_to_draw_and_uses_it(world: Any) -> None:
    source = '(let draw (get-capability "diffusers.generate")) (draw.textToImage "a red heart" {:seed 7})'
    image = await run(world, source, world.root())
    assert isinstance(image, Image)
    assert image.seed == 7


async def test_a_script_hands_on_less_than_it_has(world: Any) -> None:
    source = """
    (let draw (get-capability "diffusers.generate"))
    (let small (delegate draw {:allowed_models ["alpha"] :max_width 128 :max_height 128} {:compute 5}))
    (small.textToImage "a blue house" {:seed 5})
    """
    image = await run(world, source, world.root())
    assert (image.width, image.height) == (128, 96)
    wide = source.replace("{:seed 5}", "{:width 256}")
    with pytest.raises(HostFault) as caught:
        await run(world, wide, world.root())
    assert (caught.value.kind, caught.value.data["restriction"]) == ("denied", "max_width")


async def test_a_script_without_the_capability_has_null(world: Any) -> None:
    assert await run(world, '(get-capability "diffusers.generate")') is None
    assert await run(world, '(has-capability "diffusers.generate")') is False


async def test_a_refusal_can_be_caught_and_read(world: Any) -> None:
    source = """
    (let draw (get-capability "diffusers.generate"))
    (try (draw.textToImage "a" {:widht 5}) e e)
    """
    assert "did you mean `width`" in await run(world, source, world.root())


async def test_a_script_mints_and_gives_the_capability_back(world: Any) -> None:
    source = """
    (let power (get-capability "sys.mint"))
    (mint power "diffusers.generate" {:max_steps 3} {:uses 2})
    """
    minted = await run(world, source, world.root("sys.mint"))
    assert minted.describe().restrictions.to_json() == {"max_steps": 3}


async def test_what_a_script_only_used_itself_is_gone_when_it_ends(world: Any) -> None:
    root = world.root()
    before = {held.id for held in world.kernel.held("ann")}
    source = """
    (let draw (get-capability "diffusers.generate"))
    (let small (delegate draw {:max_width 64}))
    (small.textToImage "a" {})
    """
    await run(world, source, root)
    assert {held.id for held in world.kernel.held("ann")} == before


async def test_every_example_in_the_metadata_runs_as_it_stands(world: Any) -> None:
    narrow = world.narrow(world.root(), {"max_width": 32, "seed": [30, 40], "allowed_models": ["beta"]})
    [told] = Metadata(world.kernel.registry).listing([narrow.describe()])
    examples = [example for each in told["methods"] for example in each["examples"]]
    assert len(examples) == 8
    for example in examples:
        assert await run(world, example, narrow) is not None


async def test_what_a_script_shares_outlives_it_and_can_be_taken_back_by_another(world: Any) -> None:
    world.kernel.introduce("bob")
    source = """
    (let draw (get-capability "diffusers.generate"))
    (let small (delegate draw {:max_width 64}))
    (share-capability small "bob" {:max_height 64})
    null
    """
    root = world.root()
    await run(world, source, root)
    [held] = world.kernel.held("bob")
    assert held.restrictions.to_json() == {"max_height": 64, "max_width": 64}
    assert held.issuer == "ann"
    source = """
    (let draw (get-capability "diffusers.generate"))
    (revoke-capability (share-capability draw "bob"))
    """
    assert await run(world, source, root) == 1


async def test_what_a_script_gives_away_it_holds_no_longer(world: Any) -> None:
    world.kernel.introduce("bob")
    source = """
    (let small (delegate (get-capability "diffusers.generate") {:max_width 64}))
    (give-capability small "bob")
    (try (small.textToImage "a" {}) message (obj.get (error) "code"))
    """
    assert await run(world, source, world.root()) == "no_such_capability"
    assert len(world.kernel.held("bob")) == 1


async def test_a_script_makes_a_link_that_another_redeems(world: Any) -> None:
    world.kernel.introduce("bob")
    token = await run(
        world, '(export-capability (get-capability "diffusers.generate") {:max_width 64} {:uses 1})', world.root()
    )
    redeemed = world.kernel.redeem("bob", token)
    assert (redeemed.holder, redeemed.issuer, redeemed.left) == ("bob", "ann", {"uses": 1})
    assert await run(world, f'(obj.keys (redeem-capability "{token}"))') == []


async def test_somebody_unknown_can_be_given_nothing(world: Any) -> None:
    with pytest.raises(HostFault, match="nobody is called `eve`"):
        await run(world, '(share-capability (get-capability "diffusers.generate") "eve")', world.root())
