"""What goes with the starter: each does what its card says, on a few pictures."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from models.recipe.controls import agreement  # noqa: E402
from models.recipe.evaluation import generate, load_pipeline  # noqa: E402
from models.recipe.measures import control_examples, follow, lines_wanted, moved, repaint, repainting_examples, styled  # noqa: E402
from models.recipe.style import styled_share  # noqa: E402
from models.recipe.upscaler import compare_with_bicubic, load_upscaler  # noqa: E402
from models.recipe.world import PALETTE, draw  # noqa: E402

MODELS = Path(__file__).parents[2] / "models"
STARTER = MODELS / "starter"
FEW = 6


def about(name: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((MODELS / name / "mintaka.json").read_text(encoding="utf-8"))
    return told


def test_all_of_them_together_are_small_and_each_says_what_it_is() -> None:
    folders = sorted(MODELS.glob("starter-*"))
    assert [each.name.removeprefix("starter-") for each in folders] == [
        "blueprint", "canny", "inpaint", "scribble", "turbo", "x2",
    ]  # fmt: skip
    assert sum(file.stat().st_size for each in folders for file in each.rglob("*") if file.is_file()) < 60_000_000
    for each in folders:
        told = about(each.name)
        assert told.get("base") == "starter" or told["kind"] == "upscaler"
        assert "## What it reaches" in (each / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("kind", "tolerance"), [("canny", 1), ("scribble", 2)])
def test_pictures_follow_their_control_images(kind: str, tolerance: int) -> None:
    examples = control_examples(kind, FEW)
    elsewhere = moved(examples)

    def mean(pictures: list[Any], wanted: list[Any]) -> float:
        return float(np.mean([agreement(*pair, tolerance) for pair in zip(pictures, wanted, strict=True)]))

    controlnet = MODELS / f"starter-{kind}"
    assert mean(follow(STARTER, controlnet, examples), lines_wanted(kind, examples)) > 0.8
    wanted = lines_wanted(kind, elsewhere)
    free = generate(load_pipeline(STARTER), [caption for _, caption, _ in examples])
    assert mean(follow(STARTER, controlnet, elsewhere), wanted) > mean(free, wanted) + 0.2


def test_four_steps_without_guidance_are_enough() -> None:
    [picture] = generate(
        load_pipeline(MODELS / "starter-turbo"), ["a large red circle on a white background"], guidance=1.0, steps=4
    )
    distance = np.linalg.norm(picture.astype(float) - PALETTE["red"], axis=-1)
    assert (distance[24:40, 24:40] < 70).mean() > 0.9
    assert picture[:3].mean() > 220


def test_the_inpainting_model_sees_what_it_does_not_paint() -> None:
    examples = repainting_examples(FEW)
    for picture, (before, after, _, mask) in zip(repaint(MODELS / "starter-inpaint", examples), examples, strict=True):
        outside, inside = mask == 0, mask > 0
        error = (picture.astype(float) - draw(before))[outside] ** 2
        assert np.sqrt(error.mean()) < 20
        wanted, gone = draw(after).astype(float), draw(before).astype(float)
        assert np.abs(picture - wanted)[inside].mean() < np.abs(picture - gone)[inside].mean()


def test_the_style_draws_in_its_two_colours() -> None:
    prompts = ["a red house by day", "a green star on a yellow background", "a tree at night"]
    shares = [styled_share(styled(STARTER, MODELS / "starter-blueprint", prompts, weight)) for weight in (0.0, 1.0)]
    assert shares[0] < 0.5 < 0.8 < shares[1]


def test_the_enlarger_beats_bicubic() -> None:
    learned, bicubic = compare_with_bicubic(load_upscaler(MODELS / "starter-x2", 2), 2, 16)
    assert learned > bicubic + 2
