"""A picture taken apart into overlapping tiles: where they lie.

Tiles are of one size and spread evenly. `mintaka.engine.worker.tiles` puts them together again without seams.
"""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Grid:
    """The tiles of a picture of ``height`` × ``width``, in pixels or in any other unit."""

    height: int
    width: int
    tile: int
    """The most a side of a tile has."""
    overlap: int
    """The least that two neighbours share; at most half of ``tile``."""

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of each tile."""
        return min(self.tile, self.height), min(self.tile, self.width)

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


def drawn_grid(width: int, height: int, unit: int, tile: int, overlap: int) -> Grid:
    """The tiles in which a picture of ``width`` × ``height`` is drawn; all of it in units of so many pixels.

    What is given is in pixels. The picture is rounded up to whole units, tiles down.
    """
    side = max(1, tile // unit)
    return Grid(-(-height // unit), -(-width // unit), side, min(-(-overlap // unit), side // 2))


def _starts(length: int, tile: int, overlap: int) -> list[int]:
    if length <= tile:
        return [0]
    last = -(-(length - tile) // (tile - overlap))
    return [round(place * (length - tile) / last) for place in range(last + 1)]
