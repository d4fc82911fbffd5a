"""What is known of a model without loading it: ``model_index.json`` and, beside it, the sidecar ``mintaka.json``.

``model_index.json`` is diffusers' own and names the pipeline class; the sidecar is ours, is optional, and says what a
person and the engine should know: title, sizes, defaults, examples, the words the model knows.
"""

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from mintaka.engine import schedulers
from mintaka.engine.errors import EngineError, Unsupported
from mintaka.engine.models.families import EVERY_TASK, FAMILIES, PIPELINES, Family, LatentRgb, Task, Traits, traits
from mintaka.engine.models.single_file import NotReadable, contents, read_shapes

INDEX = "model_index.json"
"""What a folder in diffusers' format has that holds a whole model."""
CONFIG = "config.json"
"""What a folder has that holds one network."""
SIDECAR = "mintaka.json"
"""What says of a folder what people and the engine should know; that of a single file is ``<its name>.json``."""

LIBRARIES = ("diffusers", "transformers", "stable_diffusion")
"""Where a pipeline's parts may come from; anything else would be code that comes with the model.

``stable_diffusion`` is a package of diffusers itself, and has the safety checker.
"""

Side = Annotated[int, Field(ge=8, le=8192)]
Size = tuple[Side, Side]
"""Width and height in pixels."""


def _known_scheduler(name: str) -> str:
    try:
        return schedulers.find(name).name
    except Unsupported as error:
        raise ValueError(error.message) from error


SchedulerName = Annotated[str, AfterValidator(_known_scheduler)]
"""A name `mintaka.engine.schedulers` knows, in its short form."""


class BadModel(EngineError):
    """A folder that claims to be a model cannot be used; the message names the file and the key at fault."""

    kind = "unsupported"


class Data(BaseModel):
    """Frozen; keys that are not known are left alone, since other tools may keep theirs in the same file."""

    model_config = ConfigDict(frozen=True, extra="ignore")


DataT = TypeVar("DataT", bound=Data)


class Enlarge(Data):
    """The model's own upscaler: a file in the model's folder that spandrel reads, and its factor."""

    file: str
    factor: Annotated[int, Field(ge=2, le=8)]


class Draws(Data):
    """What a model of a small world can draw, in the words it knows."""

    objects: tuple[str, ...] = ()
    colours: tuple[str, ...] = ()
    backgrounds: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    relations: tuple[str, ...] = ()


class Placement(Data):
    """Where a model's parts are to be on an accelerator, and how they save memory there; all may be set on a CPU."""

    clip_on_cpu: bool = False
    """Text encoders stay and run on the CPU."""
    vae_on_cpu: bool = False
    """The VAE stays and runs on the CPU."""
    offload_to_cpu: bool = False
    """Each part is on the device only while it is its turn to run."""
    flash_attn: bool = False
    """Attention by torch's own flash kernel, where the model is a transformer."""
    vae_tiling: bool = False
    """The VAE reads and makes large pictures in tiles."""
    vae_slicing: bool = False
    """The VAE reads and makes the pictures of a batch one by one."""


Borrowable = Literal["vae", "text_encoder", "text_encoder_2", "text_encoder_3"]
"""Parts of a model that may be another's."""


class Sidecar(Placement):
    """The file ``mintaka.json``."""

    components: Mapping[Borrowable, str] = {}
    """Parts that are another's instead of its own: ids of VAEs and text encoders."""
    id: str | None = None
    title: str | None = None
    description: str = ""
    license: str | None = None
    native_size: Size | None = None
    size: Size | None = None
    enlarge: Enlarge | None = None
    steps: Annotated[int, Field(ge=1, le=1000)] | None = None
    guidance_scale: Annotated[float, Field(ge=0, le=100)] | None = None
    scheduler: SchedulerName | None = None
    draws: Draws | None = None
    words: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    latent_rgb: LatentRgb | None = None
    config: str | None = None
    """Of a model that is a single file: a folder with a model of the same form, whose configurations and tokenizers it
    uses, and whose weights of what the file lacks; a path from where the sidecar lies."""


class ModelInfo(Data):
    """A model the engine can load, and what to use when a request does not say."""

    id: str
    title: str
    description: str
    license: str | None
    family: str
    pipeline: str
    """The diffusers class the model was saved as."""
    path: Path
    components: tuple[str, ...]
    """Names of the pipeline's parts that the folder holds, each a folder of its own."""
    native_size: Size | None
    """The one size the model was made for; other sizes are drawn near it and enlarged. ``None``: it draws at any."""
    size: Size
    """Width and height of a picture when the request does not say."""
    steps: int
    guidance_scale: float
    scheduler: str | None
    """A name from `mintaka.engine.schedulers`, or ``None`` for the one in the model's own folder."""
    enlarge: Enlarge | None
    draws: Draws | None
    words: tuple[str, ...]
    """Every word the model knows; empty when that is not a closed list."""
    examples: tuple[str, ...]
    latent_rgb: LatentRgb | None
    tasks: tuple[Task, ...] = EVERY_TASK
    """What it can be asked for."""
    placement: Placement = Placement()
    borrowed: tuple[tuple[Borrowable, str], ...] = ()
    """Parts that are another's, by the pipeline's attribute: the id of a VAE or a text encoder."""
    config: Path | None = None
    """Of a model that is a single file, ``path``: the folder with its configurations, tokenizers and what it lacks."""
    trained: Mapping[str, bool | str] = {}
    """What such a file says of how it was trained, over the scheduler's configuration."""
    lacking: tuple[str, ...] = ()
    """Parts whose weights such a file lacks, which lie in ``config``."""

    @property
    def configs(self) -> Path:
        """The folder with the configurations of its parts."""
        return self.config or self.path

    @property
    def folder(self) -> Path:
        """The folder that what its sidecar names lies in."""
        return self.path if self.config is None else self.path.parent

    @property
    def checks_safety(self) -> bool:
        """Whether a safety checker came with it."""
        return "safety_checker" in self.components

    @property
    def inpaints(self) -> bool:
        """Whether it was made to repaint parts of pictures, and can do nothing else."""
        return self.tasks == (Task.INPAINTING,)

    @property
    def kin(self) -> Family:
        """Its family."""
        return FAMILIES[self.family]


def read_model(path: Path, name: str | None = None) -> ModelInfo:
    """The model in folder ``path``, or which is the file; ``name`` is its id where the sidecar gives none.

    Raises BadModel when a file is missing, is not JSON, or has a wrong value; the message names file and key.
    """
    if path.is_file():
        return _read_single(path, name or path.stem)
    name = name or path.name
    index = read_json(path, INDEX, name)
    pipeline = index.get("_class_name")
    components = _components(index, name)
    for part in components:
        _check_format(path, name, part)
    usual = traits(str(pipeline), components, partial(_config, path, name))
    if usual is None:
        raise BadModel(
            f"{name}/{INDEX}: `_class_name` is {pipeline!r}; the engine runs {', '.join(PIPELINES)}",
            hint="convert the model to a pipeline the engine runs",
        )
    return _made(path, name, str(pipeline), components, usual, _read_sidecar(path, name))


def _made(
    path: Path, name: str, pipeline: str, components: tuple[str, ...], usual: Traits, sidecar: Sidecar, **single: Any
) -> ModelInfo:
    return ModelInfo(
        id=sidecar.id or name,
        title=sidecar.title or sidecar.id or name,
        description=sidecar.description,
        license=sidecar.license,
        family=usual.family.name,
        pipeline=pipeline,
        path=path,
        components=components,
        native_size=sidecar.native_size,
        size=sidecar.size or sidecar.native_size or usual.size,
        steps=sidecar.steps or usual.steps,
        guidance_scale=usual.guidance_scale if sidecar.guidance_scale is None else sidecar.guidance_scale,
        scheduler=sidecar.scheduler,
        enlarge=sidecar.enlarge,
        draws=sidecar.draws,
        words=sidecar.words,
        examples=sidecar.examples,
        latent_rgb=sidecar.latent_rgb or usual.latent_rgb,
        tasks=usual.tasks,
        placement=Placement(**{flag: getattr(sidecar, flag) for flag in Placement.model_fields}),
        borrowed=tuple(sidecar.components.items()),
        **single,
    )


def _read_single(file: Path, name: str) -> ModelInfo:
    """The model that is the one ``file``, with the configurations from the folder that its sidecar names."""
    try:
        found = contents(read_shapes(file))
    except NotReadable as error:
        raise BadModel(f"{name}: {file.name} {error}", hint="get the file anew") from error
    if found is None:
        known = ", ".join(dict.fromkeys(each.title for each in PIPELINES.values()))
        raise BadModel(
            f"{name}: {file.name} holds no model that the engine knows by the names of its tensors; it knows {known}",
            hint="put LoRAs, VAEs and text encoders into the folders of their own",
        )
    beside = f"{file.stem}.json"
    sidecar = _read_sidecar(file.parent, name, beside)
    if sidecar.config is None:
        raise BadModel(
            f"{name}: {file.name} holds weights of a {found.pipelines[0]}, and no configurations and tokenizers",
            hint="name the folder of a model of the same form, of whose weights only what the file lacks is used: "
            f'write {{"config": "../folder"}} into {beside}',
        )
    config = (file.parent / sidecar.config).resolve()
    if not (config / INDEX).is_file():
        raise BadModel(
            f"{name}/{beside}: `config`: {sidecar.config!r} is no folder with {INDEX}", hint="correct `config`"
        )
    index = read_json(config, INDEX, f"{name}/{sidecar.config}")
    pipeline, components = str(index.get("_class_name")), _components(index, name)
    if pipeline not in found.pipelines:
        raise BadModel(
            f"{name}/{beside}: `config`: that is a folder of a {pipeline}, and {file.name} of a {found.pipelines[0]}",
            hint="name a folder of a model of the same form",
        )
    own = _config(config, name, found.denoiser)
    for key, value in found.config.items():
        if own.get(key, value) != value:
            raise BadModel(
                f"{name}/{beside}: `config`: the {found.denoiser} there has {key} = {own[key]}, "
                f"and that in {file.name} {value}",
                hint="name a folder of a model of the same form",
            )
    held = {*found.parts, *sidecar.components}
    lacking = tuple(part for part in components if part.startswith(WEIGHTS) and part not in (*held, found.denoiser))
    for part in lacking:
        if not any((config / part).glob("*.safetensors")):
            raise BadModel(
                f"{name}: {file.name} holds no {part}, and neither does the folder that `config` in {beside} names",
                hint="name a folder with the weights that the file lacks",
            )

    def read(part: str) -> Mapping[str, Any]:
        told = {found.denoiser: found.config, "scheduler": found.scheduler}.get(part, {})
        return {**_config(config, name, part), **told}

    usual = traits(pipeline, components, read)
    assert usual is not None, "all that a file may hold is of a known family"
    return _made(
        file, name, pipeline, components, usual, sidecar, config=config, trained=found.scheduler, lacking=lacking
    )


WEIGHTS = ("vae", "text_encoder", "unet", "transformer")
"""What the names of parts begin with that cannot do without weights."""


CONFIGS = {"scheduler": "scheduler_config.json"}
"""The configuration file of a part in the part's folder, where it is not ``config.json``."""


def _config(path: Path, name: str, part: str) -> Mapping[str, Any]:
    file = f"{part}/{CONFIGS.get(part, 'config.json')}"
    return read_json(path, file, name) if (path / file).exists() else {}


def _check_format(path: Path, name: str, part: str) -> None:
    """Refuse weights in a format that a CPU cannot compute with, or for which a package of its own would be needed."""
    told = _config(path, name, part).get("quantization_config") if part.startswith(WEIGHTS) else None
    if isinstance(told, dict):
        raise BadModel(
            f"{name}/{part}/config.json: `quantization_config`: its weights are quantised by "
            f"{told.get('quant_method', 'something')}, which the engine does not run",
            hint="use the model in 16 bits, or its transformer as a GGUF file",
        )


def _components(index: dict[str, Any], name: str) -> tuple[str, ...]:
    components = []
    for key, value in index.items():
        if not isinstance(value, list) or value == [None, None]:
            continue
        if len(value) != 2 or value[0] not in LIBRARIES:
            raise BadModel(
                f"{name}/{INDEX}: `{key}` is {value!r}; parts may come from {', '.join(LIBRARIES)} only",
                hint="use a model without code of its own",
            )
        components.append(key)
    return tuple(components)


def _read_sidecar(path: Path, name: str, file: str = SIDECAR) -> Sidecar:
    sidecar = read_told(Sidecar, path, name, file) if (path / file).exists() else Sidecar()
    if sidecar.enlarge is not None and not file_inside(path, sidecar.enlarge.file):
        raise BadModel(
            f"{name}/{file}: `enlarge.file`: {sidecar.enlarge.file!r} is not a file in the model's folder",
            hint="put the upscaler's file into the folder, or set `enlarge` to null",
        )
    return sidecar


def file_inside(folder: Path, file: str) -> bool:
    """Whether ``file`` is a file in ``folder``, wherever links lead."""
    found = (folder / file).absolute()
    return found.is_file() and ".." not in Path(file).parts and found.is_relative_to(folder.absolute())


def read_told(form: type[DataT], path: Path, name: str, file: str = SIDECAR) -> DataT:
    """What ``file`` in the folder ``path`` says of what is called ``name``. Raises BadModel with file and key."""
    try:
        return form.model_validate(read_json(path, file, name))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise BadModel(f"{name}/{file}: `{key}`: {first['msg']}", hint=f"correct `{key}` in {file}") from error


def read_json(path: Path, file: str, name: str) -> dict[str, Any]:
    """The object in ``file`` of the folder ``path``, of what is called ``name``. Raises BadModel."""
    try:
        data = json.loads((path / file).read_text("utf-8"))
    except OSError as error:
        raise BadModel(f"{name}/{file}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise BadModel(f"{name}/{file}: is not JSON: {error}", hint=f"correct {file}") from error
    if not isinstance(data, dict):
        raise BadModel(f"{name}/{file}: holds {type(data).__name__}, not an object", hint=f"correct {file}")
    return data
