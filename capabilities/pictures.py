"""What a script can do with every picture it holds: its methods, declared as those of capabilities are.

They take no capability beside the picture itself, since they only rearrange what is in the script's hands. They are
done by the engine's worker, never in this process. What they cost is fuel, by the pixels they read and make; what they
make becomes the caller's. An edit gives the same picture whenever it is made again, so a durable run may.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, cast

from mintaka.capabilities.arguments import Options, Signature, camel, option
from mintaka.capabilities.failures import told
from mintaka.capabilities.grant import Grant
from mintaka.capabilities.images import Image, ImageMethods
from mintaka.capabilities.ledger import Published
from mintaka.capabilities.metadata import unrestricted
from mintaka.capabilities.registry import CapabilityType, Effect, Method
from mintaka.capabilities.restrictions import Restrictions
from mintaka.engine import edits
from mintaka.engine.edits import Combination, Direction, Filter, Format, Interpolation, Mode, Operation
from mintaka.engine.requests import Edit, OnStep, Picture, Request, Step
from mintaka.runtime.errors import HostFault
from mintaka.runtime.values import Value
from mintaka.storage.blobs import Blobs

if TYPE_CHECKING:
    from typing import Protocol

    from mintaka.runtime.run import Run

    class Engine(Protocol):
        """What edits: `mintaka.engine.supervisor.Engine`."""

        async def run(self, request: Request, on_step: OnStep) -> list[Picture]:
            """Make pictures. Raises EngineError."""
            ...


PIXELS_PER_UNIT = 4
"""Pixels, of those that are read and those that are made, for a unit of fuel: about what encoding them takes."""

MOST_EDITS = 100
"""What is remembered of how a picture was edited: the last so many edits."""

ERRORS = ("unsupported", "generation_failed", "out_of_memory", "worker_crashed", "deadline")


class ResizeOptions(Options):
    """How to bring a picture to another size."""

    method: str = option(
        "lanczos",
        label="Method",
        help="How the pixels between are computed: lanczos is sharpest, nearest keeps squares of one colour.",
        choices=tuple(Interpolation),
        max_length=20,
    )


AS_USUAL = ResizeOptions()


class PadOptions(Options):
    """How to add to a picture at its edges."""

    color: str = option(
        "transparent",
        label="Colour",
        help="Of what is added: transparent, white, black, or hexadecimal, such as #ff8800 or #ff880080.",
        max_length=20,
    )


@dataclass(frozen=True, slots=True)
class Planned:
    """An edit that a script asked for, with nothing left open."""

    operation: Operation
    arguments: tuple[Value, ...]
    """What makes it again."""
    other: Image | None = None


Plan = Callable[..., Planned]

_PLANS: dict[str, Plan] = {}


def edit(label: str, example: str) -> Callable[[Plan], Plan]:
    """Declare a method of pictures by the function that plans it; ``example`` is a call of it on ``picture``."""

    def declare(function: Plan) -> Plan:
        name = camel(function.__name__)
        _PLANS[name] = function
        function.declared = _declared(name, label, example, function)  # type: ignore[attr-defined]
        return function

    return declare


def _declared(name: str, label: str, example: str, function: Callable[..., Any]) -> Method:
    pure = name == "metadata"
    return Method(
        name=name,
        function=function,
        label=label,
        description=" ".join((function.__doc__ or "").split()),
        effects=Effect.PURE,
        cost=None,
        deterministic=True,
        cancellable=not pure,
        progress=None,
        errors=() if pure else ERRORS,
        examples=(example,),
        signature=replace(Signature.of(function), returns=dict if pure else Image),
    )


Pixels = Annotated[int, "How many pixels"]


@edit("Transform", "(picture.transform 45 0.5)")
def transform(
    type: object,
    picture: Image,
    rotation: Annotated[float, "Degrees, clockwise"],
    scale: Annotated[float, "How many times as large"] = 1.0,
) -> Planned:
    """The picture scaled, then turned clockwise; it grows to hold all of it, and its corners are transparent."""
    return Planned(edits.Transform(rotation, scale), (rotation, scale))


@edit("Resize", "(picture.resize 128 128)")
def resize(
    type: object,
    picture: Image,
    width: Annotated[int, "In pixels"],
    height: Annotated[int | None, "In pixels; left out, the shape stays as it is"] = None,
    options: ResizeOptions = AS_USUAL,
) -> Planned:
    """The picture at another size."""
    chosen = _named(Interpolation, options.method, "method")
    tall = max(1, round(picture.height * width / picture.width)) if height is None else height
    return Planned(edits.Resize(width, tall, chosen), (width, tall, {"method": str(chosen)}))


@edit("Crop", "(picture.crop 0 0 32 32)")
def crop(
    type: object,
    picture: Image,
    left: Annotated[int, "Where it begins, in pixels from the left"],
    top: Annotated[int, "Where it begins, in pixels from the top"],
    width: Annotated[int, "In pixels"],
    height: Annotated[int, "In pixels"],
) -> Planned:
    """What lies in a box within the picture."""
    return Planned(edits.Crop(left, top, width, height), (left, top, width, height))


@edit("Pad", '(picture.pad 8 8 8 8 {:color "white"})')
def pad(
    type: object,
    picture: Image,
    left: Pixels,
    top: Pixels,
    right: Pixels,
    bottom: Pixels,
    options: PadOptions,
) -> Planned:
    """The picture with more pixels at its edges."""
    edges = (left, top, right, bottom)
    how: dict[str, Value] = {"color": options.color}
    return Planned(edits.Pad(*edges, colour_of(options.color)), (*edges, how))


@edit("Flip", '(picture.flip "horizontal")')
def flip(
    type: object, picture: Image, direction: Annotated[str, "horizontal or vertical"] = Direction.HORIZONTAL.value
) -> Planned:
    """The picture mirrored: left and right change places, or top and bottom."""
    chosen = _named(Direction, direction, "direction")
    return Planned(edits.Flip(chosen), (str(chosen),))


@edit("Filter", '(picture.filter "blur" 2)')
def filter(
    type: object,
    picture: Image,
    name: Annotated[str, f"What is done: {', '.join(Filter)}"],
    amount: Annotated[
        float | None, "How much: of blur pixels, of brightness, contrast and saturation times; left out, as usual"
    ] = None,
) -> Planned:
    """The picture with other colours: blurred, sharpened, without colours, brighter and so on."""
    chosen = _named(Filter, name, "name")
    much = edits.AMOUNTS[chosen][0] if amount is None else amount
    return Planned(edits.Filtered(chosen, much), (str(chosen), much))


@edit("Composite", "(picture.composite (picture.resize 32 32) 16 16 0.5)")
def composite(
    type: object,
    picture: Image,
    overlay: Annotated[Image, "What lies on top"],
    x: Annotated[int, "Where its left edge lies, in pixels from the left"] = 0,
    y: Annotated[int, "Where its top edge lies, in pixels from the top"] = 0,
    opacity: Annotated[float, "Of what lies on top: 0 is nothing, 1 all of it"] = 1.0,
    mode: Annotated[str, f"How colours are mixed: {', '.join(Mode)}"] = Mode.NORMAL.value,
) -> Planned:
    """The picture with another on top of it; what lies beyond its edges is cut off."""
    chosen = _named(Mode, mode, "mode")
    again = (overlay.asset, x, y, opacity, str(chosen))
    return Planned(edits.Composite(x, y, opacity, chosen), again, overlay)


@edit("Invert", "(picture.invert)")
def invert(type: object, picture: Image) -> Planned:
    """The mask that is white where this one is black."""
    return Planned(edits.Invert(), ())


@edit("Grow", "(picture.grow 4)")
def grow(type: object, picture: Image, pixels: Annotated[int, "How far; below 0 it shrinks"]) -> Planned:
    """The mask with what is white larger all around."""
    return Planned(edits.Grow(pixels), (pixels,))


@edit("Feather", "(picture.feather 8)")
def feather(type: object, picture: Image, pixels: Annotated[int, "Over how many, to either side"]) -> Planned:
    """The mask with soft edges."""
    return Planned(edits.Feather(pixels), (pixels,))


@edit("Threshold", "(picture.threshold 0.5)")
def threshold(
    type: object, picture: Image, level: Annotated[float, "How bright white is at least, 0 to 1"] = 0.5
) -> Planned:
    """The mask of black and white alone."""
    return Planned(edits.Threshold(level), (level,))


@edit("Combine", '(picture.combine (picture.invert) "union")')
def combine(
    type: object,
    picture: Image,
    mask: Annotated[Image, "The other mask; it is brought to this one's size"],
    how: Annotated[str, f"What of them is white: {', '.join(Combination)}"] = Combination.UNION.value,
) -> Planned:
    """The mask of what is white in either, in both, or in this one alone."""
    chosen = _named(Combination, how, "how")
    return Planned(edits.Combine(chosen), (mask.asset, str(chosen)), mask)


@edit("Convert", '(picture.convert "webp" 80)')
def convert(
    type: object,
    picture: Image,
    format: Annotated[str, f"Which: {', '.join(Format)}"],
    quality: Annotated[int, "Of jpeg and webp, 1 to 100"] = 90,
) -> Planned:
    """The picture in another format; a JPEG is put on white where it is transparent."""
    chosen = _named(Format, "jpeg" if format.lower() == "jpg" else format, "format")
    return Planned(edits.Convert(chosen, quality), (str(chosen), quality))


def metadata(type: object, picture: Image) -> dict[str, Value]:
    """Its name, size, format, seed and notes, and what it was made with."""
    return picture.metadata()


IMAGE = CapabilityType(
    "image",
    "Pictures",
    "A picture. Its methods can be called by whoever holds it, and give new pictures. Masks are pictures of which it "
    "counts how opaque they are, where they are transparent anywhere, and else how bright. A call costs a unit of fuel "
    f"for every {PIXELS_PER_UNIT} pixels that are read or made.",
    Restrictions,
    {
        **{name: function.declared for name, function in _PLANS.items()},  # type: ignore[attr-defined]
        "metadata": _declared("metadata", "Metadata", "(picture.metadata)", metadata),
    },
)
"""The methods of pictures, as a type of capability would declare them; nobody holds or needs one of it."""


def listing() -> dict[str, Any]:
    """The methods of pictures, as `mintaka.capabilities.metadata.Metadata.listing` tells those of capabilities."""
    return {**unrestricted([IMAGE])[0], "restrictable": []}


def image_methods(engine: "Engine", blobs: Blobs) -> ImageMethods:
    """The methods of pictures for runs, done by ``engine`` on what is kept in ``blobs``."""
    return ImageMethods(fuel, _Editor(engine, blobs).call)


def plan(picture: Image, method: str, args: list[Value]) -> Planned:
    """What a call asks for. Raises HostFault, ArityError, TypeFault as calls of capabilities do."""
    declared = IMAGE.method(method)
    planned = cast(Planned, declared.function(None, picture, *declared.signature.bind(f"image.{method}", args)))
    with told():
        edits.check(planned.operation, (picture.width, picture.height))
    return planned


def fuel(picture: Image, method: str, args: list[Value]) -> int:
    """What a call costs: a unit for every `PIXELS_PER_UNIT` pixels that are read or made. Raises as `plan` does."""
    planned = plan(picture, method, args)
    width, height = edits.check(planned.operation, (picture.width, picture.height))
    read = picture.width * picture.height + (planned.other.width * planned.other.height if planned.other else 0)
    return (read + width * height) // PIXELS_PER_UNIT


class _Editor:
    def __init__(self, engine: "Engine", blobs: Blobs) -> None:
        self._engine = engine
        self._blobs = blobs

    async def call(self, run: "Run", picture: Image, method: str, args: list[Value]) -> Image:
        planned = plan(picture, method, args)
        grant = run.host(Grant)
        with told():
            data = await asyncio.to_thread(self._blobs.read, picture.asset)
            beside = planned.other
            other = None if beside is None else await asyncio.to_thread(self._blobs.read, beside.asset)
            request = Edit(id=run.effect or method, image=data, operation=planned.operation, other=other)
            [made] = await self._engine.run(request, _unseen)
            name = await asyncio.to_thread(self._blobs.put, made.data)
        grant.kernel.keep(grant.holder, Published(name, f"image/{made.format}", made.width, made.height))
        return Image(
            asset=name,
            width=made.width,
            height=made.height,
            format=made.format,
            seed=picture.seed,
            notes=picture.notes,
            made_with=edited(picture, method, planned.arguments),
        )


def edited(picture: Image, method: str, arguments: tuple[Value, ...]) -> Mapping[str, Value]:
    """How a picture was made that was made of another: as that was, and edited once more."""
    before = picture.made_with or {"asset": picture.asset}
    earlier = before.get("edits", [])
    assert isinstance(earlier, list)
    latest: list[Value] = [*earlier, {"method": method, "args": list(arguments)}]
    return {**before, "edits": latest[-MOST_EDITS:]}


_COLOURS = {"transparent": (0, 0, 0, 0), "white": (255, 255, 255, 255), "black": (0, 0, 0, 255)}


def colour_of(text: str) -> tuple[int, int, int, int]:
    """Red, green, blue and opacity of a colour as it is written. Raises HostFault ``invalid_params``."""
    digits = text.removeprefix("#")
    if text in _COLOURS:
        return _COLOURS[text]
    if text.startswith("#") and len(digits) in (6, 8) and all(each in "0123456789abcdefABCDEF" for each in digits):
        red, green, blue, opacity = bytes.fromhex(digits.ljust(8, "f"))
        return red, green, blue, opacity
    hint = "use transparent, white, black, or hexadecimal, such as #ff8800"
    raise HostFault(f"there is no colour “{text[:20]}”; {hint}", kind="invalid_params", hint=hint)


def _named(choices: Any, name: str, argument: str) -> Any:
    try:
        return choices(name.lower())
    except ValueError:
        known = ", ".join(choices)
        raise HostFault(
            f"there is no `{argument}` “{name[:20]}”; there are {known}",
            kind="invalid_params",
            hint=f"use one of {known}",
            data={"argument": argument},
        ) from None


def _unseen(step: Step) -> None:
    """An edit is one step."""
