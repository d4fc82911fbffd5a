"""Models of every family draw what their stock pipelines draw alone, and their requests share runs."""

import io
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from PIL import Image

from mintaka.engine.messages import MODEL
from mintaka.engine.pixels import Pixels
from mintaka.engine.requests import Drawing, Fill, ImageToImage, Inpaint, Picture, TextToImage
from mintaka.engine.worker import methods
from mintaka.engine.worker.loading import Shelf
from tests.engine import tiny_models
from tests.engine.test_shared_runs import at_once, looping

MASK = np.zeros((64, 64), np.uint8)
MASK[16:48, 8:40] = 255
WHOLE = {"feather": 0, "only_masked": False, "padding": 0, "fill": Fill.ORIGINAL}

PROMPTS = ("a red circle", "a yellow star at night", "a blue house left of a green tree")


Upload = Callable[[Image.Image], bytes]


@dataclass(frozen=True)
class Case:
    """A tiny model, and the stock pipelines of its tasks."""

    model: str
    stock: dict[type[Drawing], str]
    guidance: tuple[float, ...] = (4.0, 1.0, 2.0)
    told: dict[str, Any] = field(default_factory=dict)
    """What the stock pipeline is called with besides."""


XL = "StableDiffusionXL"

CASES = (
    Case(
        "sd2",
        {
            TextToImage: "StableDiffusionPipeline",
            ImageToImage: "StableDiffusionImg2ImgPipeline",
            Inpaint: "StableDiffusionInpaintPipeline",
        },
    ),
    Case(
        "lcm",
        {TextToImage: "LatentConsistencyModelPipeline", ImageToImage: "LatentConsistencyModelImg2ImgPipeline"},
    ),
    Case(
        "sdxl",
        {TextToImage: f"{XL}Pipeline", ImageToImage: f"{XL}Img2ImgPipeline", Inpaint: f"{XL}InpaintPipeline"},
    ),
    Case("refiner", {ImageToImage: f"{XL}Img2ImgPipeline"}),
)


@pytest.fixture(scope="module")
def families(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a tiny model, built when it is first wanted."""
    root = tmp_path_factory.mktemp("families")

    def folder(name: str) -> Path:
        return root / name if (root / name).exists() else tiny_models.build(name, root / name)

    return folder


@pytest.fixture(scope="module")
def shelf() -> Shelf:
    return Shelf("cpu", 1 << 30)


@pytest.fixture(scope="module")
def upload(tmp_path_factory: pytest.TempPathFactory) -> Upload:
    """What stands in a request for a picture that was decoded before."""
    root, count = tmp_path_factory.mktemp("uploads"), itertools.count()

    def uploaded(image: Image.Image) -> bytes:
        file = root / str(next(count))
        file.write_bytes(image.convert("RGB").tobytes())
        return Pixels(str(file), "RGB", *image.size, digest="").to_bytes()

    return uploaded


def requests(case: Case, picture: bytes, mask: bytes) -> list[Drawing]:
    """Three from words and two of each other task, all different."""
    made: list[Drawing] = []
    for kind in case.stock:
        for number in range(3 if kind is TextToImage or len(case.stock) == 1 else 2):
            arguments: dict[str, Any] = {
                "id": f"{kind.__name__}{number}",
                "model": case.model,
                "prompt": PROMPTS[number],
                "negative_prompt": "" if number else "blue",
                "width": 64,
                "height": 64,
                "steps": 3 - number % 2,
                "guidance_scale": case.guidance[number],
                "seed": 10 + number,
                "previews": False,
            }
            if kind is not TextToImage:
                arguments |= {"image": picture, "strength": 0.7}
            if kind is Inpaint:
                arguments |= {"mask": mask, **WHOLE}
            made.append(kind(**arguments))
    return made


def engine_draws(request: Drawing, folder: Path, shelf: Shelf) -> Callable[[], list[Picture]]:
    return lambda: methods.run(request, {MODEL: folder}, shelf, lambda step: None)


def stock_pipelines(case: Case, folder: Path) -> dict[type[Drawing], Any]:
    """The stock pipelines of a model, over weights of their own."""
    pipelines = {}
    for kind, name in case.stock.items():
        pipelines[kind] = getattr(diffusers, name).from_pretrained(folder, dtype=torch.float32)
        pipelines[kind].set_progress_bar_config(disable=True)
    return pipelines


def stock_draws(request: Any, case: Case, pipeline: Any, picture: Image.Image) -> np.ndarray:
    arguments = {
        "prompt": request.prompt,
        "num_inference_steps": request.steps,
        "generator": torch.Generator().manual_seed(request.seed),
        **guidance(pipeline, request),
        **case.told,
    }
    if not isinstance(request, ImageToImage) or case.model in tiny_models.TOLD_SIZES:
        arguments |= {"width": 64, "height": 64}
    if not isinstance(request, TextToImage):
        arguments |= {"image": picture, "strength": request.strength}
    if isinstance(request, Inpaint):
        arguments["mask_image"] = Image.fromarray(MASK)
    return np.asarray(pipeline(**arguments).images[0])


def guidance(pipeline: Any, request: Drawing) -> dict[str, Any]:
    if "Latent" in type(pipeline).__name__:
        return {"guidance_scale": request.guidance_scale}
    return {"guidance_scale": request.guidance_scale, "negative_prompt": request.negative_prompt or None}


def pixels(picture: Picture) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(picture.data))).astype(int)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.model)
def test_requests_together_draw_what_the_stock_pipelines_draw_alone(
    case: Case, families: Callable[[str], Path], shelf: Shelf, photograph: bytes, upload: Upload
) -> None:
    folder, picture = families(case.model), Image.open(io.BytesIO(photograph))
    asked = requests(case, upload(picture), upload(Image.fromarray(MASK)))
    with looping() as loop:
        together = at_once(loop, [engine_draws(each, folder, shelf) for each in asked])
        tally = loop.tally
    seen: list[np.ndarray] = []
    stock = stock_pipelines(case, folder)
    for request, result in zip(asked, together, strict=True):
        assert isinstance(result, list), result
        mine, theirs = pixels(result[0]), stock_draws(request, case, stock[type(request)], picture).astype(int)
        where = MASK > 0 if isinstance(request, Inpaint) else np.ones_like(MASK, bool)
        assert np.abs(mine - theirs)[where].max() <= 1, request.id
        seen.append(mine)
    # The comparison can fail: no two of them are nearly the same.
    assert all(np.abs(one - other).max() > 4 for i, one in enumerate(seen) for other in seen[:i])
    assert tally.runs <= tally.calls * 0.65, (tally.runs, tally.calls)  # prompts are read alone
