"""Control pictures made from other pictures: what a ControlNet of each type was taught to read.

All take and give RGB, uint8 ``[height, width, 3]``, at the size the model draws at; lines are white on black.
"""

from collections.abc import Callable, Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mintaka.engine.controls import ControlType, PreprocessOptions

Pixels = NDArray[np.uint8]

STROKE = 64
"""A scribble's strokes are one pixel wide for so many of the picture's shorter side, and two at least."""


def canny(picture: Pixels, options: PreprocessOptions) -> Pixels:
    """Canny's edges (https://doi.org/10.1109/TPAMI.1986.4767851) of each colour channel, one pixel wide.

    Colours of the same brightness have an edge between them too.
    """
    low, high = options.low_threshold, options.high_threshold
    channels = [cv2.Canny(np.ascontiguousarray(picture[..., i]), low, high) for i in range(3)]
    return _rgb(np.maximum.reduce(channels))


def scribble(picture: Pixels, options: PreprocessOptions) -> Pixels:
    """Thick strokes along the edges, as one would draw them."""
    thickness = options.thickness or max(2, min(picture.shape[:2]) // STROKE)
    brush = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (thickness, thickness))
    return _rgb(cv2.dilate(canny(_smooth(picture, options.radius), options)[..., 0], brush))


def softedge(picture: Pixels, options: PreprocessOptions) -> Pixels:
    """How steep the colours are at each pixel (Scharr's derivatives, the steepest of the channels)."""
    smooth = _smooth(picture, options.radius).astype(np.float32)
    across, down = (cv2.Scharr(smooth, cv2.CV_32F, *axis) for axis in ((1, 0), (0, 1)))
    steepness = np.sqrt(across**2 + down**2).max(-1) / _STEEPEST
    return _rgb((np.sqrt(steepness.clip(0, 1)) * 255).round().astype(np.uint8))


_STEEPEST = 16.0 * 255
"""Scharr's answer to a step from black to white."""


def tile(picture: Pixels, options: PreprocessOptions) -> Pixels:
    """The picture at a quarter of its size and back: its colours and forms, without its details."""
    height, width = picture.shape[:2]
    small = (max(1, width // 4), max(1, height // 4))
    rough = cv2.resize(picture, small, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(rough, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


MAKERS: Mapping[ControlType, Callable[[Pixels, PreprocessOptions], Pixels]] = {
    ControlType.CANNY: canny,
    ControlType.SCRIBBLE: scribble,
    ControlType.SOFTEDGE: softedge,
    ControlType.TILE: tile,
}
"""By type; for the others see `mintaka.engine.controls.ABOUT`."""


def _smooth(picture: Pixels, radius: float) -> Pixels:
    return picture if radius <= 0 else np.asarray(cv2.GaussianBlur(picture, (0, 0), radius), np.uint8)


def _rgb(lines: NDArray[Any]) -> Pixels:
    return np.repeat(lines[..., None], 3, axis=-1).astype(np.uint8)
