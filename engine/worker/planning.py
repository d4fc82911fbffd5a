"""What each kind of drawing is to a diffusion pipeline: which one, at what size, called with what, finished how.

What the kinds share (prompt, steps, guidance, seed, scheduler, batch, progress) is `mintaka.engine.worker.drawing`'s. A
new kind of drawing is a class in `mintaka.engine.requests` and a planner, here or in a module of its own. A planner
runs in the request's greenlet: what takes more than a millisecond it does `stepping.aside`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial, singledispatch
from typing import Any

import torch
from PIL import Image

from mintaka.engine import sizing
from mintaka.engine.models.families import Task
from mintaka.engine.requests import Drawing, ImageToImage, TextToImage, steps_run
from mintaka.engine.worker import decoding
from mintaka.engine.worker.loading import Loaded
from mintaka.engine.worker.stepping import Lane, aside


def as_drawn(image: Image.Image) -> Image.Image:
    """What the model drew is the picture."""
    return image


def at_once(pipeline: Any, arguments: Mapping[str, Any]) -> torch.Tensor:
    """The pictures of one run of the pipeline."""
    images: torch.Tensor = pipeline(**arguments).images
    return images


@dataclass(frozen=True, slots=True)
class Plan:
    """How a request is drawn."""

    task: Task
    """Which of the pipelines of the model's family."""
    sizes: sizing.SizePlan
    """The size the pipeline is asked for, and what its result is brought to."""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """What the pipeline is called with, beside what is the same for all."""
    modules: Mapping[str, Any] = field(default_factory=dict)
    """Proxies for heavy modules that are not the model's own, by the pipeline's attribute."""
    finish: Callable[[Image.Image], Image.Image] = as_drawn
    """From what was drawn, at its finished size, to the picture; runs on a side thread."""
    notes: tuple[str, ...] = ()
    draw: Callable[[Any, Mapping[str, Any]], torch.Tensor] = at_once
    """From the pipeline and what it is called with to pictures (n × 3 × height × width, 0..1), in so many ``runs``."""
    runs: int = 1


@singledispatch
def plan(request: Drawing, loaded: Loaded) -> Plan:
    """How ``request`` is drawn with the model ``loaded``. Raises BadImage, Unsupported."""
    raise TypeError(f"there is no plan for {type(request).__name__}")


@plan.register
def _text_to_image(request: TextToImage, loaded: Loaded) -> Plan:
    return Plan(Task.TEXT_TO_IMAGE, sizing.plan(loaded.info, request.width, request.height))


@plan.register
def _image_to_image(request: ImageToImage, loaded: Loaded) -> Plan:
    return over(request, loaded, request.image, request.strength)


def over(request: Drawing, loaded: Loaded, picture: bytes, asked: float) -> Plan:
    """How ``request`` is drawn over ``picture``, of which as much is made anew as is ``asked``. Raises BadImage."""
    sizes = sizing.plan(loaded.info, request.width, request.height, whole=True)
    image = aside(partial(_base, picture, sizes), Lane.FINISH)
    return Plan(
        Task.IMAGE_TO_IMAGE,
        sizes,
        {"image": image, "strength": strength(request.steps, asked)},
        notes=strength_notes(request.steps, asked),
    )


def strength(steps: int, asked: float) -> float:
    """The strength at which the pipeline runs `steps_run` steps; it fails where that would be none."""
    if int(steps * asked) >= 1:
        return asked
    least = 1 / steps
    return least if int(steps * least) == 1 else (1 + 1e-6) / steps  # 49 * (1 / 49) is a little less than 1


def strength_notes(steps: int, asked: float) -> tuple[str, ...]:
    """A note where that is more than was asked for."""
    if int(steps * asked) >= steps_run(steps, asked):
        return ()
    return (f"at strength {asked:g} none of the {steps} steps would be run; one was",)


def _base(data: bytes, sizes: sizing.SizePlan) -> Image.Image:
    """The picture to start from, at the size that is drawn; what is not of the finished aspect is cropped."""
    image = decoding.on_paper(decoding.decode(data))
    if image.size == sizes.drawn:
        return image
    box = sizing.cover(image.size, sizes.finished)
    return image.resize(sizes.drawn, Image.Resampling.LANCZOS, box=box)
