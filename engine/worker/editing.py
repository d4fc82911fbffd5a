"""Changing a picture by arithmetic alone, on a side thread: what `mintaka.engine.edits` lists."""

import io
from functools import partial, singledispatch
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageEnhance, ImageFilter, ImageOps
from scipy import ndimage  # type: ignore[import-untyped]

from mintaka.engine import receipt
from mintaka.engine.edits import (
    Combination,
    Combine,
    Composite,
    Convert,
    Crop,
    Direction,
    Feather,
    Filter,
    Filtered,
    Flip,
    Format,
    Grow,
    Invert,
    MaskOperation,
    Mode,
    Operation,
    Pad,
    Resize,
    Threshold,
    Transform,
    check,
    scaled,
)
from mintaka.engine.requests import Edit, Picture
from mintaka.engine.worker import decoding, finishing
from mintaka.engine.worker.resampling import FILTERS
from mintaka.engine.worker.stepping import Lane, aside

Floats = NDArray[Any]
"""float32, height × width × 3, 0..1."""

BAND = 256
"""Rows that are mixed at once, so that what is reckoned with stays small."""

SEPIA = (0.393, 0.769, 0.189, 0, 0.349, 0.686, 0.168, 0, 0.272, 0.534, 0.131, 0)
"""From red, green and blue to those of a brown photograph (W3C Filter Effects, level 1)."""


def edit(request: Edit) -> list[Picture]:
    """The picture of ``request``, changed. Raises BadImage, Unsupported."""
    return [aside(partial(_edit, request), Lane.FINISH)]


def _edit(request: Edit) -> Picture:
    image = decoding.decode(request.image)
    # Once more, since only now is it certain how large it is.
    check(request.operation, image.size)
    other = None if request.other is None else decoding.decode(request.other)
    made = apply(request.operation, image, other)
    data, kind = _encoded(request, made)
    return Picture(data, *made.size, None, (), kind)


def apply(operation: Operation, image: Image.Image, other: Image.Image | None = None) -> Image.Image:
    """``image`` (RGB or RGBA) after ``operation``."""
    if isinstance(operation, MaskOperation):
        beside = None if other is None else decoding.as_mask(other)
        return _mask(operation, decoding.as_mask(image), beside).convert("RGB")
    if isinstance(operation, Composite) and other is not None:
        return _composited(operation, image, other)
    return _applied(operation, image)


@singledispatch
def _applied(operation: Operation, image: Image.Image) -> Image.Image:
    raise TypeError(f"nothing does {type(operation).__name__}")


@_applied.register
def _(operation: Convert, image: Image.Image) -> Image.Image:
    return decoding.on_paper(image) if operation.format is Format.JPEG else image


@_applied.register
def _(operation: Resize, image: Image.Image) -> Image.Image:
    return image.resize((operation.width, operation.height), FILTERS[operation.interpolation])


@_applied.register
def _(operation: Crop, image: Image.Image) -> Image.Image:
    right, bottom = operation.left + operation.width, operation.top + operation.height
    return image.crop((operation.left, operation.top, right, bottom))


@_applied.register
def _(operation: Pad, image: Image.Image) -> Image.Image:
    opaque = image.mode == "RGB" and operation.colour[3] == 255
    mode, colour = ("RGB", operation.colour[:3]) if opaque else ("RGBA", operation.colour)
    made = Image.new(mode, check(operation, image.size), colour)
    made.paste(image.convert(mode), (operation.left, operation.top))
    return made


@_applied.register
def _(operation: Flip, image: Image.Image) -> Image.Image:
    return ImageOps.mirror(image) if operation.direction is Direction.HORIZONTAL else ImageOps.flip(image)


QUARTERS = {1: Image.Transpose.ROTATE_270, 2: Image.Transpose.ROTATE_180, 3: Image.Transpose.ROTATE_90}
"""Quarter turns clockwise; Pillow's go the other way."""


@_applied.register
def _(operation: Transform, image: Image.Image) -> Image.Image:
    size, turned = scaled(operation, image.size), check(operation, image.size)
    image = image if size == image.size else image.resize(size, Image.Resampling.LANCZOS)
    quarters, rest = divmod(operation.rotation, 90)
    if rest == 0:
        turn = QUARTERS.get(int(quarters) % 4)
        return image if turn is None else image.transpose(turn)
    angle = np.radians(operation.rotation)
    across, down = float(np.cos(angle)), float(np.sin(angle))
    # Where each pixel of the result comes from: turned back about the middle of both.
    left = size[0] / 2 - across * turned[0] / 2 - down * turned[1] / 2
    top = size[1] / 2 + down * turned[0] / 2 - across * turned[1] / 2
    matrix = (across, down, left, -down, across, top)
    return image.convert("RGBA").transform(turned, Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC)


@_applied.register
def _(operation: Filtered, image: Image.Image) -> Image.Image:
    if operation.filter is Filter.BLUR:
        # Colours count by their opacity, so that nothing of what is transparent shows.
        mode = "RGBa" if image.mode == "RGBA" else "RGB"
        return image.convert(mode).filter(ImageFilter.GaussianBlur(operation.amount)).convert(image.mode)
    made = _coloured(operation, image.convert("RGB"))
    if image.mode == "RGBA":
        made.putalpha(image.getchannel("A"))
    return made


def _coloured(operation: Filtered, image: Image.Image) -> Image.Image:
    amount = operation.amount
    match operation.filter:
        case Filter.SHARPEN:
            return image.filter(ImageFilter.UnsharpMask(2, round(amount * 100), 0))
        case Filter.GRAYSCALE:
            return Image.blend(image, ImageOps.grayscale(image).convert("RGB"), amount)
        case Filter.INVERT:
            return Image.blend(image, ImageOps.invert(image), amount)
        case Filter.SEPIA:
            return Image.blend(image, image.convert("RGB", SEPIA), amount)
        case Filter.BRIGHTNESS:
            return ImageEnhance.Brightness(image).enhance(amount)
        case Filter.CONTRAST:
            return ImageEnhance.Contrast(image).enhance(amount)
        case _:
            return ImageEnhance.Color(image).enhance(amount)


# Two pictures


def _composited(operation: Composite, image: Image.Image, other: Image.Image) -> Image.Image:
    left, top = max(operation.x, 0), max(operation.y, 0)
    right, bottom = min(operation.x + other.width, image.width), min(operation.y + other.height, image.height)
    if left >= right or top >= bottom:
        return image
    below = np.asarray(image.convert("RGBA")).copy()
    above = np.asarray(other.convert("RGBA"))[top - operation.y : bottom - operation.y, left - operation.x :]
    for start in range(top, bottom, BAND):
        rows = slice(start, min(start + BAND, bottom))
        under = below[rows, left:right]
        over = above[start - top : rows.stop - top, : right - left]
        under[...] = _mixed(under, over, operation)
    return Image.fromarray(below).convert(image.mode)


def _mixed(under: NDArray[np.uint8], over: NDArray[np.uint8], operation: Composite) -> NDArray[np.uint8]:
    """``over`` on ``under``, as the specification of `Mode` has it; where nothing lies on it the bits stay."""
    backdrop, source = under.astype(np.float32) / 255, over.astype(np.float32) / 255
    opacity, share = backdrop[..., 3:], source[..., 3:] * np.float32(operation.opacity)
    blended = _blended(operation.mode, backdrop[..., :3], source[..., :3])
    colours = (1 - opacity) * source[..., :3] + opacity * blended
    result = share + opacity * (1 - share)
    mixed = (share * colours + (1 - share) * opacity * backdrop[..., :3]) / np.maximum(result, 1e-6)
    whole = np.concatenate([mixed, result], axis=-1)
    eight: NDArray[np.uint8] = (whole * 255).round().clip(0, 255).astype(np.uint8)
    return np.where(share > 0, eight, under)


def _blended(mode: Mode, below: Floats, above: Floats) -> Floats:
    match mode:
        case Mode.NORMAL:
            return above
        case Mode.MULTIPLY:
            return below * above
        case Mode.SCREEN:
            return np.asarray(below + above - below * above)
        case Mode.OVERLAY:
            return np.asarray(np.where(below <= 0.5, 2 * below * above, 1 - 2 * (1 - below) * (1 - above)))
        case Mode.DARKEN:
            return np.minimum(below, above)
        case Mode.LIGHTEN:
            return np.maximum(below, above)
        case Mode.ADD:
            return np.asarray(np.minimum(below + above, 1))
        case Mode.DIFFERENCE:
            return np.asarray(np.abs(below - above))


# Masks, in 8 bits of grey


def _mask(operation: MaskOperation, mask: Image.Image, other: Image.Image | None) -> Image.Image:
    match operation:
        case Invert():
            return ImageOps.invert(mask)
        case Grow():
            return _grown(mask, operation.pixels)
        case Feather():
            return mask.filter(ImageFilter.GaussianBlur(operation.pixels / 2))
        case Threshold():
            least = operation.level * 255
            return mask.point([255 if value >= least else 0 for value in range(256)])
        case Combine():
            assert other is not None
            beside = other if other.size == mask.size else other.resize(mask.size, Image.Resampling.BILINEAR)
            return _combined(operation.how, mask, beside)


def _combined(how: Combination, mask: Image.Image, other: Image.Image) -> Image.Image:
    match how:
        case Combination.UNION:
            return ImageChops.lighter(mask, other)
        case Combination.INTERSECTION:
            return ImageChops.darker(mask, other)
        case Combination.DIFFERENCE:
            return ImageChops.darker(mask, ImageOps.invert(other))


def _grown(mask: Image.Image, pixels: int) -> Image.Image:
    """By the distance from what is at least half white: as far in every direction. Edges that fade already stay."""
    marks = np.asarray(mask)
    inside = marks >= 128
    if pixels == 0 or inside.all() or not inside.any():
        return mask
    distance: Any = ndimage.distance_transform_edt(~inside if pixels > 0 else inside)
    if pixels > 0:
        near = np.where(distance <= pixels, 255, 0).astype(np.uint8)
        return Image.fromarray(np.maximum(marks, near))
    deep = np.where(distance > -pixels, 255, 0).astype(np.uint8)
    return Image.fromarray(np.minimum(marks, deep))


def _encoded(request: Edit, image: Image.Image) -> tuple[bytes, str]:
    operation = request.operation
    if not isinstance(operation, Convert) or operation.format is Format.PNG:
        return finishing.png(image, receipt.plain_chunks(request, (), image.size)), "png"
    out = io.BytesIO()
    image.save(out, operation.format.upper(), quality=operation.quality)
    return out.getvalue(), operation.format.value
