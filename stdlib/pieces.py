"""Long work in pieces, each paid before it is done, so that other work is let on between them."""

from collections.abc import Iterator

from mintaka.runtime.run import Run

PIECE = 16_384
"""Cells that are copied between two payments: well below a millisecond of work."""

SLOW_PIECE = 1_024
"""Items that are looked at one by one between two payments."""


def pieces(run: Run, count: int, *, rate: int = 4, size: int = PIECE) -> Iterator[tuple[int, int]]:
    """The beginnings and ends of pieces of ``count`` cells, for altogether ``count >> rate`` units of fuel."""
    for start in range(0, count, size):
        end = min(start + size, count)
        run.charge((end >> rate) - (start >> rate))
        yield start, end
