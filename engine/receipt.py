"""How a picture came to be, written into its own file.

A PNG carries two text chunks: ``parameters`` in the form A1111's web UI writes and every gallery reads, and
``mintaka``, a JSON object with everything needed to draw it again. Neither holds the time, so equal requests give
equal bytes.
"""

import json
from dataclasses import dataclass
from importlib import metadata

from mintaka.engine.requests import TextToImage
from mintaka.engine.sizing import SizePlan

FORMAT = 1
"""Version of the JSON object's form."""


@dataclass(frozen=True, slots=True)
class Model:
    """The model that drew a picture, as its receipt names it."""

    id: str
    digest: str | None
    """SHA-256 of its weights, hexadecimal, or ``None`` where they were not hashed."""


def text_chunks(
    request: TextToImage, seed: int, model: Model, scheduler: str, sizes: SizePlan, notes: tuple[str, ...]
) -> dict[str, str]:
    """The text chunks of the picture drawn from ``seed``; ``scheduler`` is the label or class that was used."""
    width, height = sizes.finished
    facts = [
        f"Steps: {request.steps}",
        f"Sampler: {scheduler}",
        f"CFG scale: {request.guidance_scale:g}",
        f"Seed: {seed}",
        f"Size: {width}x{height}",
        *([f"Model hash: {model.digest[:10]}"] if model.digest else []),
        f"Model: {model.id}",
        f"Version: mintaka {_version('mintaka')}",
    ]
    negative = [f"Negative prompt: {request.negative_prompt}"] if request.negative_prompt else []
    record = {
        "format": FORMAT,
        "method": "text_to_image",
        "prompt": request.prompt,
        "negative_prompt": request.negative_prompt,
        "model": model.id,
        "model_sha256": model.digest,
        "seed": seed,
        "steps": request.steps,
        "guidance_scale": request.guidance_scale,
        "scheduler": scheduler,
        "width": width,
        "height": height,
        "drawn": list(sizes.drawn),
        "enlarged": sizes.factor,
        "notes": list(notes),
        "versions": {name: _version(name) for name in ("mintaka", "diffusers", "torch")},
    }
    return {
        "parameters": "\n".join([request.prompt, *negative, ", ".join(facts)]),
        "mintaka": json.dumps(record, ensure_ascii=False),
    }


def _version(name: str) -> str:
    return metadata.version(name)
