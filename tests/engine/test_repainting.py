"""Parts of pictures made anew, and pictures continued beyond their edges, by a real worker with small models."""

import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mintaka.engine.errors import BadImage, Unsupported
from mintaka.engine.requests import Fill, ImageToImage, Inpaint, Outpaint, Picture, Step
from mintaka.engine.supervisor import Engine
from mintaka.engine.worker.inpainting import faded
from tests.engine.conftest import png

pytestmark = pytest.mark.asyncio(loop_scope="session")

Ask = Callable[..., Any]

MASK = np.zeros((64, 64), np.uint8)
MASK[20:50, 10:40] = 255


def unseen(step: Step) -> None:
    """For a test that does not look at the steps."""


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


@pytest.fixture
def inpaint(ask: Ask, photograph: bytes) -> Ask:
    usual = {"image": photograph, "mask": png(MASK), "strength": 0.8, "feather": 8, "only_masked": False}
    return lambda **changes: ask(Inpaint, **{**usual, "padding": 4, "fill": Fill.ORIGINAL, "steps": 4, **changes})


def changed(picture: Picture, original: np.ndarray) -> np.ndarray:
    return (pixels(picture.data) != original).any(-1)


@pytest.mark.parametrize("model", ["tiny", "nine"])
@pytest.mark.parametrize("fill", Fill)
async def test_what_is_not_masked_keeps_every_bit_and_what_is_masked_changes(
    engine: Engine, inpaint: Ask, photograph: bytes, model: str, fill: Fill
) -> None:
    [picture] = await engine.run(inpaint(model=model, fill=fill), unseen)
    difference = changed(picture, pixels(photograph))
    assert not difference[MASK == 0].any()
    assert difference[24:46, 14:36].mean() > 0.5


async def test_the_new_fades_in_from_the_edge_of_the_mask_inwards() -> None:
    hard = (MASK / 255).astype(np.float32)
    soft = faded(hard, 8)
    assert not soft[hard == 0].any()
    along = soft[35, 10:25]
    assert (np.diff(along)[:8] > 0).all()
    assert (along[8:] == 1).all()
    assert np.array_equal(faded(hard, 0), hard)
    thin = np.zeros((20, 20), np.float32)
    thin[8:12] = 1
    assert faded(thin, 8)[9:11].all()
    assert faded(thin, 8).max() == 1  # its middle is all new, however much it is to fade


async def test_a_mask_is_read_by_its_transparency_where_it_has_any(
    engine: Engine, inpaint: Ask, photograph: bytes
) -> None:
    painted = np.zeros((64, 64, 4), np.uint8)
    painted[MASK > 0] = (200, 0, 0, 255)
    [by_colour] = await engine.run(inpaint(), unseen)
    [by_alpha] = await engine.run(inpaint(mask=png(painted)), unseen)
    assert np.array_equal(pixels(by_alpha.data), pixels(by_colour.data))


async def test_only_what_is_around_the_mask_is_drawn_as_large_as_the_model_draws(
    engine: Engine, inpaint: Ask, photograph: bytes
) -> None:
    large = np.asarray(Image.open(io.BytesIO(photograph)).resize((512, 256)))
    mask = np.zeros((256, 512), np.uint8)
    mask[100:140, 300:340] = 255
    request = inpaint(image=png(large), mask=png(mask), width=512, height=256, only_masked=True, padding=12)
    [picture] = await engine.run(request, unseen)
    assert picture.notes == ()  # the part is 64 × 64, which is what the model draws
    assert (picture.width, picture.height) == (512, 256)
    difference = changed(picture, large)
    assert not difference[mask == 0].any()
    assert difference[110:130, 310:330].any()


async def test_a_stroke_thinner_than_a_cell_of_the_latents_is_repainted(
    engine: Engine, inpaint: Ask, photograph: bytes
) -> None:
    mask = np.zeros((64, 64), np.uint8)
    mask[:, 34] = 255
    [picture] = await engine.run(inpaint(mask=png(mask), feather=0, strength=1, fill=Fill.NOISE), unseen)
    assert changed(picture, pixels(photograph))[:, 34].mean() > 0.5


async def test_an_empty_layer_is_repainted_and_stays_transparent_around(engine: Engine, inpaint: Ask) -> None:
    layer = np.zeros((64, 64, 4), np.uint8)
    layer[:8] = (10, 20, 30, 128)
    [picture] = await engine.run(inpaint(image=png(layer), feather=0), unseen)
    result = pixels(picture.data)
    assert np.array_equal(result[MASK == 0], layer[MASK == 0])
    assert (result[MASK > 0][:, 3] == 255).all()


async def test_a_mask_of_another_size_is_brought_to_the_pictures(
    engine: Engine, inpaint: Ask, photograph: bytes
) -> None:
    [picture] = await engine.run(inpaint(mask=png(MASK[::2, ::2])), unseen)
    assert picture.notes == ("the mask was resampled from 32 × 32 to 64 × 64",)
    assert changed(picture, pixels(photograph)).any()


async def test_a_mask_without_white_is_refused(engine: Engine, inpaint: Ask) -> None:
    with pytest.raises(BadImage, match="nothing of the mask is white"):
        await engine.run(inpaint(mask=png(MASK * 0)), unseen)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"width": 72}, "the picture is 64 × 64, and 72 × 64 was asked for"),
        ({"feather": -1}, "-1 px of feather"),
        ({"padding": 10_000}, "10000 px of padding"),
        ({"strength": 2}, "a strength of 2"),
    ],
)
async def test_what_cannot_be_repainted_is_refused_in_words(
    engine: Engine, inpaint: Ask, changes: dict[str, object], said: str
) -> None:
    with pytest.raises(Unsupported, match=said):
        await engine.run(inpaint(**changes), unseen)


async def test_a_model_for_inpainting_does_nothing_else(engine: Engine, ask: Ask, photograph: bytes) -> None:
    with pytest.raises(Unsupported, match="nine repaints parts of pictures and cannot draw from words alone"):
        await engine.run(ask(model="nine"), unseen)
    with pytest.raises(Unsupported, match="cannot draw over a picture"):
        await engine.run(ask(ImageToImage, model="nine", image=photograph, strength=0.5), unseen)


async def test_the_receipt_tells_how_a_part_was_repainted(engine: Engine, inpaint: Ask) -> None:
    [picture] = await engine.run(inpaint(fill=Fill.BLUR), unseen)
    record = json.loads(Image.open(io.BytesIO(picture.data)).text["mintaka"])  # type: ignore[attr-defined]
    assert (record["method"], record["fill"], record["feather"]) == ("inpaint", "blur", 8)
    assert len(record["mask"]) == 64


@pytest.mark.parametrize(
    ("sides", "overlap", "size"),
    [({"right": 40}, 16, (104, 64)), ({"left": 24, "top": 8}, 0, (88, 72)), ({"bottom": 64}, 500, (64, 128))],
)
async def test_a_picture_is_continued_and_what_lies_within_the_overlap_keeps_every_bit(
    engine: Engine, ask: Ask, photograph: bytes, sides: dict[str, int], overlap: int, size: tuple[int, int]
) -> None:
    none = {"left": 0, "right": 0, "top": 0, "bottom": 0}
    edges = {**none, **sides}
    request = ask(
        Outpaint, image=photograph, **edges, overlap=overlap, strength=0.8, width=size[0], height=size[1], steps=4
    )
    [picture] = await engine.run(request, unseen)
    result, original = pixels(picture.data), pixels(photograph)
    assert result.shape == (size[1], size[0], 3)
    old = result[edges["top"] : edges["top"] + 64, edges["left"] : edges["left"] + 64]
    within = min(overlap, 31)
    kept = (
        slice(within if edges["top"] else 0, 64 - (within if edges["bottom"] else 0)),
        slice(within if edges["left"] else 0, 64 - (within if edges["right"] else 0)),
    )
    assert np.array_equal(old[kept], original[kept])
    beyond = np.ones(result.shape[:2], bool)
    beyond[edges["top"] : edges["top"] + 64, edges["left"] : edges["left"] + 64] = False
    assert result[beyond].std() > 0


async def test_a_picture_that_is_not_made_larger_is_refused(engine: Engine, ask: Ask, photograph: bytes) -> None:
    request = ask(Outpaint, image=photograph, left=0, right=0, top=0, bottom=0, overlap=8, strength=0.8)
    with pytest.raises(Unsupported, match="nothing is added at any edge"):
        await engine.run(request, unseen)
