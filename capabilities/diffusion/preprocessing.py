"""A control picture made of a picture: the options, and the call with nothing left open."""

from collections.abc import Mapping
from dataclasses import dataclass

from mintaka.capabilities.arguments import Options, option
from mintaka.capabilities.diffusion.options import MAX_SIDE, MIN_SIDE
from mintaka.capabilities.sources import Source
from mintaka.capabilities.widgets import Phase
from mintaka.engine.controls import ControlType, PreprocessOptions
from mintaka.engine.models import ModelInfo
from mintaka.engine.requests import Preprocess
from mintaka.runtime.values import Value


class PreprocessingOptions(Options):
    """How to make a control picture."""

    low_threshold: float = option(
        100.0,
        label="Low threshold",
        help="Canny and scribble: weaker edges are none.",
        ge=0,
        le=1000,
        soft=(0, 255),
        phase=Phase.INPUT,
    )
    high_threshold: float = option(
        200.0,
        label="High threshold",
        help="Canny and scribble: edges this strong are some; weaker ones where they go on from these.",
        ge=0,
        le=1000,
        soft=(0, 255),
        phase=Phase.INPUT,
    )
    radius: float = option(
        1.0,
        label="Radius",
        help="Scribble and soft edges: how much is smoothed first.",
        unit="px",
        ge=0,
        le=64,
        soft=(0, 8),
        phase=Phase.INPUT,
    )
    thickness: int | None = option(
        label="Thickness",
        help="Scribble: how thick strokes are; left out, what suits the size.",
        unit="px",
        ge=1,
        le=128,
        soft=(1, 16),
        phase=Phase.INPUT,
    )
    resolution: int | None = option(
        label="Resolution",
        help="The longer side at which the picture is looked at; left out, what suits the model.",
        unit="px",
        ge=MIN_SIDE,
        le=MAX_SIDE,
        soft=(64, 1024),
        phase=Phase.SIZE,
    )
    model_id: str | None = option(
        label="Model",
        help="Which model the control picture is for.",
        choices="models",
        narrowed_by="allowed_models",
        max_length=200,
        phase=Phase.MODEL,
    )


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """A control picture to be made, with nothing left open."""

    source: Source
    kind: ControlType
    model: ModelInfo | None
    size: tuple[int, int]
    options: PreprocessingOptions

    @property
    def asked(self) -> Mapping[str, object]:
        """The type, the size of the result and the model it is for."""
        width, height = self.source.size
        asked: dict[str, object] = {"allowed_types": self.kind, "max_width": width, "max_height": height}
        return {**asked, "max_pixels": width * height, "max_compute": width * height}

    @property
    def charges(self) -> Mapping[str, int]:
        """As much as one step over the picture."""
        return {"compute": self.source.width * self.source.height, "uses": 1}

    @property
    def spent(self) -> Mapping[str, int]:
        """What was charged."""
        return {}

    @property
    def max_compute(self) -> float | None:
        """No limit of its own."""
        return None

    def request(self, id: str) -> Preprocess:
        """What the engine is asked."""
        options = self.options
        return Preprocess(
            id=id,
            image=self.source.data,
            control_type=self.kind,
            width=self.size[0],
            height=self.size[1],
            options=PreprocessOptions(
                low_threshold=options.low_threshold,
                high_threshold=options.high_threshold,
                radius=options.radius,
                thickness=options.thickness,
            ),
        )

    def arguments(self, seed: int | None) -> list[Value]:
        """What makes the same again."""
        model = {} if self.model is None else {"model_id": self.model.id}
        return [self.source.asset, str(self.kind), {**self.options.model_dump(exclude_none=True), **model}]
