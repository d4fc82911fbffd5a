"""What kinds of files there are to draw with, the folders they lie in and the endings they have."""

from collections.abc import Mapping
from enum import StrEnum


class Kind(StrEnum):
    """What a file or folder is to the engine; the value is what ``kind`` in a ``mintaka.json`` says."""

    MODEL = "model"
    CONTROLNET = "controlnet"
    LORA = "lora"
    UPSCALER = "upscaler"
    EMBEDDING = "embedding"
    VAE = "vae"
    TEXT_ENCODER = "text-encoder"
    FACE = "face"

    @property
    def noun(self) -> str:
        """What people call one."""
        return NOUNS[self]


NOUNS: Mapping[Kind, str] = {
    Kind.MODEL: "model",
    Kind.CONTROLNET: "ControlNet",
    Kind.LORA: "LoRA",
    Kind.UPSCALER: "upscaler",
    Kind.EMBEDDING: "embedding",
    Kind.VAE: "VAE",
    Kind.TEXT_ENCODER: "text encoder",
    Kind.FACE: "face model",
}

FOLDERS: Mapping[str, Kind] = {
    "stable-diffusion": Kind.MODEL,
    "controlnet": Kind.CONTROLNET,
    "lora": Kind.LORA,
    "esrgan": Kind.UPSCALER,
    "embeddings": Kind.EMBEDDING,
    "vae": Kind.VAE,
    "text-encoder": Kind.TEXT_ENCODER,
    "facerestore": Kind.FACE,
}
"""Names of folders that hold one kind each; what lies in them is named by its path there."""

SAFETENSORS = ".safetensors"
GGUF = ".gguf"

ENDINGS: Mapping[Kind, tuple[str, ...]] = {
    Kind.MODEL: (SAFETENSORS, GGUF),
    Kind.CONTROLNET: (),
    Kind.LORA: (SAFETENSORS,),
    Kind.UPSCALER: (SAFETENSORS,),
    Kind.EMBEDDING: (SAFETENSORS,),
    Kind.VAE: (SAFETENSORS,),
    Kind.TEXT_ENCODER: (SAFETENSORS,),
    Kind.FACE: (SAFETENSORS,),
}
"""Endings of single files that are one of the kind all by themselves; the others are folders."""

PICKLES = (".bin", ".ckpt", ".pt", ".pth", ".pkl")
"""Endings of weights that run code as they are loaded."""

CONVERT = (
    "convert it to safetensors: read it with torch.load(file, weights_only=True), which runs no code, and write its "
    "tensors with safetensors.torch.save_file"
)
"""What to do about a pickle."""
