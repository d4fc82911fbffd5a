"""The UNet's training set: latents of drawn pictures and hidden states of their captions, computed once."""

import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from transformers import CLIPTokenizer

from models.recipe.budgets import Budgets
from models.recipe.captions import EMPTY_SHARE, training_caption
from models.recipe.pictures import to_tensor
from models.recipe.text import WIDTH, encode_captions
from models.recipe.tokenizer import MAX_LENGTH
from models.recipe.training import Randomness
from models.recipe.vae import LATENT_CHANNELS, LATENT_SIZE, encode, fold_statistics, whitening_of
from models.recipe.world import draw, sample_scene

_BATCH = 64
_LATENTS = "latents.npy"
_CAPTIONS = "captions.npy"
_EMPTY = "empty.npy"

HalfArray = npt.NDArray[np.float16]


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """Arrays on disk, mapped into memory."""

    latents: HalfArray
    """``[pictures, 4, 16, 16]``, mean 0, variance 1 and no correlation between the channels."""
    captions: HalfArray
    """``[pictures, captions_per_picture, 77, WIDTH]``."""
    empty: HalfArray
    """The empty caption: ``[77, WIDTH]``."""

    @classmethod
    def load(cls, folder: Path) -> "TrainingSet":
        """Map what :func:`write_training_set` wrote."""
        return cls(*(np.load(folder / name, mmap_mode="r") for name in (_LATENTS, _CAPTIONS, _EMPTY)))

    def batch(self, size: int, randomness: Randomness) -> tuple[Tensor, Tensor]:
        """Random latents ``[size, 4, 16, 16]`` and captions ``[size, 77, WIDTH]``, float32; some captions are empty."""
        generator = randomness.python
        pictures = [generator.randrange(len(self.latents)) for _ in range(size)]
        states = [
            self.empty
            if generator.random() < EMPTY_SHARE
            else self.captions[picture, generator.randrange(self.captions.shape[1])]
            for picture in pictures
        ]
        return torch.from_numpy(self.latents[pictures]).float(), torch.from_numpy(np.stack(states)).float()


@torch.no_grad()
def write_training_set(
    vae: nn.Module, encoder: nn.Module, tokenizer: CLIPTokenizer, folder: Path, budgets: Budgets
) -> None:
    """Draw and encode the pictures with their captions, and fold the latents' statistics into the VAE."""
    generator = random.Random(1000)
    shape = (budgets.pictures, LATENT_CHANNELS, LATENT_SIZE, LATENT_SIZE)
    raw = np.empty(shape, np.float32)
    captions = np.lib.format.open_memmap(
        folder / _CAPTIONS, "w+", np.float16, (budgets.pictures, budgets.captions_per_picture, MAX_LENGTH, WIDTH)
    )
    for start in range(0, budgets.pictures, _BATCH):
        scenes = [sample_scene(generator) for _ in range(min(_BATCH, budgets.pictures - start))]
        rows = slice(start, start + len(scenes))
        raw[rows] = encode(vae, to_tensor([draw(scene) for scene in scenes])).numpy()
        for version in range(budgets.captions_per_picture):
            texts = [training_caption(scene, generator) for scene in scenes]
            captions[rows, version] = encode_captions(encoder, tokenizer, texts).numpy()
    captions.flush()
    latents = torch.from_numpy(raw)
    mean, whitening = whitening_of(latents)
    fold_statistics(vae, mean, whitening)
    white = torch.einsum("ij,bjhw->bihw", whitening, latents - mean.view(1, -1, 1, 1))
    np.save(folder / _LATENTS, white.numpy().astype(np.float16))
    np.save(folder / _EMPTY, encode_captions(encoder, tokenizer, [""])[0].numpy().astype(np.float16))
    print(f"latents: {budgets.pictures} pictures, whitened")
