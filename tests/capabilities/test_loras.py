"""LoRAs as scripts use them: asked of the engine, restricted, listed and told in the metadata."""

import json
from pathlib import Path
from typing import Any

import pytest

from mintaka.capabilities.metadata import Metadata
from mintaka.engine.requests import Lora
from mintaka.runtime.errors import HostFault, ScriptError, TypeFault

STACK = [{"name": "storybook", "weight": 0.5}, {"name": "ink"}]


@pytest.fixture(autouse=True)
def loras(tmp_path: Path) -> None:
    folder = tmp_path / "models" / "lora"
    folder.mkdir(parents=True)
    for name in ("storybook", "ink", "secret"):
        (folder / f"{name}.safetensors").write_bytes(b"not opened here")


async def refused(call: Any) -> ScriptError:
    with pytest.raises(ScriptError) as caught:
        await call
    return caught.value


async def draw(world: Any, cap: Any, **options: object) -> Any:
    return await cap.call(world.run(), "textToImage", ["a heart", options])


async def test_a_stack_comes_to_the_engine_and_is_told_with_what_made_the_picture(world: Any) -> None:
    image = await draw(world, world.root(), loras=STACK)
    assert world.engine.asked[-1].loras == (Lora("storybook", 0.5), Lora("ink", 1.0))
    made = (await image.call(world.run(), "metadata", []))["made_with"]
    assert made["args"][-1]["loras"] == [{"name": "storybook", "weight": 0.5}, {"name": "ink", "weight": 1.0}]
    await world.root().call(world.run(), made["method"], made["args"])
    assert world.engine.asked[-1].loras == world.engine.asked[-2].loras
    assert (
        "loras"
        not in (await (await draw(world, world.root())).call(world.run(), "metadata", []))["made_with"]["args"][-1]
    )


@pytest.mark.parametrize(
    ("allowed", "asked", "ok"),
    [
        (["storybook", "ink"], STACK, True),
        (["storybook"], STACK, False),
        ([], STACK, False),
        ([], None, True),
        ([], [], True),
        (["ink"], [{"name": "nothing"}], False),
    ],
)
async def test_only_loras_that_are_allowed_can_be_used(world: Any, allowed: Any, asked: Any, ok: bool) -> None:
    cap = world.narrow(world.root(), {"allowed_loras": allowed})
    if ok:
        await draw(world, cap, loras=asked)
    else:
        refusal = await refused(draw(world, cap, loras=asked))
        assert isinstance(refusal, HostFault)
        assert refusal.kind == "denied"
        assert "`allowed_loras`" in refusal.message
        assert "secret" not in refusal.message


@pytest.mark.parametrize(
    "wrong",
    [["storybook"], [{"weight": 1}], [{"name": "ink", "weight": "much"}], [{"name": "ink", "scale": 1}], [{"name": 1}]],
)
async def test_what_is_no_stack_is_refused_with_the_form(world: Any, wrong: Any) -> None:
    refusal = await refused(draw(world, world.root(), loras=wrong))
    assert isinstance(refusal, HostFault)
    assert (refusal.kind, refusal.data) == ("invalid_params", {"option": "loras"})
    assert isinstance(await refused(draw(world, world.root(), loras="ink")), TypeFault)
    assert world.engine.asked == []


async def test_who_may_use_one_lora_does_not_learn_which_others_there_are(world: Any) -> None:
    narrow = world.narrow(world.root(), {"allowed_loras": ["ink"]})
    assert [each["name"] for each in await narrow.call(world.run(), "loras", [])] == ["ink"]
    assert [each["name"] for each in await world.root().call(world.run(), "loras", [])] == [
        "ink",
        "secret",
        "storybook",
    ]
    told = Metadata(world.kernel.registry).document([narrow.describe()])
    assert "secret" not in json.dumps(told)
    [found] = [each for each in told["types"].values() if "GenerateOptions" in each["options"]]
    option = found["options"]["GenerateOptions"]["properties"]["loras"]
    assert option["type"] == "array"
    assert option["items"]["properties"]["name"]["enum"] == ["ink"]
    assert option["narrowed"]["by"] == "allowed_loras"


async def test_the_list_of_loras_is_told_once_for_all_options(world: Any) -> None:
    told = Metadata(world.kernel.registry).document([world.root().describe()])
    [found] = [each for each in told["types"].values() if "GenerateOptions" in each["options"]]
    reference = found["options"]["GenerateOptions"]["properties"]["loras"]["items"]["properties"]["name"]["$ref"]
    assert told["$defs"][reference.removeprefix("#/$defs/")]["enum"] == ["ink", "secret", "storybook"]
