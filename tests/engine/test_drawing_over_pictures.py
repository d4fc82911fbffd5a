"""New pictures made of others by a real worker with the starter model's weights."""

import asyncio
import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mintaka.engine.errors import BadImage, EngineError, Unsupported
from mintaka.engine.requests import ImageToImage, Picture, Step
from mintaka.engine.schedulers import SCHEDULERS
from mintaka.engine.supervisor import Engine

pytestmark = pytest.mark.asyncio(loop_scope="session")

Ask = Callable[..., Any]


def unseen(step: Step) -> None:
    """For a test that does not look at the steps."""


def pixels(picture: Picture) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(picture.data)).convert("RGB")).astype(int)


def enlarged(data: bytes, size: tuple[int, int]) -> bytes:
    out = io.BytesIO()
    Image.open(io.BytesIO(data)).resize(size).save(out, "WEBP", lossless=True)
    return out.getvalue()


async def test_little_strength_keeps_the_picture_and_much_changes_it(
    engine: Engine, ask: Ask, photograph: bytes
) -> None:
    original = np.asarray(Image.open(io.BytesIO(photograph))).astype(int)
    changed = []
    for strength in (0.1, 1):
        request = ask(ImageToImage, image=photograph, strength=strength, steps=10, guidance_scale=1.5)
        [picture] = await engine.run(request, unseen)
        changed.append(np.abs(pixels(picture) - original).mean())
    assert changed[0] < changed[1] / 2


async def test_only_the_last_steps_are_run_and_told(engine: Engine, ask: Ask, photograph: bytes) -> None:
    steps: list[Step] = []
    await engine.run(ask(ImageToImage, image=photograph, strength=0.5, steps=8), steps.append)
    assert [(step.step, step.steps) for step in steps] == [(i, 4) for i in (1, 2, 3, 4)]


@pytest.mark.parametrize("steps", [2, 49])
async def test_a_strength_too_small_for_any_step_runs_one_and_says_so(
    engine: Engine, ask: Ask, photograph: bytes, steps: int
) -> None:
    told: list[Step] = []
    request = ask(ImageToImage, image=photograph, strength=0, steps=steps)
    [picture] = await engine.run(request, told.append)
    assert [step.steps for step in told] == [1]
    assert picture.notes == (f"at strength 0 none of the {steps} steps would be run; one was",)


async def test_a_picture_of_any_size_is_fitted_and_comes_back_at_the_size_asked_for(
    engine: Engine, ask: Ask, photograph: bytes
) -> None:
    wide = enlarged(photograph, (300, 40))
    request = ask(ImageToImage, image=wide, width=300, height=40, strength=0.1, steps=10, guidance_scale=1.5)
    [picture] = await engine.run(request, unseen)
    assert (picture.width, picture.height) == (300, 40)
    assert picture.notes == ("drawn at 128 × 32, resampled to 300 × 40 without an upscaler",)
    # Nothing was cropped: the red of the left edge is there.
    left, right = pixels(picture)[:, :10].mean((0, 1)), pixels(picture)[:, -10:].mean((0, 1))
    assert left[0] - left[1] > 60
    assert abs(right[0] - right[1]) < 20


async def test_each_picture_of_a_batch_starts_from_the_same_picture_with_a_seed_of_its_own(
    engine: Engine, ask: Ask, photograph: bytes
) -> None:
    request = {"image": photograph, "strength": 0.9, "steps": 4, "scheduler": "euler_a"}
    batch = await engine.run(ask(ImageToImage, **request, batch=2), unseen)
    [second] = await engine.run(ask(ImageToImage, **request, seed=8), unseen)
    assert [picture.seed for picture in batch] == [7, 8]
    assert np.abs(pixels(batch[1]) - pixels(second)).max() <= 1
    assert not np.array_equal(pixels(batch[0]), pixels(batch[1]))


async def test_what_is_transparent_is_white(engine: Engine, ask: Ask, photograph: bytes) -> None:
    clear, white = io.BytesIO(), io.BytesIO()
    Image.new("RGBA", (64, 64), (9, 9, 9, 0)).save(clear, "PNG")
    Image.new("RGB", (64, 64), "white").save(white, "PNG")
    drawn = [
        await engine.run(ask(ImageToImage, image=each.getvalue(), strength=0.5, steps=4), unseen)
        for each in (clear, white)
    ]
    assert np.array_equal(pixels(drawn[0][0]), pixels(drawn[1][0]))


async def test_the_receipt_tells_of_the_picture_and_the_strength(engine: Engine, ask: Ask, photograph: bytes) -> None:
    [picture] = await engine.run(ask(ImageToImage, image=photograph, strength=0.5), unseen)
    text = Image.open(io.BytesIO(picture.data)).text  # type: ignore[attr-defined]
    record = json.loads(text["mintaka"])
    assert (record["method"], record["strength"]) == ("image_to_image", 0.5)
    assert len(record["image"]) == 64
    assert "Denoising strength: 0.5" in text["parameters"]


async def test_every_scheduler_of_the_table_draws_over_a_picture(engine: Engine, ask: Ask, photograph: bytes) -> None:
    requests = [ask(ImageToImage, image=photograph, strength=0.5, steps=4, scheduler=name) for name in SCHEDULERS]
    for pictures in await asyncio.gather(*(engine.run(request, unseen) for request in requests)):
        assert pixels(pictures[0]).std() > 1


async def test_a_broken_picture_is_refused_in_the_worker_and_one_too_large_before(engine: Engine, ask: Ask) -> None:
    out = io.BytesIO()
    Image.effect_noise((64, 64), 50).save(out, "PNG")
    with pytest.raises(BadImage, match="cannot be decoded"):
        await engine.run(ask(ImageToImage, image=out.getvalue()[:2000], strength=0.5), unseen)
    with pytest.raises(BadImage, match="no picture"):
        await engine.run(ask(ImageToImage, image=b"<html>", strength=0.5), unseen)


@pytest.mark.parametrize("strength", [-0.1, 1.1, float("nan")])
async def test_a_strength_out_of_range_is_refused(engine: Engine, ask: Ask, photograph: bytes, strength: float) -> None:
    with pytest.raises(Unsupported, match="strength of"):
        await engine.run(ask(ImageToImage, image=photograph, strength=strength), unseen)


async def test_a_request_that_cannot_be_drawn_leaves_the_worker_as_it_was(
    engine: Engine, ask: Ask, photograph: bytes
) -> None:
    spoilt = ask(ImageToImage, model="spoilt", image=photograph, strength=0.5)
    with pytest.raises(EngineError, match="not-a-number"):
        await engine.run(spoilt, unseen)
    assert engine.status().in_flight == 0
