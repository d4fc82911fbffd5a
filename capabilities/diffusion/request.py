"""From what a script says and what a capability allows to exactly one thing the engine is asked.

Whatever the script leaves out comes from the model and is kept under the capability's ceilings; whatever it says stands
as it was said, and is refused later where it lies above one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from mintaka.capabilities.diffusion.choosing import (
    Models,
    choose_embeddings,
    choose_loras,
    choose_regions,
    choose_scheduler,
    choose_steps,
    draw_seed,
    may_preview,
    refuse_unchecked,
)
from mintaka.capabilities.diffusion.options import MAX_PROMPT, DrawingOptions
from mintaka.capabilities.use import Use
from mintaka.engine.models import ModelInfo
from mintaka.engine.requests import Drawing, Lora, Region, TextToImage, steps_run
from mintaka.runtime.errors import HostFault
from mintaka.runtime.values import Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """What a method adds to what all drawings have."""

    given: Sequence[Value]
    """Its positional values, pictures as the names of their assets."""
    kind: type[Drawing] = TextToImage
    own: Mapping[str, Any] = field(default_factory=dict)
    """The fields that the kind of request has and others have not."""
    options: Mapping[str, Value] = field(default_factory=dict)
    """Its further options with their values, to make the same again."""
    strength: float | None = None
    """How much of a picture is made anew, where it starts from one."""
    pixels: int | None = None
    """How many are drawn, where these are not those of the picture: of tiles that overlap."""
    asked: Mapping[str, object] = field(default_factory=dict)
    """What it asks of restrictions that other drawings have not."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A drawing with nothing left open: what it asks of the engine and what it asks of the capability."""

    model: ModelInfo
    prompt: str
    options: DrawingOptions
    size: tuple[int, int]
    steps: int
    guidance_scale: float
    seed: int
    scheduler: str | None
    previews: bool
    check_safety: bool
    regions: tuple[Region, ...]
    loras: tuple[Lora, ...]
    embeddings: tuple[str, ...]
    """Those that the prompts name."""
    added: Added

    @property
    def pixel_steps(self) -> int:
        """What it costs at most: pixels · steps · batch, and half of that more for each region."""
        return pixels_drawn(self.size, self.added) * self.steps * self.options.batch * (2 + len(self.regions)) // 2

    @property
    def spent(self) -> dict[str, int]:
        """What it has taken in the end: over a picture, only the last of the steps are run."""
        strength = self.added.strength
        run = self.steps if strength is None else steps_run(self.steps, strength)
        return {"compute": self.pixel_steps // self.steps * run}

    @property
    def max_compute(self) -> float | None:
        """The most megapixel-steps the call itself allows."""
        return self.options.max_compute

    @property
    def charges(self) -> dict[str, int]:
        """What it takes of each unit."""
        return {"compute": self.pixel_steps, "uses": 1}

    @property
    def asked(self) -> dict[str, object]:
        """What is asked of each restriction."""
        width, height = self.size
        asked: dict[str, object] = {
            "allowed_models": self.model.id,
            "max_width": width,
            "max_height": height,
            "max_pixels": width * height,
            "max_steps": self.steps,
            "max_batch": self.options.batch,
            "max_compute": self.pixel_steps,
            "seed": (self.seed, self.seed + self.options.batch - 1),
            "no_preview": self.previews,
            "require_safety_checker": not self.check_safety,
            **self.added.asked,
        }
        if self.loras:
            asked["allowed_loras"] = tuple(each.name for each in self.loras)
        if self.embeddings:
            asked["allowed_embeddings"] = self.embeddings
        if self.scheduler is not None:
            asked["allowed_schedulers"] = self.scheduler
        if self.added.strength is not None:
            asked["strength"] = self.added.strength
        return asked

    def request(self, id: str) -> Drawing:
        """What the engine is asked."""
        return self.added.kind(
            id=id,
            model=self.model.id,
            prompt=self.prompt,
            negative_prompt=self.options.negative_prompt,
            prompt_2=self.options.prompt_2,
            negative_prompt_2=self.options.negative_prompt_2,
            width=self.size[0],
            height=self.size[1],
            steps=self.steps,
            guidance_scale=self.guidance_scale,
            seed=self.seed,
            scheduler=self.scheduler,
            batch=self.options.batch,
            previews=self.previews,
            loras=self.loras,
            embeddings=self.embeddings,
            check_safety=self.check_safety,
            regions=self.regions,
            clip_skip=self.options.clip_skip,
            **self.added.own,
        )

    def arguments(self, seed: int | None) -> list[Value]:
        """What makes one picture of these again, by its own ``seed``."""
        options: dict[str, Value] = {
            "model_id": self.model.id,
            "num_inference_steps": self.steps,
            "guidance_scale": self.guidance_scale,
            "negative_prompt": self.options.negative_prompt,
            "prompt_2": self.options.prompt_2,
            "negative_prompt_2": self.options.negative_prompt_2,
            "seed": seed,
            "scheduler": self.scheduler,
            "loras": [asdict(each) for each in self.loras] or None,
            "clip_skip": self.options.clip_skip or None,
            "regions": [
                {"prompt": each.prompt, "box": [each.left, each.top, each.width, each.height], "weight": each.weight}
                for each in self.regions
            ]
            or None,
            **self.added.options,
        }
        return [*self.added.given, {name: value for name, value in options.items() if value is not None}]


def pixels_drawn(size: tuple[int, int], added: Added) -> int:
    """How many pixels a step is made of."""
    return size[0] * size[1] if added.pixels is None else added.pixels


def complete(
    use: Use,
    prompt: str,
    options: DrawingOptions,
    model: ModelInfo,
    size: tuple[int, int],
    added: Added,
    models: Models,
) -> Wanted:
    """Fill in what the script left open.

    Raises HostFault ``invalid_params`` (the prompt, `loras`) and ``unsupported`` (no such scheduler).
    """
    restrictions = use.restrictions
    if len(prompt) > MAX_PROMPT:
        raise HostFault(
            f"the prompt has {len(prompt)} characters; at most {MAX_PROMPT} are taken",
            kind="invalid_params",
            hint="say it in fewer words",
        )
    refuse_unchecked(model, restrictions)
    regions = choose_regions(options.regions, size)
    drawn = -(-pixels_drawn(size, added) * options.batch * (2 + len(regions)) // 2)
    return Wanted(
        model=model,
        prompt=prompt,
        options=options,
        size=size,
        steps=options.num_inference_steps or choose_steps(model.steps, drawn, restrictions),
        guidance_scale=model.guidance_scale if options.guidance_scale is None else options.guidance_scale,
        seed=draw_seed(use.randomness, restrictions, options.batch) if options.seed is None else options.seed,
        scheduler=choose_scheduler(options.scheduler, model, restrictions),
        previews=may_preview(restrictions) if options.previews is None else options.previews,
        check_safety=not restrictions.permits("require_safety_checker", True),
        regions=regions,
        loras=choose_loras(options.loras),
        embeddings=choose_embeddings(
            (
                *(prompt, options.prompt_2, options.negative_prompt, options.negative_prompt_2),
                *(each.prompt for each in regions),
            ),
            restrictions,
            models,
        ),
        added=added,
    )
