"""The engine's pictures are those of the stock diffusers pipelines called alone."""

import asyncio
import io
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio
from PIL import Image

from mintaka.engine.requests import ImageToImage, Request, TextToImage
from mintaka.engine.supervisor import Engine

pytestmark = pytest.mark.asyncio(loop_scope="session")

STOCK = """
import sys
import numpy as np, torch
from PIL import Image
from mintaka.engine.worker import torchvision_operators
torchvision_operators.make_importable()
import diffusers
torch.set_num_threads(1)
folder, image, pictures = sys.argv[1], Image.open(sys.argv[2]), {}
base = diffusers.StableDiffusionPipeline.from_pretrained(folder, dtype=torch.float32)
over = diffusers.StableDiffusionImg2ImgPipeline(**base.components, requires_safety_checker=False)
for pipeline in (base, over):
    pipeline.set_progress_bar_config(disable=True)

def draw(pipeline, **arguments):
    return np.asarray(pipeline(
        "a red circle", negative_prompt="blue", num_inference_steps=4, guidance_scale=3.0,
        generator=torch.Generator("cpu").manual_seed(11), **arguments).images[0])

config = base.scheduler.config
for name, kind, options in [
    ("ddim", "DDIMScheduler", {}),
    ("euler_a", "EulerAncestralDiscreteScheduler", {}),
    ("unipc_karras", "UniPCMultistepScheduler", {"use_karras_sigmas": True}),
    ("dpmpp_2m", "DPMSolverMultistepScheduler", {}),
    ("dpmpp_2m_sde", "DPMSolverMultistepScheduler", {"algorithm_type": "sde-dpmsolver++"}),
]:
    base.scheduler = over.scheduler = getattr(diffusers, kind).from_config(config, **options)
    pictures[f"text {name}"] = draw(base, width=64, height=64)
    over.scheduler = getattr(diffusers, kind).from_config(config, **options)
    pictures[f"image {name}"] = draw(over, image=image, strength=0.6)
np.savez(sys.argv[3], **pictures)
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stock(
    model_folders: Path, photograph: bytes, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, np.ndarray]:
    """Pictures of the stock pipelines, each drawn alone in another process."""
    folder = tmp_path_factory.mktemp("stock")
    (folder / "photograph.png").write_bytes(photograph)
    arguments = [model_folders / "tiny", folder / "photograph.png", folder / "stock.npz"]
    await asyncio.to_thread(subprocess.run, [sys.executable, "-c", STOCK, *arguments], check=True, capture_output=True)
    with np.load(folder / "stock.npz") as pictures:
        return dict(pictures)


async def test_pictures_of_requests_run_together_equal_those_of_stock_pipelines_run_alone(
    engine: Engine, ask: Callable[..., TextToImage], photograph: bytes, stock: Mapping[str, np.ndarray]
) -> None:
    def request(name: str) -> Request:
        kind, scheduler = name.split()
        shared = {"negative_prompt": "blue", "steps": 4, "guidance_scale": 3.0, "seed": 11, "scheduler": scheduler}
        if kind == "text":
            return ask(**shared, previews=True)
        return ask(ImageToImage, **shared, previews=True, image=photograph, strength=0.6)

    drawn = await asyncio.gather(*(engine.run(request(name), lambda step: None) for name in stock))
    for name, [picture] in zip(stock, drawn, strict=True):
        mine = np.asarray(Image.open(io.BytesIO(picture.data)))
        assert np.abs(mine.astype(int) - stock[name]).max() <= 1, name
    # The comparison can fail: schedulers and pipelines differ from one another by far more.
    assert np.abs(stock["text ddim"].astype(int) - stock["text euler_a"]).max() > 20
    assert np.abs(stock["image ddim"].astype(int) - stock["text ddim"]).max() > 20
