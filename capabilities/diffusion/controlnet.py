"""The type ``controlnet.generate``: pictures from words, steered by other pictures."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, ClassVar, cast

from mintaka.capabilities.arguments import Options, option, parse_options
from mintaka.capabilities.diffusion.choosing import choose_size_over, find_model
from mintaka.capabilities.diffusion.estimate import estimate
from mintaka.capabilities.diffusion.offer import (
    COST,
    PICTURE,
    DrawingOffer,
    DrawingType,
    Prompt,
    Snapshot,
    prompt_and_seed,
)
from mintaka.capabilities.diffusion.options import MAX_SIDE, MIN_SIDE, DrawingOptions, DrawingRestrictions, Sized
from mintaka.capabilities.diffusion.request import Added, Wanted, complete
from mintaka.capabilities.diffusion.studio import FAILURES, one_or_all
from mintaka.capabilities.failures import told
from mintaka.capabilities.images import Image, ImageArgument
from mintaka.capabilities.order import Allowed, Json, Unfit
from mintaka.capabilities.registry import Effect, Progress, capability, method
from mintaka.capabilities.restrictions import Restrictions, restriction
from mintaka.capabilities.sources import Source
from mintaka.capabilities.use import Use
from mintaka.capabilities.widgets import Phase
from mintaka.engine import controls as kinds
from mintaka.engine import sizing
from mintaka.engine.controls import ABOUT, ControlType, PreprocessOptions
from mintaka.engine.errors import EngineError
from mintaka.engine.models import ControlNetInfo, ModelInfo
from mintaka.engine.models.controlnets import misfit
from mintaka.engine.preparing import MAX_CONTROLS
from mintaka.engine.requests import Control, Controlled, Preprocess
from mintaka.runtime.errors import HostFault, TypeFault
from mintaka.runtime.values import Value

TYPES = ", ".join(ControlType)
NAME = "controlnet.generate"


def _type_name(name: str) -> str:
    found = kinds.find(name)
    if found is None:
        raise Unfit(f"control types: {TYPES}")
    return found.value


class ControlRestrictions(DrawingRestrictions):
    """What drawing that is steered can be restricted to."""

    allowed_types: Allowed = restriction("Control types that may be used", normal=_type_name)


class Steering(Options):
    """How one picture steers."""

    type: str | None = option(
        label="Type",
        help="What the picture shows, where it is not said before.",
        choices=tuple(ControlType),
        max_length=40,
        narrowed_by="allowed_types",
        phase=Phase.INPUT,
    )
    strength: float = option(
        1.0, label="Strength", help="How much the picture steers.", ge=0, le=2, soft=(0, 1.5), phase=Phase.SAMPLING
    )
    start: float = option(
        0.0,
        label="Start",
        help="From which fraction of the steps on the picture steers.",
        ge=0,
        le=1,
        soft=(0, 1),
        phase=Phase.SAMPLING,
    )
    end: float = option(
        1.0,
        label="End",
        help="Up to which fraction of the steps the picture steers.",
        ge=0,
        le=1,
        soft=(0, 1),
        phase=Phase.SAMPLING,
    )
    preprocess: bool = option(
        False,
        label="Preprocess",
        help="Make the control picture of the one given, which is a control picture otherwise.",
        phase=Phase.INPUT,
    )
    controlnet: str | None = option(
        label="ControlNet",
        help="Which one reads the picture; left out, the first of the type that fits the model.",
        max_length=200,
        phase=Phase.MODEL,
    )


class ApplyOptions(DrawingOptions, Sized, Steering):
    """How to draw what a picture steers; it is of that one's size where nothing else is said."""

    controls: list[Any] | None = option(
        label="Further controls",
        help="More pictures that steer: each {:image :type :strength :start :end}, as the first.",
        phase=Phase.INPUT,
    )


AS_USUAL = ApplyOptions()


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


class ControlOffer(DrawingOffer):
    """What the metadata tells of ``controlnet.generate``."""

    methods: ClassVar[Sequence[str]] = ("apply",)

    def __init__(self, models: Snapshot) -> None:
        super().__init__(models)
        self._controlnets: Sequence[ControlNetInfo] = models.controlnets()

    def own_defaults(self, model: ModelInfo, restrictions: Restrictions) -> Mapping[str, Mapping[str, Json]]:
        """What is drawn is of the size of the picture that steers."""
        return {"ApplyOptions": {"width": None, "height": None}}

    def examples(self, model: ModelInfo, restrictions: Restrictions) -> Mapping[str, Sequence[str]]:
        """A call of every method that can be made."""
        able = [each for each in ControlType if restrictions.permits("allowed_types", each)]
        made = [each for each in able if ABOUT[each].missing is None]
        calls = {"getAvailableTypes": ""}
        if made:
            calls["preprocess"] = f' "{PICTURE}" "{made[0]}"'
        steered = next((each for each in able if _fitting(self._controlnets, each, model)), None)
        if steered is not None:
            prompt, _, options = prompt_and_seed(model, restrictions).rpartition(" {")
            calls["apply"] = f' "{PICTURE}" {prompt} "{steered}" {{{options}'
        return {
            name: [f'(let steer (get-capability "{NAME}"))\n(steer.{name}{given})'] for name, given in calls.items()
        }


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


@capability(NAME, label="Steer pictures", restrictions=ControlRestrictions)
class Steer(DrawingType):
    """Make pictures from words, steered by the edges, strokes or forms of other pictures."""

    offered = ControlOffer

    @method(
        effects=Effect.GPU,
        label="Apply",
        cost=COST.replace("width * height", "result"),
        deterministic=True,
        cancellable=True,
        progress=Progress.STEPS,
        errors=(*FAILURES, "bad_image"),
    )
    async def apply(
        self,
        use: Use,
        image: Annotated[ImageArgument, "The control picture, or with preprocess the picture to make it of"],
        prompt: Prompt,
        type: Annotated[str | dict[str, Any], f"What it shows: {TYPES}; or the options"] = "",
        options: ApplyOptions = AS_USUAL,
    ) -> Image | list[Image]:
        """Make a picture of what the prompt says that follows a control picture; with a batch above 1, a list."""
        return one_or_all(await self.studio.make(use, await self._wanted(use, image, prompt, type, options)))

    @method(
        effects=Effect.GPU,
        label="Preprocess",
        cost="result",
        deterministic=True,
        cancellable=True,
        errors=(*FAILURES, "bad_image"),
    )
    async def preprocess(
        self,
        use: Use,
        image: Annotated[ImageArgument, "The picture to make a control picture of"],
        type: Annotated[str, f"What it is to show: {TYPES}"],
        options: PreprocessingOptions,
    ) -> Image:
        """Make a control picture of a picture, as large as that."""
        [made] = await self.studio.make(use, await self._preprocessing(use, image, type, options))
        return made

    @method(effects=Effect.READS, label="Types")
    async def get_available_types(self, use: Use) -> list[Json]:
        """The control types that may be used: what each shows, and what there is and is missing to use it.

        `available` says whether a ControlNet of the type fits a model that may be used, `models` which pairs there
        are, `preprocessor` whether `preprocess` makes such pictures.
        """
        models = [each for each in self.installed.list() if use.restrictions.permits("allowed_models", each.id)]
        known = self.installed.snapshot().controlnets()
        return [_told(kind, models, known) for kind in ControlType if use.restrictions.permits("allowed_types", kind)]

    @method(effects=Effect.READS, label="Estimate")
    async def estimate(
        self,
        use: Use,
        method: Annotated[str, "The method of the call"],
        args: Annotated[list[Any], "What the call would give it"],
    ) -> dict[str, Json]:
        """What a call would cost and whether it would be allowed, without making it."""
        plan = self._wanted if method == "apply" else self._preprocessing
        return await estimate(use, method, args, partial(plan, use))

    # From arguments to what is wanted

    async def _wanted(
        self, use: Use, image: ImageArgument, prompt: str, type: str | dict[str, Any], options: ApplyOptions
    ) -> Wanted:
        if isinstance(type, dict):  # the type is one of the options then
            options, type = cast(ApplyOptions, parse_options(f"{NAME}.apply", ApplyOptions, type)), ""
        first = Steering.model_validate(options.model_dump(include=set(Steering.model_fields)))
        steered = [(image, first.model_copy(update={"type": type or first.type}), "image")]
        steered += _further(options.controls or [])
        model = self._model(use, options.model_id, [(_kind(each.type), each.controlnet) for _, each, _ in steered])
        sources = [await self.sources.read(use, picture, name) for picture, _, name in steered]
        chosen = [
            self._control(use, model, source, each) for source, (_, each, _) in zip(sources, steered, strict=True)
        ]
        drawn = (options.num_inference_steps or 1) * options.batch
        size = choose_size_over(options.width, options.height, sources[0].size, use.restrictions, drawn=drawn)
        told_again = [
            {**each.model_dump(exclude_none=True), "type": str(_kind(each.type)), "controlnet": control.controlnet}
            for (_, each, _), control in zip(steered, chosen, strict=True)
        ]
        further: list[Value] = [
            {"image": each.asset, **how} for each, how in zip(sources[1:], told_again[1:], strict=True)
        ]
        again: dict[str, Any] = {name: told_again[0][name] for name in told_again[0] if name != "type"}
        added = Added(
            given=[sources[0].asset, prompt, told_again[0]["type"]],
            kind=Controlled,
            own={"controls": tuple(chosen)},
            options={"width": size[0], "height": size[1], **again, **({"controls": further} if further else {})},
        )
        return complete(use, prompt, options, model, size, added)

    def _control(self, use: Use, model: ModelInfo, source: Source, steering: Steering) -> Control:
        kind = _kind(steering.type)
        use.permit(allowed_types=kind)
        if not steering.start < steering.end:
            raise HostFault(
                f"a control from {steering.start:g} to {steering.end:g} steers nothing",
                kind="invalid_params",
                hint="start before the end",
            )
        if steering.preprocess:
            _refuse_unmade(kind)
        with told():
            controlnet = self._controlnet(use, model, kind, steering.controlnet)
        return Control(
            controlnet=controlnet.id,
            image=source.data,
            strength=steering.strength,
            start=steering.start,
            end=steering.end,
            preprocess=kind if steering.preprocess else None,
        )

    def _controlnet(self, use: Use, model: ModelInfo, kind: ControlType, asked: str | None) -> ControlNetInfo:
        known = self.installed.snapshot()
        if asked is None:
            fitting = _fitting(known.controlnets(), kind, model)
            if fitting:
                return fitting[0]
            raise _unsupported(*_missing(kind, model, known.controlnets()))
        found = known.controlnet(asked)
        if found.control_type is None and not all(
            use.restrictions.permits("allowed_types", each) for each in ControlType
        ):
            raise HostFault(
                f"nothing says what pictures the ControlNet {asked} reads, and only some types may be used",
                kind="denied",
                hint="say its `control_type` in its mintaka.json",
            )
        if found.control_type not in (None, kind):
            raise _unsupported(
                f"the ControlNet {asked} reads pictures of type {found.control_type}, not {kind}",
                f"name a ControlNet for {kind}, or say the type {found.control_type}",
            )
        if (why := misfit(found, model)) is not None:
            raise _unsupported(
                f"the ControlNet {asked} cannot steer the model {model.id}: {why}",
                "use a ControlNet that was made for a model like this one",
            )
        return found

    def _model(self, use: Use, asked: str | None, steered: Sequence[tuple[ControlType, str | None]]) -> ModelInfo:
        """The model asked for, or the usual one, or where that one cannot be steered so, the first that can."""
        model = find_model(use, asked, self.installed)
        if asked is not None or use.restrictions.get("default_model") is not None:
            return model
        known = self.installed.snapshot().controlnets()
        may = (each for each in self.installed.list() if use.restrictions.permits("allowed_models", each.id))
        return next((each for each in (model, *may) if not each.inpaints and _steers(known, steered, each)), model)

    async def _preprocessing(
        self, use: Use, image: ImageArgument, type: str, options: PreprocessingOptions
    ) -> Preprocessing:
        kind = _kind(type)
        use.permit(allowed_types=kind)
        _refuse_unmade(kind)
        source = await self.sources.read(use, image, "image")
        model = self._model(use, options.model_id, [(kind, None)]) if options.resolution is None else None
        with told():
            if model is not None:
                size = sizing.plan(model, *source.size, whole=True).drawn
            else:
                scale = (options.resolution or 0) / max(source.size)
                size = (max(MIN_SIDE, round(source.width * scale)), max(MIN_SIDE, round(source.height * scale)))
        return Preprocessing(source, kind, model, size, options)


def _kind(name: str | None) -> ControlType:
    """The control type called ``name``. Raises HostFault ``invalid_params``."""
    found = kinds.find(name or "")
    if found is None:
        why = f"there is no control type “{name[:20]}”" if name else "the control type is not said"
        raise HostFault(
            f"{why}; there are {TYPES}", kind="invalid_params", hint=f"use one of {TYPES}", data={"argument": "type"}
        )
    return found


def _further(controls: Sequence[Any]) -> Iterator[tuple[ImageArgument, Steering, str]]:
    """The controls beside the first. Raises TypeFault and HostFault as options do."""
    if len(controls) >= MAX_CONTROLS:
        raise HostFault(
            f"{len(controls)} further controls are too many; a picture is steered by {MAX_CONTROLS} at most",
            kind="invalid_params",
            data={"option": "controls"},
        )
    for number, given in enumerate(controls, start=1):
        name = f"controls[{number}]"
        picture = ImageArgument.of(given.get("image")) if isinstance(given, Mapping) else None
        if picture is None:
            raise TypeFault(f"`{name}` of {NAME}.apply takes an object with an image and a type, {{:image :type}}")
        how = parse_options(f"{NAME}.apply", Steering, {key: given[key] for key in given if key != "image"})
        yield picture, cast(Steering, how), name


def _fitting(known: Sequence[ControlNetInfo], kind: ControlType, model: ModelInfo) -> list[ControlNetInfo]:
    """Those of the type that can steer the model; first those that were made for it."""
    fitting = [each for each in known if each.control_type is kind and _fits(each, model)]
    return sorted(fitting, key=lambda each: each.base != model.id)


def _fits(controlnet: ControlNetInfo, model: ModelInfo) -> bool:
    try:
        return misfit(controlnet, model) is None
    except EngineError:
        return False


def _steers(
    known: Sequence[ControlNetInfo], steered: Sequence[tuple[ControlType, str | None]], model: ModelInfo
) -> bool:
    return all(
        _fitting(known, kind, model)
        if named is None
        else any(each.id == named and _fits(each, model) for each in known)
        for kind, named in steered
    )


def _missing(kind: ControlType, model: ModelInfo, known: Sequence[ControlNetInfo]) -> tuple[str, str]:
    """Why no picture of ``kind`` can steer ``model``, and what helps."""
    nearest = next((each for each in known if each.control_type is kind), None)
    if nearest is None:
        return f"no ControlNet for {kind} is installed", "put one into a folder of models, or name one by `controlnet`"
    return (
        f"the ControlNet {nearest.id} for {kind} cannot steer the model {model.id}: {misfit(nearest, model)}",
        "name another model, or install a ControlNet that was made for this one",
    )


def _told(kind: ControlType, models: Sequence[ModelInfo], known: Sequence[ControlNetInfo]) -> Json:
    pairs = [(each, net) for each in models for net in _fitting(known, kind, each)]
    missing: list[Json] = []
    if not pairs and models:
        missing.append(_missing(kind, models[0], known)[0])
    elif not pairs:
        missing.append("none of the models that may be used is there")
    about = ABOUT[kind]
    if about.missing is not None:
        missing.append(about.missing)
    return {
        "type": str(kind),
        "label": about.label,
        "description": about.description,
        "available": bool(pairs),
        "preprocessor": about.missing is None,
        "models": [{"model": each.id, "controlnet": net.id} for each, net in pairs],
        "missing": missing,
    }


def _refuse_unmade(kind: ControlType) -> None:
    missing = ABOUT[kind].missing
    if missing is not None:
        raise _unsupported(f"control pictures of type {kind} cannot be made: {missing}", "set preprocess to false")


def _unsupported(message: str, hint: str) -> HostFault:
    return HostFault(message, kind="unsupported", hint=hint)
