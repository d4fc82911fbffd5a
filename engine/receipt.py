"""How a picture came to be, written into its own file.

A PNG carries two text chunks: ``parameters`` in the form A1111's web UI writes and every gallery reads, and
``mintaka``, a JSON object with everything needed to draw it again. Neither holds the time, so equal requests give
equal bytes.
"""

import json
from dataclasses import asdict, dataclass, fields, is_dataclass
from importlib import metadata

from mintaka.engine.pixels import Pixels
from mintaka.engine.requests import Drawing, Request
from mintaka.engine.sizing import SizePlan

FORMAT = 1
"""Version of the JSON object's form."""


@dataclass(frozen=True, slots=True)
class Model:
    """The model that drew a picture, as its receipt names it."""

    id: str
    digest: str | None
    """BLAKE3 of its weights, hexadecimal, or ``None`` as long as that is not known."""


def text_chunks(
    request: Drawing,
    seed: int,
    model: Model,
    scheduler: str,
    sizes: SizePlan,
    notes: tuple[str, ...],
    finished: tuple[int, int],
) -> dict[str, str]:
    """The text chunks of the picture drawn from ``seed``; ``scheduler`` is the label or class that was used.

    ``sizes`` are those of what the model drew and ``finished`` that of the picture, which may be larger.
    """
    width, height = finished
    own = own_facts(request)
    strength = own.get("strength")
    facts = [
        f"Steps: {request.steps}",
        f"Sampler: {scheduler}",
        f"CFG scale: {request.guidance_scale:g}",
        f"Seed: {seed}",
        f"Size: {width}x{height}",
        *([f"Denoising strength: {strength:g}"] if isinstance(strength, float) else []),
        *([f"Clip skip: {request.clip_skip + 1}"] if request.clip_skip else []),
        *([f"Model hash: {model.digest[:10]}"] if model.digest else []),
        f"Model: {model.id}",
        f"Version: mintaka {_version('mintaka')}",
    ]
    negative = [f"Negative prompt: {request.negative_prompt}"] if request.negative_prompt else []
    # As A1111's web UI has it: LoRAs are named at the end of the prompt.
    named = "".join(f" <lora:{each.name}:{each.weight:g}>" for each in request.loras)
    record = {
        "format": FORMAT,
        "method": request.method,
        "prompt": request.prompt,
        "negative_prompt": request.negative_prompt,
        "model": model.id,
        "model_blake3": model.digest,
        "seed": seed,
        "steps": request.steps,
        "guidance_scale": request.guidance_scale,
        "scheduler": scheduler,
        **({"loras": [asdict(each) for each in request.loras]} if request.loras else {}),
        **({"embeddings": list(request.embeddings)} if request.embeddings else {}),
        **({"regions": [asdict(each) for each in request.regions]} if request.regions else {}),
        **({"safety_checked": True} if request.check_safety else {}),
        **({"clip_skip": request.clip_skip} if request.clip_skip else {}),
        "width": width,
        "height": height,
        "drawn": list(sizes.drawn),
        "enlarged": sizes.factor,
        **own,
        "notes": list(notes),
        "versions": {name: _version(name) for name in ("mintaka", "diffusers", "torch")},
    }
    return {
        "parameters": "\n".join([request.prompt + named, *negative, ", ".join(facts)]),
        "mintaka": json.dumps(record, ensure_ascii=False),
    }


def plain_chunks(request: Request, notes: tuple[str, ...], finished: tuple[int, int]) -> dict[str, str]:
    """The text chunks of a picture that was made of another and not drawn."""
    record = {
        "format": FORMAT,
        "method": request.method,
        "width": finished[0],
        "height": finished[1],
        **own_facts(request),
        "notes": list(notes),
        "versions": {name: _version(name) for name in ("mintaka", "torch")},
    }
    return {"mintaka": json.dumps(record, ensure_ascii=False)}


def own_facts(request: Request) -> dict[str, object]:
    """What a kind of request has beside what all drawings have, pictures as the SHA-256 of the files they were."""
    shared = {field.name for field in fields(Drawing if isinstance(request, Drawing) else Request)}
    own = {field.name: getattr(request, field.name) for field in fields(request) if field.name not in shared}
    return {name: _told(value) for name, value in own.items()}


def _told(value: object) -> object:
    if isinstance(value, bytes):
        return Pixels.from_bytes(value).digest
    if isinstance(value, tuple):
        return [_told(each) for each in value]
    if is_dataclass(value):
        return {field.name: _told(getattr(value, field.name)) for field in fields(value)}
    return value


def _version(name: str) -> str:
    return metadata.version(name)
