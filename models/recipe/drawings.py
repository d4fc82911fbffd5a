"""Drawn pictures as the finished starter sees them: what everything that is added to it learns from.

The stages up to :mod:`models.recipe.folder` make the starter. Those after it leave it as it is, read it from its
folder, and train something to go with it: ControlNets, an inpainting UNet, a model of few steps, a style.
"""

import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer

from models.recipe.budgets import Budgets
from models.recipe.captions import training_caption
from models.recipe.latents import TrainingSet, store_training_set
from models.recipe.pictures import to_tensor
from models.recipe.training import weights_channels_last
from models.recipe.vae import encode
from models.recipe.world import NATIVE_SIZE, Pixels, Scene, draw, sample_scene

_PIXELS = "pixels.npy"
_SCENES = 2000
_CAPTIONS = 2001
"""Seeds of what is drawn and of what is said of it; apart, so that the scenes can be chosen again without captions."""
_BATCH = 64


@dataclass(frozen=True, slots=True)
class Starter:
    """The finished starter's parts, float32 and frozen."""

    unet: UNet2DConditionModel
    vae: AutoencoderKL
    text_encoder: CLIPTextModel
    tokenizer: CLIPTokenizer

    @classmethod
    def load(cls, folder: Path) -> "Starter":
        """Read the folder :mod:`models.recipe.folder` wrote."""
        single = {"dtype": torch.float32}
        unet = UNet2DConditionModel.from_pretrained(folder / "unet", **single)
        vae = AutoencoderKL.from_pretrained(folder / "vae", **single)
        return cls(
            unet=weights_channels_last(unet).eval().requires_grad_(False),
            vae=weights_channels_last(vae).eval().requires_grad_(False),
            text_encoder=CLIPTextModel.from_pretrained(folder / "text_encoder", dtype=torch.float32).eval(),
            tokenizer=CLIPTokenizer.from_pretrained(folder / "tokenizer"),
        )

    def trainable_unet(self) -> UNet2DConditionModel:
        """A copy of the UNet that learns."""
        copy = UNet2DConditionModel.from_config(self.unet.config)
        copy.load_state_dict(self.unet.state_dict())
        return weights_channels_last(copy)


@dataclass(frozen=True, slots=True)
class Drawings:
    """A training set with the pictures themselves."""

    known: TrainingSet
    pixels: npt.NDArray[np.uint8]
    """``[pictures, 64, 64, 3]``, RGB, mapped into memory."""

    @classmethod
    def load(cls, folder: Path) -> "Drawings":
        """Map what :func:`write_drawings` wrote."""
        return cls(TrainingSet.load(folder), np.load(folder / _PIXELS, mmap_mode="r"))

    def pictures(self, rows: list[int]) -> Tensor:
        """Pictures ``[rows, 3, 64, 64]``, float32 from -1 to 1."""
        return to_tensor([self.pixels[row] for row in rows])


def drawn_scenes(count: int) -> list[Scene]:
    """The scenes of the drawings, in their order."""
    generator = random.Random(_SCENES)
    return [sample_scene(generator) for _ in range(count)]


def write_drawings(starter: Starter, folder: Path, budgets: Budgets) -> None:
    """Draw the pictures, and encode them and their captions with the finished VAE and text encoder."""
    folder.mkdir(parents=True, exist_ok=True)
    scenes, generator = drawn_scenes(budgets.drawings), random.Random(_CAPTIONS)
    pixels = np.empty((len(scenes), NATIVE_SIZE, NATIVE_SIZE, 3), np.uint8)
    for row, scene in enumerate(scenes):
        pixels[row] = draw(scene)
    np.save(folder / _PIXELS, pixels)
    captions = [training_caption(scene, generator) for scene in scenes]
    latents = encode_pictures(starter.vae, list(pixels))
    store_training_set(latents, [captions], starter.text_encoder, starter.tokenizer, folder)
    print(f"drawings: {len(scenes)} pictures")


@torch.no_grad()
def encode_pictures(vae: AutoencoderKL, pictures: list[Pixels]) -> Tensor:
    """Latents of many pictures: float32 ``[pictures, 4, 16, 16]``."""
    batches = [pictures[start : start + _BATCH] for start in range(0, len(pictures), _BATCH)]
    return torch.cat([encode(vae, to_tensor(batch)) for batch in batches])
