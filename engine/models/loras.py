"""The LoRAs there are: small files that change what a model draws, each a safetensors file.

One is found below any folder called ``lora`` in the folders of models, where its id is its path there without the
ending, or in a folder of its own whose ``mintaka.json`` says that its kind is ``lora``.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from pydantic import AliasChoices, Field, ValidationError

from mintaka.engine.models.info import INDEX, SIDECAR, BadModel, Data, file_inside, read_json

FOLDER = "lora"
ENDING = ".safetensors"
DEPTH = 2
"""How far below a given folder ``lora`` and folders of one LoRA are looked for; as for models."""


class LoraInfo(Data):
    """A LoRA, and what it says of itself."""

    id: str
    title: str
    description: str = ""
    license: str | None = None
    base: str | None = None
    """The id of the model it was made for, where that is known."""
    file: Path


class _Sidecar(Data):
    kind: str = "model"
    id: str | None = None
    title: str | None = None
    description: str = ""
    license: str | None = None
    base: str | None = Field(None, validation_alias=AliasChoices("base", "for"))
    file: str | None = None
    """Its file in the folder; it need not be said where there is only one."""


def find_loras(paths: Iterable[Path]) -> tuple[Mapping[str, LoraInfo], Mapping[str, BadModel]]:
    """The LoRAs below ``paths`` by id, and why others cannot be used. Of two with one id the first counts."""
    loras: dict[str, LoraInfo] = {}
    faults: dict[str, BadModel] = {}
    for root in paths:
        for folder in _folders(root, DEPTH):
            try:
                found = _below(folder) if folder.name == FOLDER else _described(folder)
            except BadModel as fault:
                faults.setdefault(folder.name, fault)
            else:
                for each in found:
                    loras.setdefault(each.id, each)
    return loras, faults


def _folders(path: Path, depth: int) -> Iterator[Path]:
    """Folders that may hold LoRAs; a model's own is left out, with all that is in it."""
    try:
        names = sorted(os.listdir(path))
    except OSError:
        return
    if INDEX in names:
        return
    if path.name == FOLDER or SIDECAR in names:
        yield path
    elif depth:
        for name in names:
            yield from _folders(path / name, depth - 1)


def _below(folder: Path) -> Iterator[LoraInfo]:
    for place, _, names in sorted(os.walk(folder)):
        for name in sorted(names):
            if name.endswith(ENDING):
                file = Path(place, name)
                id = file.relative_to(folder).with_suffix("").as_posix()
                yield LoraInfo(id=id, title=file.stem.replace("_", " "), file=file)


def _described(folder: Path) -> Iterator[LoraInfo]:
    name = folder.name
    data = read_json(folder, SIDECAR, name)
    if data.get("kind") != FOLDER:
        return iter(())
    try:
        told = _Sidecar.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise BadModel(f"{name}/{SIDECAR}: `{key}`: {first['msg']}", hint=f"correct `{key}` in {SIDECAR}") from error
    files = [told.file] if told.file else [each.name for each in sorted(folder.iterdir()) if each.suffix == ENDING]
    if len(files) != 1 or not files[0].endswith(ENDING) or not file_inside(folder, files[0]):
        raise BadModel(
            f"{name}/{SIDECAR}: `file` is to name one file of the folder that ends in {ENDING}",
            hint="name it, and convert the LoRA to safetensors where it is a pickle, which can run any code",
        )
    id = told.id or name
    return iter(
        [
            LoraInfo(
                id=id,
                title=told.title or id,
                description=told.description,
                license=told.license,
                base=told.base,
                file=folder / files[0],
            )
        ]
    )
