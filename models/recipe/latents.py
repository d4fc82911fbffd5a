"""The UNet's training set: latents of drawn pictures and hidden states of their captions, computed once."""

import random
from collections.abc import Sequence
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
from models.recipe.vae import encode, fold_statistics, whitening_of
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
        rows = self.choose(size, randomness)
        return self.latents_of(rows), self.captions_of(rows, randomness)

    def choose(self, size: int, randomness: Randomness) -> list[int]:
        """The rows of some random pictures."""
        return [randomness.python.randrange(len(self.latents)) for _ in range(size)]

    def latents_of(self, rows: list[int]) -> Tensor:
        """Latents ``[rows, 4, 16, 16]``, float32."""
        return torch.from_numpy(self.latents[rows]).float()

    def captions_of(self, rows: list[int], randomness: Randomness, empty_share: float = EMPTY_SHARE) -> Tensor:
        """One caption of each picture ``[rows, 77, WIDTH]``, float32; ``empty_share`` of them are empty."""
        generator = randomness.python
        states = [
            self.empty
            if generator.random() < empty_share
            else self.captions[row, generator.randrange(self.captions.shape[1])]
            for row in rows
        ]
        return torch.from_numpy(np.stack(states)).float()


@torch.no_grad()
def write_training_set(
    vae: nn.Module, encoder: nn.Module, tokenizer: CLIPTokenizer, folder: Path, budgets: Budgets
) -> None:
    """Draw and encode the pictures with their captions, and fold the latents' statistics into the VAE."""
    generator = random.Random(1000)
    encoded: list[Tensor] = []
    texts: list[list[str]] = [[] for _ in range(budgets.captions_per_picture)]
    for start in range(0, budgets.pictures, _BATCH):
        scenes = [sample_scene(generator) for _ in range(min(_BATCH, budgets.pictures - start))]
        encoded.append(encode(vae, to_tensor([draw(scene) for scene in scenes])))
        for version in texts:
            version += [training_caption(scene, generator) for scene in scenes]
    latents = torch.cat(encoded)
    mean, whitening = whitening_of(latents)
    fold_statistics(vae, mean, whitening)
    white = torch.einsum("ij,bjhw->bihw", whitening, latents - mean.view(1, -1, 1, 1))
    store_training_set(white, texts, encoder, tokenizer, folder)
    print(f"latents: {budgets.pictures} pictures, whitened")


@torch.no_grad()
def store_training_set(
    latents: Tensor, texts: Sequence[Sequence[str]], encoder: nn.Module, tokenizer: CLIPTokenizer, folder: Path
) -> None:
    """Write latents ``[pictures, 4, 16, 16]`` and some versions of their captions for :meth:`TrainingSet.load`."""
    captions = np.lib.format.open_memmap(
        folder / _CAPTIONS, "w+", np.float16, (len(latents), len(texts), MAX_LENGTH, WIDTH)
    )
    for version, said in enumerate(texts):
        for start in range(0, len(said), _BATCH):
            rows = slice(start, start + _BATCH)
            captions[rows, version] = encode_captions(encoder, tokenizer, said[rows]).numpy()
    captions.flush()
    np.save(folder / _LATENTS, latents.numpy().astype(np.float16))
    np.save(folder / _EMPTY, encode_captions(encoder, tokenizer, [""])[0].numpy().astype(np.float16))
