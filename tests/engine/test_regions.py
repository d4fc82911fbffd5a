"""Regions: each follows its own prompt, and what they are composed of is what the prompts draw alone."""

import asyncio
import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mintaka.engine.errors import Unsupported
from mintaka.engine.messages import MODEL
from mintaka.engine.requests import Fill, ImageToImage, Inpaint, Picture, Redraw, Region, Step, TextToImage
from mintaka.engine.supervisor import Engine
from mintaka.engine.worker import methods
from mintaka.engine.worker.loading import Shelf
from tests.engine import tiny_models

Ask = Callable[..., TextToImage]

LEFT, RIGHT = Region("a red circle on a white background", 0, 0, 0.5, 1), Region("a blue square", 0.5, 0, 0.5, 1)
WHOLE = Region("a blue star", 0, 0, 1, 1)


def unseen(step: Step) -> None:
    """For a test that does not look at the steps."""


def pixels(picture: Picture) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(picture.data))).astype(int)


def share(of: np.ndarray, channel: int) -> float:
    """How much of a picture is clearly of the colour of one channel."""
    others = np.delete(of, channel, axis=-1).max(-1)
    return float((of[..., channel] - others > 40).mean())


@pytest.mark.asyncio(loop_scope="session")
async def test_what_each_region_says_is_drawn_there(engine: Engine, ask: Ask) -> None:
    asked = {"model": "starter", "steps": 12, "guidance_scale": 1.75, "scheduler": "dpmpp_2m"}
    drawn = await asyncio.gather(
        *(
            engine.run(ask(**asked, prompt="a white background", regions=(LEFT, RIGHT), seed=seed), unseen)
            for seed in (1, 2)
        )
    )
    for [picture] in drawn:
        left, right = np.split(pixels(picture), 2, axis=1)
        assert share(left, 0) > 0.1, picture.seed
        assert share(right, 2) > 0.1, picture.seed
        assert max(share(left, 2), share(right, 0)) < 0.05, picture.seed
    text = Image.open(io.BytesIO(picture.data)).text  # type: ignore[attr-defined]
    assert [each["prompt"] for each in json.loads(text["mintaka"])["regions"]] == [LEFT.prompt, RIGHT.prompt]


@pytest.mark.asyncio(loop_scope="session")
async def test_a_region_of_everything_is_the_picture_of_its_prompt_and_one_of_no_weight_is_nothing(
    engine: Engine, ask: Ask, photograph: bytes
) -> None:
    nothing, half = Region("a blue star", 0, 0, 1, 1, 0), Region("a blue star", 0, 0, 1, 1, 0.5)
    for kind, guidance, more in (
        (TextToImage, 4.5, {"batch": 2}),
        (ImageToImage, 1.0, {"image": photograph, "strength": 0.6}),
    ):
        shared = {"negative_prompt": "green", "guidance_scale": guidance, "steps": 3, **more}
        star, everything, plain, none, between = [
            pixels((await engine.run(ask(kind, prompt=prompt, regions=regions, **shared), unseen))[-1])
            for prompt, regions in (
                ("a blue star", ()),
                ("a red circle", (WHOLE,)),
                ("a red circle", ()),
                ("a red circle", (nothing,)),
                ("a red circle", (half,)),
            )
        ]
        assert np.abs(star - everything).max() <= 1
        assert np.abs(plain - none).max() <= 1
        assert 0 < np.abs(plain - between).mean() < np.abs(plain - star).mean()


def test_both_text_encoders_of_the_larger_model_are_told_the_regions_words(ask: Ask, tmp_path: Path) -> None:
    folder = tiny_models.build("sdxl", tmp_path / "sdxl")
    shelf = Shelf("cpu", 1 << 30)

    def drawn(prompt: str, *regions: Region) -> np.ndarray:
        request = ask(model="sdxl", prompt=prompt, regions=regions, negative_prompt="green")
        return pixels(methods.run(request, {MODEL: folder}, shelf, unseen)[0])

    with torch.inference_mode():
        star = drawn("a blue star")
        assert np.abs(star - drawn("a red circle", WHOLE)).max() <= 1
        assert np.abs(star - drawn("a red circle")).max() > 4


@pytest.mark.asyncio(loop_scope="session")
async def test_what_is_no_region_is_refused(engine: Engine, ask: Ask, photograph: bytes) -> None:
    for region, why in (
        (Region("x", 0.6, 0, 0.5, 1), "outside the picture"),
        (Region("x", 0, 0, 0, 1), "outside the picture"),
        (Region("x", 0, 0, 1, 1, 2), "weight of 2 is out of range"),
    ):
        with pytest.raises(Unsupported, match=why):
            await engine.run(ask(regions=(region,)), unseen)
    with pytest.raises(Unsupported, match="9 regions are too many"):
        await engine.run(ask(regions=(WHOLE,) * 9), unseen)
    masked = {"image": photograph, "mask": photograph, "strength": 0.5, "feather": 0, "padding": 0}
    inside = ask(Inpaint, **masked, fill=Fill.ORIGINAL, only_masked=True, regions=(WHOLE,))
    with pytest.raises(Unsupported, match="only what is masked would be drawn"):
        await engine.run(inside, unseen)
    larger = {"image": photograph, "factor": 2, "strength": 0.5, "width": 128, "height": 128}
    with pytest.raises(Unsupported, match="this one is drawn in tiles"):
        await engine.run(ask(Redraw, **larger, tile=64, overlap=16, regions=(WHOLE,)), unseen)
