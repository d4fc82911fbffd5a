"""The finished folder, which a stock ``StableDiffusionPipeline.from_pretrained`` loads, with ``mintaka.json`` in it."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from diffusers import AutoencoderKL, DPMSolverMultistepScheduler, StableDiffusionPipeline, UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTokenizer

from models.recipe.captions import known_words
from models.recipe.latents import TrainingSet
from models.recipe.shapes import OBJECTS
from models.recipe.unet import NOISE
from models.recipe.upscaler import FACTOR, LARGE_SIZE, file_name
from models.recipe.vae import LATENT_CHANNELS, REDUCTION, decode
from models.recipe.world import BACKGROUNDS, COLOURS, NATIVE_SIZE, PLACES, RELATIONS

STEPS = 20
GUIDANCE_SCALE = 1.75

EXAMPLES = (
    "a large red heart on a white background",
    "a yellow star at night",
    "a red house left of a green tree at sunset",
    "a pink flower on a green background",
    "a large yellow moon at night, on the left",
    "an orange cloud at sunset",
    "a black cross on a yellow background",
    "a large violet flower, white background",
    "a blue ring below a red triangle on a white background",
    "a small blue star on the right on a white background",
)
"""Prompts that come out well."""

_DESCRIPTION = (
    "A very small model for the first picture on any computer: one or two simple objects in ten colours, on a plain "
    "background or in front of a day, sunset or night sky, where the prompt puts them. It knows a small vocabulary and "
    "passes over words it does not know. It was trained on nothing but pictures drawn by its own recipe."
)


def write_folder(
    out: Path,
    *,
    unet: UNet2DConditionModel,
    vae: AutoencoderKL,
    text_encoder: CLIPTextModel,
    tokenizer: CLIPTokenizer,
    upscaler: Path | None,
    training_set: TrainingSet,
) -> None:
    """Write the model in half precision, whole or not at all; the card's files in an older folder are kept."""
    unfinished = out.with_name(out.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    preview = latent_to_rgb(vae, training_set)
    scheduler = DPMSolverMultistepScheduler(
        **{name: value for name, value in NOISE.items() if name != "clip_sample"},
        timestep_spacing="trailing",
        steps_offset=1,
    )
    StableDiffusionPipeline(
        vae=vae,
        unet=unet,
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        image_encoder=None,
        requires_safety_checker=False,
    ).to(torch.float16).save_pretrained(unfinished)
    # transformers 4 reads these, transformers 5 does not write them.
    for name in ("vocab.json", "merges.txt"):
        shutil.copy(Path(tokenizer.name_or_path) / name, unfinished / "tokenizer" / name)
    # Settings of other schedulers, which from_config takes from the file: DPM-Solver++ itself has no such options.
    _edit_json(unfinished / "scheduler" / "scheduler_config.json", clip_sample=False, skip_prk_steps=True)
    for config in unfinished.rglob("config.json"):
        _edit_json(config, _name_or_path=None)
    if upscaler is not None:
        shutil.copytree(upscaler, unfinished / "upscaler")
    (unfinished / "mintaka.json").write_text(
        json.dumps(_about(preview, enlarges=upscaler is not None), indent=1) + "\n", encoding="utf-8"
    )
    for name in ("README.md", "samples.png"):
        if (out / name).exists():
            shutil.copy(out / name, unfinished / name)
    shutil.rmtree(out, ignore_errors=True)
    unfinished.rename(out)


@torch.no_grad()
def latent_to_rgb(
    vae: AutoencoderKL, training_set: TrainingSet, count: int = 256
) -> tuple[list[list[float]], list[float]]:
    """The linear map from a latent's four channels to its colour, each from 0 to 1, by least squares.

    Previews of unfinished pictures need no more than this: a 4×3 matrix and a bias of 3.
    """
    latents = torch.from_numpy(training_set.latents[:count].astype(np.float32))
    pictures = torch.cat([decode(vae, batch) for batch in torch.split(latents, 32)])
    colours = F.avg_pool2d((pictures.clamp(-1, 1) + 1) / 2, REDUCTION).permute(0, 2, 3, 1).reshape(-1, 3)
    known = latents.permute(0, 2, 3, 1).reshape(-1, LATENT_CHANNELS)
    known = torch.cat([known, torch.ones(len(known), 1)], 1)
    solution = torch.linalg.lstsq(known, colours).solution
    rounded: list[list[float]] = [[round(float(value), 4) for value in row] for row in solution]
    return rounded[:LATENT_CHANNELS], rounded[LATENT_CHANNELS]


def _about(preview: tuple[list[list[float]], list[float]], *, enlarges: bool) -> dict[str, Any]:
    side = LARGE_SIZE if enlarges else NATIVE_SIZE
    return {
        "id": "starter",
        "title": "Mintaka starter",
        "description": _DESCRIPTION,
        "license": "Apache-2.0",
        "native_size": [NATIVE_SIZE, NATIVE_SIZE],
        "size": [side, side],
        "enlarge": {"file": f"upscaler/{file_name(FACTOR)}", "factor": FACTOR} if enlarges else None,
        "steps": STEPS,
        "guidance_scale": GUIDANCE_SCALE,
        "scheduler": "dpmpp_2m",
        "draws": {
            "objects": list(OBJECTS),
            "colours": list(COLOURS),
            "backgrounds": list(BACKGROUNDS),
            "places": list(PLACES),
            "relations": list(RELATIONS),
        },
        "words": known_words(),
        "examples": list(EXAMPLES),
        "latent_rgb": list(preview),
        "fillers_ignored": True,
    }


def _edit_json(path: Path, **changes: object) -> None:
    """Set entries of a JSON file; those set to None are taken out."""
    entries = json.loads(path.read_text(encoding="utf-8")) | changes
    kept = {name: value for name, value in entries.items() if value is not None or name not in changes}
    path.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
