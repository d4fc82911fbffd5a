"""Repainting a part of a picture, and continuing it beyond its edges.

The pipeline repaints whole cells of the latents, and its VAE changes every pixel a little. So what it draws is pasted
back into the picture: where the mask is nothing every pixel keeps its bits, and inwards from the mask's edge the new
fades in over ``feather`` pixels. Pixels are blended with their colours weighted by their opacity, so that a layer that
is transparent around what is repainted stays so.
"""

from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from scipy import ndimage  # type: ignore[import-untyped]

from mintaka.engine import sizing
from mintaka.engine.errors import BadImage
from mintaka.engine.models.families import Task
from mintaka.engine.requests import Drawing, Fill, Inpaint, Outpaint
from mintaka.engine.worker import decoding, planning
from mintaka.engine.worker.loading import Loaded
from mintaka.engine.worker.planning import Plan
from mintaka.engine.worker.stepping import Lane, aside

Weights = NDArray[np.float32]
"""height × width, 0..1."""

Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels."""

HALF = 0.5


@planning.plan.register
def _inpaint(request: Inpaint, loaded: Loaded) -> Plan:
    return aside(partial(_plan_inpaint, request, loaded), Lane.FINISH)


@planning.plan.register
def _outpaint(request: Outpaint, loaded: Loaded) -> Plan:
    return aside(partial(_plan_outpaint, request, loaded), Lane.FINISH)


def _plan_inpaint(request: Inpaint, loaded: Loaded) -> Plan:
    picture = decoding.decode(request.image)
    mask, notes = read_mask(request.mask, picture.size)
    box = _around(mask, request.padding) if request.only_masked else (0, 0, *picture.size)
    return repainting(
        request,
        loaded,
        picture=picture,
        mask=mask,
        box=box,
        feather=request.feather,
        fill=request.fill,
        strength=request.strength,
        notes=notes,
    )


def _plan_outpaint(request: Outpaint, loaded: Loaded) -> Plan:
    old = decoding.decode(request.image)
    size = (old.width + request.left + request.right, old.height + request.top + request.bottom)
    picture = Image.new(old.mode, size)
    picture.paste(old, (request.left, request.top))
    # Something of the picture stays as it is, however small it is.
    across, down = (min(request.overlap, (side - 1) // 2) for side in old.size)
    inner = (
        request.left + (across if request.left else 0),
        request.top + (down if request.top else 0),
        request.left + old.width - (across if request.right else 0),
        request.top + old.height - (down if request.bottom else 0),
    )
    mask = np.ones(size[::-1], np.float32)
    mask[inner[1] : inner[3], inner[0] : inner[2]] = 0
    beyond = np.ones(size[::-1], np.float32)
    beyond[request.top : request.top + old.height, request.left : request.left + old.width] = 0
    filled = _spread(decoding.on_paper(picture), beyond)
    return repainting(
        request,
        loaded,
        picture=picture,
        mask=mask,
        box=(0, 0, *size),
        feather=request.overlap,
        fill=Fill.ORIGINAL,
        strength=request.strength,
        base=filled,
        all_new=beyond,
    )


def repainting(
    request: Drawing,
    loaded: Loaded,
    *,
    picture: Image.Image,
    mask: Weights,
    box: Box,
    feather: int,
    fill: Fill,
    strength: float,
    base: Image.Image | None = None,
    all_new: Weights | None = None,
    notes: tuple[str, ...] = (),
) -> Plan:
    """How ``picture`` is repainted where ``mask`` is, looking at what lies in ``box``.

    ``base`` is what the pipeline starts from, where that is not the picture itself; ``all_new`` is where nothing of
    the picture is left however the edge fades.
    """
    cut = (box[2] - box[0], box[3] - box[1])
    sizes = sizing.plan_part(loaded.info, *cut)
    region = mask[box[1] : box[3], box[0] : box[2]]
    start = (base or _filled(decoding.on_paper(picture), mask, fill, request.seed)).crop(box)
    share = faded(mask, feather)
    if all_new is not None:
        share = np.maximum(share, all_new)
    return Plan(
        Task.INPAINTING,
        sizes,
        {
            "image": start.resize(sizes.drawn, Image.Resampling.LANCZOS) if start.size != sizes.drawn else start,
            "mask_image": _in_cells(region, sizes.drawn, loaded),
            "strength": planning.strength(request.steps, strength),
        },
        finish=partial(_paste_back, picture=picture, share=share, box=box),
        notes=(*notes, *planning.strength_notes(request.steps, strength)),
    )


def faded(mask: Weights, feather: int) -> Weights:
    """``mask`` fading in from its own edge inwards, over ``feather`` pixels; nothing outside it is ever touched.

    A part that is narrower than twice that fades in over half its width, so that its middle is all new.
    """
    if feather == 0 or mask.all():
        return mask
    inside = mask > 0
    depth: Any = ndimage.distance_transform_edt(inside)
    labelled: Any = ndimage.label(inside)
    parts, count = labelled
    deepest = np.ones(count + 1)
    deepest[1:] = ndimage.maximum(depth, parts, np.arange(1, count + 1))
    over = np.minimum(feather + 1, deepest)[parts]
    share: Weights = (mask * np.clip(depth / over, 0, 1)).astype(np.float32)
    return share


def read_mask(data: bytes, size: tuple[int, int]) -> tuple[Weights, tuple[str, ...]]:
    """What of a picture of ``size`` the mask in ``data`` marks, and notes. Raises BadImage where that is nothing."""
    mask = decoding.as_mask(decoding.decode(data))
    notes: tuple[str, ...] = ()
    if mask.size != size:
        notes = (f"the mask was resampled from {mask.width} × {mask.height} to {size[0]} × {size[1]}",)
        mask = mask.resize(size, Image.Resampling.BILINEAR)
    weights: Weights = np.asarray(mask, np.float32) / np.float32(255)
    if weights.max() < HALF:
        raise BadImage(
            "nothing of the mask is white, so nothing would be repainted", hint="paint what is to change in white"
        )
    return weights, notes


def _around(mask: Weights, padding: int) -> Box:
    """What of the picture is masked, with ``padding`` pixels around it."""
    left, right = _span(mask.max(0), padding)
    top, bottom = _span(mask.max(1), padding)
    return left, top, right, bottom


def _span(masked: Weights, padding: int) -> tuple[int, int]:
    """From where to where ``masked`` reaches, padded; as long as a picture must be at least."""
    found = np.flatnonzero(masked)
    first, end = max(int(found[0]) - padding, 0), min(int(found[-1]) + 1 + padding, len(masked))
    missing = max(sizing.MIN_SIDE - (end - first), 0)
    first = max(first - missing, 0)
    return first, max(end, min(first + sizing.MIN_SIDE, len(masked)))


def _in_cells(mask: Weights, drawn: tuple[int, int], loaded: Loaded) -> Image.Image:
    """``mask`` for the pipeline: whole cells of the latents, each that is more than half masked anywhere.

    The pipeline itself looks at one pixel a cell, and would pass over strokes that are thinner.
    """
    cell = loaded.base.vae_scale_factor
    cells = torch.nn.functional.adaptive_max_pool2d(
        torch.from_numpy(np.ascontiguousarray(mask))[None], (drawn[1] // cell, drawn[0] // cell)
    )[0]
    white = ((cells.numpy() >= HALF) * 255).astype(np.uint8)
    return Image.fromarray(white).resize(drawn, Image.Resampling.NEAREST)


def _filled(picture: Image.Image, mask: Weights, fill: Fill, seed: int) -> Image.Image:
    match fill:
        case Fill.ORIGINAL:
            return picture
        case Fill.BLUR:
            return _spread(picture, mask)
        case Fill.NOISE:
            noise = np.random.default_rng(seed).integers(0, 256, (*mask.shape, 3)).astype(np.float32)
            return _mixed(picture, noise, mask)


def _spread(picture: Image.Image, mask: Weights) -> Image.Image:
    """``picture`` with the colours around ``mask`` spread into it, softly: those of the nearest pixel, blurred."""
    hidden = mask > 0
    if hidden.all():
        return picture
    nearest: Any = ndimage.distance_transform_edt(hidden, return_distances=False, return_indices=True)
    near = np.asarray(picture)[tuple(nearest)]
    soft = Image.fromarray(near).filter(ImageFilter.GaussianBlur(max(picture.size) / 64))
    return _mixed(picture, np.asarray(soft, np.float32), hidden.astype(np.float32))


def _mixed(picture: Image.Image, other: NDArray[np.float32], weights: Weights) -> Image.Image:
    share = weights[..., None]
    mixed = np.asarray(picture, np.float32) * (1 - share) + other * share
    return Image.fromarray(mixed.round().clip(0, 255).astype(np.uint8))


def _paste_back(drawn: Image.Image, *, picture: Image.Image, share: Weights, box: Box) -> Image.Image:
    """``picture`` with ``drawn`` in ``box``, by ``share``; where that is nothing the pixels are the picture's own."""
    old = np.asarray(picture).copy()
    inside = old[box[1] : box[3], box[0] : box[2]]
    weights = share[box[1] : box[3], box[0] : box[2], None]
    new = np.asarray(drawn, np.float32)
    if picture.mode == "RGB":
        blended = inside * (1 - weights) + new * weights
    else:
        kept = inside[..., 3:] / np.float32(255) * (1 - weights)
        opacity = kept + weights
        colours = (inside[..., :3] * kept + new * weights) / np.maximum(opacity, 1e-6)
        blended = np.concatenate([colours, opacity * 255], axis=-1)
    inside[...] = np.where(weights > 0, blended.round().clip(0, 255).astype(np.uint8), inside)
    return Image.fromarray(old)
