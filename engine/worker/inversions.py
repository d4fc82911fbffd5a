"""Textual inversions, which teach a text encoder a word: files with the vectors that stand for it.

They are laid over what the encoder's own table gives, in the one run that reads them; neither its vocabulary nor that
of its tokenizer changes, so no other request ever meets the word.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from mintaka.engine.models.info import BadModel

PAIR = ("clip_l", "clip_g")
"""The vectors for the two text encoders of SDXL."""


@dataclass(frozen=True, slots=True)
class Inversion:
    """A word and what it stands for."""

    name: str
    digest: str
    """Of its file; another file is another word."""
    vectors: tuple[Tensor, ...]
    """``[count, width]`` for each text encoder of the models it is for."""

    def misfit(self, widths: Sequence[int], room: int) -> str | None:
        """Why it cannot be read by text encoders of ``widths`` with ``room`` for so many tokens; ``None``: it can."""
        own = [each.shape[1] for each in self.vectors]
        if own != list(widths):
            return f"its vectors are {_told(own)} wide, and those of the model's words {_told(widths)}"
        count = len(self.vectors[0])
        return None if count <= room else f"it has {count} vectors, and the text encoder reads {room} at once"


def read_inversion(name: str, file: Path) -> Inversion:
    """The inversion in ``file``, as A1111, diffusers and ComfyUI write them. Raises BadModel."""
    try:
        data = file.read_bytes()
        tensors = safetensors.torch.load(data)
    except (OSError, SafetensorError) as error:
        raise _bad(name, "its file cannot be read") from error
    vectors = _vectors(tensors)
    if not vectors or any(each.dim() != 2 or not each.numel() or not each.is_floating_point() for each in vectors):
        raise _bad(name, "its file holds something else than the vectors of one word")
    if len({len(each) for each in vectors}) != 1:
        raise _bad(name, "its two parts are not of one length")
    return Inversion(name, hashlib.blake2b(data, digest_size=16).hexdigest(), tuple(vectors))


def _vectors(tensors: Mapping[str, Tensor]) -> list[Tensor]:
    if set(PAIR) <= set(tensors):
        found = [tensors[part] for part in PAIR]
    else:
        found = [tensors["emb_params"]] if "emb_params" in tensors else [*tensors.values()]
        found = found if len(found) == 1 else []
    return [each[None] if each.dim() == 1 else each for each in found]


def _told(widths: Sequence[int]) -> str:
    return " and ".join(map(str, widths))


def _bad(name: str, why: str) -> BadModel:
    return BadModel(
        f"the embedding {name} cannot be used: {why}", hint="put a safetensors file of one word in its place"
    )
