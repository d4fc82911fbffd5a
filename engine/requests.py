"""What the engine is asked for and what it answers: plain frozen data, free of torch, users and capabilities.

Requests come already permitted and priced; the engine only runs them.
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TextToImage:
    """A picture to be made from words.

    Sizes are pixels of the finished picture; the engine works at a size that suits the model and fits the result.
    ``seed`` s draws the latents of picture i of the batch from ``torch.Generator("cpu").manual_seed(s + i)``.
    """

    id: str
    model: str
    prompt: str
    width: int
    height: int
    steps: int
    guidance_scale: float
    seed: int
    negative_prompt: str = ""
    scheduler: str | None = None
    """A name from `mintaka.engine.schedulers`; ``None`` is the model's own."""
    batch: int = 1
    previews: bool = True
    deadline_s: float | None = None
    """Seconds the request may take from when the worker gets it; ``None`` is without limit."""


@dataclass(frozen=True, slots=True)
class Step:
    """A denoising step is done: ``step`` of ``steps``, counted from 1.

    ``steps`` is how often the scheduler runs, which may be more than was asked for: Heun runs twice for a step.
    """

    step: int
    steps: int
    preview: bytes | None = None
    """A small WebP picture of what is emerging, or ``None`` when none was asked for or made at this step."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A finished picture: encoded bytes and how it came to be."""

    data: bytes
    """PNG, 8 bit RGB, with the generation parameters in its text chunks."""
    width: int
    height: int
    seed: int
    notes: tuple[str, ...] = ()
    """What a person should know: "drawn at 64 × 64 and enlarged", "the model does not know the word “dragon”"."""


OnStep = Callable[[Step], None]
