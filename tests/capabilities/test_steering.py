"""The type ``controlnet.generate``: what its methods ask of the engine, and what they refuse."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from mintaka.capabilities.metadata import Metadata
from mintaka.engine.controls import ControlType
from mintaka.engine.requests import Controlled, Preprocess
from mintaka.runtime.errors import HostFault, TypeFault
from tests.capabilities.test_repainting import picture
from tests.capabilities.test_scripts_that_hold_capabilities import run

UNET = {"cross_attention_dim": 128, "block_out_channels": [64, 96], "layers_per_block": 1}
VAE = {"latent_channels": 4, "block_out_channels": [24, 48, 64]}
NET = {"_class_name": "ControlNetModel", **UNET, "in_channels": 4, "conditioning_embedding_out_channels": [16, 32, 96]}


def write(file: Path, data: object) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(data))


@pytest.fixture
def nets(models: Any) -> Path:
    """Two models of other shapes, and ControlNets of which all but one fit the second."""
    [root] = models.roots
    for name, unet in (("alpha", {**UNET, "cross_attention_dim": 768}), ("beta", UNET)):
        index = {"_class_name": "StableDiffusionPipeline", "unet": ["diffusers", "U"], "vae": ["diffusers", "V"]}
        write(root / name / "model_index.json", index)
        write(root / name / "unet" / "config.json", unet)
        write(root / name / "vae" / "config.json", VAE)
    for name, config, sidecar in (
        ("edges", NET, {"control_type": "canny", "base": "beta"}),
        ("strokes", NET, {"control_type": "scribble"}),
        ("wide", {**NET, "cross_attention_dim": 2048}, {"control_type": "depth"}),
        ("nameless", NET, {}),
    ):
        write(root / name / "config.json", config)
        write(root / name / "mintaka.json", sidecar)
    return root


@pytest.fixture
def steer(world: Any, nets: Path) -> Any:
    return world.root("controlnet.generate")


async def refused(world: Any, cap: Any, method: str, *args: object) -> HostFault:
    with pytest.raises(HostFault) as caught:
        await cap.call(world.run(), method, list(args))
    return caught.value


async def test_a_control_is_asked_for_as_clients_say_it_and_at_its_own_size(world: Any, steer: Any) -> None:
    said = {"guidance_scale": 7.5, "num_inference_steps": 5, "strength": 0.8, "negative_prompt": "blue", "seed": 3}
    image = await steer.call(world.run(), "apply", [picture(), "a red heart", "canny", said])
    asked = world.engine.asked[-1]
    assert isinstance(asked, Controlled)
    [control] = asked.controls
    # Of the two models only this one can be steered by it.
    assert (asked.model, asked.width, asked.height, asked.steps) == ("beta", 48, 32, 5)
    assert (control.controlnet, control.strength, control.start, control.end) == ("edges", 0.8, 0, 1)
    assert control.preprocess is None
    made = (await image.call(world.run(), "metadata", []))["made_with"]
    again = await steer.call(world.run(), made["method"], [picture(), *made["args"][1:]])
    assert again.asset == image.asset
    assert world.engine.asked[-1].controls == asked.controls


async def test_the_type_may_be_an_option_and_options_are_known_in_either_case(world: Any, steer: Any) -> None:
    said = {"type": "Canny", "preprocess": True, "start": 0.25, "end": 0.5, "modelId": "beta", "width": 64}
    await steer.call(world.run(), "apply", [picture(), "a", said])
    [control] = world.engine.asked[-1].controls
    assert (control.preprocess, control.start, control.end) == (ControlType.CANNY, 0.25, 0.5)
    assert world.engine.asked[-1].width == 64


async def test_several_controls_steer_at_once(world: Any, steer: Any) -> None:
    further = [
        {"image": picture(), "type": "scribble", "strength": 0.5, "end": 0.5},
        {"image": {"image": picture()}, "type": "depth", "controlnet": "nameless"},
    ]
    await steer.call(world.run(), "apply", [picture(), "a", "canny", {"controls": further}])
    told = [(each.controlnet, each.strength, each.end) for each in world.engine.asked[-1].controls]
    assert told == [("edges", 1, 1), ("strokes", 0.5, 0.5), ("nameless", 1, 1)]


async def test_a_controlnet_that_does_not_fit_or_is_not_there_is_refused_with_the_reason(
    world: Any, steer: Any
) -> None:
    depth = await refused(world, steer, "apply", picture(), "a", "depth", {"model_id": "beta"})
    assert (depth.kind, "its `cross_attention_dim` is 2048" in depth.message) == ("unsupported", True)
    pose = await refused(world, steer, "apply", picture(), "a", "openpose")
    assert "no ControlNet for pose is installed" in pose.message
    alpha = await refused(world, steer, "apply", picture(), "a", "canny", {"model_id": "alpha", "controlnet": "edges"})
    assert "the ControlNet edges cannot steer the model alpha" in alpha.message
    other = await refused(world, steer, "apply", picture(), "a", "canny", {"controlnet": "strokes"})
    assert "reads pictures of type scribble, not canny" in other.message
    none = await refused(world, steer, "apply", picture(), "a", "canny", {"controlnet": "lines"})
    assert none.kind == "no_such_model"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["smell"], "there is no control type “smell”; there are canny, scribble"),
        ([], "the control type is not said"),
        (["canny", {"start": 0.5, "end": 0.5}], "a control from 0.5 to 0.5 steers nothing"),
        (["canny", {"strength": 3}], "option `strength` of controlnet.generate.apply must be from 0 to 2"),
        (["canny", {"controls": [{"image": picture()}] * 8}], "8 further controls are too many"),
        (["canny", {"controls": [{"image": picture()}]}], "the control type is not said"),
        (["depth", {"preprocess": True, "controlnet": "nameless"}], "control pictures of type depth cannot be made"),
    ],
)
async def test_what_cannot_be_is_refused_in_words(world: Any, steer: Any, arguments: list[Any], said: str) -> None:
    assert said in (await refused(world, steer, "apply", picture(), "a", *arguments)).message
    assert world.engine.asked == []


@pytest.mark.parametrize("controls", [[1], [{"type": "canny"}], "canny"])
async def test_controls_that_are_none_are_of_the_wrong_type(world: Any, steer: Any, controls: object) -> None:
    with pytest.raises(TypeFault, match="controls"):
        await steer.call(world.run(), "apply", [picture(), "a", "canny", {"controls": controls}])


async def test_only_the_types_that_are_allowed_may_be_used(world: Any, steer: Any) -> None:
    narrow = world.narrow(steer, {"allowed_types": ["Canny", "hed"]})
    await narrow.call(world.run(), "apply", [picture(), "a", "canny"])
    for call in (
        ("apply", picture(), "a", "scribble"),
        ("apply", picture(), "a", "canny", {"controls": [{"image": picture(), "type": "scribble"}]}),
        ("preprocess", picture(), "scribble"),
        ("apply", picture(), "a", "canny", {"controlnet": "nameless"}),
    ):
        assert (await refused(world, narrow, *call)).kind == "denied"
    told = await narrow.call(world.run(), "getAvailableTypes", [])
    assert [each["type"] for each in told] == ["canny", "softedge"]


async def test_a_control_picture_is_made_at_the_size_of_the_model_and_paid_once(world: Any, steer: Any) -> None:
    image = await steer.call(world.run(), "preprocess", [picture(), "canny", {"lowThreshold": 50}])
    asked = world.engine.asked[-1]
    assert isinstance(asked, Preprocess)
    assert (asked.width, asked.height, asked.options.low_threshold) == (48, 32, 50)
    assert (image.width, image.height, image.seed) == (48, 32, None)
    await steer.call(world.run(), "preprocess", [picture(), "hed", {"resolution": 24}])
    assert (world.engine.asked[-1].width, world.engine.asked[-1].height) == (24, 16)
    narrow = world.narrow(steer, None, {"uses": 1})
    await narrow.call(world.run(), "preprocess", [picture(), "canny"])
    assert (await refused(world, narrow, "preprocess", picture(), "canny")).kind == "no_budget"


async def test_the_types_say_what_there_is_and_what_is_missing(world: Any, steer: Any) -> None:
    told = {each["type"]: each for each in await steer.call(world.run(), "getAvailableTypes", [])}
    assert list(told) == [*ControlType]
    assert told["canny"] == {
        "type": "canny",
        "label": "Canny edges",
        "description": "Follows the edges of a picture, thin and white on black.",
        "available": True,
        "preprocessor": True,
        "models": [{"model": "beta", "controlnet": "edges"}],
        "missing": [],
    }
    assert (told["depth"]["available"], told["depth"]["preprocessor"]) == (False, False)
    assert "its `cross_attention_dim` is 2048" in told["depth"]["missing"][0]
    assert told["tile"]["missing"] == ["no ControlNet for tile is installed"]


async def test_an_estimate_says_what_a_call_would_cost_and_why_it_would_be_refused(world: Any, steer: Any) -> None:
    given = ["apply", [picture(), "a", "canny", {"num_inference_steps": 10, "batch": 2}]]
    told = await steer.call(world.run(), "estimate", given)
    assert told == {"megapixel_steps": 48 * 32 * 20 / 1e6, "allowed": True, "why": None}
    told = await steer.call(world.run(), "estimate", ["apply", [picture(), "a", "pose"]])
    assert (told["allowed"], told["why"]) == (False, "no ControlNet for pose is installed")
    told = await steer.call(world.run(), "estimate", ["preprocess", [picture(), "canny"]])
    assert told["megapixel_steps"] == 48 * 32 / 1e6


async def test_every_example_runs_as_it_stands(world: Any, steer: Any) -> None:
    cap = world.narrow(steer, {"seed": [30, 40], "allowed_models": ["beta"]})
    [told] = Metadata(world.kernel.registry).listing([cap.describe()])
    assert [each["name"] for each in told["methods"] if each["examples"]] == [
        "apply",
        "preprocess",
        "getAvailableTypes",
    ]
    for each in told["methods"]:
        for example in each["examples"]:
            assert await run(world, example, cap) is not None


async def test_what_is_drawn_over_a_picture_is_asked_for_and_paid_by_its_share(world: Any, steer: Any) -> None:
    said = {"init_image": picture(), "denoise_strength": 0.5, "num_inference_steps": 4, "seed": 3}
    image = await steer.call(world.run(), "apply", [picture(), "a red heart", "canny", said])
    asked = world.engine.asked[-1]
    assert (asked.init_image, asked.mask, asked.init_strength) == (base64.b64decode(picture()), None, 0.5)
    assert (asked.width, asked.height) == (48, 32)
    again = image.made_with["args"][-1]
    assert (len(again["init_image"]), again["denoise_strength"]) == (64, 0.5)
    narrow = world.narrow(steer, {"strength": [0, 0.3]})
    assert (await refused(world, narrow, "apply", picture(), "a", "canny", said)).data["restriction"] == "strength"
    usual = {"initImage": picture(), "mask": picture()}
    await narrow.call(world.run(), "apply", [picture(), "a red heart", "canny", usual])
    asked = world.engine.asked[-1]
    assert (asked.mask, asked.feather, asked.init_strength) == (base64.b64decode(picture()), 8, 0.3)


async def test_a_mask_needs_a_picture_which_keeps_its_size(world: Any, steer: Any) -> None:
    alone = await refused(world, steer, "apply", picture(), "a", "canny", {"mask": picture()})
    assert (alone.kind, alone.data) == ("invalid_params", {"option": "mask"})
    sized = {"mask": picture(), "init_image": picture(), "width": 64}
    assert "keeps its size, 48 × 32" in (await refused(world, steer, "apply", picture(), "a", "canny", sized)).message
    with pytest.raises(TypeFault, match="option `init_image`"):
        await steer.call(world.run(), "apply", [picture(), "a", "canny", {"init_image": 5}])
