"""Pictures made larger by a real worker: by arithmetic, and by learned upscalers."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mintaka.engine.edits import Interpolation
from mintaka.engine.errors import BadImage, NoSuchModel, Unsupported
from mintaka.engine.models import BadModel, ModelFolder
from mintaka.engine.models.upscalers import best_upscaler
from mintaka.engine.models.weights import UpscalerInfo
from mintaka.engine.requests import Resample, Step, Upscale
from mintaka.engine.supervisor import Engine
from mintaka.engine.worker.tiles import Grid, by_tiles
from tests.engine.conftest import png, write_upscaler

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


def upscale(image: bytes, upscaler: str = "starter_x4", **changes: int) -> Upscale:
    return Upscale(id="test", image=image, upscaler=upscaler, **{"factor": 4, "tile": 512, "overlap": 32, **changes})


@settings(max_examples=25, deadline=None)
@given(
    height=st.integers(1, 70),
    width=st.integers(1, 70),
    tile=st.integers(32, 48),
    radius=st.integers(0, 3),
    factor=st.integers(1, 3),
    seed=st.integers(0, 9),
)
async def test_tiles_give_what_the_whole_gives_where_the_overlap_covers_what_a_pixel_depends_on(
    height: int, width: int, tile: int, radius: int, factor: int, seed: int
) -> None:
    images = torch.rand(1, 2, height, width, generator=torch.Generator().manual_seed(seed))

    def work(part: torch.Tensor) -> torch.Tensor:
        seen = torch.nn.functional.avg_pool2d(part, 2 * radius + 1, 1, radius)
        return seen.repeat_interleave(factor, 2).repeat_interleave(factor, 3)

    grid = Grid(height, width, tile, 4 * radius)
    assert torch.allclose(by_tiles(images, grid, factor, work), work(images), atol=1e-4)


async def test_a_picture_enlarged_in_tiles_is_the_one_enlarged_whole(engine: Engine, photograph: bytes) -> None:
    steps: list[Step] = []
    [whole] = await engine.run(upscale(photograph), steps.append)
    assert [(each.step, each.steps) for each in steps] == [(1, 1)]
    steps.clear()
    [tiled] = await engine.run(upscale(photograph, tile=48, overlap=24), steps.append)
    assert [(each.step, each.steps) for each in steps] == [(n, 4) for n in range(1, 5)]
    assert (whole.width, whole.height) == (256, 256)
    difference = np.abs(pixels(whole.data).astype(int) - pixels(tiled.data))
    assert difference.max() <= 2


async def test_another_factor_is_reached_by_the_upscalers_and_then_fitted(engine: Engine, photograph: bytes) -> None:
    [half] = await engine.run(upscale(photograph, factor=2), unseen)
    assert (half.width, half.height) == (128, 128)
    assert half.notes == ("enlarged 4 times by starter_x4, resampled to 128 × 128",)
    [more] = await engine.run(upscale(photograph, factor=5), unseen)
    assert (more.width, more.notes[0][:17]) == (320, "enlarged 16 times")


async def test_what_is_transparent_stays_so(engine: Engine) -> None:
    layer = np.full((16, 16, 4), 200, np.uint8)
    layer[:, 8:, 3] = 0
    [picture] = await engine.run(upscale(png(layer)), unseen)
    large = pixels(picture.data)
    assert large.shape == (64, 64, 4)
    assert not large[:, 40:, 3].any()


async def test_an_upscaler_that_is_not_there_or_no_upscaler_is_refused(
    engine: Engine, photograph: bytes, model_folders: Path
) -> None:
    with pytest.raises(NoSuchModel, match="there is no upscaler called “big”; there"):
        await engine.run(upscale(photograph, "big"), unseen)
    folder = model_folders / "esrgan"
    folder.mkdir()
    (folder / "old.pth").write_bytes(b"not opened")
    with pytest.raises(BadModel, match=r"old\.pth is a pickle"):
        await engine.run(upscale(photograph, "old"), unseen)
    (folder / "broken.safetensors").write_bytes(b"nothing")
    with pytest.raises(BadModel, match=r"broken\.safetensors cannot be read"):
        await engine.run(upscale(photograph, "broken"), unseen)
    with pytest.raises(Unsupported, match="an overlap of 300 px"):
        await engine.run(upscale(photograph, overlap=300), unseen)


async def test_upscalers_are_found_where_they_lie_and_the_nearest_factor_is_best(tmp_path: Path) -> None:
    (tmp_path / "esrgan").mkdir()
    write_upscaler(tmp_path / "esrgan" / "own.safetensors", 4)
    (tmp_path / "two").mkdir()
    write_upscaler(tmp_path / "two" / "two.safetensors", 2)
    (tmp_path / "two" / "mintaka.json").write_text(
        '{"kind": "upscaler", "id": "x2", "factor": 2, "file": "two.safetensors"}'
    )
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mintaka.json").write_text('{"kind": "upscaler", "file": "../two/two.safetensors"}')
    folder = ModelFolder([tmp_path])
    assert [(each.id, each.factor) for each in folder.snapshot().upscalers] == [("own", None), ("x2", 2)]

    def best(*factors: int, asked: int) -> int | None:
        infos = [UpscalerInfo(id=str(each), title="", path=tmp_path, factor=each) for each in factors]
        chosen = best_upscaler(infos, asked)
        return chosen and chosen.factor

    assert [best(8, 4, 2, asked=asked) for asked in (2, 3, 4, 8)] == [2, 4, 4, 8]
    assert best(2, asked=4) == 2
    assert best(asked=4) is None
