"""A picture taken apart into overlapping tiles, and put together again without seams.

Tiles are of one size and spread evenly. Where two overlap, the outermost quarter of the overlap is only what a tile
sees around itself, and over the half in the middle one fades into the other. So the result is that of the whole
picture, up to rounding, wherever a pixel depends on nothing farther away than a quarter of the overlap; and beyond
that, differences are spread over many pixels.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Grid:
    """The tiles of a picture of ``height`` × ``width``, in pixels."""

    height: int
    width: int
    tile: int
    """The most a side of a tile has."""
    overlap: int
    """The least that two neighbours share; at most half of ``tile``."""

    @property
    def tops(self) -> list[int]:
        """Where the rows of tiles begin."""
        return _starts(self.height, self.tile, self.overlap)

    @property
    def lefts(self) -> list[int]:
        """Where the columns of tiles begin."""
        return _starts(self.width, self.tile, self.overlap)

    def __len__(self) -> int:
        return len(self.tops) * len(self.lefts)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """Top and left of each tile."""
        return ((top, left) for top in self.tops for left in self.lefts)


def by_tiles(images: Tensor, grid: Grid, factor: int, work: Callable[[Tensor], Tensor]) -> Tensor:
    """``images`` (n × channels × height × width), each tile put through ``work``, which enlarges by ``factor``."""
    if len(grid) == 1:
        return work(images)
    height, width = min(grid.tile, grid.height), min(grid.tile, grid.width)
    whole = images.new_zeros(*images.shape[:2], grid.height * factor, grid.width * factor)
    weight = images.new_zeros(grid.height * factor, grid.width * factor)
    for top, left in grid:
        down = _share(top, height, grid.height, grid.overlap, factor)
        across = _share(left, width, grid.width, grid.overlap, factor)
        share = down[:, None] * across[None, :]
        made = work(images[:, :, top : top + height, left : left + width])
        rows = slice(top * factor, (top + height) * factor)
        columns = slice(left * factor, (left + width) * factor)
        whole[:, :, rows, columns] += made * share
        weight[rows, columns] += share
    return whole / weight


def _starts(length: int, tile: int, overlap: int) -> list[int]:
    if length <= tile:
        return [0]
    last = -(-(length - tile) // (tile - overlap))
    return [round(place * (length - tile) / last) for place in range(last + 1)]


def _share(start: int, tile: int, length: int, overlap: int, factor: int) -> Tensor:
    """The weight of a tile along one side: it fades out where a neighbour follows, and not at the picture's edge."""
    place = (torch.arange(tile * factor) + 0.5) / factor
    weight = torch.ones(tile * factor)
    if overlap and start > 0:
        weight = weight * ((place - overlap / 4) / (overlap / 2)).clamp(0, 1)
    if overlap and start + tile < length:
        weight = weight * ((tile - place - overlap / 4) / (overlap / 2)).clamp(0, 1)
    return weight
