"""Models that are one file, as other programs write them: what it holds is told by the names and forms of its tensors.

Only the header is read: of a safetensors file it is JSON (github.com/huggingface/safetensors, "Format"). Names are
those of the models' origin, and for transformers alone also those of diffusers. What no file holds is the words of its
tokenizers and the shape of what surrounds it, so all that comes from a folder beside: see `mintaka.engine.models.info`.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mintaka.engine.models import gguf
from mintaka.engine.models.families import Config
from mintaka.engine.models.kinds import GGUF

MOST_HEADER = 100_000_000
"""Bytes of a header, at most: the format's own limit."""

Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]

LDM = "model.diffusion_model."
"""What the names of a denoiser's tensors begin with where the file holds more than it."""

UNET = "unet"
TRANSFORMER = "transformer"


class NotReadable(Exception):
    """A file is not what its ending says; the message ends a sentence."""


def read_shapes(file: Path) -> Shapes:
    """The form of each tensor in the safetensors or GGUF ``file`` by its name. Raises NotReadable."""
    if file.suffix == GGUF:
        return _read_gguf(file)
    try:
        size = file.stat().st_size
        with file.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            if not 2 <= length <= min(MOST_HEADER, size - 8):
                raise NotReadable("is no safetensors file, or was cut off")
            header = json.loads(stream.read(length))
        tensors = {name: told for name, told in header.items() if name != "__metadata__"}
        if any(8 + length + told["data_offsets"][1] > size for told in tensors.values()):
            raise NotReadable("was cut off")
        return {name: tuple(int(side) for side in told["shape"]) for name, told in tensors.items()}
    except OSError as error:
        raise NotReadable(f"cannot be read ({error.strerror})") from error
    except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise NotReadable("is no safetensors file") from error


def _read_gguf(file: Path) -> Shapes:
    try:
        return gguf.read_gguf(file)
    except OSError as error:
        raise NotReadable(f"cannot be read ({error.strerror})") from error
    except (ValueError, KeyError, OverflowError, RecursionError) as error:
        raise NotReadable("is no GGUF file, or was cut off") from error


@dataclass(frozen=True, slots=True)
class Contents:
    """What a single file holds."""

    pipelines: tuple[str, ...]
    """The pipelines of diffusers that may draw with it, the likeliest first."""
    denoiser: str
    """``unet`` or ``transformer``."""
    config: Config
    """What the forms of its tensors say of the denoiser, by the names of diffusers' configurations."""
    parts: frozenset[str]
    """The parts of the pipeline that it holds, beside the denoiser: names as in ``model_index.json``."""
    scheduler: Config = field(default_factory=dict)
    """What it says of how it was trained, by the names of schedulers' configurations."""


def contents(shapes: Shapes) -> Contents | None:
    """What a file of tensors of these ``shapes`` holds; ``None``: no model of a family that is known."""
    for tell in TELLERS:
        found = tell(shapes)
        if found is not None:
            return found
    return None


def _unet(shapes: Shapes) -> Contents | None:
    first = shapes.get(f"{LDM}input_blocks.0.0.weight")
    if first is None or len(first) != 4:
        return None
    config: dict[str, Any] = {"in_channels": first[1]}
    text = _one(shapes, lambda name: name.startswith(LDM) and name.endswith("transformer_blocks.0.attn2.to_k.weight"))
    if text is not None:
        config["cross_attention_dim"] = text[1]
    told: dict[str, Any] = {}
    if "v_pred" in shapes:
        told = {"prediction_type": "v_prediction", "rescale_betas_zero_snr": "ztsnr" in shapes}
    pooled = f"{LDM}label_emb.0.0.weight" in shapes
    if not pooled:
        stem, parts = "StableDiffusion", _parts(shapes, {"text_encoder": "cond_stage_model."})
    elif _has(shapes, "conditioner.embedders.0.model."):  # the refiner's first reads as the base model's second does
        return Contents(
            ("StableDiffusionXLImg2ImgPipeline",),
            UNET,
            config,
            _parts(shapes, {"text_encoder_2": "conditioner.embedders.0.model."}),
            told,
        )
    else:
        stem = "StableDiffusionXL"
        parts = _parts(
            shapes,
            {
                "text_encoder": "conditioner.embedders.0.transformer.",
                "text_encoder_2": "conditioner.embedders.1.model.",
            },
        )
    kinds = ("Pipeline", "InpaintPipeline", "Img2ImgPipeline")
    pipelines = [stem + kind for kind in kinds]
    if pipelines[0] == "StableDiffusionPipeline":
        pipelines.append("LatentConsistencyModelPipeline")
    return Contents(tuple(pipelines), UNET, config, parts, told)


def _sd3(shapes: Shapes) -> Contents | None:
    config: dict[str, Any] = {}
    for start in (LDM, ""):
        if f"{start}joint_blocks.0.context_block.adaLN_modulation.1.bias" in shapes:
            if f"{start}joint_blocks.0.x_block.attn.ln_q.weight" in shapes:
                config["qk_norm"] = "rms_norm"
            break
    else:
        if "pos_embed.proj.weight" not in shapes or "transformer_blocks.0.attn.add_k_proj.weight" not in shapes:
            return None
        if "transformer_blocks.0.attn.norm_q.weight" in shapes:
            config["qk_norm"] = "rms_norm"
    parts = _parts(
        shapes,
        {
            "text_encoder": "text_encoders.clip_l.",
            "text_encoder_2": "text_encoders.clip_g.",
            "text_encoder_3": "text_encoders.t5xxl.",
        },
    )
    kinds = ("Pipeline", "Img2ImgPipeline", "InpaintPipeline")
    return Contents(tuple(f"StableDiffusion3{kind}" for kind in kinds), TRANSFORMER, config, parts)


def _flux(shapes: Shapes) -> Contents | None:
    for start, marker, reads, guided in (
        (LDM, "double_blocks.0.img_attn.norm.key_norm.scale", "img_in.weight", "guidance_in.in_layer.weight"),
        ("", "double_blocks.0.img_attn.norm.key_norm.scale", "img_in.weight", "guidance_in.in_layer.weight"),
        (
            "",
            "single_transformer_blocks.0.attn.norm_k.weight",
            "x_embedder.weight",
            "time_text_embed.guidance_embedder.linear_1.weight",
        ),
    ):
        into = shapes.get(start + reads)
        if start + marker in shapes and into is not None:
            config = {"in_channels": into[-1], "guidance_embeds": start + guided in shapes}
            # What fills takes the mask and what it leaves beside the latents, which are 64 numbers a patch.
            pipelines = ("FluxFillPipeline",) if into[-1] > FLUX_CHANNELS else FLUX
            return Contents(pipelines, TRANSFORMER, config, _parts(shapes, {}))
    return None


FLUX = ("FluxPipeline", "FluxKontextPipeline", "FluxImg2ImgPipeline", "FluxInpaintPipeline")
"""Kontext differs in nothing but what it has learned, so the folder beside tells."""

FLUX_CHANNELS = 64


def _z_image(shapes: Shapes) -> Contents | None:
    starts = (LDM, "")
    if not any(f"{start}layers.0.adaLN_modulation.0.weight" in shapes for start in starts):
        return None
    if not any(f"{start}noise_refiner.0.adaLN_modulation.0.weight" in shapes for start in starts):
        return None
    kinds = ("Pipeline", "Img2ImgPipeline", "InpaintPipeline")
    return Contents(tuple(f"ZImage{kind}" for kind in kinds), TRANSFORMER, {}, _parts(shapes, {}))


TELLERS: tuple[Callable[[Shapes], Contents | None], ...] = (_unet, _sd3, _flux, _z_image)


def _parts(shapes: Shapes, starts: Mapping[str, str]) -> frozenset[str]:
    """Of the parts whose tensors' names begin with ``starts`` those that there are; and the VAE's."""
    found = {part for part, start in starts.items() if _has(shapes, start)}
    return frozenset(found | ({"vae"} if _has(shapes, "first_stage_model.") else set()))


def _has(shapes: Shapes, start: str) -> bool:
    return any(name.startswith(start) for name in shapes)


def _one(shapes: Shapes, wanted: Callable[[str], bool]) -> Shape | None:
    return next((shape for name, shape in shapes.items() if wanted(name)), None)
