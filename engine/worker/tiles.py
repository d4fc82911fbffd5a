"""A picture put together of overlapping tiles without seams.

Where two tiles overlap, the outermost quarter of the overlap is only what a tile sees around itself, and over the half
in the middle one fades into the other. So the result is that of the whole picture, up to rounding, wherever a pixel
depends on nothing farther away than a quarter of the overlap; and beyond that, differences are spread over many pixels.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from mintaka.engine.tiling import Grid


def by_tiles(images: Tensor, grid: Grid, factor: int, work: Callable[[Tensor], Tensor]) -> Tensor:
    """``images`` (n × channels × height × width), each tile put through ``work``, which enlarges by ``factor``."""
    height, width = grid.shape
    return joined(grid, factor, lambda top, left: work(images[:, :, top : top + height, left : left + width]))


def joined(grid: Grid, factor: int, work: Callable[[int, int], Tensor]) -> Tensor:
    """The picture of which ``work`` gives the tile at a top and left (n × channels × height × width).

    ``factor`` pixels are a unit of the grid.
    """
    if len(grid) == 1:
        return work(0, 0)
    height, width = grid.shape
    whole = weight = torch.zeros(())
    for top, left in grid:
        made = work(top, left)
        if not whole.ndim:
            whole = made.new_zeros(*made.shape[:2], grid.height * factor, grid.width * factor)
            weight = made.new_zeros(grid.height * factor, grid.width * factor)
        down = _share(top, height, grid.height, grid.overlap, factor).to(made.device)
        across = _share(left, width, grid.width, grid.overlap, factor).to(made.device)
        share = down[:, None] * across[None, :]
        rows = slice(top * factor, (top + height) * factor)
        columns = slice(left * factor, (left + width) * factor)
        whole[:, :, rows, columns] += made * share
        weight[rows, columns] += share
    return whole / weight


def _share(start: int, tile: int, length: int, overlap: int, factor: int) -> Tensor:
    """The weight of a tile along one side: it fades out where a neighbour follows, and not at the picture's edge."""
    place = (torch.arange(tile * factor) + 0.5) / factor
    weight = torch.ones(tile * factor)
    if overlap and start > 0:
        weight = weight * ((place - overlap / 4) / (overlap / 2)).clamp(0, 1)
    if overlap and start + tile < length:
        weight = weight * ((tile - place - overlap / 4) / (overlap / 2)).clamp(0, 1)
    return weight
