"""What is loaded from one file by itself, and kept: upscalers and face models."""

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

import torch

LoadedT = TypeVar("LoadedT")

KEPT = 2
"""Kept of one kind: the largest in use have some hundreds of megabytes."""


class LoadedFiles(Generic[LoadedT]):
    """Those of one kind that are kept loaded; only one thread may take from it."""

    def __init__(self, load: Callable[[Path, str], LoadedT], device: str) -> None:
        self._load = load
        self._device = device
        self._loaded: OrderedDict[Path, LoadedT] = OrderedDict()

    def get(self, path: Path) -> LoadedT:
        """What is in file ``path``, loaded if need be. Raises EngineError."""
        if path not in self._loaded:
            with torch.inference_mode(False):
                self._loaded[path] = self._load(path, self._device)
            if len(self._loaded) > KEPT:
                self._loaded.popitem(last=False)
        self._loaded.move_to_end(path)
        return self._loaded[path]
