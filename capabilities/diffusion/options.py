"""What drawing can be restricted to, and the options that all methods which draw have."""

from typing import Annotated, Any

from pydantic import WithJsonSchema

from mintaka.capabilities.arguments import Options, option
from mintaka.capabilities.limits import MEGA
from mintaka.capabilities.order import EXACT, Allowed, AtMost, Deny, Fractions, Interval, Preference, Selection, Unfit
from mintaka.capabilities.restrictions import Restrictions, restriction
from mintaka.capabilities.widgets import Phase, Widget
from mintaka.engine import schedulers
from mintaka.engine.errors import Unsupported
from mintaka.engine.requests import MAX_CLIP_SKIP, MAX_LORA_WEIGHT

MIN_SIDE = 8
MAX_SIDE = 4096
"""Pixels. A picture's sides lie between these, whatever a capability allows."""

MAX_PROMPT = 4000
"""Characters. No text encoder reads more than a few hundred words."""

SEEDS = (0, EXACT - 1024)
"""Every seed that survives JSON, with room for a batch's further ones."""

DRAWN_SEEDS = (0, 2**32 - 1)
"""Where a seed is drawn from when none is given: short enough to be read out."""

STRENGTH = 0.8
"""How much of a picture is made anew when nothing is said."""

ROUND = 8
"""Sizes that were brought under a ceiling are multiples of this, as models like them."""


def scheduler_name(name: str) -> str:
    """The one name of a scheduler. Raises `Unfit`."""
    try:
        return schedulers.find(name).name
    except Unsupported as error:
        raise Unfit(f"names of schedulers; {error.message}") from None


class DrawingRestrictions(Restrictions):
    """What drawing pictures can be restricted to."""

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
    strength: Fractions = restriction("How much of a picture that is given may be made anew, such as [0, 0.5]")
    allowed_loras: Selection = restriction("LoRAs that may be used; [] for none")
    allowed_embeddings: Selection = restriction("Embeddings that prompts may name; [] for none")
    require_safety_checker: Deny = restriction(
        "No pictures that the model's own safety checker has not seen; what it finds unfit comes out black"
    )
    no_preview: Deny = restriction("No previews while a picture is made")


class Sized(Options):
    """The size, of methods that make pictures of any."""

    width: int | None = option(
        label="Width",
        help="Of the finished picture; left out, it is that of the picture given or the model's usual one.",
        unit="px",
        ge=MIN_SIDE,
        le=MAX_SIDE,
        narrowed_by="max_width",
        soft=(64, 1024),
        phase=Phase.SIZE,
    )
    height: int | None = option(
        label="Height",
        help="Of the finished picture; left out, it is that of the picture given or the model's usual one.",
        unit="px",
        ge=MIN_SIDE,
        le=MAX_SIDE,
        narrowed_by="max_height",
        soft=(64, 1024),
        phase=Phase.SIZE,
    )


class Strong(Options):
    """How much is made anew, of methods that start from a picture."""

    strength: float | None = option(
        label="Strength",
        help="How much is made anew: 0 keeps the picture, 1 draws it from nothing.",
        ge=0,
        le=1,
        narrowed_by="strength",
        soft=(0.2, 1),
        phase=Phase.SAMPLING,
    )


LoraOption = Annotated[
    Any,
    WithJsonSchema(
        {
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "weight": {"type": "number", "default": 1, "minimum": -MAX_LORA_WEIGHT, "maximum": MAX_LORA_WEIGHT},
            },
            "required": ["name"],
            "additionalProperties": False,
        }
    ),
]
"""``{:name "storybook" :weight 0.8}``; looked at by `mintaka.capabilities.diffusion.choosing.choose_loras`."""


RegionOption = Annotated[
    Any,
    WithJsonSchema(
        {
            "type": "object",
            "properties": {
                "prompt": {"type": "string", "maxLength": MAX_PROMPT},
                "box": {"type": "array", "items": {"type": "number", "minimum": 0}, "minItems": 4, "maxItems": 4},
                "weight": {"type": "number", "default": 1, "minimum": 0, "maximum": 1},
            },
            "required": ["prompt", "box"],
            "additionalProperties": False,
        }
    ),
]
"""``{:prompt "a red circle" :box [0 0 0.5 1]}``.

Looked at by `mintaka.capabilities.diffusion.choosing.choose_regions`.
"""


class DrawingOptions(Options):
    """How to draw. What is left out comes from the model, kept under the capability's ceilings."""

    model_id: str | None = option(
        label="Model",
        help="Which model draws.",
        choices="models",
        narrowed_by="allowed_models",
        max_length=200,
        phase=Phase.MODEL,
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
    prompt_2: str | None = option(
        label="Second prompt",
        help="What the second text encoder reads, of models that have one; left out, the same as the first.",
        max_length=MAX_PROMPT,
        widget=Widget.PROSE,
        phase=Phase.PROMPT,
    )
    negative_prompt_2: str | None = option(
        label="Second negative prompt",
        help="What the second text encoder is to keep out.",
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
    loras: list[LoraOption] | None = option(
        label="LoRAs",
        help="Small files that change how the model draws, each with a weight: 1 as it was made, 0 not at all.",
        choices="loras",
        narrowed_by="allowed_loras",
        phase=Phase.MODEL,
    )
    regions: list[RegionOption] | None = option(
        label="Regions",
        help="Parts of the picture with prompts of their own, in boxes [x y width height] of pixels or of fractions "
        "of it. Each adds half of the picture's price.",
        phase=Phase.PROMPT,
    )
    clip_skip: int = option(
        0,
        label="Skip layers",
        help="How many of the last layers of a CLIP text encoder are left out; some models were trained with 1.",
        ge=0,
        le=MAX_CLIP_SKIP,
        soft=(0, 3),
        phase=Phase.PROMPT,
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


class GenerateOptions(DrawingOptions, Sized):
    """How to make a picture from nothing."""
