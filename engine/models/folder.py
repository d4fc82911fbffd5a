"""The folders in which models are found."""

import builtins
import difflib
import hashlib
import itertools
import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from mintaka.engine.errors import NoSuchModel, Unsupported
from mintaka.engine.models.controlnets import CONFIG, ControlNetInfo, read_controlnet
from mintaka.engine.models.info import INDEX, SIDECAR, BadModel, ModelInfo, read_model
from mintaka.engine.models.loras import LoraInfo, find_loras
from mintaka.engine.models.upscalers import UpscalerInfo, find_upscalers, get_upscaler

DEPTH = 2
"""How far below a given folder models are looked for: ``starter`` and ``owner/name``."""


class ModelSnapshot:
    """The models of a folder as they were at one moment."""

    def __init__(
        self,
        models: Mapping[str, ModelInfo],
        faults: Mapping[str, BadModel],
        controlnets: Mapping[str, ControlNetInfo] | None = None,
        loras: Mapping[str, LoraInfo] | None = None,
        upscalers: tuple[UpscalerInfo, ...] = (),
    ) -> None:
        self._models = models
        self._controlnets = controlnets or {}
        self._loras = loras or {}
        self._faults = faults
        self.upscalers = upscalers

    @cached_property
    def revision(self) -> str:
        """What is known of the usable models, in 16 hex digits: another whenever one was added, removed or changed."""
        told = hashlib.blake2b(digest_size=8)
        for each in (*self._models.values(), *self._controlnets.values()):
            told.update(each.model_dump_json(exclude={"path"}).encode())
        for lora in self._loras.values():
            told.update(lora.model_dump_json(exclude={"file"}).encode())
        for upscaler in self.upscalers:
            told.update(repr((upscaler.id, upscaler.title, upscaler.factor)).encode())
        return told.hexdigest()

    def list(self) -> list[ModelInfo]:
        """Every usable model, in the order of the folders and then of their names; for the others see `faults`."""
        return [*self._models.values()]

    def loras(self) -> builtins.list[LoraInfo]:
        """Every usable LoRA, in the order of the folders and then of their names."""
        return [*self._loras.values()]

    def lora(self, lora_id: str) -> LoraInfo:
        """The LoRA called ``lora_id``. Raises Unsupported, which names no others: not all may know of all."""
        if lora_id not in self._loras:
            raise Unsupported(
                f"there is no LoRA called “{lora_id}”", hint="diffusers.generate.loras tells those there are"
            )
        return self._loras[lora_id]

    def faults(self) -> tuple[BadModel, ...]:
        """Why folders that look like models cannot be used."""
        return tuple(self._faults.values())

    def get(self, model_id: str) -> ModelInfo:
        """The model called ``model_id``.

        Raises NoSuchModel with the nearest names, or BadModel when the folder is there but cannot be used.
        """
        if model_id in self._models:
            return self._models[model_id]
        if model_id in self._faults:
            raise self._faults[model_id]
        near = difflib.get_close_matches(model_id, self._models, n=3, cutoff=0.5)
        if not self._models:
            hint = "no models are installed"
        elif near:
            hint = f"did you mean {' or '.join(near)}?"
        else:
            hint = f"there are {', '.join(self._models)}"
        raise NoSuchModel(f"there is no model called “{model_id}”; {hint}", hint=hint)

    def controlnets(self) -> Sequence[ControlNetInfo]:
        """Every usable ControlNet, in the order of the folders and then of their names."""
        return [*self._controlnets.values()]

    def controlnet(self, controlnet_id: str) -> ControlNetInfo:
        """The ControlNet of that id. Raises NoSuchModel with those there are, or BadModel."""
        if controlnet_id in self._controlnets:
            return self._controlnets[controlnet_id]
        if controlnet_id in self._faults:
            raise self._faults[controlnet_id]
        hint = f"there are {', '.join(self._controlnets)}" if self._controlnets else "no ControlNets are installed"
        raise NoSuchModel(f"there is no ControlNet called “{controlnet_id}”; {hint}", hint=hint)


class ModelFolder:
    """The models in ``paths``: each path is a model itself or holds models, at most two folders deep.

    A model's id is what its sidecar says, else its path below the given folder. Of two with one id the first counts.
    The folders are looked at anew at every question, so a model put there is found without a restart; only files that
    changed since are read again.
    """

    def __init__(self, paths: Iterable[Path]) -> None:
        self._paths = tuple(paths)
        self._read: dict[_Found, ModelInfo | ControlNetInfo | None] = {}
        self._last: tuple[Sequence[object], ModelSnapshot] | None = None

    def list(self) -> list[ModelInfo]:
        """Every usable model now; see `ModelSnapshot.list`."""
        return self.snapshot().list()

    def faults(self) -> tuple[BadModel, ...]:
        """Why folders that look like models cannot be used now."""
        return self.snapshot().faults()

    def get(self, model_id: str) -> ModelInfo:
        """The model now called ``model_id``; see `ModelSnapshot.get`."""
        return self.snapshot().get(model_id)

    def controlnets(self) -> Sequence[ControlNetInfo]:
        """Every usable ControlNet now; see `ModelSnapshot.controlnets`."""
        return self.snapshot().controlnets()

    def controlnet(self, controlnet_id: str) -> ControlNetInfo:
        """The ControlNet now called ``controlnet_id``; see `ModelSnapshot.controlnet`."""
        return self.snapshot().controlnet(controlnet_id)

    def loras(self) -> builtins.list[LoraInfo]:
        """Every usable LoRA now."""
        return self.snapshot().loras()

    def lora(self, lora_id: str) -> LoraInfo:
        """The LoRA now called ``lora_id``; see `ModelSnapshot.lora`."""
        return self.snapshot().lora(lora_id)

    def upscaler(self, name: str) -> UpscalerInfo:
        """The upscaler now called ``name``. Raises NoSuchModel, BadModel."""
        return get_upscaler(name, self.snapshot().upscalers, self._paths)

    def snapshot(self) -> ModelSnapshot:
        """All models as they are now; the same object as before where nothing changed."""
        models: dict[str, ModelInfo] = {}
        controlnets: dict[str, ControlNetInfo] = {}
        faults: dict[str, BadModel] = {}
        read: dict[_Found, ModelInfo | ControlNetInfo | None] = {}
        for each in itertools.chain.from_iterable(map(_found, self._paths)):
            try:
                info = self._read[each] if each in self._read else _read(each)
            except BadModel as fault:
                # Not remembered: it may be put right by a file that is not looked at here.
                faults.setdefault(each.name, fault)
            else:
                read[each] = info
                if isinstance(info, ModelInfo):
                    models.setdefault(info.id, info)
                elif info is not None:
                    controlnets.setdefault(info.id, info)
        self._read = read
        loras, bad_loras = find_loras(self._paths)
        faults = {**bad_loras, **faults}
        upscalers = find_upscalers(self._paths, models.values())
        seen: list[object] = [*read, *loras.values(), *upscalers]
        seen += [(name, fault.message) for name, fault in faults.items()]
        last = self._last
        if last is None or last[0] != seen:
            last = self._last = seen, ModelSnapshot(models, faults, controlnets, loras, upscalers)
        return last[1]


class _Found(NamedTuple):
    """A folder that looks like a model or a ControlNet, and by what one sees that it has changed."""

    path: str
    file: str
    """The file that says what it is: `INDEX` of a model, `CONFIG` of a network alone."""
    name: str
    """Its path below the given folder."""
    changed: tuple[int | None, ...]
    """Nanoseconds at which the folder, its index and its sidecar were changed last, and the bytes of the files."""


def _found(root: Path) -> Iterator[_Found]:
    top = str(root)
    for path, file, index in _model_folders(top, DEPTH):
        name = path[len(top) :].strip(os.sep).replace(os.sep, "/") or root.name
        folder, sidecar = _stat(path), _stat(f"{path}{os.sep}{SIDECAR}")
        changed = (
            folder and folder.st_mtime_ns,
            *(index.st_mtime_ns, index.st_size),
            *((sidecar.st_mtime_ns, sidecar.st_size) if sidecar else ()),
        )
        yield _Found(path, file, name, changed)


def _read(found: _Found) -> ModelInfo | ControlNetInfo | None:
    return (read_model if found.file == INDEX else read_controlnet)(Path(found.path), found.name)


def _model_folders(path: str, depth: int) -> Iterator[tuple[str, str, os.stat_result]]:
    for file in (INDEX, CONFIG):
        index = _stat(f"{path}{os.sep}{file}")
        if index is not None and stat.S_ISREG(index.st_mode):
            yield path, file, index
            return
    if depth and os.path.isdir(path):
        for child in sorted(os.listdir(path)):
            yield from _model_folders(f"{path}{os.sep}{child}", depth - 1)


def _stat(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except OSError:
        return None
