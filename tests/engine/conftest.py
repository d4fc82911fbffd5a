"""Models made of the starter model's weights, and one engine whose worker the tests of a session share."""

import io
import json
import secrets
import shutil
from collections.abc import AsyncIterator, Callable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytest_asyncio
from PIL import Image
from safetensors.numpy import load_file, save_file

from mintaka.engine.models import ModelFolder, ModelInfo, read_model
from mintaka.engine.requests import Request, TextToImage
from mintaka.engine.supervisor import Engine
from mintaka.engine.worker.torchvision_operators import make_importable

make_importable()  # as a worker does, before a test's module imports diffusers

STARTER = Path(str(files("mintaka") / "models" / "starter")).resolve()
PARTS = ("scheduler", "text_encoder", "tokenizer", "unet", "vae")

SIDECAR: Mapping[str, object] = {
    "id": "tiny",
    "native_size": [64, 64],
    "size": [64, 64],
    "steps": 2,
    "guidance_scale": 4.5,
    "scheduler": "dpmpp_2m",
    "draws": {"objects": ["circle", "star"], "colours": ["red", "blue"]},
    "words": ["a", "red", "blue", "circle", "star", "on"],
    "latent_rgb": [[[0.2, 0, 0], [0, 0.2, 0], [0, 0, 0.2], [0, 0, 0]], [0.5, 0.5, 0.5]],
}

MakeModel = Callable[..., Path]


def make_model(folder: Path, **changes: object) -> Path:
    """A model in ``folder`` with the starter's weights and the sidecar above, changed."""
    folder.mkdir(parents=True)
    shutil.copy(STARTER / "model_index.json", folder)
    for part in PARTS:
        (folder / part).symlink_to(STARTER / part)
    (folder / "mintaka.json").write_text(json.dumps({**SIDECAR, **changes}))
    return folder


def spoil(model: Path) -> None:
    """Put what is not a number into the weights of the VAE, so that every picture comes out as such."""
    (model / "vae").unlink()
    shutil.copytree(STARTER / "vae", model / "vae")
    file = model / "vae" / "diffusion_pytorch_model.safetensors"
    weights = load_file(file)
    weights["decoder.conv_out.bias"] = np.full_like(weights["decoder.conv_out.bias"], np.nan)
    save_file(weights, file)


def widen(model: Path) -> None:
    """Make the model one for inpainting: its UNet takes the mask and what it leaves, with random weights."""
    (model / "unet").unlink()
    shutil.copytree(STARTER / "unet", model / "unet")
    config = json.loads((model / "unet" / "config.json").read_text())
    (model / "unet" / "config.json").write_text(json.dumps({**config, "in_channels": 9}))
    file = model / "unet" / "diffusion_pytorch_model.safetensors"
    weights = load_file(file)
    first = weights["conv_in.weight"]
    more = np.random.default_rng(1).normal(0, 0.05, (first.shape[0], 5, *first.shape[2:])).astype(first.dtype)
    weights["conv_in.weight"] = np.concatenate([first, more], axis=1)
    save_file(weights, file)
    index = json.loads((model / "model_index.json").read_text())
    (model / "model_index.json").write_text(json.dumps({**index, "_class_name": "StableDiffusionInpaintPipeline"}))


WIDTHS = (64, 64, 64, 96, 96, 128)
"""Channels of what a ControlNet for the starter adds to each of the residuals of its UNet."""


def make_controlnet(folder: Path, seed: int = 1, **sidecar: object) -> Path:
    """A ControlNet that fits the starter: a copy of its UNet's encoder, and random weights where others are trained."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(seed)
    unet = load_file(STARTER / "unet" / "diffusion_pytorch_model.safetensors")
    kept = ("conv_in.", "time_embedding.", "add_embedding.", "down_blocks.", "mid_block.")
    weights = {name: tensor for name, tensor in unet.items() if name.startswith(kept)}
    convolutions = {f"controlnet_down_blocks.{i}": (width, width, 1) for i, width in enumerate(WIDTHS)}
    convolutions["controlnet_mid_block"] = (128, 128, 1)
    reading = {"conv_in": (16, 3, 3), "conv_out": (64, 96, 3)}
    reading |= {f"blocks.{i}": (*each, 3) for i, each in enumerate(((16, 16), (32, 16), (32, 32), (96, 32)))}
    convolutions |= {f"controlnet_cond_embedding.{name}": shape for name, shape in reading.items()}
    for name, (out, into, side) in convolutions.items():
        shape = (out, into, side, side)
        weights[f"{name}.weight"] = random.normal(0, (side * side * into) ** -0.5, shape).astype(np.float16)
        weights[f"{name}.bias"] = np.zeros(out, np.float16)
    save_file(weights, folder / "diffusion_pytorch_model.safetensors")
    config = json.loads((STARTER / "unet" / "config.json").read_text())
    own = {
        "_class_name": "ControlNetModel",
        "conditioning_channels": 3,
        "conditioning_embedding_out_channels": [16, 32, 96],
    }
    shared = ("addition_embed_type", "addition_embed_type_num_heads", "attention_head_dim", "block_out_channels")
    shared += ("cross_attention_dim", "down_block_types", "in_channels", "layers_per_block", "norm_num_groups")
    shared += ("resnet_time_scale_shift", "use_linear_projection")
    (folder / "config.json").write_text(json.dumps({**{key: config[key] for key in shared}, **own}))
    if sidecar:
        (folder / "mintaka.json").write_text(json.dumps({"kind": "controlnet", **sidecar}))
    return folder


def write_lora(file: Path, seed: int, *, rank: int = 4, text: bool = False) -> None:
    """A LoRA of random weights over the starter's UNet, its convolutions too; over its text encoder if ``text``."""
    rng = np.random.default_rng(seed)
    tensors = {}
    parts = [("unet", "unet/diffusion_pytorch_model.safetensors", ("to_q", "to_v", "to_out.0", "conv1", "ff.net.2"))]
    if text:
        parts.append(("text_encoder", "text_encoder/model.safetensors", ("q_proj", "v_proj")))
    for part, weights, layers in parts:
        for name, weight in load_file(STARTER / weights).items():
            path = name.removesuffix(".weight").removeprefix("text_model.")
            if name.endswith(".weight") and path.endswith(layers):
                first = rng.normal(0, 0.3 / np.sqrt(weight[0].size), (rank, *weight.shape[1:]))
                second = rng.normal(0, 1, (weight.shape[0], rank, *(1 for _ in weight.shape[2:])))
                tensors[f"{part}.{path}.lora_A.weight"] = first.astype(np.float32)
                tensors[f"{part}.{path}.lora_B.weight"] = second.astype(np.float32)
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, file)


def write_upscaler(file: Path, factor: int) -> None:
    """An SRVGGNetCompact of zeros: what it adds to its nearest-neighbour base is nothing."""
    features = 4
    zeros = {
        "body.0.weight": (features, 3, 3, 3),
        "body.0.bias": (features,),
        "body.1.weight": (features,),
        "body.2.weight": (features, features, 3, 3),
        "body.2.bias": (features,),
        "body.3.weight": (features,),
        "body.4.weight": (3 * factor * factor, features, 3, 3),
        "body.4.bias": (3 * factor * factor,),
    }
    save_file({name: np.zeros(shape, np.float32) for name, shape in zeros.items()}, file)


@pytest.fixture(scope="session")
def model_folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    make_model(root / "tiny")
    make_model(root / "enlarging", id="enlarging")
    write_upscaler(root / "enlarging" / "enlarge.safetensors", 4)
    sidecar = {**SIDECAR, "id": "enlarging", "enlarge": {"file": "enlarge.safetensors", "factor": 4}}
    (root / "enlarging" / "mintaka.json").write_text(json.dumps(sidecar))
    widen(make_model(root / "nine", id="nine"))
    make_controlnet(root / "edges", control_type="canny", base="tiny")
    make_controlnet(root / "nameless", seed=2)
    write_lora(root / "lora" / "rough.safetensors", 1)
    write_lora(root / "lora" / "spoken.safetensors", 2, text=True)
    write_lora(root / "flowing" / "flowing.safetensors", 3, rank=2)
    (root / "flowing" / "mintaka.json").write_text(json.dumps({"kind": "lora", "id": "flowing", "for": "tiny"}))
    (root / "embeddings").mkdir()
    taught = np.random.default_rng(4).normal(0, 1, (2, 128)).astype(np.float32)
    save_file({"emb_params": taught}, root / "embeddings" / "taught.safetensors")
    spoil(make_model(root / "spoilt", id="spoilt"))
    pickled = make_model(root / "pickled", id="pickled")
    (pickled / "unet").unlink()
    (pickled / "unet").mkdir()
    shutil.copy(STARTER / "unet" / "config.json", pickled / "unet")
    (pickled / "unet" / "diffusion_pytorch_model.bin").write_bytes(b"not opened")
    broken = make_model(root / "broken", id="broken")
    (broken / "vae").unlink()
    (broken / "vae").mkdir()
    (broken / "vae" / "config.json").write_text("{}")
    make_model(root / "colourless", id="colourless", latent_rgb=[[[1, 1, 1]], [0, 0, 0]])
    return root


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def engine(model_folders: Path) -> AsyncIterator[Engine]:
    """An engine whose worker took seconds to start; whoever kills it has it draw again before leaving."""
    engine = Engine(ModelFolder([STARTER.parent, model_folders]), threads=1, log=print, token_bytes=secrets.token_bytes)
    yield engine
    await engine.close()


SMALL: Mapping[str, object] = {
    "id": "test",
    "model": "tiny",
    "prompt": "a red circle",
    "width": 64,
    "height": 64,
    "steps": 2,
    "guidance_scale": 4.5,
    "seed": 7,
    "previews": False,
}

Ask = Callable[..., Any]
"""``ask(steps=4)`` or ``ask(ImageToImage, image=…, strength=0.5)``."""


@pytest.fixture
def ask() -> Ask:
    """A small request of a kind, changed."""

    def made(kind: type[Request] = TextToImage, **changes: object) -> Request:
        return kind(**{**SMALL, **changes})  # type: ignore[arg-type]

    return made


def png(pixels: np.ndarray) -> bytes:
    """A picture of 8 bit pixels as a file."""
    out = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(out, "PNG")
    return out.getvalue()


@pytest.fixture(scope="session")
def photograph() -> bytes:
    """A picture of 64 × 64 of a blue disc on white, as the starter model knows them, and red at the left edge."""
    y, x = np.mgrid[:64, :64]
    disc = ((x - 36) ** 2 + (y - 32) ** 2 < 300)[..., None]
    return png(np.where(disc, (40, 70, 220), np.where(x[..., None] < 12, (220, 40, 40), (255, 255, 255))))


@pytest.fixture
def starter() -> ModelInfo:
    """What is known of the shipped model."""
    return read_model(STARTER)
