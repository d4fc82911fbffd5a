"""The engine's pictures are those of the stock diffusers pipeline called alone."""

import asyncio
import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mintaka.engine.requests import TextToImage
from mintaka.engine.supervisor import Engine

pytestmark = pytest.mark.asyncio(loop_scope="session")

STOCK = """
import sys
import numpy as np, torch
from mintaka.engine.worker import torchvision_operators
torchvision_operators.make_importable()
import diffusers
torch.set_num_threads(1)
pipeline = diffusers.StableDiffusionPipeline.from_pretrained(sys.argv[1], dtype=torch.float32)
pipeline.set_progress_bar_config(disable=True)
base, pictures = pipeline.scheduler, {}
for name, kind, options in [
    ("ddim", "DDIMScheduler", {}),
    ("euler_a", "EulerAncestralDiscreteScheduler", {}),
    ("unipc_karras", "UniPCMultistepScheduler", {"use_karras_sigmas": True}),
    ("dpmpp_2m", "DPMSolverMultistepScheduler", {}),
    ("dpmpp_2m_sde", "DPMSolverMultistepScheduler", {"algorithm_type": "sde-dpmsolver++"}),
]:
    pipeline.scheduler = getattr(diffusers, kind).from_config(base.config, **options)
    pictures[name] = np.asarray(pipeline(
        "a red circle", negative_prompt="blue", width=64, height=64, num_inference_steps=4, guidance_scale=3.0,
        generator=torch.Generator("cpu").manual_seed(11)).images[0])
np.savez(sys.argv[2], **pictures)
"""


async def test_pictures_of_requests_run_together_equal_those_of_stock_pipelines_run_alone(
    engine: Engine, ask: Callable[..., TextToImage], model_folders: Path, tmp_path: Path
) -> None:
    file = tmp_path / "stock.npz"
    await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", STOCK, model_folders / "tiny", file], check=True, capture_output=True
    )
    with np.load(file) as stock:
        names = list(stock)
        asked = [
            ask(negative_prompt="blue", steps=4, guidance_scale=3.0, seed=11, scheduler=name, previews=True)
            for name in names
        ]
        drawn = await asyncio.gather(*(engine.text_to_image(request, lambda step: None) for request in asked))
        for name, [picture] in zip(names, drawn, strict=True):
            mine = np.asarray(Image.open(io.BytesIO(picture.data)))
            assert np.abs(mine.astype(int) - stock[name]).max() <= 1, name
        # The comparison can fail: schedulers differ from one another by far more.
        assert np.abs(stock["ddim"].astype(int) - stock["euler_a"]).max() > 20
