"""From a model's folder to a pipeline in memory."""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import diffusers
import torch

from mintaka.engine.errors import EngineError, Unsupported
from mintaka.engine.models.info import BadModel, ModelInfo, read_model
from mintaka.engine.worker.upscaling import Upscaler, load_upscaler

HASH_LIMIT = 256 * 1024 * 1024
"""Weights up to this many bytes are hashed as they are loaded (a fraction of a second)."""

PICKLES = (".bin", ".ckpt", ".pt", ".pth", ".pkl")
"""Endings of weights that run code as they are loaded."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model in memory."""

    info: ModelInfo
    pipeline: Any
    upscaler: Upscaler | None
    weight_bytes: int
    digest: str | None
    """SHA-256 over its weight files in order of their names, hexadecimal; ``None`` where they are too large to hash."""


class Shelf:
    """The models kept loaded: as many as fit ``keep_bytes``, the least recently used leaves first.

    Only one thread may use it. A model that leaves stays in memory until the last request that draws with it ends.
    """

    def __init__(self, device: str, keep_bytes: int) -> None:
        self._device = device
        self._keep_bytes = keep_bytes
        self._loaded: OrderedDict[Path, Loaded] = OrderedDict()

    def get(self, path: Path) -> Loaded:
        """The model in folder ``path``, loaded if need be. Raises BadModel, Unsupported or EngineError."""
        if path not in self._loaded:
            loaded = load(read_model(path), self._device)
            self._make_room(loaded.weight_bytes)
            self._loaded[path] = loaded
        self._loaded.move_to_end(path)
        return self._loaded[path]

    def ids(self) -> list[str]:
        """Ids of the models kept, the most recently used last."""
        return [loaded.info.id for loaded in list(self._loaded.values())]

    def _make_room(self, needed: int) -> None:
        while self._loaded and needed + sum(each.weight_bytes for each in self._loaded.values()) > self._keep_bytes:
            self._loaded.popitem(last=False)


def load(info: ModelInfo, device: str) -> Loaded:
    """Load ``info`` onto ``device``, in single precision on a CPU and half precision elsewhere.

    Reads only what lies in the folder and only safetensors: a pickle can run any code, so one is refused.
    """
    weights = _weights(info)
    try:
        pipeline = getattr(diffusers, _pipeline_class(info)).from_pretrained(
            info.path,
            dtype=torch.float32 if device == "cpu" else torch.float16,
            local_files_only=True,
            use_safetensors=True,
            low_cpu_mem_usage=True,
        )
    except (OSError, ValueError, KeyError) as error:
        raise EngineError(
            f"the model {info.id} cannot be loaded ({type(error).__name__}); the server's log says more",
            hint="check that the model's folder is complete",
        ) from error
    pipeline.to(device)
    upscaler = load_upscaler(info.path / info.enlarge.file, info.enlarge.factor, device) if info.enlarge else None
    size = sum(file.stat().st_size for file in weights)
    digest = _digest(weights) if size <= HASH_LIMIT else None
    return Loaded(info, pipeline, upscaler, size, digest)


def _pipeline_class(info: ModelInfo) -> str:
    classes = {"sd": "StableDiffusionPipeline"}
    return classes[info.family]


def _weights(info: ModelInfo) -> list[Path]:
    files = sorted(file for file in info.path.rglob("*") if file.is_file())
    safe = [file for file in files if file.suffix == ".safetensors"]
    pickles = [file for file in files if file.suffix in PICKLES]
    if not safe:
        found = f"; {pickles[0].name} is a pickle, which can run any code" if pickles else ""
        raise BadModel(f"the model {info.id} has no safetensors{found}", hint="convert its weights to safetensors")
    if info.enlarge is not None and not info.enlarge.file.endswith(".safetensors"):
        raise Unsupported(f"the upscaler of {info.id} is not a safetensors file", hint="convert it to safetensors")
    return safe


def _digest(files: list[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()
