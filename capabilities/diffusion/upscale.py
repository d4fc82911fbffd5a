"""The type ``diffusers.upscale``: pictures made larger."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from mintaka.capabilities.arguments import Options, option
from mintaka.capabilities.diffusion.offer import PICTURE, DrawingOffer, DrawingType
from mintaka.capabilities.diffusion.options import DrawingRestrictions
from mintaka.capabilities.diffusion.studio import FAILURES
from mintaka.capabilities.images import Image, ImageArgument
from mintaka.capabilities.offers import Advice
from mintaka.capabilities.order import AtMost
from mintaka.capabilities.registry import Effect, Progress, capability, method
from mintaka.capabilities.restrictions import Restrictions, restriction
from mintaka.capabilities.sources import Source
from mintaka.capabilities.use import Use
from mintaka.capabilities.widgets import Phase
from mintaka.engine.preparing import MAX_FACTOR, MIN_FACTOR
from mintaka.engine.requests import Interpolation, Request, Resample
from mintaka.runtime.errors import HostFault
from mintaka.runtime.values import Value

TAKEN = '(let lens (get-capability "diffusers.upscale"))'
"""How an example begins."""


class UpscaleRestrictions(DrawingRestrictions):
    """What enlarging pictures can be restricted to; sizes are those of the larger picture."""

    max_factor: AtMost = restriction("Largest factor", unit="times", least=MIN_FACTOR)


class Larger(Options):
    """How much larger."""

    factor: int = option(
        MIN_FACTOR,
        label="Factor",
        help="How many times as wide and as high.",
        unit="times",
        ge=MIN_FACTOR,
        le=MAX_FACTOR,
        narrowed_by="max_factor",
        soft=(2, 4),
        phase=Phase.SIZE,
    )


class TraditionalOptions(Larger):
    """How to enlarge by arithmetic."""

    method: str = option(
        "lanczos",
        label="Method",
        help="How the pixels between are computed: lanczos is sharpest, nearest keeps squares of one colour.",
        choices=tuple(Interpolation),
        max_length=20,
        phase=Phase.OUTPUT,
    )


class UpscaleOffer(DrawingOffer):
    """What the metadata tells of ``diffusers.upscale``."""

    methods = ()

    def advice(self, restrictions: Restrictions) -> Advice:
        """As of every type that draws, but arithmetic needs no model."""
        told = super().advice(restrictions)
        call = f'(lens.upscaleTraditional "{PICTURE}" {{:method "bicubic"}})'
        return replace(told, examples={**told.examples, "upscaleTraditional": [f"{TAKEN}\n{call}"]})


@dataclass(frozen=True, slots=True)
class Enlargement:
    """A picture to be enlarged, with nothing left open."""

    source: Source
    factor: int
    made: Request
    """What the engine is asked, but for its id."""
    given: Sequence[Value]
    """The arguments that make it again."""
    model: str | None = None
    """The upscaler, where one is needed."""
    max_compute: float | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the larger picture."""
        return self.source.width * self.factor, self.source.height * self.factor

    @property
    def asked(self) -> Mapping[str, object]:
        """What is asked of each restriction."""
        width, height = self.size
        pixels = width * height
        asked = {
            "max_factor": self.factor,
            "max_width": width,
            "max_height": height,
            "max_pixels": pixels,
            "max_compute": pixels,
        }
        return asked if self.model is None else {**asked, "allowed_models": self.model}

    @property
    def charges(self) -> Mapping[str, int]:
        """What it takes of each unit: every pixel of the result is made once."""
        return {"compute": self.size[0] * self.size[1], "uses": 1}

    @property
    def spent(self) -> Mapping[str, int]:
        """All of it."""
        return {}

    def request(self, id: str) -> Request:
        """What the engine is asked."""
        return replace(self.made, id=id)

    def arguments(self, seed: int | None) -> list[Value]:
        """What makes it again; nothing is left to chance."""
        return list(self.given)


@capability("diffusers.upscale", label="Enlarge pictures", restrictions=UpscaleRestrictions)
class Upscale(DrawingType):
    """Make pictures larger."""

    offered = UpscaleOffer

    @method(
        effects=Effect.GPU,
        label="Resample",
        cost="result",
        deterministic=True,
        cancellable=True,
        progress=Progress.STEPS,
        errors=(*FAILURES, "bad_image"),
    )
    async def upscale_traditional(
        self,
        use: Use,
        image: Annotated[ImageArgument, "The picture to enlarge"],
        options: TraditionalOptions,
    ) -> Image:
        """Enlarge by arithmetic alone: nothing is added to the picture, and it takes no model."""
        interpolation = _interpolation(options.method, "method")
        source = await self.sources.read(use, image, "image")
        made = Resample(id="", image=source.data, factor=options.factor, interpolation=interpolation)
        given: list[Value] = [source.asset, {"method": str(interpolation), "factor": options.factor}]
        [picture] = await self.studio.make(use, Enlargement(source, options.factor, made, given))
        return picture


def _interpolation(name: str, option: str) -> Interpolation:
    try:
        return Interpolation(name.lower())
    except ValueError:
        raise HostFault(
            f"there is no `{option}` “{name[:20]}”; there are {', '.join(Interpolation)}",
            kind="invalid_params",
            hint=f"use {' or '.join(Interpolation)}",
            data={"option": option},
        ) from None
