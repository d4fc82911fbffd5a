"""Pictures enlarged and drawn over in tiles by a real worker."""

import asyncio
import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from mintaka.engine.errors import NoSuchModel, Unsupported
from mintaka.engine.requests import Redraw, Step
from mintaka.engine.supervisor import Engine
from mintaka.engine.tiling import Grid, drawn_grid
from mintaka.engine.worker.redrawing import Noise
from tests.engine.conftest import png
from tests.engine.test_steering_by_pictures import pixels, unseen

Ask = Callable[..., Any]

y, x = np.mgrid[:64, :64]
SLOPE = png(np.stack([255 - x * 2, 90 + y * 2, 120 + x + y], -1))
"""Colours that change slowly and alike everywhere."""


@pytest.fixture
def redraw(ask: Ask) -> Ask:
    """A picture of 64 × 64 to be made twice as large, changed."""

    def made(**changes: Any) -> Redraw:
        usual = {"image": SLOPE, "factor": 2, "width": 128, "height": 128, "strength": 0.5, "tile": 64, "overlap": 16}
        made: Redraw = ask(Redraw, **{**usual, "steps": 4, **changes})
        return made

    return made


def jumps(picture: np.ndarray) -> np.ndarray:
    """How much what was drawn changes from each column to the next."""
    plain = np.asarray(Image.open(io.BytesIO(SLOPE)).resize((128, 128), Image.Resampling.BICUBIC)).astype(int)
    changed: np.ndarray = np.abs(np.diff(picture - plain, axis=1)).mean((0, 2))
    return changed


@pytest.mark.asyncio(loop_scope="session")
async def test_tiles_leave_no_seams_and_each_is_a_part_of_the_steps(engine: Engine, redraw: Ask) -> None:
    steps: list[Step] = []
    [joined], [abrupt] = await asyncio.gather(engine.run(redraw(), steps.append), engine.run(redraw(overlap=0), unseen))
    assert joined.notes == ("drawn in 9 tiles of 64 × 64",)
    assert [(each.step, each.steps) for each in steps] == [(i, 18) for i in range(1, 19)]
    without = jumps(pixels(abrupt))
    assert without.argmax() == 63
    assert jumps(pixels(joined)).max() < without[63] / 2
    told = json.loads(Image.open(io.BytesIO(joined.data)).text["mintaka"])  # type: ignore[attr-defined]
    assert (told["factor"], told["strength"], told["tile"], told["width"]) == (2, 0.5, 64, 128)


@pytest.mark.asyncio(loop_scope="session")
async def test_a_learned_upscaler_comes_first_where_it_is_named_and_what_is_transparent_stays(
    engine: Engine, redraw: Ask
) -> None:
    layer = np.concatenate([np.asarray(Image.open(io.BytesIO(SLOPE))), np.full((64, 64, 1), 255, np.uint8)], -1)
    layer[:, :32, 3] = 0
    [picture] = await engine.run(redraw(image=png(layer), steps=2, upscaler="enlarge", tile=128, batch=1), unseen)
    drawn = pixels(picture)
    assert drawn.shape == (128, 128, 4)
    assert (drawn[:, :60, 3].max(), drawn[:, 68:, 3].min()) == (0, 255)


@pytest.mark.asyncio(loop_scope="session")
async def test_what_cannot_be_redrawn_is_refused(engine: Engine, redraw: Ask) -> None:
    with pytest.raises(Unsupported, match="the larger picture is 128 × 128, and 64 × 64 was asked for"):
        await engine.run(redraw(width=64, height=64), unseen)
    with pytest.raises(Unsupported, match="an overlap of 33 px is out of range"):
        await engine.run(redraw(overlap=33), unseen)
    with pytest.raises(NoSuchModel):
        await engine.run(redraw(upscaler="nothing"), unseen)


def test_neighbours_begin_with_the_same_noise_where_they_overlap(redraw: Ask) -> None:
    grid = drawn_grid(100, 60, 8, 64, 16)
    assert grid == Grid(8, 13, 8, 2)
    noise = Noise(redraw(batch=2), grid)
    tiles = {}
    for noise.at in grid:
        tiles[noise.at] = noise._part(torch.empty(2, 4, 16, 16))
    first, second = tiles
    assert (first, second) == ((0, 0), (0, 5))
    assert torch.equal(tiles[first][..., 10:], tiles[second][..., :6])
    again = torch.randn(4, 16, 26, generator=torch.Generator("cpu").manual_seed(8))
    assert torch.equal(tiles[second][1], again[..., 10:])
