"""What can be done to a picture by arithmetic alone: a closed list, and how large each makes it."""

import math
from dataclasses import dataclass
from enum import StrEnum
from functools import singledispatch
from typing import Annotated, Literal, TypeAlias

from pydantic import Discriminator

from mintaka.engine import sizing
from mintaka.engine.errors import Unsupported
from mintaka.engine.headers import MAX_PIXELS

Size = tuple[int, int]
"""Width and height in pixels."""

MAX_RADIUS = 512
"""The farthest that a pixel has an effect, in pixels."""


class Interpolation(StrEnum):
    """How pixels between those of a picture are computed."""

    LANCZOS = "lanczos"
    """Sharpest; windowed sinc over 6 × 6 pixels."""
    BICUBIC = "bicubic"
    BILINEAR = "bilinear"
    NEAREST = "nearest"
    """Every pixel a square of its one colour, as pixel art wants it."""
    AREA = "area"
    """The mean of what a pixel covers; the colours stay those of the picture, blended only where pixels straddle."""


class Direction(StrEnum):
    """Which sides of a picture change places."""

    HORIZONTAL = "horizontal"
    """Left and right."""
    VERTICAL = "vertical"
    """Top and bottom."""


class Filter(StrEnum):
    """What is done to the colours of a picture; what is transparent stays so."""

    BLUR = "blur"
    """By a Gaussian whose standard deviation is the amount, in pixels."""
    SHARPEN = "sharpen"
    """An unsharp mask of 2 pixels; the amount is how much of what it finds is added."""
    GRAYSCALE = "grayscale"
    """The amount is the share of the new, of 0 to 1. So are those of the next two."""
    INVERT = "invert"
    SEPIA = "sepia"
    BRIGHTNESS = "brightness"
    """Times the amount: 0 is black, 1 leaves it as it is. So are the next two."""
    CONTRAST = "contrast"
    SATURATION = "saturation"


AMOUNTS = {
    Filter.BLUR: (2.0, float(MAX_RADIUS)),
    Filter.SHARPEN: (1.0, 10.0),
    Filter.GRAYSCALE: (1.0, 1.0),
    Filter.INVERT: (1.0, 1.0),
    Filter.SEPIA: (1.0, 1.0),
    Filter.BRIGHTNESS: (1.5, 10.0),
    Filter.CONTRAST: (1.5, 10.0),
    Filter.SATURATION: (1.5, 10.0),
}
"""The usual amount of each filter, and the largest; the least is 0."""


class Mode(StrEnum):
    """How the colours of two pictures are mixed (W3C Compositing and Blending, level 1)."""

    NORMAL = "normal"
    MULTIPLY = "multiply"
    SCREEN = "screen"
    OVERLAY = "overlay"
    DARKEN = "darken"
    LIGHTEN = "lighten"
    ADD = "add"
    DIFFERENCE = "difference"


class Combination(StrEnum):
    """What of two masks is white."""

    UNION = "union"
    """What is white in either."""
    INTERSECTION = "intersection"
    """What is white in both."""
    DIFFERENCE = "difference"
    """What is white in the first and not in the other."""


class Format(StrEnum):
    """How a picture is encoded."""

    PNG = "png"
    JPEG = "jpeg"
    WEBP = "webp"


@dataclass(frozen=True, slots=True)
class Transform:
    """Scaled, then turned clockwise by ``rotation`` degrees; as large as it takes, the corners transparent."""

    rotation: float
    scale: float
    kind: Literal["transform"] = "transform"


@dataclass(frozen=True, slots=True)
class Resize:
    """Brought to exactly this size."""

    width: int
    height: int
    interpolation: Interpolation
    kind: Literal["resize"] = "resize"


@dataclass(frozen=True, slots=True)
class Crop:
    """What lies in this box, in pixels from the upper left corner."""

    left: int
    top: int
    width: int
    height: int
    kind: Literal["crop"] = "crop"


@dataclass(frozen=True, slots=True)
class Pad:
    """With so many pixels more at each edge, of one colour."""

    left: int
    top: int
    right: int
    bottom: int
    colour: tuple[int, int, int, int]
    """Red, green, blue and opacity, 0 to 255."""
    kind: Literal["pad"] = "pad"


@dataclass(frozen=True, slots=True)
class Flip:
    """Mirrored."""

    direction: Direction
    kind: Literal["flip"] = "flip"


@dataclass(frozen=True, slots=True)
class Filtered:
    """With other colours."""

    filter: Filter
    amount: float
    kind: Literal["filter"] = "filter"


@dataclass(frozen=True, slots=True)
class Composite:
    """With another picture on top, of which the upper left corner lies at (x, y); what lies beyond is cut off."""

    x: int
    y: int
    opacity: float
    mode: Mode
    kind: Literal["composite"] = "composite"


@dataclass(frozen=True, slots=True)
class Invert:
    """As a mask, with white and black changed."""

    kind: Literal["invert"] = "invert"


@dataclass(frozen=True, slots=True)
class Grow:
    """As a mask, with what is white so many pixels larger all around, or smaller where that is below 0."""

    pixels: int
    kind: Literal["grow"] = "grow"


@dataclass(frozen=True, slots=True)
class Feather:
    """As a mask, with edges that fade over so many pixels to either side."""

    pixels: int
    kind: Literal["feather"] = "feather"


@dataclass(frozen=True, slots=True)
class Threshold:
    """As a mask of black and white alone: white is what is at least this bright, of 0 to 1."""

    level: float
    kind: Literal["threshold"] = "threshold"


@dataclass(frozen=True, slots=True)
class Combine:
    """As a mask, put together with another."""

    how: Combination
    kind: Literal["combine"] = "combine"


@dataclass(frozen=True, slots=True)
class Convert:
    """In another format, which has no effect on its size."""

    format: Format
    quality: int
    """1 to 100, of JPEG and WebP; JPEG has no transparency, and is put on white."""
    kind: Literal["convert"] = "convert"


MaskOperation: TypeAlias = Invert | Grow | Feather | Threshold | Combine
"""What takes a picture as a mask and gives one: its opacity where it is transparent anywhere, else its brightness."""

Operation: TypeAlias = Annotated[
    Transform | Resize | Crop | Pad | Flip | Filtered | Composite | MaskOperation | Convert, Discriminator("kind")
]
"""One thing that is done."""

OF_TWO = (Composite, Combine)
"""Those that take another picture beside."""


def check(operation: Operation, size: Size) -> Size:
    """How large ``operation`` makes a picture of ``size``. Raises Unsupported for what is too large or out of range."""
    _check(operation, size)
    width, height = made = _size(operation, size)
    if not (1 <= width <= sizing.MAX_SIDE and 1 <= height <= sizing.MAX_SIDE) or width * height > MAX_PIXELS:
        raise Unsupported(
            f"a picture of {width} × {height} cannot be made; it may have {MAX_PIXELS} pixels and sides of 1 to "
            f"{sizing.MAX_SIDE}",
            hint="ask for another size",
        )
    return made


@singledispatch
def _size(operation: Operation, size: Size) -> Size:
    return size


@_size.register
def _(operation: Transform, size: Size) -> Size:
    width, height = scaled(operation, size)
    angle = math.radians(operation.rotation)
    across, down = abs(math.cos(angle)), abs(math.sin(angle))
    # A quarter turn is exact, though its cosine is not quite 0.
    return math.ceil(width * across + height * down - 1e-6), math.ceil(width * down + height * across - 1e-6)


@_size.register
def _(operation: Resize, size: Size) -> Size:
    return operation.width, operation.height


@_size.register
def _(operation: Crop, size: Size) -> Size:
    return operation.width, operation.height


@_size.register
def _(operation: Pad, size: Size) -> Size:
    return size[0] + operation.left + operation.right, size[1] + operation.top + operation.bottom


def scaled(operation: Transform, size: Size) -> Size:
    """How large the picture is before it is turned."""
    return max(1, round(size[0] * operation.scale)), max(1, round(size[1] * operation.scale))


@singledispatch
def _check(operation: Operation, size: Size) -> None:
    """Nothing of it can be out of range."""


@_check.register
def _(operation: Transform, size: Size) -> None:
    if not (math.isfinite(operation.rotation) and 0 < operation.scale <= sizing.MAX_SIDE):
        raise Unsupported(
            f"a scale of {operation.scale:g} is out of range", hint=f"use more than 0, and at most {sizing.MAX_SIDE}"
        )


@_check.register
def _(operation: Crop, size: Size) -> None:
    right, bottom = operation.left + operation.width, operation.top + operation.height
    if min(operation.left, operation.top) < 0 or right > size[0] or bottom > size[1]:
        raise Unsupported(
            f"the box from ({operation.left}, {operation.top}) to ({right}, {bottom}) is not within the picture, which "
            f"is {size[0]} × {size[1]}",
            hint="crop within the picture; pad makes it larger",
        )


@_check.register
def _(operation: Pad, size: Size) -> None:
    if min(operation.left, operation.top, operation.right, operation.bottom) < 0:
        raise Unsupported("fewer than 0 pixels cannot be added", hint="crop makes a picture smaller")


@_check.register
def _(operation: Filtered, size: Size) -> None:
    most = AMOUNTS[operation.filter][1]
    if not 0 <= operation.amount <= most:
        raise Unsupported(
            f"an amount of {operation.amount:g} is out of range; {operation.filter} takes 0 to {most:g}",
            hint=f"use 0 to {most:g}",
        )


@_check.register
def _(operation: Composite, size: Size) -> None:
    _between("an opacity", operation.opacity, 0, 1)


@_check.register
def _(operation: Grow, size: Size) -> None:
    _between("a growth", operation.pixels, -MAX_RADIUS, MAX_RADIUS)


@_check.register
def _(operation: Feather, size: Size) -> None:
    _between("a feather", operation.pixels, 0, MAX_RADIUS)


@_check.register
def _(operation: Threshold, size: Size) -> None:
    _between("a level", operation.level, 0, 1)


@_check.register
def _(operation: Convert, size: Size) -> None:
    _between("a quality", operation.quality, 1, 100)


def _between(what: str, number: float, least: float, most: float) -> None:
    if not least <= number <= most:
        raise Unsupported(f"{what} of {number:g} is out of range; use {least:g} to {most:g}")
