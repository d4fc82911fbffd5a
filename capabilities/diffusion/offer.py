"""What the metadata tells of a type that draws with the models there are."""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, ClassVar, Protocol

from mintaka.capabilities.diffusion.choosing import (
    Models,
    choose_model,
    choose_scheduler,
    choose_size,
    choose_steps,
    may_preview,
)
from mintaka.capabilities.diffusion.studio import FAILURES, Engine, Studio
from mintaka.capabilities.offers import Advice, Choices, Moment, Offer, Offers
from mintaka.capabilities.order import Json
from mintaka.capabilities.registry import Effect, Progress, method
from mintaka.capabilities.restrictions import Restrictions
from mintaka.capabilities.sources import Sources
from mintaka.capabilities.widgets import Widget
from mintaka.engine import schedulers
from mintaka.engine.errors import EngineError
from mintaka.engine.models import ControlNetInfo, ModelInfo
from mintaka.engine.models.weights import FaceModelInfo, UpscalerInfo
from mintaka.runtime.errors import HostFault
from mintaka.storage.blobs import Blobs


class Snapshot(Models, Protocol):
    """The models there are at one moment."""

    @property
    def revision(self) -> str:
        """Another whenever there are other models."""
        ...

    def controlnets(self) -> Sequence[ControlNetInfo]:
        """Every usable ControlNet."""
        ...

    def controlnet(self, controlnet_id: str) -> ControlNetInfo:
        """The ControlNet of that id. Raises NoSuchModel, BadModel."""
        ...

    def face_models(self) -> Sequence[FaceModelInfo]:
        """Every usable face model."""
        ...

    @property
    def upscalers(self) -> tuple[UpscalerInfo, ...]:
        """The upscalers that can enlarge any picture."""
        ...


class Installed(Models, Protocol):
    """Models that come and go: `mintaka.engine.models.ModelFolder`."""

    def snapshot(self) -> Snapshot:
        """How they are now; the same object as before where nothing changed."""
        ...


SCHEDULERS = Choices("schedulers", {each.name: each.label for each in schedulers.SCHEDULERS.values()})


COST = "width * height * num_inference_steps * batch"
"""What a drawing costs at most; each region adds half of it."""

drawing = partial(
    method,
    effects=Effect.GPU,
    cost=COST,
    deterministic=True,
    cancellable=True,
    progress=Progress.STEPS,
    errors=FAILURES,
)
"""What methods that draw declare alike."""

drawing_over = partial(drawing, cost=COST.replace("width * height", "result"), errors=(*FAILURES, "bad_image"))
"""The same of those that are given a picture, on whose size that of the result depends."""

Prompt = Annotated[str, "What the picture shows, in words", Widget.PROSE]

PICTURE = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAEAAAABAAQMAAACQp+OdAAAABlBMVEX///8oRtxK2rJaAAAAGklEQV"
    "R42mNgGJKA////DwwMTDDu8GAMRQAAxtQDLKllrNgAAAAASUVORK5CYII="
)
"""For examples: a picture of 64 × 64, a blue square on white."""

MASK = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAEAAAABAAQAAAACCEkxzAAAAHklEQVR42mNgGFyAkYHhPwMDAyMDE0"
    "xklIHMGGwAAPa7AUAn7aGOAAAAAElFTkSuQmCC"
)
"""For examples: white in the middle of black, 64 × 64."""


class DrawingOffer(Offer):
    """Every model and every scheduler; what holds under restrictions follows from the model that is drawn with."""

    methods: ClassVar[Sequence[str]]
    """Those that draw, and cannot where no model may be used."""
    inpaints: ClassVar[bool] = False
    """Whether a model made for inpainting is preferred; others cannot use one."""

    def __init__(self, models: Snapshot) -> None:
        self.revision = models.revision
        choices = {
            "models": Choices("models", {each.id: each.title for each in models.list()}),
            "schedulers": SCHEDULERS,
        }
        if loras := {each.id: each.title for each in models.loras()}:
            choices["loras"] = Choices("loras", loras)
        self.choices = choices
        self._models = models

    def own_defaults(self, model: ModelInfo, restrictions: Restrictions) -> Mapping[str, Mapping[str, Json]]:
        """Defaults by the class of the options, where they are not those of the model."""
        return {}

    def examples(self, model: ModelInfo, restrictions: Restrictions) -> Mapping[str, Sequence[str]]:
        """By method: scripts that call it and are accepted."""
        return {}

    def advice(self, restrictions: Restrictions) -> Advice:
        """Defaults of the model that is used when none is named; where none may be, why nothing can be drawn."""
        try:
            model = choose_model(None, restrictions, self._models, inpaints=self.inpaints)
            scheduler = choose_scheduler(None, model, restrictions)
        except (HostFault, EngineError) as fault:
            return Advice(unavailable=dict.fromkeys(self.methods, fault.message))
        width, height = choose_size(None, None, model.size, restrictions)
        defaults: dict[str, Json] = {
            "model_id": model.id,
            "width": width,
            "height": height,
            "num_inference_steps": choose_steps(model.steps, width * height, restrictions),
            "guidance_scale": model.guidance_scale,
            "scheduler": scheduler,
            "previews": may_preview(restrictions),
        }
        return Advice(defaults, self.own_defaults(model, restrictions), self.examples(model, restrictions))


class DrawingType(Offers):
    """The base of the types that draw: the studio, the pictures given and the models there are."""

    offered: ClassVar[type[DrawingOffer]]

    def __init__(self, engine: Engine, models: Installed, blobs: Blobs) -> None:
        self.studio = Studio(engine, blobs)
        self.sources = Sources(blobs)
        self.installed = models
        self._offer: tuple[Snapshot, DrawingOffer] | None = None

    def offer(self, moment: Moment) -> Offer:
        """What can be drawn with at this moment."""
        models = moment.of(self.installed)
        if self._offer is None or self._offer[0] is not models:
            self._offer = models, self.offered(models)
        return self._offer[1]


def prompt_and_seed(model: ModelInfo, restrictions: Restrictions) -> str:
    """A prompt that the model knows and options with a seed that may be used, as a script writes them."""
    prompt = json.dumps(model.examples[0] if model.examples else "a red circle", ensure_ascii=False)
    return f"{prompt} {{:seed {(restrictions.get('seed') or (7,))[0]}}}"
