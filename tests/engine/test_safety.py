"""Safety checkers: asked where a request says so, and what they find unfit is handed out black."""

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from PIL import Image

from mintaka.engine.errors import Unsupported
from mintaka.engine.messages import MODEL
from mintaka.engine.requests import Picture, Step, TextToImage
from mintaka.engine.worker import methods
from mintaka.engine.worker.loading import Shelf
from tests.engine.conftest import make_model

Draw = Callable[..., list[Picture]]


@pytest.fixture(autouse=True)
def inference() -> Iterator[None]:
    with torch.inference_mode():
        yield


@pytest.fixture(scope="module")
def shelf() -> Shelf:
    return Shelf("cpu", 1 << 30)


def add_checker(model: Path, threshold: float) -> None:
    """A safety checker of random weights, for which every picture is unfit that is like anything by ``threshold``."""
    sizes = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    vision = {**sizes, "image_size": 16, "patch_size": 8}
    config = transformers.CLIPConfig(text_config=sizes, vision_config=vision, projection_dim=8)
    with torch.random.fork_rng(), torch.inference_mode(False):
        torch.manual_seed(3)
        checker = StableDiffusionSafetyChecker(config)
        checker.concept_embeds_weights.data.fill_(threshold)
    checker.save_pretrained(model / "safety_checker")
    size = {"height": 16, "width": 16}
    transformers.CLIPImageProcessor(size=size, crop_size=size).save_pretrained(model / "feature_extractor")
    index = json.loads((model / "model_index.json").read_text())
    index["safety_checker"] = ["stable_diffusion", "StableDiffusionSafetyChecker"]
    index["feature_extractor"] = ["transformers", "CLIPImageProcessor"]
    (model / "model_index.json").write_text(json.dumps(index))


@pytest.fixture(scope="module")
def draw(shelf: Shelf, tmp_path_factory: pytest.TempPathFactory) -> Draw:
    root = tmp_path_factory.mktemp("checked")
    for name, threshold in (("easy", 1.5), ("strict", -1.5)):
        add_checker(make_model(root / name, id=name), threshold)
    make_model(root / "none", id="none")

    def drawn(request: TextToImage, seen: Callable[[Step], None] = lambda step: None) -> list[Picture]:
        return methods.run(request, {MODEL: root / request.model}, shelf, seen)

    return drawn


def pixels(picture: Picture) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(picture.data)))


def test_what_is_found_unfit_is_black_and_the_picture_says_so(draw: Draw, ask: Callable[..., TextToImage]) -> None:
    for picture in draw(ask(model="strict", batch=2, check_safety=True)):
        assert picture.notes[-1].startswith("the model's safety checker found the picture unfit, so it is black")
        assert not pixels(picture).any()
        record = json.loads(Image.open(io.BytesIO(picture.data)).text["mintaka"])  # type: ignore[attr-defined]
        assert record["safety_checked"] is True
        assert record["notes"] == list(picture.notes)


def test_what_is_fit_is_as_it_was_drawn(draw: Draw, ask: Callable[..., TextToImage]) -> None:
    [checked] = draw(ask(model="easy", check_safety=True))
    [plain] = draw(ask(model="easy"))
    assert checked.notes == plain.notes
    assert np.array_equal(pixels(checked), pixels(plain))
    assert pixels(plain).any()


def test_nothing_is_looked_at_unless_that_is_asked(draw: Draw, ask: Callable[..., TextToImage]) -> None:
    [picture] = draw(ask(model="strict"))
    assert pixels(picture).any()


def test_nothing_is_shown_before_it_was_looked_at(draw: Draw, ask: Callable[..., TextToImage]) -> None:
    for checked in (False, True):
        steps: list[Step] = []
        draw(ask(model="easy", steps=3, previews=True, check_safety=checked), steps.append)
        assert any(step.preview for step in steps) is not checked


def test_a_model_that_ships_no_checker_is_refused_where_one_is_required(
    draw: Draw, ask: Callable[..., TextToImage]
) -> None:
    with pytest.raises(Unsupported, match="the model none ships no safety checker"):
        draw(ask(model="none", check_safety=True))
