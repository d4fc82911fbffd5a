"""What is done to pictures by arithmetic alone."""

import io
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mintaka.engine import edits
from mintaka.engine.edits import Combination, Direction, Filter, Format, Interpolation, Mode, Operation
from mintaka.engine.errors import BadImage, Unsupported
from mintaka.engine.requests import Edit, Picture
from mintaka.engine.supervisor import Engine
from mintaka.engine.worker.editing import apply
from tests.engine.conftest import png
from tests.engine.test_steering_by_pictures import unseen

RANDOM = np.random.default_rng(5)
PICTURE = Image.fromarray(RANDOM.integers(0, 256, (6, 9, 3), np.uint8))
LAYER = Image.fromarray(RANDOM.integers(0, 256, (4, 5, 4), np.uint8))


def array(image: Image.Image) -> np.ndarray:
    return np.asarray(image).astype(int)


def mask(*rows: str) -> Image.Image:
    """``#`` is white."""
    return Image.fromarray(np.array([[255 * (each == "#") for each in row] for row in rows], np.uint8)).convert("RGB")


def shown(image: Image.Image) -> tuple[str, ...]:
    return tuple("".join("#" if value == 255 else "." for value in row) for row in array(image)[..., 0])


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        (edits.Transform(90, 1), np.rot90(array(PICTURE), -1)),
        (edits.Transform(-90, 1), np.rot90(array(PICTURE))),
        (edits.Transform(180, 1), array(PICTURE)[::-1, ::-1]),
        (edits.Transform(360, 1), array(PICTURE)),
        (edits.Flip(Direction.HORIZONTAL), array(PICTURE)[:, ::-1]),
        (edits.Flip(Direction.VERTICAL), array(PICTURE)[::-1]),
        (edits.Crop(2, 1, 4, 3), array(PICTURE)[1:4, 2:6]),
        (edits.Resize(18, 12, Interpolation.NEAREST), array(PICTURE).repeat(2, 0).repeat(2, 1)),
        (edits.Filtered(Filter.INVERT, 1), 255 - array(PICTURE)),
        (edits.Filtered(Filter.BRIGHTNESS, 0), 0 * array(PICTURE)),
        (edits.Filtered(Filter.SATURATION, 1), array(PICTURE)),
        (edits.Filtered(Filter.BLUR, 0), array(PICTURE)),
        (edits.Filtered(Filter.SEPIA, 0), array(PICTURE)),
    ],
)
def test_what_can_be_said_pixel_by_pixel_is_so(operation: Operation, expected: np.ndarray) -> None:
    assert np.array_equal(array(apply(operation, PICTURE)), expected)


@given(
    operation=st.one_of(
        st.builds(edits.Transform, st.floats(-400, 400), st.floats(0.1, 3)),
        st.builds(edits.Pad, *(st.integers(0, 5) for _ in range(4)), st.sampled_from([(0, 0, 0, 0), (9, 8, 7, 255)])),
        st.builds(edits.Resize, st.integers(1, 30), st.integers(1, 30), st.sampled_from(Interpolation)),
        st.builds(edits.Grow, st.integers(-5, 5)),
        st.builds(edits.Filtered, st.sampled_from(Filter), st.floats(0, 1)),
    ),
    layer=st.booleans(),
)
def test_a_picture_is_as_large_as_was_said_before(operation: Operation, layer: bool) -> None:
    picture = LAYER if layer else PICTURE
    assert apply(operation, picture).size == edits.check(operation, picture.size)


def test_a_turned_picture_lies_in_the_middle_and_its_corners_are_transparent() -> None:
    white = Image.new("RGB", (40, 40), (255, 255, 255))
    turned = array(apply(edits.Transform(45, 1), white))
    assert turned.shape == (57, 57, 4)
    assert turned[0, 0, 3] == turned[-1, -1, 3] == 0
    assert (turned[28, 28] == 255).all()
    assert np.abs(turned[..., 3] - turned[::-1, ::-1, 3]).max() <= 1
    # Clockwise: what was at the top is at the upper right then.
    red_top = white.copy()
    red_top.paste((255, 0, 0), (15, 0, 25, 10))
    assert array(apply(edits.Transform(45, 1), red_top))[18, 38, 1] < 50


def test_what_is_added_is_of_the_colour_and_the_rest_stays() -> None:
    padded = array(apply(edits.Pad(1, 2, 3, 4, (9, 8, 7, 255)), PICTURE))
    assert np.array_equal(padded[2:8, 1:10], array(PICTURE))
    assert (padded[:2] == (9, 8, 7)).all()
    assert apply(edits.Pad(1, 0, 0, 0, (0, 0, 0, 0)), PICTURE).getpixel((0, 0)) == (0, 0, 0, 0)


def test_blur_shows_nothing_of_what_is_transparent() -> None:
    layer = np.zeros((9, 9, 4), np.uint8)
    layer[..., 0] = 255
    layer[4, 4] = (0, 0, 255, 255)
    blurred = array(apply(edits.Filtered(Filter.BLUR, 1), Image.fromarray(layer)))
    assert blurred[4, 4, 3] < 255
    assert blurred[blurred[..., 3] > 20][:, 0].max() == 0


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (Mode.NORMAL, (200, 100, 0)),
        (Mode.MULTIPLY, (78, 39, 0)),
        (Mode.SCREEN, (222, 161, 100)),
        (Mode.DARKEN, (100, 100, 0)),
        (Mode.LIGHTEN, (200, 100, 100)),
        (Mode.ADD, (255, 200, 100)),
        (Mode.DIFFERENCE, (100, 0, 100)),
        (Mode.OVERLAY, (157, 78, 0)),
    ],
)
def test_two_pictures_are_mixed_as_the_specification_says(mode: Mode, expected: tuple[int, int, int]) -> None:
    below, above = Image.new("RGB", (4, 3), (100, 100, 100)), Image.new("RGB", (2, 2), (200, 100, 0))
    whole = array(apply(edits.Composite(3, -1, 1, mode), below, above))
    assert tuple(whole[0, 3]) == expected
    assert (np.delete(whole.reshape(-1, 3), 3, 0) == 100).all()
    half = array(apply(edits.Composite(0, 0, 0.5, mode), below, above))[0, 0]
    assert np.abs(half - (np.array(expected) + 100) / 2).max() <= 1


def test_where_nothing_lies_on_top_every_bit_stays() -> None:
    clear = Image.new("RGBA", LAYER.size, (1, 2, 3, 0))
    assert np.array_equal(array(apply(edits.Composite(0, 0, 1, Mode.NORMAL), LAYER, clear)), array(LAYER))
    assert apply(edits.Composite(99, 0, 1, Mode.NORMAL), LAYER, LAYER) is LAYER


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        (edits.Invert(), ("#####", "##.##", "#...#", "##.##", "#####")),
        (edits.Grow(1), ("..#..", ".###.", "#####", ".###.", "..#..")),
        (edits.Grow(-1), (".....", ".....", "..#..", ".....", ".....")),
        (edits.Grow(0), (".....", "..#..", ".###.", "..#..", ".....")),
        (edits.Threshold(0), ("#####",) * 5),
        (edits.Feather(0), (".....", "..#..", ".###.", "..#..", ".....")),
    ],
)
def test_masks_are_changed_as_their_names_say(operation: Operation, expected: tuple[str, ...]) -> None:
    plus = mask(".....", "..#..", ".###.", "..#..", ".....")
    assert shown(apply(operation, plus)) == expected


def test_masks_are_put_together_and_read_by_their_opacity() -> None:
    left, bottom = mask("#.", "#."), mask("..", "##")
    both = {how: shown(apply(edits.Combine(how), left, bottom)) for how in Combination}
    assert both == {
        Combination.UNION: ("#.", "##"),
        Combination.INTERSECTION: ("..", "#."),
        Combination.DIFFERENCE: ("#.", ".."),
    }
    layer = Image.new("RGBA", (2, 1), (255, 255, 255, 0))
    layer.putpixel((1, 0), (0, 0, 0, 255))
    assert shown(apply(edits.Threshold(0.5), layer)) == (".#",)


@pytest.mark.parametrize(
    ("operation", "why"),
    [
        (edits.Resize(9000, 10, Interpolation.AREA), "a picture of 9000 × 10 cannot be made"),
        (edits.Resize(0, 10, Interpolation.AREA), "a picture of 0 × 10 cannot be made"),
        (edits.Resize(8000, 8000, Interpolation.AREA), "a picture of 8000 × 8000 cannot be made"),
        (edits.Transform(0, 0), "a scale of 0 is out of range"),
        (edits.Transform(0, 1e9), r"a scale of 1e\+09 is out of range"),
        (edits.Crop(5, 0, 5, 1), r"the box from \(5, 0\) to \(10, 1\) is not within the picture, which is 9 × 6"),
        (edits.Pad(-1, 0, 0, 0, (0, 0, 0, 0)), "fewer than 0 pixels cannot be added"),
        (edits.Filtered(Filter.SEPIA, 1.5), "an amount of 1.5 is out of range; sepia takes 0 to 1"),
        (edits.Filtered(Filter.BLUR, float("nan")), "an amount of nan is out of range"),
        (edits.Grow(513), "a growth of 513 is out of range"),
        (edits.Convert(Format.JPEG, 0), "a quality of 0 is out of range"),
    ],
)
def test_what_is_out_of_range_is_refused_before_anything_is_done(operation: Operation, why: str) -> None:
    with pytest.raises(Unsupported, match=why):
        edits.check(operation, (9, 6))


async def edited(engine: Engine, image: bytes, operation: Operation, other: bytes | None = None) -> Picture:
    [picture] = await engine.run(Edit(id="test", image=image, operation=operation, other=other), unseen)
    return picture


@pytest.mark.asyncio(loop_scope="session")
async def test_the_worker_edits_encodes_and_says_what_it_did(engine: Engine, photograph: bytes) -> None:
    small = await edited(engine, photograph, edits.Resize(16, 8, Interpolation.AREA))
    told: Any = json.loads(Image.open(io.BytesIO(small.data)).text["mintaka"])  # type: ignore[attr-defined]
    assert (small.width, small.height, small.seed, small.format) == (16, 8, None, "png")
    assert told["operation"] == {"width": 16, "height": 8, "interpolation": "area", "kind": "resize"}
    webp = await edited(engine, photograph, edits.Convert(Format.WEBP, 50))
    assert (Image.open(io.BytesIO(webp.data)).format, webp.format) == ("WEBP", "webp")
    clear = await edited(engine, photograph, edits.Pad(8, 0, 0, 0, (0, 0, 0, 0)))
    jpeg = Image.open(io.BytesIO((await edited(engine, clear.data, edits.Convert(Format.JPEG, 95))).data))
    assert (jpeg.format, jpeg.size) == ("JPEG", (72, 64))
    assert np.asarray(jpeg)[:, :6].min() > 240


@pytest.mark.asyncio(loop_scope="session")
async def test_the_engine_refuses_what_it_cannot_read_and_the_wrong_number_of_pictures(
    engine: Engine, photograph: bytes
) -> None:
    with pytest.raises(BadImage):
        await edited(engine, photograph[:-40], edits.Invert())
    with pytest.raises(Unsupported, match="combine takes another picture"):
        await edited(engine, photograph, edits.Combine(Combination.UNION))
    with pytest.raises(Unsupported, match="invert takes no other picture"):
        await edited(engine, photograph, edits.Invert(), png(np.zeros((2, 2, 3))))
