"""From the size a person wants to the size a model draws at, and back again.

A model made for one size (``native_size``) draws about that many pixels, at the asked aspect where that is not extreme;
its result is enlarged by its own upscaler where it has one, and then resampled to exactly the asked size. Any other
model draws at the asked size, rounded up to what it takes.
"""

import math
from dataclasses import dataclass

from mintaka.engine.errors import Unsupported
from mintaka.engine.models.info import ModelInfo

MIN_SIDE = 8
MAX_SIDE = 8192

MAX_ASPECT = 2.0
"""A model made for one size draws pictures at most this much longer than wide; beyond, the result is cropped."""


WHOLE_ASPECT = 4.0
"""The same where nothing may be cropped; beyond, the picture is stretched. Better strange than out of place."""


@dataclass(frozen=True, slots=True)
class SizePlan:
    """Width and height at each stage of a picture, in pixels."""

    drawn: tuple[int, int]
    """What the pipeline is asked for."""
    factor: int | None
    """How many times the model's own upscaler then enlarges it; ``None``: it is not used."""
    finished: tuple[int, int]
    """The picture itself; `cover` says how it comes out of the stage before."""
    notes: tuple[str, ...] = ()
    """In words what a person should know of all this."""
    whole: bool = False
    """Whether all that is drawn is in the picture, stretched where need be; else the edges are cropped to fit."""

    def box(self, size: tuple[int, int]) -> tuple[float, float, float, float]:
        """What of the stage before, of ``size``, is in the picture: left, top, right, bottom."""
        return (0, 0, *size) if self.whole else cover(size, self.finished)


def plan(model: ModelInfo, width: int, height: int, *, whole: bool = False) -> SizePlan:
    """How ``model`` makes a picture of ``width`` × ``height``; Unsupported when a side is out of range."""
    if not (MIN_SIDE <= width <= MAX_SIDE and MIN_SIDE <= height <= MAX_SIDE):
        raise Unsupported(
            f"a picture of {width} × {height} cannot be made; each side may have {MIN_SIDE} to {MAX_SIDE} pixels",
            hint=f"ask for {_between(width)} × {_between(height)}",
        )
    finished, multiple = (width, height), model.kin.multiple
    if model.native_size is None:
        drawn = (_round_up(width, multiple), _round_up(height, multiple))
        return SizePlan(drawn, None, finished, _notes(drawn, None, finished, whole), whole)
    drawn = _native(model.native_size, width / height, WHOLE_ASPECT if whole else MAX_ASPECT, multiple)
    larger = width > drawn[0] or height > drawn[1]
    factor = model.enlarge.factor if model.enlarge is not None and larger else None
    return SizePlan(drawn, factor, finished, _notes(drawn, factor, finished, whole), whole)


def plan_part(model: ModelInfo, width: int, height: int) -> SizePlan:
    """How ``model`` makes a part of a picture, of ``width`` × ``height``: nothing is cropped, and a part smaller than
    what the model usually draws is drawn as large as that, for its detail."""
    usual = model.size[0] * model.size[1]
    if model.native_size is not None or width * height >= usual:
        return plan(model, width, height, whole=True)
    scale = math.sqrt(usual / (width * height))
    multiple = model.kin.multiple
    drawn = (_round_near(min(width * scale, MAX_SIDE), multiple), _round_near(min(height * scale, MAX_SIDE), multiple))
    return SizePlan(drawn, None, (width, height), _notes(drawn, None, (width, height), whole=True), whole=True)


def cover(size: tuple[int, int], target: tuple[int, int]) -> tuple[float, float, float, float]:
    """The largest centred box (left, top, right, bottom) in a picture of ``size`` that has the aspect of ``target``."""
    width, height = size
    aspect = target[0] / target[1]
    inner = (min(width, height * aspect), min(height, width / aspect))
    left, top = (width - inner[0]) / 2, (height - inner[1]) / 2
    return left, top, left + inner[0], top + inner[1]


def _native(native: tuple[int, int], aspect: float, most: float, multiple: int) -> tuple[int, int]:
    asked = aspect / (native[0] / native[1])
    stretch = math.sqrt(min(max(asked, 1 / most), most))
    return _round_near(native[0] * stretch, multiple), _round_near(native[1] / stretch, multiple)


def _round_near(side: float, multiple: int) -> int:
    return max(1, round(side / multiple)) * multiple


def _round_up(side: int, multiple: int) -> int:
    return math.ceil(side / multiple) * multiple


def _between(side: int) -> int:
    return min(max(side, MIN_SIDE), MAX_SIDE)


def _notes(drawn: tuple[int, int], factor: int | None, finished: tuple[int, int], whole: bool) -> tuple[str, ...]:
    if drawn == finished:
        return ()
    text = f"drawn at {_words(drawn)}"
    last = drawn
    if factor is not None:
        last = (drawn[0] * factor, drawn[1] * factor)
        text += f", enlarged to {_words(last)} by the model's own upscaler"
    if last != finished:
        text += f", resampled to {_words(finished)}"
        if factor is None and (finished[0] > drawn[0] or finished[1] > drawn[1]):
            text += " without an upscaler"
    if not whole and cover(last, finished) != (0, 0, *last):
        text += ", the edges cropped to fit"
    return (text,)


def _words(size: tuple[int, int]) -> str:
    return f"{size[0]} × {size[1]}"
