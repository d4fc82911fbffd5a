"""Enlarging a picture that is given, without drawing: by arithmetic, or by a learned upscaler."""

from functools import partial

import numpy as np
import torch
from PIL import Image

from mintaka.engine import receipt
from mintaka.engine.edits import Interpolation
from mintaka.engine.messages import UPSCALER, Files
from mintaka.engine.requests import OnStep, Picture, Resample, Step, Upscale
from mintaka.engine.tiling import Grid
from mintaka.engine.worker import decoding, finishing
from mintaka.engine.worker.forwards import Entry, Forward
from mintaka.engine.worker.loading import Shelf
from mintaka.engine.worker.resampling import FILTERS
from mintaka.engine.worker.stepping import Lane, aside, call
from mintaka.engine.worker.tiles import by_tiles
from mintaka.engine.worker.trees import PLAIN
from mintaka.engine.worker.upscaling import Upscaler

RANK = 2
"""Tiles take turns with the steps of drawings."""


def resample(request: Resample, on_step: OnStep) -> list[Picture]:
    """The picture of ``request`` enlarged. Raises BadImage."""
    picture = aside(partial(_resample, request), Lane.FINISH)
    on_step(Step(1, 1))
    return [picture]


def _resample(request: Resample) -> Picture:
    image = enlarged(decoding.decode(request.image), request.factor, request.interpolation)
    return finished(request, image)


def enlarged(image: Image.Image, factor: int, interpolation: Interpolation) -> Image.Image:
    """``image`` made ``factor`` times as wide and high; colours count by their opacity."""
    return image.resize((image.width * factor, image.height * factor), FILTERS[interpolation])


def upscale(request: Upscale, files: Files, shelf: Shelf, on_step: OnStep) -> list[Picture]:
    """The picture of ``request`` enlarged by an upscaler: as often as it takes, then brought to exactly the factor.

    A step is a tile. Raises BadImage, BadModel.
    """
    upscaler = aside(partial(shelf.upscalers.get, files[UPSCALER]), Lane.LOAD)
    image = aside(partial(decoding.decode, request.image), Lane.FINISH)
    pixels, reached = learned(image, upscaler, request.factor, request.tile, request.overlap, on_step)
    return [aside(partial(_upscaled, request, image, pixels, reached), Lane.FINISH)]


def learned(
    image: Image.Image, upscaler: Upscaler, factor: int, tile: int, overlap: int, on_step: OnStep | None = None
) -> tuple[torch.Tensor, int]:
    """The colours of ``image`` (1 × 3 × height × width, 0..1) enlarged by ``factor`` or more, and by how much."""
    colours = np.array(image.convert("RGB"), np.float32) / 255
    pixels = torch.from_numpy(colours).permute(2, 0, 1)[None]
    grids = [Grid(image.height, image.width, tile, overlap)]
    reached = upscaler.factor
    while reached < factor:
        grids.append(Grid(image.height * reached, image.width * reached, tile, overlap))
        reached *= upscaler.factor
    done, steps = 0, sum(map(len, grids))
    entry = Entry(upscaler.model.model, "__call__", upscaler, ("images",), PLAIN)

    def enlarge(part: torch.Tensor) -> torch.Tensor:
        nonlocal done
        large: torch.Tensor = call(Forward.of(entry, (part,), {}), RANK)
        done += 1
        if on_step is not None:
            on_step(Step(done, steps))
        return large.cpu()

    for grid in grids:
        pixels = by_tiles(pixels, grid, upscaler.factor, enlarge)
    return pixels, reached


def _upscaled(request: Upscale, image: Image.Image, pixels: torch.Tensor, reached: int) -> Picture:
    finishing.check_numbers(pixels)
    [large] = finishing.as_images(pixels)
    size = (image.width * request.factor, image.height * request.factor)
    notes: tuple[str, ...] = ()
    if large.size != size:
        notes = (f"enlarged {reached} times by {request.upscaler}, resampled to {size[0]} × {size[1]}",)
        large = large.resize(size, Image.Resampling.LANCZOS)
    if image.mode == "RGBA":
        # Bilinear, since a filter that rings would leave a veil over what is wholly transparent.
        large.putalpha(image.getchannel("A").resize(size, Image.Resampling.BILINEAR))
    return finished(request, large, notes)


def finished(request: Resample | Upscale, image: Image.Image, notes: tuple[str, ...] = ()) -> Picture:
    """``image`` as a file with its receipt."""
    data = finishing.png(image, receipt.plain_chunks(request, notes, image.size))
    return Picture(data, *image.size, None, notes)
