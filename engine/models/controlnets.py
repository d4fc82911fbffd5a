"""ControlNets as data: what a folder with one says of itself, and which models it can steer.

``config.json`` is diffusers' own and says the network's shape; the sidecar ``mintaka.json`` says what its
pictures show.
"""

from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator

from mintaka.engine import controls
from mintaka.engine.controls import ControlType
from mintaka.engine.models.info import CONFIG, SIDECAR, Data, ModelInfo, read_json, read_told

CLASS = "ControlNetModel"


def _known_type(name: str) -> str:
    found = controls.find(name)
    if found is None:
        raise ValueError(f"there is no control type “{name}”; there are {', '.join(ControlType)}")
    return found.value


class Sidecar(Data):
    """What ``mintaka.json`` says of a ControlNet."""

    id: str | None = None
    title: str | None = None
    description: str = ""
    license: str | None = None
    control_type: Annotated[str, AfterValidator(_known_type)] | None = None
    base: str | None = None


class ControlNetInfo(Data):
    """A ControlNet the engine can load."""

    id: str
    title: str
    description: str
    license: str | None
    control_type: ControlType | None
    """What its pictures show; ``None`` where nothing says so, and then it is used where it is named."""
    base: str | None
    """The id of the model it was made for, where that is told. It fits every model of the same shape."""
    path: Path


def read_controlnet(path: Path, name: str | None = None) -> ControlNetInfo | None:
    """The ControlNet in folder ``path``, or ``None`` where its ``config.json`` is of something else.

    ``name`` is its id where the sidecar gives none. Raises BadModel, which names the file and the key.
    """
    name = name or path.name
    if read_json(path, CONFIG, name).get("_class_name") != CLASS:
        return None
    sidecar = read_told(Sidecar, path, name) if (path / SIDECAR).exists() else Sidecar()
    return ControlNetInfo(
        id=sidecar.id or name,
        title=sidecar.title or sidecar.id or name,
        description=sidecar.description,
        license=sidecar.license,
        control_type=None if sidecar.control_type is None else ControlType(sidecar.control_type),
        base=sidecar.base,
        path=path,
    )


def misfit(controlnet: ControlNetInfo, model: ModelInfo) -> str | None:
    """Why ``controlnet`` cannot steer ``model``, in words; ``None`` where it can.

    Their configurations say so: what the one gives must have the shape of what the other adds it to. Raises BadModel.
    """
    if not {"unet", "vae"} <= set(model.components):
        return f"the model {model.id} has no UNet that it could steer"
    own = read_json(controlnet.path, CONFIG, controlnet.id)
    unet = read_json(model.configs / "unet", CONFIG, f"{model.id}/unet")
    vae = read_json(model.configs / "vae", CONFIG, f"{model.id}/vae")
    for key in ("cross_attention_dim", "block_out_channels", "layers_per_block"):
        if own.get(key) != unet.get(key):
            return f"its `{key}` is {own.get(key)}, and that of the model {model.id} is {unet.get(key)}"
    if own.get("in_channels") != vae.get("latent_channels"):
        return (
            f"it reads latents of {own.get('in_channels')} channels, and those of the model {model.id} have "
            f"{vae.get('latent_channels')}"
        )
    if own.get("addition_embed_type") not in (None, unet.get("addition_embed_type")):
        return f"it reads {own.get('addition_embed_type')} embeddings, which the model {model.id} has not"
    reduced, cell = _halved(own, "conditioning_embedding_out_channels"), _halved(vae, "block_out_channels")
    if reduced != cell:
        return f"it makes its picture {reduced} times smaller, and the VAE of the model {model.id} {cell} times"
    return None


def _halved(config: dict[str, Any], key: str) -> int:
    """How many times smaller a picture is after blocks that halve it, all but one of them."""
    blocks = max(len(config.get(key) or ()), 1)
    return 1 << (blocks - 1)
