"""The type ``diffusers.generate``: pictures from words."""

import asyncio
import json
from collections.abc import Sequence
from typing import Annotated, Any, Protocol

from mintaka.capabilities.chain import no_such_capability
from mintaka.capabilities.diffusion.offer import DrawingOffer, Installed, Snapshot
from mintaka.capabilities.diffusion.request import (
    GenerateOptions,
    GenerateRestrictions,
    Wanted,
    complete,
    visible,
)
from mintaka.capabilities.failures import told
from mintaka.capabilities.images import Image
from mintaka.capabilities.ledger import Published
from mintaka.capabilities.limits import MEGA
from mintaka.capabilities.offers import Moment, Offer, Offers
from mintaka.capabilities.order import Json
from mintaka.capabilities.registry import Effect, Progress, capability, method
from mintaka.capabilities.use import Admitted, Use
from mintaka.capabilities.widgets import Widget
from mintaka.engine import schedulers
from mintaka.engine.requests import OnStep, Picture, Request, Step
from mintaka.runtime.errors import HostFault
from mintaka.storage.blobs import Blobs

COST = "width * height * num_inference_steps * batch"
FAILURES = ("no_such_model", "unsupported", "generation_failed", "out_of_memory", "worker_crashed", "deadline")
"""The kinds of what the engine fails at."""

Prompt = Annotated[str, "What the picture shows, in words", Widget.PROSE]


class Engine(Protocol):
    """What draws: `mintaka.engine.supervisor.Engine`."""

    async def run(self, request: Request, on_step: OnStep) -> list[Picture]:
        """Make pictures; what ``on_step`` raises ends the request and comes out here. Raises EngineError."""
        ...


@capability("diffusers.generate", label="Generate pictures", restrictions=GenerateRestrictions)
class Generate(Offers):
    """Make pictures from words."""

    def __init__(self, engine: Engine, models: Installed, blobs: Blobs) -> None:
        self._engine = engine
        self._models = models
        self._blobs = blobs
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
        return await self._draw(use, prompt, options)

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
        return await self._draw(use, prompt, options)

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
                prompt, options = bound
                wanted = self._complete(use, prompt, options)
                cost = wanted.pixel_steps / MEGA
                use.permit(**wanted.asked)
                _refuse_dearer(wanted, options)
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

    # Drawing

    async def _draw(self, use: Use, prompt: str, options: GenerateOptions) -> Image | list[Image]:
        wanted = self._complete(use, prompt, options)
        _refuse_dearer(wanted, options)
        with use.admitted(wanted.asked, wanted.charges) as call, told():
            if call.outcome is not None:
                images = [Image.from_json(each) for each in json.loads(call.outcome)]
            else:
                pictures = await self._engine.run(wanted.request(call.id), watch(use, call))
                images = await self._publish(call, wanted, pictures)
        for image in images:
            use.emit("asset", {"call": call.id, "asset": image.asset, "width": image.width, "height": image.height})
        return images[0] if wanted.batch == 1 else images

    def _complete(self, use: Use, prompt: str, options: GenerateOptions) -> Wanted:
        if options.model_id is not None:
            use.permit(allowed_models=options.model_id)
        with told():
            return complete(
                prompt, options, restrictions=use.restrictions, models=self._models, randomness=use.randomness
            )

    async def _publish(self, call: Admitted, wanted: Wanted, pictures: Sequence[Picture]) -> list[Image]:
        """Keep the pictures' bytes, then make them the caller's and settle: one transaction, which checks once more."""
        if not call.is_live():
            raise no_such_capability()
        names = [await asyncio.to_thread(self._blobs.put, each.data) for each in pictures]
        kept = list(zip(names, pictures, strict=True))
        images = [
            Image(
                asset=name,
                width=each.width,
                height=each.height,
                seed=each.seed,
                notes=each.notes,
                made_with={"method": "textToImage", "prompt": wanted.prompt, "options": wanted.options(each.seed)},
            )
            for name, each in kept
        ]
        call.settle(
            results=[Published(each.asset, "image/png", each.width, each.height) for each in images],
            outcome=json.dumps([each.to_json() for each in images]),
        )
        return images


def watch(use: Use, call: Admitted) -> OnStep:
    """Tell the run's watchers of every step, and stop the call at the first step that finds its capability dead.

    Calls of one run may be drawn at the same time; ``call`` in what is told keeps their steps and previews apart.
    """

    def on_step(step: Step) -> None:
        if not call.is_live():
            raise no_such_capability()
        fraction = step.step / step.steps
        use.emit("progress", {"call": call.id, "step": step.step, "steps": step.steps, "fraction": fraction})
        if step.preview is not None:
            use.emit("preview", {"call": call.id, "image": step.preview, "mime": "image/webp"})

    return on_step


def _refuse_dearer(wanted: Wanted, options: GenerateOptions) -> None:
    """Raise HostFault ``no_budget`` where the call costs more than it set itself."""
    own = options.max_compute
    if own is not None and wanted.pixel_steps > own * MEGA:
        raise HostFault(
            f"this costs {wanted.pixel_steps / MEGA:g} megapixel-steps, and `max_compute` allows {own:g}",
            kind="no_budget",
            hint="ask for a smaller picture, fewer steps or a smaller batch, or raise max_compute",
            data={"unit": "compute", "cost": wanted.pixel_steps / MEGA, "allowed": own},
        )
