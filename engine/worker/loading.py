"""From a model's folder to a pipeline in memory."""

import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import diffusers
import torch

from mintaka.engine.errors import EngineError
from mintaka.engine.models.info import BadModel, ModelInfo, read_model
from mintaka.engine.worker.failures import is_out_of_memory
from mintaka.engine.worker.proxy import proxies
from mintaka.engine.worker.tasks import Task, pipeline_for
from mintaka.engine.worker.upscaling import Upscaler, load_upscaler

HASH_LIMIT = 256 * 1024 * 1024
"""Weights up to this many bytes are hashed as they are loaded (a fraction of a second)."""

PICKLES = (".bin", ".ckpt", ".pt", ".pth", ".pkl")
"""Endings of weights that run code as they are loaded."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model in memory."""

    info: ModelInfo
    base: Any
    """The pipeline as it was loaded; see `pipeline`."""
    proxies: Mapping[str, Any]
    """What stands for the pipeline's heavy modules in a request; see `mintaka.engine.worker.proxy`."""
    upscaler: Upscaler | None
    weight_bytes: int
    digest: str | None
    """SHA-256 over the SHA-256 of each weight file, hexadecimal; ``None`` where they are too large to hash."""
    _pipelines: dict[Task, Any] = field(default_factory=dict)

    def pipeline(self, task: Task) -> Any:
        """The pipeline for ``task`` over the model's weights, made when it is first wanted. Raises Unsupported."""
        if task not in self._pipelines:
            self._pipelines[task] = pipeline_for(task, self.base, self.info)
        return self._pipelines[task]


class Shelf:
    """The models kept loaded: as many as fit ``keep_bytes``, the least recently used leaves first.

    Only one thread may take models from it. A model that leaves stays in memory until the last request that draws with
    it ends.
    """

    def __init__(self, device: str, keep_bytes: int) -> None:
        self._device = device
        self._keep_bytes = keep_bytes
        self._loaded: OrderedDict[Path, Loaded] = OrderedDict()
        self._ids: tuple[str, ...] = ()

    def get(self, path: Path, name: str) -> Loaded:
        """The model in folder ``path``, called ``name``, loaded if need be. Raises BadModel or EngineError."""
        if path not in self._loaded:
            loaded = load(read_model(path, name), self._device)
            self._make_room(loaded.weight_bytes)
            self._loaded[path] = loaded
        self._loaded.move_to_end(path)
        self._ids = tuple(each.info.id for each in self._loaded.values())
        return self._loaded[path]

    def ids(self) -> tuple[str, ...]:
        """Ids of the models kept, the most recently used last. Any thread may ask."""
        return self._ids

    def _make_room(self, needed: int) -> None:
        while self._loaded and needed + sum(each.weight_bytes for each in self._loaded.values()) > self._keep_bytes:
            self._loaded.popitem(last=False)


def load(info: ModelInfo, device: str) -> Loaded:
    """Load ``info`` onto ``device``, in single precision on a CPU and half precision elsewhere.

    Reads only what lies in the folder and only safetensors: a pickle can run any code, so one is refused.
    """
    files = _weight_files(info)
    with torch.inference_mode(False):  # else the weights could never be changed, as an adapter changes them
        pipeline = _pipeline(info, device)
        upscaler = load_upscaler(info.path / info.enlarge.file, info.enlarge.factor, device) if info.enlarge else None
    digest = _digest(files) if sum(file.stat().st_size for file in files) <= HASH_LIMIT else None
    return Loaded(info, pipeline, proxies(pipeline), upscaler, _weight_bytes(pipeline), digest)


def _pipeline(info: ModelInfo, device: str) -> Any:
    try:
        pipeline = getattr(diffusers, info.pipeline).from_pretrained(
            info.path,
            dtype=torch.float32 if device == "cpu" else torch.float16,
            local_files_only=True,
            use_safetensors=True,
            low_cpu_mem_usage=True,
        )
    except Exception as error:
        if is_out_of_memory(error):
            raise
        raise EngineError(
            f"the model {info.id} cannot be loaded ({type(error).__name__}); the server's log says more",
            hint="check that the model's folder is complete",
        ) from error
    rgb = info.latent_rgb
    if rgb is not None and len(rgb.matrix) != pipeline.vae.config.latent_channels:
        raise BadModel(
            f"{info.id}/mintaka.json: `latent_rgb` has {len(rgb.matrix)} rows; the model's latents have "
            f"{pipeline.vae.config.latent_channels} channels",
            hint="correct `latent_rgb`, or set it to null and do without previews",
        )
    return pipeline.to(device)


def _weight_files(info: ModelInfo) -> list[Path]:
    found = []
    for component in info.components:
        folder = info.path / component
        files = sorted(folder.iterdir()) if folder.is_dir() else []
        safe = [file for file in files if file.suffix == ".safetensors"]
        pickles = [file for file in files if file.suffix in PICKLES]
        if pickles and not safe:
            raise BadModel(
                f"{info.id}/{component}/{pickles[0].name} is a pickle, which can run any code, so it is not loaded",
                hint="convert the model to safetensors",
            )
        found += safe
    if info.enlarge is not None and not info.enlarge.file.endswith(".safetensors"):
        raise BadModel(
            f"{info.id}/{info.enlarge.file} is not a safetensors file, so it is not loaded",
            hint="convert the upscaler to safetensors",
        )
    return found


def _weight_bytes(pipeline: Any) -> int:
    modules = [part for part in pipeline.components.values() if isinstance(part, torch.nn.Module)]
    return sum(each.numel() * each.element_size() for module in modules for each in module.parameters())


def _digest(files: list[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()
