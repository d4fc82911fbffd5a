"""What is done when memory does not suffice for one call of a module, before it is given up.

Several calls that share a run are made apart first (`mintaka.engine.worker.stepping`). Then, step by step: the rows of
the call by themselves; a VAE in tiles, smaller and smaller; both again after models that are kept for others were let
go. What does not fit even then is failed, and told which size would: as far as memory was measured, else the largest
that did.
"""

import gc
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any

from mintaka.engine.errors import DoesNotFit
from mintaka.engine.worker import memory
from mintaka.engine.worker.failures import is_out_of_memory
from mintaka.engine.worker.forwards import Forward
from mintaka.engine.worker.trees import join

LEAST_TILE = 8
"""Latents on the side of the smallest tile."""

_KINDS = 64
"""Kinds of run of which it is remembered how they fit."""

Run = Callable[[Forward], Any]
"""Runs a forward by itself; raises what the module raises."""


class Scarcity:
    """Gets by with little memory. ``let_go(module)`` gives up what is loaded beside ``module``, if there is any."""

    def __init__(self, let_go: Callable[[Any], bool] = lambda module: False) -> None:
        self._let_go = let_go
        self._tiles: OrderedDict[Hashable, int] = OrderedDict()
        self._sizes: dict[Hashable, int] = {}
        """The most that was run at once, by module and method."""
        self._bytes: dict[Hashable, float] = {}
        """Bytes it took for each number of its first argument, measured."""

    def fitted(self, forward: Forward, rows: int, taken: int | None = None) -> None:
        """A run of ``rows`` rows of the form of ``forward`` went well, and took so many bytes if that was measured."""
        entry, size = _entry(forward), rows * forward.size
        self._sizes[entry] = max(size, self._sizes.get(entry, 0))
        if taken is not None:
            self._bytes[entry] = max(taken / size, self._bytes.get(entry, 0.0))

    def in_tiles(self, forward: Forward) -> bool:
        """Whether runs of this form have been made in tiles lately, and should be from the beginning."""
        return bool(self._tiles) and forward.kind in self._tiles

    def get_by(self, forward: Forward, run: Run) -> tuple[Any, str]:
        """The result of ``forward``, for which memory did not suffice, and how it was come by, in words.

        Raises DoesNotFit, or whatever else the module raises.
        """
        for way in self._ways(forward):
            try:
                return way(forward, run)
            except BaseException as error:
                if not is_out_of_memory(error):
                    raise
        raise DoesNotFit("the device has not enough memory for this request", share=self._share(forward))

    def forget(self) -> None:
        """Nobody is left whose run was too large."""
        self._tiles.clear()

    def _ways(self, forward: Forward) -> Iterator[Callable[[Forward, Run], tuple[Any, str]]]:
        can_tile = forward.entry.name in ("encode", "decode") and hasattr(forward.entry.module, "tile_latent_min_size")
        if forward.rows > 1 and not self.in_tiles(forward):
            yield _by_rows
        if can_tile:
            yield self._by_tiles
        if self._make_room(forward):
            yield _by_rows
            if can_tile:
                yield self._by_tiles

    def _make_room(self, forward: Forward) -> bool:
        if not self._let_go(forward.entry.module):
            return False
        gc.collect()
        memory.give_back(forward.device)
        return True

    def _by_tiles(self, forward: Forward, run: Run) -> tuple[Any, str]:
        module: Any = forward.entry.module
        first: Any = forward.leaves[0]
        scale: int = 2 ** (len(module.config.block_out_channels) - 1)
        whole: int = max(first.shape[-2:]) // (scale if forward.entry.name == "encode" else 1)
        tile: int = self._tiles.get(forward.kind, whole // 2)
        while True:
            try:
                with _tiled(module, tile, tile * scale):
                    result = _apart(forward, run)
            except BaseException as error:
                if not is_out_of_memory(error) or tile // 2 < LEAST_TILE:
                    raise
            else:
                self._tiles[forward.kind] = tile
                if len(self._tiles) > _KINDS:
                    self._tiles.popitem(last=False)
                return result, f"memory was short: the VAE worked in tiles of {tile * scale} px"
            tile //= 2

    def _share(self, forward: Forward) -> float | None:
        entry = _entry(forward)
        known = self._sizes.get(entry, 0)
        least, left = self._bytes.get(entry), memory.left(forward.device)
        measured = left / least if least and left is not None else 0.0
        # What was measured may be too hopeful, since it did not suffice just now.
        fits = max(known, measured if measured < forward.size else 0.0)
        return min(fits / forward.size, 1.0) if 0 < fits < forward.size else None


def _by_rows(forward: Forward, run: Run) -> tuple[Any, str]:
    return _apart(forward, run), "memory was short: pictures that could have been drawn at once were not"


def _apart(forward: Forward, run: Run) -> Any:
    """The result of ``forward``, in as many runs as it takes."""
    try:
        return run(forward)
    except BaseException as error:
        if forward.rows == 1 or not is_out_of_memory(error):
            raise
    halves = forward.halves()
    parts = [_apart(each, run) for each in halves]
    return join(parts, [each.rows for each in halves], has_lists=forward.has_lists)


def _entry(forward: Forward) -> Hashable:
    return id(forward.entry.module), forward.entry.name


@contextmanager
def _tiled(module: Any, latent: int, sample: int) -> Iterator[None]:
    """Have the VAE work in tiles of this many latents, which are as many pixels."""
    kept = module.use_tiling, module.tile_latent_min_size, module.tile_sample_min_size
    module.use_tiling, module.tile_latent_min_size, module.tile_sample_min_size = True, latent, sample
    try:
        yield
    finally:
        module.use_tiling, module.tile_latent_min_size, module.tile_sample_min_size = kept
