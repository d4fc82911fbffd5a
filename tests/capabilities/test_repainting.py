"""The type ``diffusers.inpaint``: what its methods ask of the engine, and what they refuse."""

import base64
import io
import json
from typing import Any

import pytest
from PIL import Image as Pillow

from mintaka.capabilities.metadata import Metadata
from mintaka.engine.requests import Fill, Inpaint, Outpaint
from mintaka.runtime.errors import HostFault, ScriptError, TypeFault
from tests.capabilities.test_scripts_that_hold_capabilities import run


def picture(width: int = 48, height: int = 32, colour: str = "white") -> str:
    out = io.BytesIO()
    Pillow.new("RGB", (width, height), colour).save(out, "PNG")
    return base64.b64encode(out.getvalue()).decode()


async def test_a_part_of_a_picture_is_asked_for_at_the_pictures_size(world: Any) -> None:
    cap = world.root("diffusers.inpaint")
    image = await cap.call(
        world.run(),
        "inpaint",
        [
            picture(),
            picture(),
            "a red heart",
            # As the front end of ViwoScript writes them.
            {
                "guidance_scale": 7.5,
                "model_id": "beta",
                "num_inference_steps": 5,
                "strength": 0.6,
                "prompt_2": "a star",
                "negative_prompt_2": "blue",
                "max_compute": 100,
                "seed": 3,
            },
        ],
    )
    asked = world.engine.asked[-1]
    assert isinstance(asked, Inpaint)
    assert (asked.image, asked.mask) == (base64.b64decode(picture()), base64.b64decode(picture()))
    assert (asked.width, asked.height, asked.strength, asked.steps, asked.model) == (48, 32, 0.6, 5, "beta")
    assert (asked.feather, asked.only_masked, asked.padding, asked.fill) == (8, False, 32, Fill.ORIGINAL)
    assert (asked.prompt_2, asked.negative_prompt_2) == ("a star", "blue")
    assert (image.width, image.height, image.seed) == (48, 32, 3)


async def test_options_of_repainting_come_to_the_engine_in_either_case(world: Any) -> None:
    options = {"onlyMasked": True, "padding": 4, "feather": 0, "fill": "blur", "batch": 2, "seed": 5}
    cap = world.root("diffusers.inpaint")
    images = await cap.call(world.run(), "inpaint", [picture(), picture(), "a", options])
    asked = world.engine.asked[-1]
    assert (asked.only_masked, asked.padding, asked.feather, asked.fill) == (True, 4, 0, Fill.BLUR)
    assert [each.seed for each in images] == [5, 6]
    made = (await images[1].call(world.run(), "metadata", []))["made_with"]
    assert (made["type"], made["args"][3]["seed"], made["args"][3]["fill"]) == ("diffusers.inpaint", 6, "blur")


async def test_a_model_made_for_it_is_preferred_and_used_for_nothing_else(world: Any, models: Any) -> None:
    [folder] = models.roots
    index = folder / "gamma" / "model_index.json"
    index.parent.mkdir()
    unet = ["diffusers", "UNet2DConditionModel"]
    index.write_text(json.dumps({"_class_name": "StableDiffusionInpaintPipeline", "unet": unet}))
    await world.root("diffusers.inpaint").call(world.run(), "inpaint", [picture(), picture(), "a"])
    assert world.engine.asked[-1].model == "gamma"
    narrow = world.narrow(world.root(), {"allowed_models": ["gamma"]})
    with pytest.raises(ScriptError, match="none of the models that may be used is there"):
        await narrow.call(world.run(), "textToImage", ["a"])


@pytest.mark.parametrize(
    ("direction", "pixels", "edges"),
    [
        ("left", 16, (16, 0, 0, 0)),
        ("bottom", 16.0, (0, 0, 0, 16)),
        ({"left": 8, "top": 4.0}, 16, (8, 0, 4, 0)),
        ({"right": True, "top": 2}, 16, (0, 16, 2, 0)),
    ],
)
async def test_a_picture_is_continued_at_the_edges_that_are_named(
    world: Any, direction: object, pixels: float, edges: tuple[int, int, int, int]
) -> None:
    cap = world.root("diffusers.inpaint")
    image = await cap.call(world.run(), "outpaint", [picture(), direction, pixels, "a red heart"])
    asked = world.engine.asked[-1]
    assert isinstance(asked, Outpaint)
    assert (asked.left, asked.right, asked.top, asked.bottom) == edges
    assert (image.width, image.height) == (48 + edges[0] + edges[1], 32 + edges[2] + edges[3])
    assert asked.overlap == 64
    made = (await image.call(world.run(), "metadata", []))["made_with"]
    again = await cap.call(world.run(), made["method"], [picture(), *made["args"][1:]])
    assert again.asset == image.asset


@pytest.mark.parametrize(
    ("direction", "said"),
    [("up", "there is no edge “up”"), ({"left": -1}, "at the left 0 to"), ({"left": "8"}, "at the left 0 to")],
)
async def test_an_edge_that_is_none_is_refused_in_words(world: Any, direction: object, said: str) -> None:
    with pytest.raises(HostFault, match=said) as caught:
        await world.root("diffusers.inpaint").call(world.run(), "outpaint", [picture(), direction, 16, "a"])
    assert caught.value.kind == "invalid_params"


async def test_a_direction_that_is_no_text_and_no_object_is_of_the_wrong_type(world: Any) -> None:
    with pytest.raises(TypeFault, match=r"`direction` of diffusers.inpaint.outpaint takes text or an object, not a"):
        await world.root("diffusers.inpaint").call(world.run(), "outpaint", [picture(), 5, 16, "a"])


async def test_a_fill_that_is_none_is_refused_with_those_there_are(world: Any) -> None:
    with pytest.raises(HostFault, match="there is no fill “red”; there are original, noise, blur"):
        await world.root("diffusers.inpaint").call(world.run(), "inpaint", [picture(), picture(), "a", {"fill": "red"}])


async def test_the_picture_that_comes_out_keeps_under_the_ceilings_or_is_refused(world: Any) -> None:
    cap = world.narrow(world.root("diffusers.inpaint"), {"max_width": 60})
    await cap.call(world.run(), "inpaint", [picture(), picture(), "a"])
    with pytest.raises(HostFault, match="`max_width`"):
        await cap.call(world.run(), "outpaint", [picture(), "right", 16, "a"])


async def test_every_example_runs_as_it_stands(world: Any) -> None:
    cap = world.narrow(world.root("diffusers.inpaint"), {"seed": [30, 40], "strength": [0, 0.5]})
    [told] = Metadata(world.kernel.registry).listing([cap.describe()])
    assert [each["name"] for each in told["methods"]] == ["inpaint", "outpaint"]
    for each in told["methods"]:
        [example] = each["examples"]
        assert await run(world, example, cap) is not None
        strength = next(field for field in each["parameters"][-1]["fields"] if field["name"] == "strength")
        assert strength["default"] == strength["maximum"] == 0.5
