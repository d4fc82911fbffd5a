"""The type ``controlnet.generate``: pictures from words, steered by other pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, ClassVar, cast

from mintaka.capabilities.arguments import option, parse_options
from mintaka.capabilities.diffusion.choosing import choose_size_over, find_model, within
from mintaka.capabilities.diffusion.estimate import estimate
from mintaka.capabilities.diffusion.matching import find_controlnet, fitting, steers, told_of
from mintaka.capabilities.diffusion.offer import (
    PICTURE,
    DrawingOffer,
    DrawingType,
    Prompt,
    Snapshot,
    drawing_over,
    prompt_and_seed,
)
from mintaka.capabilities.diffusion.options import MIN_SIDE, STRENGTH, DrawingOptions, DrawingRestrictions, Sized
from mintaka.capabilities.diffusion.preprocessing import Preprocessing, PreprocessingOptions
from mintaka.capabilities.diffusion.request import Added, Wanted, complete
from mintaka.capabilities.diffusion.steering import (
    TYPES,
    Steering,
    control_type,
    further_controls,
    refuse_unmade,
    type_name,
)
from mintaka.capabilities.diffusion.studio import FAILURES, one_or_all
from mintaka.capabilities.failures import told
from mintaka.capabilities.images import Image, ImageArgument, ImageOption
from mintaka.capabilities.order import Allowed, Json
from mintaka.capabilities.registry import Effect, capability, method
from mintaka.capabilities.restrictions import Restrictions, restriction
from mintaka.capabilities.sources import Source
from mintaka.capabilities.use import Use
from mintaka.capabilities.widgets import Phase
from mintaka.engine import sizing
from mintaka.engine.controls import ABOUT, ControlType
from mintaka.engine.models import ControlNetInfo, ModelInfo
from mintaka.engine.requests import Control, Controlled
from mintaka.runtime.errors import HostFault
from mintaka.runtime.values import Value

NAME = "controlnet.generate"


class ControlRestrictions(DrawingRestrictions):
    """What drawing that is steered can be restricted to."""

    allowed_types: Allowed = restriction("Control types that may be used", normal=type_name)


class ApplyOptions(DrawingOptions, Sized, Steering):
    """How to draw what a picture steers; it is of that one's size where nothing else is said."""

    controls: list[Any] | None = option(
        label="Further controls",
        help="More pictures that steer: each {:image :type :strength :start :end}, as the first.",
        phase=Phase.INPUT,
    )
    init_image: ImageOption | None = option(
        label="Picture to start from",
        help="Draw over this picture; without, from nothing.",
        phase=Phase.INPUT,
    )
    mask: ImageOption | None = option(
        label="Mask",
        help="White, or opaque where it is transparent anywhere: what of that picture is repainted; the rest stays.",
        phase=Phase.INPUT,
    )
    denoise_strength: float | None = option(
        label="Denoise strength",
        help="How much of the picture that is started from is made anew: 0 keeps it, 1 draws it from nothing.",
        ge=0,
        le=1,
        narrowed_by="strength",
        soft=(0.2, 1),
        phase=Phase.SAMPLING,
    )
    feather: int = option(
        8,
        label="Feather",
        help="How far inside the mask the new fades into the old.",
        unit="px",
        ge=0,
        le=512,
        soft=(0, 64),
        phase=Phase.OUTPUT,
    )


AS_USUAL = ApplyOptions()


@dataclass(frozen=True, slots=True)
class Start:
    """What is drawn over: nothing, a picture, or the part of one that a mask marks."""

    picture: Source | None = None
    mask: Source | None = None
    strength: float | None = None
    feather: int = 0

    @property
    def own(self) -> Mapping[str, Any]:
        """What the engine is asked."""
        if self.picture is None:
            return {}
        masked = {} if self.mask is None else {"mask": self.mask.data, "feather": self.feather}
        return {"init_image": self.picture.data, "init_strength": self.strength, **masked}

    @property
    def again(self) -> Mapping[str, Value]:
        """The options that make the same again."""
        if self.picture is None:
            return {}
        masked: dict[str, Value] = {} if self.mask is None else {"mask": self.mask.asset, "feather": self.feather}
        return {"init_image": self.picture.asset, "denoise_strength": self.strength, **masked}


class ControlOffer(DrawingOffer):
    """What the metadata tells of ``controlnet.generate``."""

    methods: ClassVar[Sequence[str]] = ("apply",)

    def __init__(self, models: Snapshot) -> None:
        super().__init__(models)
        self._controlnets: Sequence[ControlNetInfo] = models.controlnets()

    def own_defaults(self, model: ModelInfo, restrictions: Restrictions) -> Mapping[str, Mapping[str, Json]]:
        """What is drawn is of the size of the picture that steers."""
        strength = within(STRENGTH, restrictions, "strength")
        return {"ApplyOptions": {"width": None, "height": None, "denoise_strength": strength}}

    def examples(self, model: ModelInfo, restrictions: Restrictions) -> Mapping[str, Sequence[str]]:
        """A call of every method that can be made."""
        able = [each for each in ControlType if restrictions.permits("allowed_types", each)]
        made = [each for each in able if ABOUT[each].missing is None]
        calls = {"getAvailableTypes": ""}
        if made:
            calls["preprocess"] = f' "{PICTURE}" "{made[0]}"'
        steered = next((each for each in able if fitting(self._controlnets, each, model)), None)
        if steered is not None:
            prompt, _, options = prompt_and_seed(model, restrictions).rpartition(" {")
            calls["apply"] = f' "{PICTURE}" {prompt} "{steered}" {{{options}'
        return {
            name: [f'(let steer (get-capability "{NAME}"))\n(steer.{name}{given})'] for name, given in calls.items()
        }


@capability(NAME, label="Steer pictures", restrictions=ControlRestrictions)
class Steer(DrawingType):
    """Make pictures from words, steered by the edges, strokes or forms of other pictures."""

    offered = ControlOffer

    @drawing_over(label="Apply")
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
        return [told_of(kind, models, known) for kind in ControlType if use.restrictions.permits("allowed_types", kind)]

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
        steered += further_controls(f"{NAME}.apply", options.controls or [])
        model = self._model(
            use, options.model_id, [(control_type(each.type), each.controlnet) for _, each, _ in steered]
        )
        sources = [await self.sources.read(use, picture, name) for picture, _, name in steered]
        chosen = [
            self._control(use, model, source, each) for source, (_, each, _) in zip(sources, steered, strict=True)
        ]
        start = await self._start(use, options)
        size = self._size(use, options, start, sources[0])
        told_again = [
            {
                **each.model_dump(exclude_none=True),
                "type": str(control_type(each.type)),
                "controlnet": control.controlnet,
            }
            for (_, each, _), control in zip(steered, chosen, strict=True)
        ]
        further: list[Value] = [
            {"image": each.asset, **how} for each, how in zip(sources[1:], told_again[1:], strict=True)
        ]
        again: dict[str, Any] = {name: told_again[0][name] for name in told_again[0] if name != "type"}
        added = Added(
            given=[sources[0].asset, prompt, told_again[0]["type"]],
            kind=Controlled,
            own={"controls": tuple(chosen), **start.own},
            options={
                "width": size[0],
                "height": size[1],
                **again,
                **({"controls": further} if further else {}),
                **start.again,
            },
            strength=start.strength,
        )
        return complete(use, prompt, options, model, size, added, self.installed)

    async def _start(self, use: Use, options: ApplyOptions) -> Start:
        """What is drawn over, where anything is."""
        if options.init_image is None and options.mask is not None:
            raise HostFault(
                "`mask` says what of a picture is repainted, and there is none",
                kind="invalid_params",
                hint="give init_image too",
                data={"option": "mask"},
            )
        if options.init_image is None:
            return Start()
        picture = await self.sources.read(use, options.init_image, "init_image")
        mask = None if options.mask is None else await self.sources.read(use, options.mask, "mask")
        usual = within(STRENGTH, use.restrictions, "strength")
        strength = usual if options.denoise_strength is None else options.denoise_strength
        return Start(picture, mask, strength, options.feather)

    def _size(self, use: Use, options: ApplyOptions, start: Start, control: Source) -> tuple[int, int]:
        """That of the picture drawn over, which a repainted one keeps; else that asked for, or the control's."""
        over = start.picture or control
        if start.mask is not None:
            if (options.width or over.width, options.height or over.height) != over.size:
                raise HostFault(
                    f"a picture that is repainted keeps its size, {over.width} × {over.height}",
                    kind="invalid_params",
                    hint="leave out width and height",
                    data={"option": "width"},
                )
            return over.size
        drawn = (options.num_inference_steps or 1) * options.batch
        return choose_size_over(options.width, options.height, over.size, use.restrictions, drawn=drawn)

    def _control(self, use: Use, model: ModelInfo, source: Source, steering: Steering) -> Control:
        kind = control_type(steering.type)
        use.permit(allowed_types=kind)
        if not steering.start < steering.end:
            raise HostFault(
                f"a control from {steering.start:g} to {steering.end:g} steers nothing",
                kind="invalid_params",
                hint="start before the end",
            )
        if steering.preprocess:
            refuse_unmade(kind)
        with told():
            controlnet = find_controlnet(use.restrictions, self.installed.snapshot(), model, kind, steering.controlnet)
        return Control(
            controlnet=controlnet.id,
            image=source.data,
            strength=steering.strength,
            start=steering.start,
            end=steering.end,
            preprocess=kind if steering.preprocess else None,
        )

    def _model(self, use: Use, asked: str | None, steered: Sequence[tuple[ControlType, str | None]]) -> ModelInfo:
        """The model asked for, or the usual one, or where that one cannot be steered so, the first that can."""
        model = find_model(use, asked, self.installed)
        if asked is not None or use.restrictions.get("default_model") is not None:
            return model
        known = self.installed.snapshot().controlnets()
        may = (each for each in self.installed.list() if use.restrictions.permits("allowed_models", each.id))
        return next((each for each in (model, *may) if not each.inpaints and steers(known, steered, each)), model)

    async def _preprocessing(
        self, use: Use, image: ImageArgument, type: str, options: PreprocessingOptions
    ) -> Preprocessing:
        kind = control_type(type)
        use.permit(allowed_types=kind)
        refuse_unmade(kind)
        source = await self.sources.read(use, image, "image")
        model = self._model(use, options.model_id, [(kind, None)]) if options.resolution is None else None
        with told():
            if model is not None:
                size = sizing.plan(model, *source.size, whole=True).drawn
            else:
                scale = (options.resolution or 0) / max(source.size)
                size = (max(MIN_SIDE, round(source.width * scale)), max(MIN_SIDE, round(source.height * scale)))
        return Preprocessing(source, kind, model, size, options)
