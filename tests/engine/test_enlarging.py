"""Pictures made larger by a real worker: by arithmetic."""

import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mintaka.engine.errors import BadImage, Unsupported
from mintaka.engine.requests import Interpolation, Resample, Step
from mintaka.engine.supervisor import Engine
from tests.engine.conftest import png

pytestmark = pytest.mark.asyncio(loop_scope="session")

Ask = Callable[..., Any]


def unseen(step: Step) -> None:
    """For a test that does not look at the steps."""


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


def resample(image: bytes, interpolation: Interpolation = Interpolation.LANCZOS, factor: int = 2) -> Resample:
    return Resample(id="test", image=image, factor=factor, interpolation=interpolation)


@pytest.mark.parametrize("interpolation", Interpolation)
async def test_every_interpolation_makes_a_picture_of_exactly_the_size_and_keeps_what_is_plain(
    engine: Engine, photograph: bytes, interpolation: Interpolation
) -> None:
    steps: list[Step] = []
    [picture] = await engine.run(resample(photograph, interpolation, 3), steps.append)
    large = pixels(picture.data)
    assert (large.shape, picture.width, picture.height, picture.seed) == ((192, 192, 3), 192, 192, None)
    assert (large[20:60, 3:25] == (220, 40, 40)).all()
    assert [(each.step, each.steps) for each in steps] == [(1, 1)]
    record = json.loads(Image.open(io.BytesIO(picture.data)).text["mintaka"])  # type: ignore[attr-defined]
    assert (record["method"], record["interpolation"], record["factor"]) == ("resample", interpolation, 3)


async def test_nearest_makes_squares_and_lanczos_does_not(engine: Engine) -> None:
    checks = np.indices((8, 8)).sum(0) % 2 * np.uint8(255)
    rgb = np.repeat(checks[..., None], 3, -1)
    [nearest] = await engine.run(resample(png(rgb), Interpolation.NEAREST, 4), unseen)
    assert np.array_equal(pixels(nearest.data), rgb.repeat(4, 0).repeat(4, 1))
    [lanczos] = await engine.run(resample(png(rgb), Interpolation.LANCZOS, 4), unseen)
    assert len(np.unique(pixels(lanczos.data))) > 10


async def test_colours_that_cannot_be_seen_do_not_bleed_into_those_that_can(engine: Engine) -> None:
    layer = np.zeros((16, 16, 4), np.uint8)
    layer[:, :8] = (0, 0, 255, 255)
    layer[:, 8:] = (255, 0, 0, 0)
    [picture] = await engine.run(resample(png(layer)), unseen)
    large = pixels(picture.data)
    assert large.shape == (32, 32, 4)
    assert large[large[..., 3] > 0][:, 0].max() == 0


async def test_what_is_no_picture_or_would_be_too_large_is_refused(engine: Engine) -> None:
    with pytest.raises(BadImage):
        await engine.run(resample(b"no picture"), unseen)
    long = png(np.zeros((1, 4000, 3)))
    with pytest.raises(Unsupported, match="4000 × 1 made 3 times as large is 12000 × 3; a side may have at most 8192"):
        await engine.run(resample(long, factor=3), unseen)
    with pytest.raises(Unsupported, match="a factor of 1 is out of range"):
        await engine.run(resample(long, factor=1), unseen)
