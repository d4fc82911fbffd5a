"""Learned upscalers, as files that spandrel reads: where they lie and which is the best for a factor.

They are found in three places: files in a folder ``esrgan``, folders whose ``mintaka.json`` is of kind ``upscaler``
(``id``, ``title``, ``file``, ``factor``), and the upscalers that models bring along for their own pictures.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mintaka.engine.errors import NoSuchModel
from mintaka.engine.models.info import SIDECAR, BadModel, ModelInfo

FOLDER = "esrgan"
ENDING = ".safetensors"
PICKLES = (".pth", ".pt", ".ckpt", ".bin")

BEST = ("esrgan", "realesrgan")
"""Names that mean the best upscaler there is for a factor."""

WHERE = f"put its {ENDING} file into a folder `{FOLDER}` in the models folder"


@dataclass(frozen=True, slots=True)
class UpscalerInfo:
    """An upscaler the engine can load."""

    id: str
    title: str
    path: Path
    factor: int | None
    """How many times as wide and high it makes a picture; ``None``: only the loaded file tells."""


def find_upscalers(roots: Iterable[Path], models: Iterable[ModelInfo]) -> tuple[UpscalerInfo, ...]:
    """Every upscaler below ``roots`` and of ``models``; of two of one id the first counts.

    First what somebody put there to enlarge anything with, last what was made for one model's pictures.
    """
    found: dict[str, UpscalerInfo] = {}
    roots = tuple(roots)
    for each in (*_files(roots), *_folders(roots), *_own(models)):
        found.setdefault(each.id, each)
    return tuple(found.values())


def best_upscaler(upscalers: Sequence[UpscalerInfo], factor: int) -> UpscalerInfo | None:
    """The one that fits ``factor`` best: of that factor or of one that is not told, then the least above, then below.

    Of equals the first.
    """
    return min(upscalers, key=lambda each: _distance(each.factor, factor), default=None)


def get_upscaler(name: str, upscalers: Sequence[UpscalerInfo], roots: Iterable[Path]) -> UpscalerInfo:
    """The upscaler called ``name``, with or without the ending of its file. Raises NoSuchModel, BadModel."""
    plain = name.removesuffix(ENDING)
    for each in upscalers:
        if each.id == plain:
            return each
    for root in roots:
        for file in _listed(root / FOLDER):
            if file.suffix in PICKLES and name in (file.name, file.stem):
                raise BadModel(
                    f"the upscaler {file.name} is a pickle, which can run any code, so it is not loaded",
                    hint="convert it to safetensors",
                )
    raise no_such_upscaler(f"there is no upscaler called “{name}”", [each.id for each in upscalers])


def no_such_upscaler(message: str, names: Sequence[str]) -> NoSuchModel:
    """What to say where an upscaler is missing."""
    hint = f"there {'is' if len(names) == 1 else 'are'} {', '.join(names)}" if names else WHERE
    return NoSuchModel(f"{message}; {hint}", hint=hint)


def _distance(own: int | None, factor: int) -> tuple[int, int]:
    if own is None or own == factor:
        return 0, 0
    return (1, own) if own > factor else (2, -own)


def _files(roots: Sequence[Path]) -> Iterator[UpscalerInfo]:
    for root in roots:
        for file in _listed(root / FOLDER):
            if file.suffix == ENDING:
                yield UpscalerInfo(file.stem, file.stem, file, None)


def _folders(roots: Sequence[Path]) -> Iterator[UpscalerInfo]:
    for root in roots:
        for folder in (root, *_listed(root)):
            told = _sidecar(folder / SIDECAR)
            if told.get("kind") != "upscaler":
                continue
            file = told.get("file") or next((each.name for each in _listed(folder) if each.suffix == ENDING), "")
            factor, name = told.get("factor"), str(told.get("id") or folder.name)
            # The name of a file in the very folder: nothing leads out of it.
            if (
                isinstance(file, str)
                and Path(file).name == file
                and file.endswith(ENDING)
                and (folder / file).is_file()
            ):
                title = str(told.get("title") or name)
                yield UpscalerInfo(name, title, folder / file, factor if type(factor) is int else None)


def _own(models: Iterable[ModelInfo]) -> Iterator[UpscalerInfo]:
    for model in models:
        if model.enlarge is not None and model.enlarge.file.endswith(ENDING):
            path = model.path / model.enlarge.file
            yield UpscalerInfo(path.stem, f"{path.stem} of {model.title}", path, model.enlarge.factor)


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _sidecar(file: Path) -> dict[str, object]:
    try:
        told = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}
