"""Parts of a model that are another's: a VAE or a text encoder from elsewhere instead of its own."""

import importlib
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers
from diffusers.models.modeling_utils import ModelMixin
from diffusers.quantizers.quantization_config import GGUFQuantizationConfig
from safetensors import safe_open

from mintaka.engine.errors import EngineError
from mintaka.engine.messages import Files, part_role
from mintaka.engine.models.info import CONFIG, INDEX, SIDECAR, BadModel, ModelInfo, read_json
from mintaka.engine.worker.failures import is_out_of_memory

FIT = ("latent_channels", "hidden_size")
"""What of its configuration must be as in the model's own: what the denoiser was trained with."""


def load_parts(info: ModelInfo, files: Files, dtype: torch.dtype) -> dict[str, Any]:
    """The modules that ``info`` has from elsewhere, by the pipeline's attribute. Raises BadModel, EngineError."""
    if any(part_role(name) not in files for name, _ in info.borrowed):
        raise BadModel(f"{info.id}/{SIDECAR}: `components` was changed just now", hint="try again")
    return {name: _load(info, name, id, files[part_role(name)], dtype) for name, id in info.borrowed}


def quantised_part(info: ModelInfo, dtype: torch.dtype) -> dict[str, Any]:
    """The denoiser that the GGUF file of ``info`` holds, as it is quantised; each layer is made wide as it runs."""
    return {
        part: _known(read_json(info.configs, INDEX, info.id)[part]).from_single_file(
            str(info.path),
            config=str(info.configs),
            subfolder=part,
            local_files_only=True,
            dtype=dtype,
            quantization_config=GGUFQuantizationConfig(compute_dtype=dtype),
        )
        for part in info.components
        if part in DENOISERS
    }


DENOISERS = ("unet", "transformer")


def _known(named: tuple[str, str]) -> Any:
    """The class that ``model_index.json`` names, of a library that was looked at when it was read."""
    library, name = named
    return getattr(importlib.import_module(library), name)


def lacking_parts(info: ModelInfo, dtype: torch.dtype) -> dict[str, Any]:
    """The modules that the single file of ``info`` lacks, out of the folder that its sidecar names."""
    if not info.lacking:
        return {}
    index = read_json(info.configs, INDEX, info.id)
    loaded = {}
    for part in info.lacking:
        told = {"local_files_only": True, "use_safetensors": True, "dtype": dtype}
        loaded[part] = _known(index[part]).from_pretrained(info.configs / part, **told)
    return loaded


def _load(info: ModelInfo, name: str, id: str, path: Path, dtype: torch.dtype) -> Any:
    own_folder = info.configs / name
    own = read_json(own_folder, CONFIG, f"{info.id}/{name}") if (own_folder / CONFIG).exists() else {}
    config = read_json(path, CONFIG, id) if path.is_dir() else own
    where = f"{info.id}/{SIDECAR}: `components.{name}`"
    if not config:
        raise BadModel(
            f"{where}: {id} is a single file, and the model has no {name} of its own that says its shape",
            hint=f"use a folder with a {CONFIG}",
        )
    for key in FIT:
        if own and own.get(key) != config.get(key):
            raise BadModel(
                f"{where}: the `{key}` of {id} is {config.get(key)}, and that of the model's own is {own.get(key)}",
                hint="use one that was made for a model like this one",
            )
    try:
        return _read(_class(config, where), path, own_folder, dtype)
    except Exception as error:
        if is_out_of_memory(error) or isinstance(error, EngineError):
            raise
        raise EngineError(
            f"{where}: {id} cannot be loaded ({type(error).__name__}); the server's log says more",
            hint="check that its file is complete, and of a kind that fits the model",
        ) from error


def _class(config: Mapping[str, Any], where: str) -> Any:
    """The class that a ``config.json`` names, which must be one of diffusers' or transformers' own."""
    architectures = config.get("architectures") or [""]
    library, name = (diffusers, config["_class_name"]) if "_class_name" in config else (transformers, architectures[0])
    found = getattr(library, str(name), None)
    if not (isinstance(found, type) and issubclass(found, torch.nn.Module)):
        raise BadModel(f"{where}: {CONFIG} names no network that is known here", hint="use another")
    return found


def _read(kind: Any, path: Path, own_folder: Path, dtype: torch.dtype) -> Any:
    told: dict[str, Any] = {"local_files_only": True, "use_safetensors": True, "dtype": dtype}
    if path.is_dir():
        return kind.from_pretrained(path, **told)
    of_diffusers = ModelMixin in kind.__mro__
    if of_diffusers and not _in_diffusers_form(path):
        return kind.from_single_file(str(path), config=str(own_folder), torch_dtype=dtype, local_files_only=True)
    # A folder for as long as it is read: with the file under the name that is looked for, and the model's own shape.
    with tempfile.TemporaryDirectory(prefix="mintaka-part-") as place:
        weights = "diffusion_pytorch_model" if of_diffusers else "model"
        Path(place, f"{weights}.safetensors").symlink_to(path.absolute())
        Path(place, CONFIG).symlink_to((own_folder / CONFIG).absolute())
        return kind.from_pretrained(place, **told)


def _in_diffusers_form(path: Path) -> bool:
    with safe_open(path, "pt") as weights:
        return any(".down_blocks." in key or ".up_blocks." in key for key in weights.keys())  # noqa: SIM118 - no dict
