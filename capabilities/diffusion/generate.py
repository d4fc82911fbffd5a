"""The type ``diffusers.generate``: pictures from words, and from other pictures."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Any

from mintaka.capabilities.diffusion.choosing import (
    choose_size,
    choose_size_over,
    find_model,
    usable_embeddings,
    visible,
    within,
)
from mintaka.capabilities.diffusion.estimate import estimate
from mintaka.capabilities.diffusion.offer import PICTURE, DrawingOffer, DrawingType, Prompt, drawing, prompt_and_seed
from mintaka.capabilities.diffusion.options import (
    STRENGTH,
    DrawingOptions,
    DrawingRestrictions,
    GenerateOptions,
    Sized,
    Strong,
)
from mintaka.capabilities.diffusion.request import Added, Wanted, complete
from mintaka.capabilities.diffusion.studio import FAILURES, one_or_all
from mintaka.capabilities.images import Image, ImageArgument
from mintaka.capabilities.order import Json
from mintaka.capabilities.registry import Effect, capability, method
from mintaka.capabilities.restrictions import Restrictions
from mintaka.capabilities.use import Use
from mintaka.engine import schedulers
from mintaka.engine.models import ModelInfo
from mintaka.engine.requests import ImageToImage


class ImageToImageOptions(DrawingOptions, Sized, Strong):
    """How to make a picture from another; it is of that one's size where nothing else is said."""


class GenerateOffer(DrawingOffer):
    """What the metadata tells of ``diffusers.generate``."""

    methods = ("textToImage", "generate", "imageToImage")

    def own_defaults(self, model: ModelInfo, restrictions: Restrictions) -> Mapping[str, Mapping[str, Json]]:
        """A picture made over another is of that one's size."""
        strength = within(STRENGTH, restrictions, "strength")
        return {"ImageToImageOptions": {"width": None, "height": None, "strength": strength}}

    def examples(self, model: ModelInfo, restrictions: Restrictions) -> Mapping[str, Sequence[str]]:
        """A call of every method."""
        said = prompt_and_seed(model, restrictions)
        calls = {
            "textToImage": f" {said}",
            "generate": f" {said}",
            "imageToImage": f' "{PICTURE}" {said}',
            "models": "",
            "schedulers": "",
            "loras": "",
            "embeddings": "",
            "estimate": f' "textToImage" [{said}]',
        }
        return {
            name: [f'(let draw (get-capability "diffusers.generate"))\n(draw.{name}{given})']
            for name, given in calls.items()
        }


@capability("diffusers.generate", label="Generate pictures", restrictions=DrawingRestrictions)
class Generate(DrawingType):
    """Make pictures from words, and from other pictures."""

    offered = GenerateOffer

    @drawing(label="Text to image")
    async def text_to_image(self, use: Use, prompt: Prompt, options: GenerateOptions) -> Image | list[Image]:
        """Make a picture of what the prompt says; with a batch above 1, a list of pictures."""
        return one_or_all(await self.studio.make(use, self._from_words(use, prompt, options)))

    @drawing(label="Generate")
    async def generate(self, use: Use, prompt: Prompt, options: GenerateOptions) -> Image | list[Image]:
        """The same as textToImage, under the name some clients know."""
        return one_or_all(await self.studio.make(use, self._from_words(use, prompt, options)))

    @drawing(label="Image to image", errors=(*FAILURES, "bad_image"))
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
        return one_or_all(await self.studio.make(use, await self._over(use, image, prompt, options)))

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
            for each in visible(use.restrictions, self.installed)
        ]

    @method(effects=Effect.READS, label="Schedulers")
    async def schedulers(self, use: Use) -> list[Json]:
        """The schedulers that may be used, each with its name and label."""
        return [
            {"name": each.name, "label": each.label}
            for each in schedulers.SCHEDULERS.values()
            if use.restrictions.permits("allowed_schedulers", each.name)
        ]

    @method(effects=Effect.READS, label="LoRAs")
    async def loras(self, use: Use) -> list[Json]:
        """The LoRAs that may be used, each with the model it was made for where that is known."""
        return [
            {"name": each.id, "title": each.title, "description": each.description, "base": each.base}
            for each in self.installed.loras()
            if use.restrictions.permits("allowed_loras", (each.id,))
        ]

    @method(effects=Effect.READS, label="Embeddings")
    async def embeddings(self, use: Use) -> list[Json]:
        """The embeddings that prompts may name, each with the model it was made for where that is known."""
        return [
            {"name": each.id, "title": each.title, "description": each.description, "base": each.base}
            for each in usable_embeddings(use.restrictions, self.installed)
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
        return await estimate(use, method, args, partial(self._wanted, use, method))

    # From arguments to what is wanted

    async def _wanted(self, use: Use, method: str, *bound: Any) -> Wanted:
        return await self._over(use, *bound) if method == "imageToImage" else self._from_words(use, *bound)

    def _from_words(self, use: Use, prompt: str, options: GenerateOptions) -> Wanted:
        model = find_model(use, options.model_id, self.installed)
        drawn = (options.num_inference_steps or 1) * options.batch
        size = choose_size(options.width, options.height, model.size, use.restrictions, drawn=drawn)
        added = Added(given=[prompt], options={"width": size[0], "height": size[1]})
        return complete(use, prompt, options, model, size, added, self.installed)

    async def _over(self, use: Use, image: ImageArgument, prompt: str, options: ImageToImageOptions) -> Wanted:
        model = find_model(use, options.model_id, self.installed)
        source = await self.sources.read(use, image, "image")
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
        return complete(use, prompt, options, model, size, added, self.installed)
