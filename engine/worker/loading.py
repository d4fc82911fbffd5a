"""From a model's folder to a pipeline in memory."""

import re
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from concurrent.futures import Future, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import diffusers
import torch
from diffusers.models.controlnets.controlnet import ControlNetModel

from mintaka.engine.errors import EngineError
from mintaka.engine.messages import MODEL, PART, Files, part_role
from mintaka.engine.models.controlnets import ControlNetInfo, read_controlnet
from mintaka.engine.models.families import Half, Task
from mintaka.engine.models.identity import Identities
from mintaka.engine.models.info import CONFIG, BadModel, ModelInfo, read_model
from mintaka.engine.models.kinds import CONVERT, GGUF, PICKLES
from mintaka.engine.worker.adapters import Adapters
from mintaka.engine.worker.encoding import Encodings
from mintaka.engine.worker.face_models import load_face_model
from mintaka.engine.worker.failures import is_out_of_memory
from mintaka.engine.worker.homes import Homes
from mintaka.engine.worker.loaded_files import LoadedFiles
from mintaka.engine.worker.parts import lacking_parts, load_parts, quantised_part
from mintaka.engine.worker.proxy import HEAVY, controlnet_proxy
from mintaka.engine.worker.room import Room, loaded_bytes, on_device, usual_budget
from mintaka.engine.worker.stepping import Lane, aside, until
from mintaka.engine.worker.tasks import pipeline_for
from mintaka.engine.worker.upscaling import Upscaler, load_any_upscaler, load_upscaler

NOTHING: Files = MappingProxyType({})

AWAITED = 256 * 1024 * 1024
"""The identity of weights of up to so many bytes is awaited as they are loaded: it takes a tenth of a second."""


@dataclass(frozen=True, slots=True)
class LoadedControlNet:
    """A ControlNet in memory."""

    info: ControlNetInfo
    module: Any
    proxy: Any
    """What stands for it in a request; see `mintaka.engine.worker.proxy`."""
    weight_bytes: int


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model in memory."""

    info: ModelInfo
    base: Any
    """The pipeline as it was loaded; see `pipeline`."""
    adapters: Adapters
    """Its LoRAs, and what stands for the pipeline's heavy modules in a request."""
    upscaler: Upscaler | None
    weight_bytes: int
    identity: "Future[str | None]"
    """That of all its weights, by `mintaka.engine.models.identity`; of large ones it comes while it is drawn with."""
    encodings: Encodings = field(default_factory=Encodings)
    """What prompts came to in its text encoders."""
    controlnets: tuple[LoadedControlNet, ...] = ()
    """Those that steer the one request this is for, in the order of its controls."""
    _pipelines: dict[tuple[Task, bool], Any] = field(default_factory=dict)

    @property
    def digest(self) -> str | None:
        """The identity of its weights, hexadecimal; ``None`` as long as that is not known."""
        return self.identity.result() if self.identity.done() and self.identity.exception() is None else None

    def pipeline(self, task: Task) -> Any:
        """The pipeline for ``task`` over the model's weights, made when it is first wanted. Raises Unsupported."""
        steered = bool(self.controlnets)
        if (task, steered) not in self._pipelines:
            controlnet = self.controlnets[0].module if steered else None
            self._pipelines[task, steered] = pipeline_for(task, self.base, self.info, controlnet)
        return self._pipelines[task, steered]


Kept = TypeVar("Kept", Loaded, LoadedControlNet)

Key = frozenset[Path]
"""The folders and files that something loaded is made of."""


class Shelf:
    """The models and ControlNets kept loaded: what fits the room beside what is drawn with, the least recently used
    leaving first, and never what a request holds.

    Only one thread may take models from it.
    """

    def __init__(self, device: str, keep_bytes: int | None = None, identities: Identities | None = None) -> None:
        self.upscalers = LoadedFiles(load_any_upscaler, device)
        self.face_models = LoadedFiles(load_face_model, device)
        self.room = Room(usual_budget(device) if keep_bytes is None else keep_bytes)
        self._device = device
        self._identities = identities or Identities()
        self._loaded: OrderedDict[Key, Loaded | LoadedControlNet] = OrderedDict()
        self._ids: tuple[str, ...] = ()
        self._changing = threading.Lock()

    @contextmanager
    def holding(self, files: Files, model: str, controlnets: Mapping[str, str]) -> Iterator[None]:
        """Wait for room for the model in ``files`` and its ControlNets, and hold it; in a request's own greenlet.

        ``controlnets`` are the ids of those by their roles in ``files``. Raises BadModel.
        """
        sizes = {_key(files): partial(self._model_bytes, files, model)}
        for role, name in controlnets.items():
            sizes[frozenset({files[role]})] = partial(self._controlnet_bytes, files[role], name)
        wants: dict[Hashable, int] = {
            key: self._size_of(key) or aside(size, Lane.FINISH) for key, size in sizes.items()
        }
        answer = self.room.ask(wants)
        try:
            if not answer.done():
                until(answer)
            self._make_room()
            yield
        finally:
            self.room.leave(wants, answer)

    def get(self, files: Files, name: str) -> Loaded:
        """The model in ``files``, called ``name``, loaded if need be. Raises BadModel or EngineError."""
        kept = self._loaded.get(_key(files))
        if not isinstance(kept, Loaded):
            kept = load(read_model(files[MODEL], name), self._device, files, self._identities)
        return self._keep(_key(files), kept)

    def controlnet(self, path: Path, name: str) -> LoadedControlNet:
        """The ControlNet in folder ``path``, called ``name``, loaded if need be. Raises BadModel or EngineError."""
        key = frozenset({path})
        kept = self._loaded.get(key)
        if isinstance(kept, LoadedControlNet):
            return self._keep(key, kept)
        info = read_controlnet(path, name)
        if info is None:
            raise BadModel(f"{name}/{CONFIG}: is not that of a ControlNet", hint="put the ControlNet's own back")
        return self._keep(key, load_controlnet(info, self._device))

    def weight_bytes(self) -> int:
        """Bytes of weights that are loaded, or being loaded. Any thread may ask."""
        with self._changing:
            return self._bytes()

    def ids(self) -> tuple[str, ...]:
        """Ids of the models kept, the most recently used last. Any thread may ask."""
        return self._ids

    def let_go(self, module: Any) -> bool:
        """Forget all models that nobody holds but the one that ``module`` is part of; whether there were any.

        Any thread may ask.
        """
        with self._changing:
            idle = [key for key, each in self._loaded.items() if not (self.room.holds(key) or _has(each, module))]
            for key in idle:
                del self._loaded[key]
            self._tell()
        return bool(idle)

    def _keep(self, key: Key, loaded: Kept) -> Kept:
        with self._changing:
            self._loaded[key] = loaded
            self._loaded.move_to_end(key)
            self.room.correct(key, loaded.weight_bytes)
            self._evict(key)
        return loaded

    def _make_room(self) -> None:
        with self._changing:
            self._evict(None)

    def _evict(self, spared: Key | None) -> None:
        """Forget what nobody holds, the least recently used first, until all fits; ``spared`` was loaded just now."""
        idle = [key for key in self._loaded if key != spared and not self.room.holds(key)]
        while idle and self._bytes() > self.room.budget:
            del self._loaded[idle.pop(0)]
        self._tell()

    def _bytes(self) -> int:
        return self.room.held + sum(each.weight_bytes for key, each in self._loaded.items() if not self.room.holds(key))

    def _tell(self) -> None:
        self._ids = tuple(each.info.id for each in self._loaded.values())

    def _size_of(self, key: Key) -> int | None:
        kept = self._loaded.get(key)
        return None if kept is None else kept.weight_bytes

    def _model_bytes(self, files: Files, name: str) -> int:
        """How much of the device the model in ``files`` will take, by its files. Raises BadModel."""
        info = read_model(files[MODEL], name)
        by_part: Counter[str] = Counter()
        for file in _weight_files(info, files):
            by_part[_part_of(file, info, files)] += _file_bytes([file], self._device)
        return on_device(by_part, info.placement, self._device)

    def _controlnet_bytes(self, path: Path, name: str) -> int:
        return _file_bytes(_safe_files(path, name), self._device)


def _key(files: Files) -> Key:
    return frozenset(path for role, path in files.items() if role == MODEL or role.startswith(PART))


def _part_of(file: Path, info: ModelInfo, files: Files) -> str:
    """The part of the model that ``file`` is of."""
    for name, _ in info.borrowed:
        if file.is_relative_to(files[part_role(name)]):
            return name
    return file.parent.name


def _file_bytes(files: Sequence[Path], device: str) -> int:
    """How much ``files`` will take once loaded; of two precisions of one the plain one is read."""
    plain = {file.name for file in files}
    return sum(
        loaded_bytes(file, device)
        for file in files
        if (name := _without_variant(file.name)) == file.name or name not in plain
    )


def _without_variant(name: str) -> str:
    return re.sub(r"\.(fp16|bf16|non_ema)(?=\.)", "", name)


def _has(loaded: Loaded | LoadedControlNet, module: Any) -> bool:
    if isinstance(loaded, LoadedControlNet):
        return loaded.module is module
    return any(part is module for part in loaded.base.components.values())


def load(info: ModelInfo, device: str, files: Files = NOTHING, identities: Identities | None = None) -> Loaded:
    """Load ``info`` onto ``device``, in single precision on a CPU and half precision elsewhere.

    Reads only what lies in its folder and, of parts from elsewhere, in ``files``, and only safetensors: a pickle can
    run any code, so one is refused.
    """
    weights = _weight_files(info, files)
    identity = (identities or Identities()).begin(weights)
    with torch.inference_mode(False):  # else the weights could never be changed, as an adapter changes them
        pipeline = _pipeline(info, files, device)
        homes = Homes(pipeline, info.placement, device, frozenset(HEAVY))
        upscaler = load_upscaler(info.folder / info.enlarge.file, info.enlarge.factor, device) if info.enlarge else None
    if sum(file.stat().st_size for file in weights) <= AWAITED:
        wait([identity])
    return Loaded(
        info, pipeline, Adapters(info.id, pipeline, homes), upscaler, _weight_bytes(pipeline, info, device), identity
    )


def load_controlnet(info: ControlNetInfo, device: str) -> LoadedControlNet:
    """Load ``info`` onto ``device``, as `load` does a model."""
    _safe_files(info.path, info.id)
    with torch.inference_mode(False):
        module = _read(
            ControlNetModel.from_pretrained, info.path, f"the ControlNet {info.id}", _precision(Half.FLOAT16, device)
        ).to(device)
    return LoadedControlNet(info, module, controlnet_proxy(module), _module_bytes(module))


def _pipeline(info: ModelInfo, files: Files, device: str) -> Any:
    kind, dtype = getattr(diffusers, info.pipeline), _precision(info.kin.half, device)
    parts = load_parts(info, files, dtype)
    read = kind.from_pretrained if info.config is None else partial(_single_file, kind, info)
    pipeline = _read(read, info.path, f"the model {info.id}", dtype, **parts)
    if info.trained:
        pipeline.scheduler = type(pipeline.scheduler).from_config(pipeline.scheduler.config, **info.trained)
    if pipeline.vae.config.get("force_upcast") and pipeline.vae.dtype == torch.float16:
        pipeline.vae.to(torch.float32)  # in half precision it would give what is not a number
    rgb, kept = info.latent_rgb, pipeline.vae.config
    channels = kept.get("latent_channels") or kept.get("z_dim")
    if rgb is not None and len(rgb.matrix) != channels:
        raise BadModel(
            f"{info.id}/mintaka.json: `latent_rgb` has {len(rgb.matrix)} rows; the model's latents have {channels} "
            "channels",
            hint="correct `latent_rgb`, or set it to null and do without previews",
        )
    return pipeline


def _precision(half: Half, device: str) -> torch.dtype:
    """Single precision on a CPU, which gains nothing from less, and ``half`` elsewhere."""
    return torch.float32 if device == "cpu" else getattr(torch, half.value)


def _single_file(kind: Any, info: ModelInfo, file: Path, *, dtype: torch.dtype, **more: Any) -> Any:
    """A pipeline from one file, with configurations, tokenizers and what it lacks from the folder its sidecar names."""
    parts = {name: value for name, value in more.items() if isinstance(value, torch.nn.Module)}
    parts |= lacking_parts(info, dtype)
    if file.suffix == GGUF:
        parts |= quantised_part(info, dtype)
        return kind.from_pretrained(info.config, dtype=dtype, local_files_only=True, use_safetensors=True, **parts)
    return kind.from_single_file(str(file), config=str(info.config), dtype=dtype, local_files_only=True, **parts)


def _read(read: Callable[..., Any], path: Path, what: str, dtype: torch.dtype, **parts: Any) -> Any:
    try:
        return read(path, dtype=dtype, local_files_only=True, use_safetensors=True, low_cpu_mem_usage=True, **parts)
    except Exception as error:
        if is_out_of_memory(error):
            raise
        raise EngineError(
            f"{what} cannot be loaded ({type(error).__name__}); the server's log says more",
            hint="check that its files are complete",
        ) from error


def _weight_files(info: ModelInfo, files: Files) -> list[Path]:
    found: list[Path] = [] if info.config is None else [info.path]
    borrowed = dict[str, str](info.borrowed)
    own = info.components if info.config is None else info.lacking
    for component in dict.fromkeys((*own, *borrowed)):
        place, name = info.configs / component, f"{info.id}/{component}"
        if component in borrowed:
            place, name = files[part_role(component)], borrowed[component]
        found += [place] if place.is_file() else _safe_files(place, name)
    if info.enlarge is not None and not info.enlarge.file.endswith(".safetensors"):
        raise BadModel(
            f"{info.id}/{info.enlarge.file} is not a safetensors file, so it is not loaded",
            hint=CONVERT,
        )
    return found


def _safe_files(folder: Path, name: str) -> list[Path]:
    """The safetensors files in ``folder``, of what is called ``name``. Raises BadModel where there are only pickles."""
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    safe = [file for file in files if file.suffix == ".safetensors"]
    pickles = [file for file in files if file.suffix in PICKLES]
    if pickles and not safe:
        raise BadModel(
            f"{name}/{pickles[0].name} is a pickle, which can run any code, so it is not loaded",
            hint=CONVERT,
        )
    return safe


def _weight_bytes(pipeline: Any, info: ModelInfo, device: str) -> int:
    modules = {name: part for name, part in pipeline.components.items() if isinstance(part, torch.nn.Module)}
    return on_device({name: _module_bytes(part) for name, part in modules.items()}, info.placement, device)


def _module_bytes(module: torch.nn.Module) -> int:
    return sum(each.numel() * each.element_size() for each in module.parameters())
