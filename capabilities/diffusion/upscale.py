"""The type ``diffusers.upscale``: pictures made larger."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

from mintaka.capabilities.arguments import Options, option, parse_options
from mintaka.capabilities.diffusion.choosing import within
from mintaka.capabilities.diffusion.offer import (
    PICTURE,
    DrawingOffer,
    DrawingType,
    Prompt,
    drawing_over,
    prompt_and_seed,
)
from mintaka.capabilities.diffusion.options import MAX_SIDE, DrawingRestrictions
from mintaka.capabilities.diffusion.redrawing import REDRAWN, RedrawOptions, redrawn
from mintaka.capabilities.diffusion.restoring import FaceOptions, Restoration, choose_face_model
from mintaka.capabilities.diffusion.studio import FAILURES, one_or_all
from mintaka.capabilities.diffusion.upscaling import Larger, choose_upscaler, interpolation_called
from mintaka.capabilities.images import Image, ImageArgument
from mintaka.capabilities.offers import Advice
from mintaka.capabilities.order import AtMost, Json
from mintaka.capabilities.registry import Effect, Progress, capability, method
from mintaka.capabilities.restrictions import Restrictions, restriction
from mintaka.capabilities.sources import Source
from mintaka.capabilities.use import Use
from mintaka.capabilities.widgets import Phase
from mintaka.engine.edits import Interpolation
from mintaka.engine.models import ModelInfo
from mintaka.engine.models.upscalers import BEST
from mintaka.engine.preparing import FACE_SIDE, MAX_FACTOR, MIN_FACTOR, MIN_TILE
from mintaka.engine.requests import Request, Resample
from mintaka.engine.requests import Upscale as EngineUpscale
from mintaka.runtime.errors import HostFault
from mintaka.runtime.values import Value

TAKEN = '(let lens (get-capability "diffusers.upscale"))'
"""How an example begins."""


class UpscaleRestrictions(DrawingRestrictions):
    """What enlarging pictures can be restricted to; sizes are those of the larger picture."""

    max_factor: AtMost = restriction("Largest factor", unit="times", least=MIN_FACTOR)


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


class UpscaleOptions(Options):
    """How to enlarge with a learned upscaler."""

    model: str | None = option(
        label="Upscaler",
        help="Which upscaler; `realesrgan` and `esrgan` mean the best there is for the factor.",
        narrowed_by="allowed_models",
        max_length=200,
        phase=Phase.MODEL,
    )
    factor: int | None = option(
        label="Factor",
        help="How many times as wide and as high; where it is given beside too, this one counts.",
        unit="times",
        ge=MIN_FACTOR,
        le=MAX_FACTOR,
        narrowed_by="max_factor",
        soft=(2, 4),
        phase=Phase.SIZE,
    )
    tile: int = option(
        512,
        label="Tile",
        help="The picture is enlarged in tiles of this size; larger ones take more memory.",
        unit="px",
        ge=MIN_TILE,
        le=MAX_SIDE,
        soft=(128, 1024),
        phase=Phase.OUTPUT,
    )
    overlap: int = option(
        32,
        label="Overlap",
        help="How much neighbouring tiles share, over which one fades into the other.",
        unit="px",
        ge=0,
        le=MAX_SIDE // 2,
        soft=(8, 128),
        phase=Phase.OUTPUT,
    )


USUAL = UpscaleOptions()


AS_MANY = FaceOptions()


class UpscaleOffer(DrawingOffer):
    """What the metadata tells of ``diffusers.upscale``."""

    methods = ("upscaleImg2Img",)

    def own_defaults(self, model: ModelInfo, restrictions: Restrictions) -> Mapping[str, Mapping[str, Json]]:
        """How much is made anew."""
        return {"RedrawOptions": {"denoise_strength": within(REDRAWN, restrictions, "strength")}}

    def examples(self, model: ModelInfo, restrictions: Restrictions) -> Mapping[str, Sequence[str]]:
        """A call of what draws."""
        said = prompt_and_seed(model, restrictions)
        return {"upscaleImg2Img": [f'{TAKEN}\n(lens.upscaleImg2Img "{PICTURE}" {said})']}

    def advice(self, restrictions: Restrictions) -> Advice:
        """As of every type that draws, but arithmetic needs no model."""
        usual = super().advice(restrictions)
        call = f'(lens.upscaleTraditional "{PICTURE}" {{:method "bicubic"}})'
        listing = f"{TAKEN}\n(lens.upscalers)"
        examples = {**usual.examples, "upscaleTraditional": [f"{TAKEN}\n{call}"], "upscalers": [listing]}
        unavailable = dict(usual.unavailable)
        try:
            choose_upscaler(None, MIN_FACTOR, restrictions, self._models.upscalers)
            examples["upscale"] = [f'{TAKEN}\n(lens.upscale "{PICTURE}" "realesrgan" 2)']
        except HostFault as fault:
            unavailable["upscale"] = fault.message
        try:
            choose_face_model(None, restrictions, self._models.face_models())
            examples["faceRestore"] = [f'{TAKEN}\n(lens.faceRestore "{PICTURE}" 0.8)']
        except HostFault as fault:
            unavailable["faceRestore"] = fault.message
        return replace(usual, examples=examples, unavailable=unavailable)


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
        interpolation = interpolation_called(options.method, "method")
        source = await self.sources.read(use, image, "image")
        made = Resample(id="", image=source.data, factor=options.factor, interpolation=interpolation)
        given: list[Value] = [source.asset, {"method": str(interpolation), "factor": options.factor}]
        [picture] = await self.studio.make(use, Enlargement(source, options.factor, made, given))
        return picture

    @method(
        effects=Effect.GPU,
        label="Upscale",
        cost="result",
        deterministic=True,
        cancellable=True,
        progress=Progress.STEPS,
        errors=(*FAILURES, "bad_image"),
    )
    async def upscale(
        self,
        use: Use,
        image: Annotated[ImageArgument, "The picture to enlarge"],
        model: Annotated[str | dict[str, Any], "Which upscaler, see `upscalers`; or the options at once"] = BEST[-1],
        factor: Annotated[int, "How many times as wide and as high"] = MIN_FACTOR,
        options: UpscaleOptions = USUAL,
    ) -> Image:
        """Enlarge with a learned upscaler, in overlapping tiles that leave no seams."""
        if isinstance(model, dict):
            given = parse_options("diffusers.upscale.upscale", UpscaleOptions, model)
            assert isinstance(given, UpscaleOptions)
            model, options = given.model or BEST[-1], given
        model, factor = options.model or model, options.factor or factor
        if not MIN_FACTOR <= factor <= MAX_FACTOR:
            raise HostFault(
                f"`factor` of diffusers.upscale.upscale must be from {MIN_FACTOR} to {MAX_FACTOR} times",
                kind="invalid_params",
                hint="use 2 or 4",
                data={"argument": "factor"},
            )
        chosen = choose_upscaler(model, factor, use.restrictions, self.installed.snapshot().upscalers)
        source = await self.sources.read(use, image, "image")
        tile, overlap = options.tile, options.overlap
        made = EngineUpscale(id="", image=source.data, upscaler=chosen, factor=factor, tile=tile, overlap=overlap)
        given_again: list[Value] = [source.asset, chosen, factor, {"tile": tile, "overlap": overlap}]
        [picture] = await self.studio.make(use, Enlargement(source, factor, made, given_again, chosen))
        return picture

    @drawing_over(label="Upscale by drawing")
    async def upscale_img2_img(
        self,
        use: Use,
        image: Annotated[ImageArgument, "The picture to enlarge"],
        prompt: Prompt,
        options: RedrawOptions,
    ) -> Image | list[Image]:
        """Enlarge a picture, then draw over it as the prompt says, in tiles as large as the model draws.

        Tiles overlap by a quarter, where one fades into the other, and every pixel of each is paid.
        """
        source = await self.sources.read(use, image, "image")
        return one_or_all(await self.studio.make(use, redrawn(use, source, prompt, options, self.installed)))

    @method(
        effects=Effect.GPU,
        label="Restore faces",
        cost=f"result + faces * {FACE_SIDE * FACE_SIDE}",
        deterministic=True,
        cancellable=True,
        progress=Progress.STEPS,
        errors=(*FAILURES, "bad_image"),
    )
    async def face_restore(
        self,
        use: Use,
        image: Annotated[ImageArgument, "The picture with faces"],
        strength: Annotated[float, "How much of the restored faces is laid over the picture, 0 to 1"] = 1.0,
        options: FaceOptions = AS_MANY,
    ) -> Image:
        """Make the faces of a picture anew with a model for faces; what lies around them stays as it is."""
        if not 0 <= strength <= 1:
            raise HostFault(
                "`strength` of diffusers.upscale.faceRestore must be from 0 to 1",
                kind="invalid_params",
                hint="use 0 to 1",
                data={"argument": "strength"},
            )
        known = self.installed.snapshot().face_models()
        model = choose_face_model(options.model, use.restrictions, known)
        source = await self.sources.read(use, image, "image")
        [picture] = await self.studio.make(use, Restoration(source, model, strength, options.faces))
        return picture

    @method(effects=Effect.READS, label="Upscalers")
    async def upscalers(self, use: Use) -> list[Json]:
        """The upscalers that may be used, each with its factor where that is told."""
        return [
            {"id": each.id, "title": each.title, "factor": each.factor}
            for each in self.installed.snapshot().upscalers
            if use.restrictions.permits("allowed_models", each.id)
        ]
