"""The type ``diffusers.upscale``: what its methods ask of the engine, and what they refuse."""

import base64
from typing import Any

import pytest

from mintaka.capabilities.metadata import Metadata
from mintaka.engine.edits import Interpolation
from mintaka.engine.requests import Redraw, Resample, Upscale
from mintaka.runtime.errors import HostFault
from tests.capabilities.test_repainting import picture
from tests.capabilities.test_scripts_that_hold_capabilities import run


async def test_enlarging_by_arithmetic_asks_for_what_the_front_end_says(world: Any) -> None:
    cap = world.root("diffusers.upscale")
    image = await cap.call(world.run(), "upscaleTraditional", [picture(), {"factor": 4.0, "method": "nearest"}])
    asked = world.engine.asked[-1]
    assert isinstance(asked, Resample)
    assert (asked.image, asked.factor, asked.interpolation) == (base64.b64decode(picture()), 4, Interpolation.NEAREST)
    assert (image.width, image.height, image.seed) == (192, 128, None)
    made = (await image.call(world.run(), "metadata", []))["made_with"]
    assert (made["method"], made["args"][1]) == ("upscaleTraditional", {"method": "nearest", "factor": 4})


async def test_a_picture_enlarged_by_arithmetic_costs_its_pixels_once(world: Any) -> None:
    cap = world.narrow(world.root("diffusers.upscale"), None, {"compute": 0.0123})
    await cap.call(world.run(), "upscaleTraditional", [picture()])
    [left] = [each["left"] for each in Metadata(world.kernel.registry).listing([cap.describe()])]
    assert left["compute"] == pytest.approx(0.0123 - 96 * 64 / 1e6)
    with pytest.raises(HostFault, match=r"this costs 0\.024576 megapixel-steps"):
        await cap.call(world.run(), "upscaleTraditional", [picture(), {"factor": 4}])


@pytest.mark.parametrize(
    ("restrictions", "options", "said"),
    [
        ({"max_factor": 2}, {"factor": 4}, "`max_factor`"),
        ({"max_width": 95}, {}, "`max_width`"),
        ({"max_compute": 0.006}, {}, "`max_compute`"),
        (None, {"method": "cubist"}, "there is no `method` “cubist”; there are lanczos, bicubic"),
        (None, {"factor": 9}, "option `factor` of diffusers.upscale.upscaleTraditional must be from 2 to 8 times"),
    ],
)
async def test_what_is_too_large_or_unknown_is_refused_in_words(
    world: Any, restrictions: object, options: object, said: str
) -> None:
    cap = world.narrow(world.root("diffusers.upscale"), restrictions)
    with pytest.raises(HostFault, match=said):
        await cap.call(world.run(), "upscaleTraditional", [picture(), options])
    assert world.engine.asked == []


def put(models: Any, name: str, kind: str = "esrgan") -> None:
    folder = models.roots[0] / kind
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.safetensors").write_bytes(b"not opened")


@pytest.mark.parametrize(
    "args", [["realesrgan", 4], [{"factor": 4}], ["esrgan", 4.0, {"tile": 512}], [{"model": "sharp", "factor": 4}]]
)
async def test_an_upscaler_is_asked_for_in_every_form_clients_have(world: Any, models: Any, args: list[Any]) -> None:
    put(models, "sharp")
    image = await world.root("diffusers.upscale").call(world.run(), "upscale", [picture(), *args])
    asked = world.engine.asked[-1]
    assert isinstance(asked, Upscale)
    assert (asked.upscaler, asked.factor, asked.tile, asked.overlap) == ("sharp", 4, 512, 32)
    made = (await image.call(world.run(), "metadata", []))["made_with"]
    assert made["args"][1:] == ["sharp", 4, {"tile": 512, "overlap": 32}]


async def test_only_upscalers_that_are_allowed_are_chosen_and_told(world: Any, models: Any) -> None:
    put(models, "a")
    put(models, "b")
    cap = world.narrow(world.root("diffusers.upscale"), {"allowed_models": ["b"]})
    await cap.call(world.run(), "upscale", [picture()])
    assert world.engine.asked[-1].upscaler == "b"
    assert await cap.call(world.run(), "upscalers", []) == [{"id": "b", "title": "b", "factor": None}]
    with pytest.raises(HostFault, match="`allowed_models`"):
        await cap.call(world.run(), "upscale", [picture(), "a"])


async def test_without_an_upscaler_the_call_and_the_metadata_say_where_to_put_one(world: Any) -> None:
    cap = world.root("diffusers.upscale")
    where = r"put its \.safetensors file into a folder `esrgan` in the models folder"
    with pytest.raises(HostFault, match=where) as caught:
        await cap.call(world.run(), "upscale", [picture()])
    assert caught.value.kind == "no_such_model"
    [told] = Metadata(world.kernel.registry).listing([cap.describe()])
    [upscale] = [each for each in told["methods"] if each["name"] == "upscale"]
    assert caught.value.message == upscale["unavailable"]


async def test_faces_are_restored_by_a_model_that_is_allowed_and_paid_by_their_number(world: Any, models: Any) -> None:
    with pytest.raises(HostFault, match=r"put the \.safetensors file of one into a folder `facerestore`"):
        await world.root("diffusers.upscale").call(world.run(), "faceRestore", [picture()])
    put(models, "a", "facerestore")
    put(models, "b", "facerestore")
    root = world.root("diffusers.upscale")
    cap = world.narrow(root, {"allowed_models": ["b"], "strength": [0, 0.5]}, {"compute": 1})
    image = await cap.call(world.run(), "faceRestore", [picture(), 0.5, {"faces": 2}])
    asked = world.engine.asked[-1]
    assert (asked.model, asked.strength, asked.faces) == ("b", 0.5, 2)
    assert image.made_with["args"][1:] == [0.5, {"model": "b", "faces": 2}]
    [left] = [each["left"] for each in Metadata(world.kernel.registry).listing([cap.describe()])]
    assert left["compute"] == pytest.approx(1 - (48 * 32 + 2 * 512 * 512) / 1e6)
    for args, why in (
        ([picture(), 0.5, {"model": "a"}], "`allowed_models`"),
        ([picture(), 0.6], "`strength`"),
        ([picture(), 1.5], "`strength` of diffusers.upscale.faceRestore must be from 0 to 1"),
        ([picture(), 0.5, {"faces": 17}], "from 1 to 16"),
    ):
        with pytest.raises(HostFault, match=why):
            await cap.call(world.run(), "faceRestore", args)


async def test_every_example_runs_as_it_stands(world: Any, models: Any) -> None:
    put(models, "sharp")
    put(models, "faces", "facerestore")
    cap = world.root("diffusers.upscale")
    [told] = Metadata(world.kernel.registry).listing([cap.describe()])
    for each in told["methods"]:
        [example] = each["examples"]
        assert await run(world, example, cap) is not None


async def test_drawing_over_an_enlarged_picture_is_paid_by_its_tiles(world: Any, models: Any) -> None:
    cap = world.root("diffusers.upscale")
    said = {"model_id": "beta", "factor": 4, "num_inference_steps": 10, "seed": 3}
    image = await cap.call(world.run(), "upscaleImg2Img", [picture(), "a heart", said])
    asked = world.engine.asked[-1]
    assert isinstance(asked, Redraw)
    assert (asked.width, asked.height, asked.factor, asked.strength) == (192, 128, 4, 0.3)
    assert (asked.tile, asked.overlap, asked.interpolation, asked.upscaler) == (64, 16, Interpolation.LANCZOS, None)
    again = image.made_with["args"][-1]
    assert (again["factor"], again["denoise_strength"], again["upscale_method"], again["tile"]) == (
        4,
        0.3,
        "lanczos",
        64,
    )
    # 4 × 3 tiles of 64 × 64, of which 3 of 10 steps were run; all ten must be affordable.
    paid = world.narrow(cap, None, {"compute": 12 * 64 * 64 * 10 / 1e6})
    await paid.call(world.run(), "upscaleImg2Img", [picture(), "a heart", said])
    [left] = [each["left"] for each in Metadata(world.kernel.registry).listing([paid.describe()])]
    assert left["compute"] == pytest.approx(12 * 64 * 64 * 7 / 1e6)
    with pytest.raises(HostFault, match="megapixel-steps"):
        await paid.call(world.run(), "upscaleImg2Img", [picture(), "a heart", said])


async def test_the_upscaler_that_comes_first_is_one_that_is_allowed(world: Any, models: Any) -> None:
    put(models, "a")
    cap = world.narrow(world.root("diffusers.upscale"), {"allowed_models": ["beta", "a"], "strength": [0, 0.2]})
    said = {"upscaleMethod": "model"}
    await cap.call(world.run(), "upscaleImg2Img", [picture(), "a heart", said])
    asked = world.engine.asked[-1]
    assert (asked.model, asked.upscaler, asked.strength) == ("beta", "a", 0.2)
    for refused, why in (
        ({**said, "upscaler": "b"}, "`allowed_models`"),
        ({"upscale_method": "x"}, "`upscale_method`"),
    ):
        with pytest.raises(HostFault, match=why):
            await cap.call(world.run(), "upscaleImg2Img", [picture(), "a heart", refused])
