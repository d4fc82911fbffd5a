"""What the metadata tells of a type that draws with the models there are."""

import json
from collections.abc import Mapping, Sequence
from typing import Protocol

from mintaka.capabilities.diffusion.choosing import (
    Models,
    choose_model,
    choose_scheduler,
    choose_size,
    choose_steps,
    within,
)
from mintaka.capabilities.diffusion.options import STRENGTH
from mintaka.capabilities.offers import Advice, Choices, Offer
from mintaka.capabilities.order import Json
from mintaka.capabilities.restrictions import Restrictions
from mintaka.engine import schedulers
from mintaka.engine.errors import EngineError
from mintaka.engine.models import ModelInfo
from mintaka.runtime.errors import HostFault


class Snapshot(Models, Protocol):
    """The models there are at one moment."""

    @property
    def revision(self) -> str:
        """Another whenever there are other models."""
        ...


class Installed(Models, Protocol):
    """Models that come and go: `mintaka.engine.models.ModelFolder`."""

    def snapshot(self) -> Snapshot:
        """How they are now; the same object as before where nothing changed."""
        ...


SCHEDULERS = Choices("schedulers", {each.name: each.label for each in schedulers.SCHEDULERS.values()})


class DrawingOffer(Offer):
    """Every model and every scheduler; what holds under restrictions follows from the model that is drawn with."""

    def __init__(self, models: Snapshot) -> None:
        self.revision = models.revision
        self.choices = {
            "models": Choices("models", {each.id: each.title for each in models.list()}),
            "schedulers": SCHEDULERS,
        }
        self._models = models

    def advice(self, restrictions: Restrictions) -> Advice:
        """Defaults of the model that is used when none is named; where none may be, why nothing can be drawn."""
        try:
            model = choose_model(None, restrictions, self._models)
            scheduler = choose_scheduler(None, model, restrictions)
        except (HostFault, EngineError) as fault:
            return Advice(unavailable=dict.fromkeys(("textToImage", "generate", "imageToImage"), fault.message))
        width, height = choose_size(None, None, model.size, restrictions)
        defaults: dict[str, Json] = {
            "model_id": model.id,
            "width": width,
            "height": height,
            "num_inference_steps": choose_steps(model.steps, width * height, restrictions),
            "guidance_scale": model.guidance_scale,
            "scheduler": scheduler,
            "previews": restrictions.permits("no_preview", True),
        }
        own: Mapping[str, Mapping[str, Json]] = {
            "ImageToImageOptions": {
                "width": None,
                "height": None,
                "strength": within(STRENGTH, restrictions, "strength"),
            }
        }
        return Advice(defaults, own, _examples(model, restrictions))


def _examples(model: ModelInfo, restrictions: Restrictions) -> Mapping[str, Sequence[str]]:
    prompt = json.dumps(model.examples[0] if model.examples else "a red circle", ensure_ascii=False)
    seed = (restrictions.get("seed") or (7,))[0]
    calls = {
        "textToImage": f" {prompt} {{:seed {seed}}}",
        "generate": f" {prompt} {{:seed {seed}}}",
        "imageToImage": f" (draw.textToImage {prompt} {{:seed {seed}}}) {prompt} {{:seed {seed}}}",
        "models": "",
        "schedulers": "",
        "estimate": f' "textToImage" [{prompt} {{:seed {seed}}}]',
    }
    return {
        name: [f'(let draw (get-capability "diffusers.generate"))\n(draw.{name}{given})']
        for name, given in calls.items()
        if "draw.textToImage" not in given or restrictions.permits("methods", "textToImage")
    }
