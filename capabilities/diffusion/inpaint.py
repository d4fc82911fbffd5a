"""The type ``diffusers.inpaint``: parts of pictures made anew, and pictures continued beyond their edges."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from mintaka.capabilities.arguments import option
from mintaka.capabilities.diffusion.choosing import find_model, within
from mintaka.capabilities.diffusion.offer import (
    MASK,
    PICTURE,
    DrawingOffer,
    DrawingType,
    Prompt,
    drawing_over,
    prompt_and_seed,
)
from mintaka.capabilities.diffusion.options import MAX_SIDE, STRENGTH, DrawingOptions, DrawingRestrictions, Strong
from mintaka.capabilities.diffusion.request import Added, Wanted, complete
from mintaka.capabilities.diffusion.studio import one_or_all
from mintaka.capabilities.images import Image, ImageArgument
from mintaka.capabilities.order import Json
from mintaka.capabilities.registry import capability
from mintaka.capabilities.restrictions import Restrictions
from mintaka.capabilities.use import Use
from mintaka.capabilities.widgets import Phase
from mintaka.engine.models import ModelInfo
from mintaka.engine.requests import Fill, Inpaint, Outpaint
from mintaka.runtime.errors import HostFault

EDGES = ("left", "right", "top", "bottom")


class InpaintOptions(DrawingOptions, Strong):
    """How to repaint a part of a picture."""

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
    only_masked: bool = option(
        False,
        label="Only what is masked",
        help="Draw what lies around the mask as large as the model draws, for its detail, and not the whole picture.",
        phase=Phase.INPUT,
    )
    padding: int = option(
        32,
        label="Padding",
        help="How much around the mask is drawn with it.",
        unit="px",
        ge=0,
        le=MAX_SIDE,
        soft=(0, 128),
        phase=Phase.INPUT,
        visible_if={"only_masked": [True]},
    )
    fill: str = option(
        "original",
        label="Fill",
        help="What the masked part is taken to be before: what is there, noise, or the colours around it, blurred.",
        choices=tuple(Fill),
        max_length=20,
        phase=Phase.INPUT,
    )


class OutpaintOptions(DrawingOptions, Strong):
    """How to continue a picture."""

    overlap: int = option(
        64,
        label="Overlap",
        help="How far inside the old edge the new fades into the old.",
        unit="px",
        ge=0,
        le=MAX_SIDE,
        soft=(0, 128),
        phase=Phase.OUTPUT,
    )


class InpaintOffer(DrawingOffer):
    """What the metadata tells of ``diffusers.inpaint``."""

    methods = ("inpaint", "outpaint")
    inpaints = True

    def own_defaults(self, model: ModelInfo, restrictions: Restrictions) -> Mapping[str, Mapping[str, Json]]:
        """How much is made anew."""
        own: Mapping[str, Json] = {"strength": within(STRENGTH, restrictions, "strength")}
        return {"InpaintOptions": own, "OutpaintOptions": own}

    def examples(self, model: ModelInfo, restrictions: Restrictions) -> Mapping[str, Sequence[str]]:
        """A call of every method."""
        said = prompt_and_seed(model, restrictions)
        calls = {"inpaint": f'"{PICTURE}" "{MASK}" {said}', "outpaint": f'"{PICTURE}" "right" 32 {said}'}
        return {
            name: [f'(let brush (get-capability "diffusers.inpaint"))\n(brush.{name} {given})']
            for name, given in calls.items()
        }


@capability("diffusers.inpaint", label="Repaint pictures", restrictions=DrawingRestrictions)
class Repaint(DrawingType):
    """Make parts of pictures anew, and continue pictures beyond their edges."""

    offered = InpaintOffer

    @drawing_over(label="Inpaint")
    async def inpaint(
        self,
        use: Use,
        image: Annotated[ImageArgument, "The picture of which a part is repainted"],
        mask: Annotated[ImageArgument, "White or, where it is transparent anywhere, opaque: what is repainted"],
        prompt: Prompt,
        options: InpaintOptions,
    ) -> Image | list[Image]:
        """Repaint what the mask marks as the prompt says; every other pixel stays exactly as it is."""
        source, marks = await self.sources.read(use, image, "image"), await self.sources.read(use, mask, "mask")
        fill = _fill(options.fill)
        added = self._added(
            use,
            options,
            kind=Inpaint,
            given=[source.asset, marks.asset, prompt],
            own={
                "image": source.data,
                "mask": marks.data,
                "feather": options.feather,
                "only_masked": options.only_masked,
                "padding": options.padding,
                "fill": fill,
            },
            again={
                "feather": options.feather,
                "only_masked": options.only_masked,
                "padding": options.padding,
                "fill": str(fill),
            },
        )
        return one_or_all(await self.studio.make(use, self._wanted(use, prompt, options, source.size, added)))

    @drawing_over(label="Outpaint")
    async def outpaint(
        self,
        use: Use,
        image: Annotated[ImageArgument, "The picture to continue"],
        direction: Annotated[str | dict[str, Any], "left, right, top or bottom; or {:left 64 :top 32}"],
        pixels: Annotated[int, "How far, at each edge that is named without a number"],
        prompt: Prompt,
        options: OutpaintOptions,
    ) -> Image | list[Image]:
        """Make a picture larger at its edges, as the prompt says."""
        source = await self.sources.read(use, image, "image")
        edges = _edges(direction, pixels)
        size = (source.width + edges["left"] + edges["right"], source.height + edges["top"] + edges["bottom"])
        added = self._added(
            use,
            options,
            kind=Outpaint,
            given=[source.asset, dict(edges), pixels, prompt],
            own={"image": source.data, **edges, "overlap": options.overlap},
            again={"overlap": options.overlap},
        )
        return one_or_all(await self.studio.make(use, self._wanted(use, prompt, options, size, added)))

    def _added(
        self, use: Use, options: Strong, *, kind: Any, given: list[Any], own: dict[str, Any], again: dict[str, Any]
    ) -> Added:
        strength = within(STRENGTH, use.restrictions, "strength") if options.strength is None else options.strength
        return Added(
            kind=kind,
            given=given,
            own={**own, "strength": strength},
            options={**again, "strength": strength},
            strength=strength,
        )

    def _wanted(self, use: Use, prompt: str, options: DrawingOptions, size: tuple[int, int], added: Added) -> Wanted:
        model = find_model(use, options.model_id, self.installed, inpaints=True)
        return complete(use, prompt, options, model, size, added, self.installed)


def _fill(name: str) -> Fill:
    try:
        return Fill(name)
    except ValueError:
        raise HostFault(
            f"there is no fill “{name[:20]}”; there are {', '.join(Fill)}",
            kind="invalid_params",
            hint=f"use {' or '.join(Fill)}",
            data={"option": "fill"},
        ) from None


def _edges(direction: str | Mapping[str, Any], pixels: int) -> dict[str, int]:
    """Pixels to add at each edge. Raises HostFault ``invalid_params``."""
    named: Mapping[str, Any] = {direction: True} if isinstance(direction, str) else direction
    edges: dict[str, int] = dict.fromkeys(EDGES, 0)
    for edge, given in named.items():
        if edge not in EDGES:
            raise _no_edge(f"there is no edge “{edge[:20]}”")
        wanted = pixels if given is True else given
        if type(wanted) is float and wanted.is_integer():
            wanted = int(wanted)
        if type(wanted) is not int or not 0 <= wanted <= MAX_SIDE:
            raise _no_edge(f"at the {edge} 0 to {MAX_SIDE} whole pixels can be added")
        edges[edge] = wanted
    return edges


def _no_edge(why: str) -> HostFault:
    hint = 'give "left", "right", "top" or "bottom", or how many pixels at each, such as {:left 64 :top 32}'
    return HostFault(f"{why}; {hint}", kind="invalid_params", hint=hint, data={"argument": "direction"})
