"""From what a script says and what a capability allows to exactly one thing the engine is asked.

Whatever the script leaves out comes from the model and is kept under the capability's ceilings; whatever it says stands
as it was said, and is refused later where it lies above one.
"""

import difflib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Protocol

from mintaka.capabilities.arguments import Options, option
from mintaka.capabilities.limits import MEGA
from mintaka.capabilities.order import EXACT, Allowed, AtMost, Deny, Interval, Preference, Unfit
from mintaka.capabilities.restrictions import Restrictions, restriction
from mintaka.capabilities.widgets import Phase, Widget
from mintaka.engine import schedulers
from mintaka.engine.errors import NoSuchModel, Unsupported
from mintaka.engine.models import ModelInfo
from mintaka.engine.requests import TextToImage
from mintaka.runtime.errors import HostFault
from mintaka.runtime.values import Value

MIN_SIDE = 8
MAX_SIDE = 4096
"""Pixels. A picture's sides lie between these, whatever a capability allows."""

MAX_PROMPT = 4000
"""Characters. No text encoder reads more than a few hundred words."""

SEEDS = (0, EXACT - 1024)
"""Every seed that survives JSON, with room for a batch's further ones."""

DRAWN_SEEDS = (0, 2**32 - 1)
"""Where a seed is drawn from when none is given: short enough to be read out."""

ROUND = 8
"""Sizes that were brought under a ceiling are multiples of this, as models like them."""


def scheduler_name(name: str) -> str:
    """The one name of a scheduler. Raises `Unfit`."""
    try:
        return schedulers.find(name).name
    except Unsupported as error:
        raise Unfit(f"names of schedulers; {error.message}") from None


class GenerateRestrictions(Restrictions):
    """What making pictures can be restricted to."""

    allowed_models: Allowed = restriction("Models that may be used")
    default_model: Preference = restriction("Model used when a call names none")
    allowed_schedulers: Allowed = restriction("Schedulers that may be used", normal=scheduler_name)
    max_width: AtMost = restriction("Largest width", unit="px", least=MIN_SIDE)
    max_height: AtMost = restriction("Largest height", unit="px", least=MIN_SIDE)
    max_pixels: AtMost = restriction("Largest width × height", unit="px", least=MIN_SIDE * MIN_SIDE)
    max_steps: AtMost = restriction("Most denoising steps", unit="steps", least=1)
    max_batch: AtMost = restriction("Most pictures in one call", unit="pictures", least=1)
    max_compute: AtMost = restriction(
        "Most that one call may cost", unit="megapixel-steps", least=MIN_SIDE * MIN_SIDE, scale=MEGA
    )
    seed: Interval = restriction("Seeds that may be used")
    no_preview: Deny = restriction("No previews while a picture is made")


class GenerateOptions(Options):
    """How to make a picture. What is left out comes from the model, kept under the capability's ceilings."""

    model_id: str | None = option(
        label="Model",
        help="Which model draws.",
        choices="models",
        narrowed_by="allowed_models",
        max_length=200,
        phase=Phase.MODEL,
    )
    width: int | None = option(
        label="Width",
        help="Of the finished picture.",
        unit="px",
        ge=MIN_SIDE,
        le=MAX_SIDE,
        narrowed_by="max_width",
        soft=(64, 1024),
        phase=Phase.SIZE,
    )
    height: int | None = option(
        label="Height",
        help="Of the finished picture.",
        unit="px",
        ge=MIN_SIDE,
        le=MAX_SIDE,
        narrowed_by="max_height",
        soft=(64, 1024),
        phase=Phase.SIZE,
    )
    num_inference_steps: int | None = option(
        label="Steps",
        help="Denoising steps; more is finer and slower.",
        ge=1,
        le=1000,
        narrowed_by="max_steps",
        soft=(4, 60),
        phase=Phase.SAMPLING,
    )
    guidance_scale: float | None = option(
        label="Guidance",
        help="How closely to follow the prompt; too high looks harsh.",
        ge=0,
        le=100,
        soft=(1, 15),
        phase=Phase.SAMPLING,
    )
    negative_prompt: str = option(
        "",
        label="Negative prompt",
        help="What to keep out.",
        max_length=MAX_PROMPT,
        widget=Widget.PROSE,
        phase=Phase.PROMPT,
    )
    seed: int | None = option(
        label="Seed",
        help="The same seed makes the same picture; left out, one is drawn and told.",
        ge=SEEDS[0],
        le=SEEDS[1],
        narrowed_by="seed",
        widget=Widget.SEED,
        phase=Phase.SAMPLING,
    )
    scheduler: str | None = option(
        label="Scheduler",
        help="How noise is taken away from step to step.",
        choices="schedulers",
        narrowed_by="allowed_schedulers",
        max_length=100,
        phase=Phase.SAMPLING,
    )
    batch: int = option(
        1,
        label="Batch",
        help="Pictures to make, with seeds that count up.",
        ge=1,
        le=64,
        narrowed_by="max_batch",
        soft=(1, 8),
        phase=Phase.OUTPUT,
    )
    max_compute: float | None = option(
        label="Compute at most",
        help="Refuse the call if it costs more.",
        unit="megapixel-steps",
        ge=0,
        narrowed_by="max_compute",
        phase=Phase.LIMITS,
    )
    previews: bool | None = option(
        label="Previews", help="Show the picture while it is made.", narrowed_by="no_preview", phase=Phase.OUTPUT
    )


class Models(Protocol):
    """Where models are found: `mintaka.engine.models.ModelFolder`."""

    def list(self) -> list[ModelInfo]:
        """Every usable model."""
        ...

    def get(self, model_id: str) -> ModelInfo:
        """The model of that id. Raises NoSuchModel, BadModel."""
        ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """A call with nothing left open: what it asks of the engine and what it asks of the capability."""

    model: ModelInfo
    prompt: str
    negative_prompt: str
    width: int
    height: int
    steps: int
    guidance_scale: float
    seed: int
    scheduler: str | None
    batch: int
    previews: bool

    @property
    def pixel_steps(self) -> int:
        """What it costs: width · height · steps · batch."""
        return self.width * self.height * self.steps * self.batch

    @property
    def charges(self) -> dict[str, int]:
        """What it takes of each unit."""
        return {"compute": self.pixel_steps, "uses": 1}

    @property
    def asked(self) -> dict[str, object]:
        """What is asked of each restriction."""
        asked: dict[str, object] = {
            "allowed_models": self.model.id,
            "max_width": self.width,
            "max_height": self.height,
            "max_pixels": self.width * self.height,
            "max_steps": self.steps,
            "max_batch": self.batch,
            "max_compute": self.pixel_steps,
            "seed": (self.seed, self.seed + self.batch - 1),
            "no_preview": self.previews,
        }
        if self.scheduler is not None:
            asked["allowed_schedulers"] = self.scheduler
        return asked

    def request(self, id: str) -> TextToImage:
        """What the engine is asked."""
        return TextToImage(
            id=id,
            model=self.model.id,
            prompt=self.prompt,
            negative_prompt=self.negative_prompt,
            width=self.width,
            height=self.height,
            steps=self.steps,
            guidance_scale=self.guidance_scale,
            seed=self.seed,
            scheduler=self.scheduler,
            batch=self.batch,
            previews=self.previews,
        )

    def options(self, seed: int | None) -> dict[str, Value]:
        """The options that make one picture of these again, by its own ``seed``."""
        return {
            "model_id": self.model.id,
            "width": self.width,
            "height": self.height,
            "num_inference_steps": self.steps,
            "guidance_scale": self.guidance_scale,
            "negative_prompt": self.negative_prompt,
            "seed": seed,
            "scheduler": self.scheduler,
        }


def complete(
    prompt: str, options: GenerateOptions, *, restrictions: Restrictions, models: Models, randomness: Random
) -> Wanted:
    """Fill in what the script left open.

    Raises HostFault ``denied`` (a model that is not allowed), ``no_such_model``, ``invalid_params`` (the prompt is too
    long) and ``unsupported`` (no such scheduler).
    """
    if len(prompt) > MAX_PROMPT:
        raise HostFault(
            f"the prompt has {len(prompt)} characters; at most {MAX_PROMPT} are taken",
            kind="invalid_params",
            hint="say it in fewer words",
        )
    model = choose_model(options.model_id, restrictions, models)
    steps, batch = options.num_inference_steps, options.batch
    width, height = choose_size(options.width, options.height, model.size, restrictions, drawn=(steps or 1) * batch)
    return Wanted(
        model=model,
        prompt=prompt,
        negative_prompt=options.negative_prompt,
        width=width,
        height=height,
        steps=steps or choose_steps(model.steps, width * height * batch, restrictions),
        guidance_scale=model.guidance_scale if options.guidance_scale is None else options.guidance_scale,
        seed=_draw_seed(randomness, restrictions, options.batch) if options.seed is None else options.seed,
        scheduler=choose_scheduler(options.scheduler, model, restrictions),
        batch=options.batch,
        previews=restrictions.permits("no_preview", True) if options.previews is None else options.previews,
    )


def visible(restrictions: Restrictions, models: Models) -> list[ModelInfo]:
    """The models there are that a capability allows."""
    return [each for each in models.list() if restrictions.permits("allowed_models", each.id)]


def choose_model(asked: str | None, restrictions: Restrictions, models: Models) -> ModelInfo:
    """The model asked for, or the capability's default, or the first it allows.

    A model the capability does not allow is refused before it is looked for, so nobody learns what else there is.
    """
    preferred: str | None = restrictions.get("default_model")
    if asked is None and preferred is not None and restrictions.permits("allowed_models", preferred):
        asked = preferred
    if asked is None:
        for each in models.list():
            if restrictions.permits("allowed_models", each.id):
                return each
        raise _no_such_model("none of the models that may be used is there", ())
    restrictions.permit("diffusers.generate", {"allowed_models": asked})
    try:
        return models.get(asked)
    except NoSuchModel:
        names = [each.id for each in visible(restrictions, models)]
        raise _no_such_model(f"there is no model called “{asked}”", names, asked) from None


def choose_size(
    width: int | None, height: int | None, usual: tuple[int, int], restrictions: Restrictions, *, drawn: int = 1
) -> tuple[int, int]:
    """The size asked for; a side that was left open is the model's usual one, made smaller to fit the ceilings.

    ``drawn``: how many times each pixel is drawn at least, steps × batch.
    """
    widest, highest = restrictions.get("max_width"), restrictions.get("max_height")
    most: int | None = restrictions.get("max_pixels")
    dearest: int | None = restrictions.get("max_compute")
    if dearest is not None:
        most = under(dearest // drawn, most)
    if width is None and height is None:
        scale = min(
            1.0,
            math.inf if widest is None else widest / usual[0],
            math.inf if highest is None else highest / usual[1],
            math.inf if most is None else math.sqrt(most / (usual[0] * usual[1])),
        )
        return (usual[0], usual[1]) if scale == 1.0 else (_rounded(usual[0] * scale), _rounded(usual[1] * scale))
    if width is None:
        width = _side(usual[0], widest, most, height)
    if height is None:
        height = _side(usual[1], highest, most, width)
    return width, height


def choose_steps(usual: int, pixels: int, restrictions: Restrictions) -> int:
    """The model's usual steps, fewer to fit the ceilings, for a call that draws so many ``pixels`` in each of them."""
    steps = under(usual, restrictions.get("max_steps"))
    dearest: int | None = restrictions.get("max_compute")
    return steps if dearest is None else max(1, min(steps, dearest // pixels))


def choose_scheduler(asked: str | None, model: ModelInfo, restrictions: Restrictions) -> str | None:
    """The scheduler asked for, or the model's, or the first that the capability allows; ``None``: the model's own."""
    if asked is not None:
        try:
            return schedulers.find(asked).name
        except Unsupported as error:
            raise HostFault(error.message, kind=error.kind, hint=error.hint) from None
    allowed: frozenset[str] | None = restrictions.get("allowed_schedulers")
    usual = model.scheduler and schedulers.find(model.scheduler).name
    if allowed is None or usual in allowed:
        return usual
    return min(allowed)


def under(value: int, ceiling: int | None) -> int:
    """A default, brought under its ceiling."""
    return value if ceiling is None else min(value, ceiling)


def _draw_seed(randomness: Random, restrictions: Restrictions, batch: int) -> int:
    low, high = restrictions.get("seed") or DRAWN_SEEDS
    low, high = max(low, SEEDS[0]), min(high, SEEDS[1])
    return randomness.randint(low, max(low, high - batch + 1))


def _side(usual: int, ceiling: int | None, most: int | None, other: int | None) -> int:
    side = under(under(usual, ceiling), None if most is None or other is None else most // other)
    return side if side == usual else _rounded(side)


def _rounded(side: float) -> int:
    return max(MIN_SIDE, int(side) // ROUND * ROUND)


def _no_such_model(message: str, names: Iterable[str], asked: str = "") -> HostFault:
    names = list(names)
    near = difflib.get_close_matches(asked, names, n=3, cutoff=0.5)
    if near:
        hint = f"did you mean {' or '.join(near)}?"
    elif names:
        hint = f"there are {', '.join(names)}"
    else:
        hint = "install a model, or ask for a capability that allows one of those there are"
    data: Mapping[str, object] = {"models": names}
    return HostFault(f"{message} — {hint}", kind="no_such_model", hint=hint, data=data)
