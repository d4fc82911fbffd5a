"""What lies in one file or folder by itself and goes with models: LoRAs, embeddings, upscalers, VAEs and text encoders.

Each says of itself what its sidecar says; all may be without one.
"""

from pathlib import Path
from typing import Any

from pydantic import AliasChoices, Field

from mintaka.engine.models.finding import Found
from mintaka.engine.models.info import CONFIG, SIDECAR, BadModel, Data, file_inside, read_json, read_told
from mintaka.engine.models.kinds import CONVERT, ENDINGS, PICKLES, Kind


class WeightsInfo(Data):
    """Weights that go with models, and what is said of them."""

    id: str
    title: str
    description: str = ""
    license: str | None = None
    base: str | None = None
    """The id of the model they were made for, where that is known."""
    path: Path
    """A safetensors file; of a `PartInfo` perhaps a folder in diffusers' or transformers' format."""


class LoraInfo(WeightsInfo):
    """A LoRA: small weights that change what a model draws."""


class EmbeddingInfo(WeightsInfo):
    """A textual inversion: a word that a model's text encoder is taught."""


class UpscalerInfo(WeightsInfo):
    """A learned upscaler that spandrel reads."""

    factor: int | None = None
    """How many times as wide and high it makes a picture; ``None``: only the loaded file tells."""


class FaceModelInfo(WeightsInfo):
    """A model that restores faces, which spandrel reads."""


class PartInfo(WeightsInfo):
    """A VAE or a text encoder that models may have instead of their own; see `Sidecar.components`."""

    kind: Kind


class _Told(Data):
    kind: Kind | None = None
    id: str | None = None
    title: str | None = None
    description: str | None = None
    license: str | None = None
    base: str | None = Field(default=None, validation_alias=AliasChoices("base", "for"))
    file: str | None = None
    """The file in the folder; it need not be said where there is only one."""
    factor: int | None = None


FORMS: dict[Kind, type[WeightsInfo]] = {
    Kind.LORA: LoraInfo,
    Kind.EMBEDDING: EmbeddingInfo,
    Kind.UPSCALER: UpscalerInfo,
    Kind.FACE: FaceModelInfo,
    Kind.VAE: PartInfo,
    Kind.TEXT_ENCODER: PartInfo,
}


def read_weights(found: Found) -> tuple[Kind, WeightsInfo] | None:
    """What was ``found`` and of which kind; ``None`` where that is nothing that goes with models. Raises BadModel."""
    path = Path(found.path)
    if found.marker == CONFIG:
        kind = found.kind or _network(read_json(path, CONFIG, found.name))
        if kind is None or kind not in FORMS:
            return None
        return kind, _info(kind, path, found.name, _told(path, found))
    if found.marker == SIDECAR:
        told = _told(path, found)
        kind = told.kind or found.kind
        if kind is None or kind not in FORMS:
            raise BadModel(
                f"{found.name}/{SIDECAR}: `kind` is to say what this is: {', '.join(FORMS)}",
                hint="say its `kind`; models and ControlNets are known by files of their own, which are missing here",
            )
        return kind, _info(kind, _file(path, found.name, kind, told.file), found.name, told)
    assert found.kind is not None, "a single file is found in a folder of its kind"
    if path.suffix in PICKLES:
        raise pickled(found.kind, found.name + path.suffix)
    told = _told(path.parent, found) if found.sidecar else _Told()
    return found.kind, _info(found.kind, path, found.name, told)


def pickled(kind: Kind, name: str) -> BadModel:
    """What to say of a pickle."""
    return BadModel(f"the {kind.noun} {name} is a pickle, which can run any code, so it is not loaded", hint=CONVERT)


def _info(kind: Kind, path: Path, name: str, told: _Told) -> WeightsInfo:
    more: dict[str, Any] = {"kind": kind} if FORMS[kind] is PartInfo else {}
    if kind is Kind.UPSCALER:
        more["factor"] = told.factor
    return FORMS[kind](
        id=told.id or name,
        title=told.title or told.id or name.rpartition("/")[2].replace("_", " "),
        description=told.description or "",
        license=told.license,
        base=told.base,
        path=path,
        **more,
    )


def _told(folder: Path, found: Found) -> _Told:
    return _Told() if found.sidecar is None else read_told(_Told, folder, found.name, found.sidecar)


def _file(folder: Path, name: str, kind: Kind, file: str | None) -> Path:
    """The one file of the kind in ``folder``, or the one it is told."""
    files = [file] if file else [each.name for each in sorted(folder.iterdir()) if each.suffix in ENDINGS[kind]]
    if len(files) == 1 and files[0].endswith(ENDINGS[kind]) and file_inside(folder, files[0]):
        return folder / files[0]
    pickles = [each.name for each in sorted(folder.iterdir()) if each.suffix in PICKLES]
    if pickles and (not files or files[0] in pickles):
        raise pickled(kind, f"{name}/{pickles[0]}")
    raise BadModel(
        f"{name}/{SIDECAR}: `file` is to name one file of the folder that ends in {' or '.join(ENDINGS[kind])}",
        hint="name it",
    )


def _network(config: dict[str, Any]) -> Kind | None:
    """Which part of a model the network of a ``config.json`` is; diffusers names its class, transformers its own."""
    named = config.get("_class_name")
    if isinstance(named, str):
        return Kind.VAE if named.startswith("Autoencoder") else None
    named = config.get("architectures")
    encoders = ("CLIPTextModel", "CLIPTextModelWithProjection", "T5EncoderModel")
    return Kind.TEXT_ENCODER if isinstance(named, list) and len(named) == 1 and named[0] in encoders else None
