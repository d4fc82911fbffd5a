"""Pictures as arguments: the forms they are given in, who may give them, and pictures made from them."""

import base64
import io
from typing import Any

import pytest
from blake3 import blake3
from PIL import Image as Pillow

from mintaka.capabilities.images import Image
from mintaka.capabilities.ledger import Published
from mintaka.engine.headers import MAX_BYTES
from mintaka.engine.requests import ImageToImage
from mintaka.runtime.errors import ScriptError, TypeFault


def png(width: int = 40, height: int = 24) -> bytes:
    out = io.BytesIO()
    Pillow.new("RGB", (width, height), (1, 2, 3)).save(out, "PNG")
    return out.getvalue()


PICTURE = png()
BARE = base64.b64encode(PICTURE).decode()


async def over(world: Any, cap: Any, image: object, **options: Any) -> Any:
    return await cap.call(world.run(), "imageToImage", [image, "a red heart", options])


def owned(world: Any, holder: str, data: bytes = PICTURE) -> str:
    """The id of an asset that ``holder`` owns."""
    name = world.blobs.put(data)
    held = next(each for each in world.kernel.bootstrap(holder) if each.type == "diffusers.generate")
    admission = world.kernel.calls.admit(holder, held.id, "textToImage", {}, {"uses": 1})
    world.kernel.calls.settle(admission, {}, [Published(name, "image/png", 40, 24)])
    return str(name)


async def test_every_form_of_a_picture_comes_to_the_engine_as_its_bytes(world: Any) -> None:
    cap = world.root()
    asset = owned(world, "ann")
    for form in (
        BARE,
        f"data:image/png;base64,{BARE}",
        f"data:;base64,{BARE}",
        asset,
        Image(asset, 40, 24),
        {"asset": asset, "image": BARE},
        {"image": BARE, "seed": 4},
    ):
        image = await over(world, cap, form)
        asked = world.engine.asked[-1]
        assert isinstance(asked, ImageToImage)
        assert (asked.image, asked.width, asked.height, asked.strength) == (PICTURE, 40, 24, 0.8)
        assert (image.width, image.height) == (40, 24)


async def test_a_picture_that_is_only_named_must_be_ones_own(world: Any) -> None:
    cap = world.root()
    foreign = owned(world, "bob")
    for name in (foreign, "0" * 64):
        with pytest.raises(ScriptError, match="`image` names no picture of yours") as caught:
            await over(world, cap, name)
        assert (caught.value.kind, caught.value.data) == ("bad_image", {"argument": "image"})
    assert world.engine.asked == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("", "is no picture"),
        ("not base64!", "`image` is neither an id of an asset nor base64"),
        ("data:image/png,abc", "`image` is no data URL in base64"),
        ("data:" + "x" * 300, "`image` is no data URL in base64"),
        ("data:image/png;base64,%%%", "is neither an id of an asset nor base64"),
        (base64.b64encode(b"GIF89a").decode(), "is no picture; pictures are PNG, JPEG or WebP"),
        (base64.b64encode(png(1, 1)[:20]).decode(), "is broken"),
        ("A" * (MAX_BYTES // 3 * 4 + 8), f"more than the {MAX_BYTES} bytes"),
    ],
)
async def test_what_is_no_picture_is_refused_and_costs_nothing(world: Any, given: str, said: str) -> None:
    cap = world.narrow(world.root(), None, {"uses": 1})
    with pytest.raises(ScriptError, match=said) as caught:
        await over(world, cap, given)
    assert caught.value.kind == "bad_image"
    assert cap.describe().to_json()["left"] == {"uses": 1}


@pytest.mark.parametrize("given", [None, 5, True, [], {}, {"image": 5}])
async def test_what_has_no_form_of_a_picture_is_of_the_wrong_type(world: Any, given: object) -> None:
    with pytest.raises(TypeFault, match=r"`image` of diffusers.generate.imageToImage takes an image \(or"):
        await over(world, world.root(), given)


async def test_the_pictures_metadata_names_the_one_it_was_made_from(world: Any) -> None:
    cap = world.root()
    asset = owned(world, "ann")
    for form in (asset, BARE):
        image = await over(world, cap, form, strength=0.5, seed=3)
        made = (await image.call(world.run(), "metadata", []))["made_with"]
        assert made["method"] == "imageToImage"
        assert made["args"][0] == asset == blake3(PICTURE).hexdigest()
        again = await cap.call(world.run(), made["method"], made["args"])
        assert again.asset == image.asset
        assert world.engine.asked[-1].strength == 0.5


@pytest.mark.parametrize(
    ("restrictions", "options", "size"),
    [
        ({}, {}, (40, 24)),
        ({}, {"width": 80}, (80, 48)),
        ({}, {"height": 12}, (20, 12)),
        ({}, {"width": 64, "height": 64}, (64, 64)),
        ({"max_width": 20}, {}, (16, 8)),
        ({"max_pixels": 300}, {}, (16, 8)),
    ],
)
async def test_the_size_follows_from_the_picture_and_keeps_under_the_ceilings(
    world: Any, restrictions: dict[str, Any], options: dict[str, Any], size: tuple[int, int]
) -> None:
    image = await over(world, world.narrow(world.root(), restrictions), BARE, **options)
    assert (image.width, image.height) == size


async def test_only_the_steps_that_are_run_are_paid(world: Any) -> None:
    cap = world.narrow(world.root(), None, {"compute": 1})
    await over(world, cap, BARE, strength=0.25, num_inference_steps=20)
    assert cap.describe().to_json()["left"]["compute"] == pytest.approx(1 - 40 * 24 * 5 / 1e6)


async def test_a_strength_beyond_the_restriction_is_refused_and_the_default_keeps_within(world: Any) -> None:
    cap = world.narrow(world.root(), {"strength": [0.1, 0.5]})
    with pytest.raises(ScriptError, match=r"`strength` of this .* allows 0.1 to 0.5, and 0.6 was"):
        await over(world, cap, BARE, strength=0.6)
    await over(world, cap, BARE)
    assert world.engine.asked[-1].strength == 0.5


async def test_an_estimate_of_drawing_over_a_picture_is_what_it_costs_at_most(world: Any) -> None:
    cap = world.root()
    args = [BARE, "a red heart", {"num_inference_steps": 10, "strength": 0.5}]
    told = await cap.call(world.run(), "estimate", ["imageToImage", args])
    assert told == {"megapixel_steps": 40 * 24 * 10 / 1e6, "allowed": True, "why": None}
    refused = await cap.call(world.run(), "estimate", ["imageToImage", ["no", "a red heart"]])
    assert (refused["allowed"], refused["why"]) == (False, "`image` is neither an id of an asset nor base64")
