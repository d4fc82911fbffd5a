"""Enlarging a picture and drawing over it in tiles, each as large as the model draws.

Tiles begin at whole cells of the latents and all take their noise from one field as large as the picture, so
neighbours start from the same noisy picture where they overlap; what they make of it differs little there, and fades
from one to the other. A picture that is one tile is drawn as `mintaka.engine.requests.ImageToImage` is.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from PIL import Image

from mintaka.engine import sizing
from mintaka.engine.models.families import Task
from mintaka.engine.requests import Redraw
from mintaka.engine.tiling import Grid, drawn_grid
from mintaka.engine.worker import decoding, enlarging, finishing, planning
from mintaka.engine.worker.loading import Loaded
from mintaka.engine.worker.planning import Plan
from mintaka.engine.worker.stepping import Lane, aside
from mintaka.engine.worker.tiles import joined
from mintaka.engine.worker.upscaling import Upscaler

UPSCALED_TILE, UPSCALED_OVERLAP = 512, 32
"""Of a learned upscaler, in pixels of the picture given."""


@planning.plan.register
def _redraw(request: Redraw, loaded: Loaded) -> Plan:
    image = aside(partial(decoding.decode, request.image), Lane.FINISH)
    unit = loaded.info.kin.multiple
    grid = drawn_grid(request.width, request.height, unit, request.tile, request.overlap)
    canvas = (grid.width * unit, grid.height * unit)
    if request.upscaler is not None and loaded.upscaler is not None:
        large = _upscaled(image, loaded.upscaler, request.factor)
    else:
        large = aside(partial(enlarging.enlarged, image, request.factor, request.interpolation), Lane.FINISH)
    base = aside(partial(_base, large, canvas), Lane.FINISH)
    size = (request.width, request.height)
    how = f"drawn in {len(grid)} tiles of {grid.shape[1] * unit} × {grid.shape[0] * unit}" if len(grid) > 1 else ""
    return Plan(
        Task.IMAGE_TO_IMAGE,
        sizing.SizePlan(canvas, None, size, (how,) if how else (), whole=True),
        {"image": base, "strength": planning.strength(request.steps, request.strength)},
        finish=partial(_with_opacity, opacity=large.getchannel("A") if large.mode == "RGBA" else None),
        notes=planning.strength_notes(request.steps, request.strength),
        draw=partial(_by_tiles, request, grid, unit) if len(grid) > 1 else planning.at_once,
        runs=len(grid),
    )


def _upscaled(image: Image.Image, upscaler: Upscaler, factor: int) -> Image.Image:
    pixels, _ = enlarging.learned(image, upscaler, factor, UPSCALED_TILE, UPSCALED_OVERLAP)
    size = (image.width * factor, image.height * factor)
    [large] = aside(partial(finishing.as_images, pixels), Lane.FINISH)
    large = large if large.size == size else large.resize(size, Image.Resampling.LANCZOS)
    if image.mode == "RGBA":
        large.putalpha(image.getchannel("A").resize(size, Image.Resampling.BILINEAR))
    return large


def _base(large: Image.Image, canvas: tuple[int, int]) -> Image.Image:
    paper = decoding.on_paper(large)
    return paper if paper.size == canvas else paper.resize(canvas, Image.Resampling.LANCZOS)


def _with_opacity(drawn: Image.Image, *, opacity: Image.Image | None) -> Image.Image:
    if opacity is not None:
        drawn.putalpha(opacity)
    return drawn


def _by_tiles(request: Redraw, grid: Grid, unit: int, pipeline: Any, arguments: Mapping[str, Any]) -> torch.Tensor:
    base: Image.Image = arguments["image"]
    height, width = (side * unit for side in grid.shape)
    sizes = {"width": width, "height": height, "max_area": width * height}
    noise = Noise(request, grid)
    noise.give(pipeline.scheduler)

    def drawn(top: int, left: int) -> torch.Tensor:
        noise.at = (top, left)
        box = (left * unit, top * unit, left * unit + width, top * unit + height)
        own = {
            "image": base.crop(box),
            "generator": [torch.Generator("cpu").manual_seed(request.seed + i) for i in range(request.batch)],
            **{name: side for name, side in sizes.items() if name in arguments},
        }
        images: torch.Tensor = pipeline(**{**arguments, **own}).images
        return images.float().cpu()

    return joined(grid, unit, drawn)


class Noise:
    """The noise of a whole picture, of which each tile is given its own part."""

    def __init__(self, request: Redraw, grid: Grid) -> None:
        self.at: tuple[int, int] = (0, 0)
        """Top and left of the tile that is drawn, in units of the grid."""
        self._request = request
        self._grid = grid
        self._field: torch.Tensor | None = None

    def give(self, scheduler: Any) -> None:
        """Have ``scheduler``, the request's own, add this noise and not that of the pipeline."""
        if hasattr(scheduler, "scale_noise"):
            scale = scheduler.scale_noise
            scheduler.scale_noise = lambda sample, timestep, noise: scale(sample, timestep, self._part(noise))
        else:
            add = scheduler.add_noise
            scheduler.add_noise = lambda sample, noise, timestep: add(sample, self._part(noise), timestep)

    def _part(self, like: torch.Tensor) -> torch.Tensor:
        """That of the tile, as large as ``like`` (n × channels × height × width of its latents)."""
        cells = like.shape[-1] // self._grid.shape[1]  # of the latents, in a unit of the grid
        if self._field is None:
            size = (like.shape[1], self._grid.height * cells, self._grid.width * cells)
            seeds = range(self._request.seed, self._request.seed + self._request.batch)
            drawn = [torch.randn(size, generator=torch.Generator("cpu").manual_seed(seed)) for seed in seeds]
            self._field = torch.stack(drawn)
        top, left = (place * cells for place in self.at)
        part = self._field[:, :, top : top + like.shape[-2], left : left + like.shape[-1]]
        return part.to(like.device, like.dtype)
