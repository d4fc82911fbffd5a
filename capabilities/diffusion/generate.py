"""The type ``diffusers.generate``: pictures from words, and from other pictures."""

from typing import Annotated, Any

from mintaka.capabilities.arguments import option
from mintaka.capabilities.diffusion.choosing import choose_size, choose_size_over, find_model, visible, within
from mintaka.capabilities.diffusion.offer import DrawingOffer, Installed, Snapshot
from mintaka.capabilities.diffusion.options import (
    STRENGTH,
    DrawingOptions,
    DrawingRestrictions,
    GenerateOptions,
    Sized,
)
from mintaka.capabilities.diffusion.request import Added, Wanted, complete
from mintaka.capabilities.diffusion.studio import FAILURES, Engine, Studio, refuse_dearer
from mintaka.capabilities.images import Image, ImageArgument
from mintaka.capabilities.limits import MEGA
from mintaka.capabilities.offers import Moment, Offer, Offers
from mintaka.capabilities.order import Json
from mintaka.capabilities.registry import Effect, Progress, capability, method
from mintaka.capabilities.sources import Sources
from mintaka.capabilities.use import Use
from mintaka.capabilities.widgets import Phase, Widget
from mintaka.engine import schedulers
from mintaka.engine.requests import ImageToImage
from mintaka.runtime.errors import HostFault
from mintaka.storage.blobs import Blobs

COST = "width * height * num_inference_steps * batch"

Prompt = Annotated[str, "What the picture shows, in words", Widget.PROSE]


class ImageToImageOptions(DrawingOptions, Sized):
    """How to make a picture from another; it is of that one's size where nothing else is said."""

    strength: float | None = option(
        label="Strength",
        help="How much is made anew: 0 keeps the picture, 1 draws it from nothing.",
        ge=0,
        le=1,
        narrowed_by="strength",
        soft=(0.2, 1),
        phase=Phase.SAMPLING,
    )


@capability("diffusers.generate", label="Generate pictures", restrictions=DrawingRestrictions)
class Generate(Offers):
    """Make pictures from words, and from other pictures."""

    def __init__(self, engine: Engine, models: Installed, blobs: Blobs) -> None:
        self._studio = Studio(engine, blobs)
        self._sources = Sources(blobs)
        self._models = models
        self._offered: tuple[Snapshot, DrawingOffer] | None = None

    @method(
        effects=Effect.GPU,
        label="Text to image",
        cost=COST,
        deterministic=True,
        cancellable=True,
        progress=Progress.STEPS,
        errors=FAILURES,
    )
    async def text_to_image(self, use: Use, prompt: Prompt, options: GenerateOptions) -> Image | list[Image]:
        """Make a picture of what the prompt says; with a batch above 1, a list of pictures."""
        return one_or_all(await self._studio.make(use, self._from_words(use, prompt, options)))

    @method(
        effects=Effect.GPU,
        label="Generate",
        cost=COST,
        deterministic=True,
        cancellable=True,
        progress=Progress.STEPS,
        errors=FAILURES,
    )
    async def generate(self, use: Use, prompt: Prompt, options: GenerateOptions) -> Image | list[Image]:
        """The same as textToImage, under the name some clients know."""
        return one_or_all(await self._studio.make(use, self._from_words(use, prompt, options)))

    @method(
        effects=Effect.GPU,
        label="Image to image",
        cost=COST,
        deterministic=True,
        cancellable=True,
        progress=Progress.STEPS,
        errors=(*FAILURES, "bad_image"),
    )
    async def image_to_image(
        self,
        use: Use,
        image: Annotated[ImageArgument, "The picture to start from"],
        prompt: Prompt,
        options: ImageToImageOptions,
    ) -> Image | list[Image]:
        """Make a picture of what the prompt says out of another; with a batch above 1, a list of pictures.

        At most the whole of the steps is paid; over a picture only the share that `strength` says is run and settled.
        """
        return one_or_all(await self._studio.make(use, await self._over(use, image, prompt, options)))

    @method(effects=Effect.READS, label="Models")
    async def models(self, use: Use) -> list[Json]:
        """The models that may be used, with what each draws when a call does not say."""
        return [
            {
                "id": each.id,
                "title": each.title,
                "description": each.description,
                "width": each.size[0],
                "height": each.size[1],
                "num_inference_steps": each.steps,
                "guidance_scale": each.guidance_scale,
                "scheduler": each.scheduler,
                "examples": list[Json](each.examples),
            }
            for each in visible(use.restrictions, self._models)
        ]

    @method(effects=Effect.READS, label="Schedulers")
    async def schedulers(self, use: Use) -> list[Json]:
        """The schedulers that may be used, each with its name and label."""
        return [
            {"name": each.name, "label": each.label}
            for each in schedulers.SCHEDULERS.values()
            if use.restrictions.permits("allowed_schedulers", each.name)
        ]

    @method(effects=Effect.READS, label="Estimate")
    async def estimate(
        self,
        use: Use,
        method: Annotated[str, "The method of the call"],
        args: Annotated[list[Any], "What the call would give it"],
    ) -> dict[str, Json]:
        """What a call would cost and whether it would be allowed, without making it.

        The call is the method's name and a list of its arguments: `(draw.estimate "textToImage" ["a cat" {:batch 4}])`.
        """
        declared = use.kernel.registry.get(use.held.type).method(method)
        bound = declared.signature.bind(f"{use.held.type}.{method}", args)
        cost: float | None = None if declared.effects is Effect.GPU else 0
        try:
            use.permit(methods=method)
            if declared.effects is Effect.GPU:
                wanted = await self._wanted(use, method, *bound)
                cost = wanted.pixel_steps / MEGA
                use.permit(**wanted.asked)
                refuse_dearer(wanted)
                use.held.afford(wanted.charges)
        except HostFault as refusal:
            return {"megapixel_steps": cost, "allowed": False, "why": refusal.message}
        return {"megapixel_steps": cost, "allowed": True, "why": None}

    def offer(self, moment: Moment) -> Offer:
        """What can be drawn with at this moment."""
        models = moment.of(self._models)
        if self._offered is None or self._offered[0] is not models:
            self._offered = models, DrawingOffer(models)
        return self._offered[1]

    # From arguments to what is wanted

    async def _wanted(self, use: Use, method: str, *bound: Any) -> Wanted:
        return await self._over(use, *bound) if method == "imageToImage" else self._from_words(use, *bound)

    def _from_words(self, use: Use, prompt: str, options: GenerateOptions) -> Wanted:
        model = find_model(use, options.model_id, self._models)
        drawn = (options.num_inference_steps or 1) * options.batch
        size = choose_size(options.width, options.height, model.size, use.restrictions, drawn=drawn)
        added = Added(given=[prompt], options={"width": size[0], "height": size[1]})
        return complete(use, prompt, options, model, size, added)

    async def _over(self, use: Use, image: ImageArgument, prompt: str, options: ImageToImageOptions) -> Wanted:
        model = find_model(use, options.model_id, self._models)
        source = await self._sources.read(use, image, "image")
        drawn = (options.num_inference_steps or 1) * options.batch
        size = choose_size_over(options.width, options.height, source.size, use.restrictions, drawn=drawn)
        strength = within(STRENGTH, use.restrictions, "strength") if options.strength is None else options.strength
        added = Added(
            given=[source.asset, prompt],
            kind=ImageToImage,
            own={"image": source.data, "strength": strength},
            options={"width": size[0], "height": size[1], "strength": strength},
            strength=strength,
        )
        return complete(use, prompt, options, model, size, added)


def one_or_all(images: list[Image]) -> Image | list[Image]:
    """One picture as it is, several as a list."""
    return images[0] if len(images) == 1 else images
