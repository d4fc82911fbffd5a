"""From the asked size to the drawn one and back."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mintaka.engine.errors import Unsupported
from mintaka.engine.models.info import Enlarge, ModelInfo
from mintaka.engine.sizing import MAX_ASPECT, MAX_SIDE, MIN_SIDE, cover, plan

sides = st.integers(MIN_SIDE, MAX_SIDE)
natives = st.none() | st.sampled_from([(64, 64), (512, 512), (768, 512)])
enlargements = st.none() | st.builds(Enlarge, file=st.just("enlarge.safetensors"), factor=st.sampled_from([2, 4]))


def model(native: tuple[int, int] | None, enlarge: Enlarge | None = None) -> ModelInfo:
    return ModelInfo(
        id="a",
        title="A",
        description="",
        license=None,
        family="sd",
        pipeline="StableDiffusionPipeline",
        path=Path("a"),
        components=(),
        native_size=native,
        size=(256, 256),
        steps=20,
        guidance_scale=4.5,
        scheduler=None,
        enlarge=enlarge,
        draws=None,
        words=(),
        examples=(),
        latent_rgb=None,
    )


STARTER = model((64, 64), Enlarge(file="enlarge.safetensors", factor=4))


@pytest.mark.parametrize(
    ("asked", "drawn", "factor", "note"),
    [
        ((256, 256), (64, 64), 4, "drawn at 64 × 64, enlarged to 256 × 256 by the model's own upscaler"),
        ((64, 64), (64, 64), None, None),
        ((32, 32), (64, 64), None, "drawn at 64 × 64, resampled to 32 × 32"),
        (
            (128, 128),
            (64, 64),
            4,
            "drawn at 64 × 64, enlarged to 256 × 256 by the model's own upscaler, resampled to 128 × 128",
        ),
        (
            (1024, 1024),
            (64, 64),
            4,
            "drawn at 64 × 64, enlarged to 256 × 256 by the model's own upscaler, resampled to 1024 × 1024",
        ),
        (
            (1024, 128),
            (88, 48),
            4,
            "drawn at 88 × 48, enlarged to 352 × 192 by the model's own upscaler, resampled to 1024 × 128, "
            "the edges cropped to fit",
        ),
    ],
)
def test_a_model_of_one_size_draws_near_it_and_says_so(
    asked: tuple[int, int], drawn: tuple[int, int], factor: int | None, note: str | None
) -> None:
    found = plan(STARTER, *asked)
    assert (found.drawn, found.factor, found.finished) == (drawn, factor, asked)
    assert found.notes == (() if note is None else (note,))


def test_without_an_upscaler_the_note_says_so() -> None:
    [note] = plan(model((64, 64)), 256, 256).notes
    assert note == "drawn at 64 × 64, resampled to 256 × 256 without an upscaler"


@given(natives, enlargements, sides, sides)
def test_what_is_drawn_suits_the_pipeline(
    native: tuple[int, int] | None, enlarge: Enlarge | None, width: int, height: int
) -> None:
    found = plan(model(native, enlarge), width, height)
    assert found.finished == (width, height)
    assert all(side >= 8 and side % 8 == 0 for side in found.drawn)


@given(st.sampled_from([(64, 64), (512, 512), (768, 512)]), sides, sides)
def test_a_model_of_one_size_draws_about_that_many_pixels(native: tuple[int, int], width: int, height: int) -> None:
    drawn = plan(model(native), width, height).drawn
    assert 0.75 < (drawn[0] * drawn[1]) / (native[0] * native[1]) < 1.3
    assert 0.75 / MAX_ASPECT < (drawn[0] / drawn[1]) / (native[0] / native[1]) < 1.3 * MAX_ASPECT


@given(sides, sides)
def test_a_model_of_any_size_draws_the_asked_one_rounded_up(width: int, height: int) -> None:
    drawn = plan(model(None), width, height).drawn
    assert 0 <= drawn[0] - width < 8
    assert 0 <= drawn[1] - height < 8


@given(enlargements, sides, sides)
def test_the_upscaler_is_used_exactly_when_a_side_grows(enlarge: Enlarge | None, width: int, height: int) -> None:
    found = plan(model((64, 64), enlarge), width, height)
    grows = width > found.drawn[0] or height > found.drawn[1]
    assert (found.factor is not None) == (grows and enlarge is not None)


@given(st.tuples(sides, sides), st.tuples(sides, sides))
def test_the_covering_box_lies_inside_is_centred_and_has_the_asked_aspect(
    size: tuple[int, int], target: tuple[int, int]
) -> None:
    left, top, right, bottom = cover(size, target)
    assert 0 <= left < right <= size[0]
    assert 0 <= top < bottom <= size[1]
    assert left + right == pytest.approx(size[0])
    assert top + bottom == pytest.approx(size[1])
    assert (right - left) / (bottom - top) == pytest.approx(target[0] / target[1])
    assert right - left == pytest.approx(size[0]) or bottom - top == pytest.approx(size[1])


@pytest.mark.parametrize("asked", [(0, 64), (64, 7), (8193, 64), (-1, -1)])
def test_a_side_out_of_range_is_refused_with_the_range(asked: tuple[int, int]) -> None:
    with pytest.raises(Unsupported, match="8 to 8192 pixels"):
        plan(STARTER, *asked)
