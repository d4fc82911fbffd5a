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

from mintaka.engine.requests import Control, Controlled, Fill, ImageToImage, Inpaint, Request, TextToImage
from mintaka.engine.supervisor import Engine
from tests.engine.conftest import png
from tests.engine.test_steering_by_pictures import lines

MASK = np.zeros((64, 64), np.uint8)
MASK[16:48, 8:40] = 255
"""Along the cells of the latents, so that both repaint the same."""

WHOLE = {"feather": 0, "only_masked": False, "padding": 0, "fill": Fill.ORIGINAL}

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
into = diffusers.StableDiffusionInpaintPipeline(**base.components, requires_safety_checker=False)
nine = diffusers.StableDiffusionInpaintPipeline.from_pretrained(sys.argv[4], dtype=torch.float32)
mask = Image.open(sys.argv[5])
for pipeline in (base, over, into, nine):
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
    for kind_of, pipeline in (("part", into), ("nine", nine)):
        pipeline.scheduler = getattr(diffusers, kind).from_config(config, **options)
        pictures[f"{kind_of} {name}"] = draw(
            pipeline, image=image, mask_image=mask, strength=0.6, width=64, height=64)

edges, nameless = (diffusers.ControlNetModel.from_pretrained(each, dtype=torch.float32) for each in sys.argv[6:8])
control, other = Image.open(sys.argv[8]), image
one = {"controlnet_conditioning_scale": 0.8, "control_guidance_start": 0.2, "control_guidance_end": 0.8}
two = {"controlnet_conditioning_scale": [0.8, 0.5], "control_guidance_start": [0.0, 0.4],
       "control_guidance_end": [0.7, 1.0]}
parts = {**base.components, "requires_safety_checker": False}
for name, kind, nets, arguments in [
    ("one", "", edges, {"image": control, "width": 64, "height": 64, **one}),
    ("two", "", [edges, nameless], {"image": [control, other], "width": 64, "height": 64, **two}),
    ("over", "Img2Img", edges, {"image": image, "control_image": control, "strength": 0.6, **one}),
    ("both", "Img2Img", [edges, nameless], {"image": image, "control_image": [control, other], "strength": 0.6, **two}),
    ("part", "Inpaint", edges, {"image": image, "mask_image": mask, "control_image": control, "strength": 0.6,
                                "width": 64, "height": 64, **one}),
]:
    parts["scheduler"] = diffusers.DDIMScheduler.from_config(config)
    pipeline = getattr(diffusers, f"StableDiffusionControlNet{kind}Pipeline")(**parts, controlnet=nets)
    pipeline.set_progress_bar_config(disable=True)
    pictures[f"steered {name}"] = draw(pipeline, **arguments)
np.savez(sys.argv[3], **pictures)
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stock(
    model_folders: Path, photograph: bytes, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, np.ndarray]:
    """Pictures of the stock pipelines, each drawn alone in another process."""
    folder = tmp_path_factory.mktemp("stock")
    (folder / "photograph.png").write_bytes(photograph)
    (folder / "mask.png").write_bytes(png(MASK))
    (folder / "lines.png").write_bytes(lines())
    files = [folder / "photograph.png", folder / "stock.npz", model_folders / "nine", folder / "mask.png"]
    files += [model_folders / "edges", model_folders / "nameless", folder / "lines.png"]
    arguments = [model_folders / "tiny", *files]
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
        shared |= {"previews": True, "image": photograph, "strength": 0.6}
        if kind == "image":
            return ask(ImageToImage, **shared)
        model = "nine" if kind == "nine" else "tiny"
        return ask(Inpaint, **shared, model=model, mask=png(MASK), **WHOLE)

    names = [name for name in stock if not name.startswith("steered")]
    drawn = await asyncio.gather(*(engine.run(request(name), lambda step: None) for name in names))
    for name, [picture] in zip(names, drawn, strict=True):
        mine = np.asarray(Image.open(io.BytesIO(picture.data)))
        if name.startswith(("part", "nine")):  # what the mask leaves out is the picture's own
            original = np.asarray(Image.open(io.BytesIO(photograph)))
            assert np.array_equal(mine[MASK == 0], original[MASK == 0]), name
            mine, theirs = mine[MASK > 0], stock[name][MASK > 0]
        else:
            theirs = stock[name]
        assert np.abs(mine.astype(int) - theirs).max() <= 1, name
    # The comparison can fail: schedulers and pipelines differ from one another by far more.
    assert np.abs(stock["text ddim"].astype(int) - stock["text euler_a"]).max() > 20
    assert np.abs(stock["image ddim"].astype(int) - stock["text ddim"]).max() > 20


async def test_pictures_that_others_steer_equal_those_of_stock_pipelines_run_alone(
    engine: Engine, ask: Callable[..., Controlled], photograph: bytes, stock: Mapping[str, np.ndarray]
) -> None:
    shared = {"negative_prompt": "blue", "steps": 4, "guidance_scale": 3.0, "seed": 11, "scheduler": "ddim"}
    one = (Control(controlnet="edges", image=lines(), strength=0.8, start=0.2, end=0.8),)
    two = (
        Control(controlnet="edges", image=lines(), strength=0.8, end=0.7),
        Control(controlnet="nameless", image=photograph, strength=0.5, start=0.4),
    )
    over = {"init_image": photograph, "init_strength": 0.6}
    requests = {
        "one": ask(Controlled, **shared, controls=one),
        "two": ask(Controlled, **shared, controls=two),
        "over": ask(Controlled, **shared, controls=one, **over),
        "both": ask(Controlled, **shared, controls=two, **over),
        "part": ask(Controlled, **shared, controls=one, **over, mask=png(MASK)),
    }
    # Staggered, so that they share runs at different steps of each.
    running = []
    for request in requests.values():
        running.append(asyncio.ensure_future(engine.run(request, lambda step: None)))
        await asyncio.sleep(0)
    drawn = await asyncio.gather(*running)
    original = np.asarray(Image.open(io.BytesIO(photograph)))
    for name, [picture] in zip(requests, drawn, strict=True):
        mine, theirs = np.asarray(Image.open(io.BytesIO(picture.data))), stock[f"steered {name}"]
        if name == "part":
            assert np.array_equal(mine[MASK == 0], original[MASK == 0])
            mine, theirs = mine[MASK > 0], theirs[MASK > 0]
        assert np.abs(mine.astype(int) - theirs).max() <= 1, name
    # The comparison can fail.
    assert np.abs(stock["steered one"].astype(int) - stock["text ddim"]).max() > 20
    assert np.abs(stock["steered both"].astype(int) - stock["steered over"]).max() > 20
