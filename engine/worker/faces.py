"""Faces in a picture: where they are, each cut out upright, and put back.

They are looked for by the cascade of local binary patterns that comes with scikit-image (trained by OpenCV's authors;
Liao et al. 2007, https://doi.org/10.1007/978-3-540-74549-5_87): faces seen from the front. It knows upright faces only,
so the picture is turned and looked at again; a face is cut out as upright as it was found.
"""

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

LOOKED_AT = 320
"""Pixels of the longer side at which a picture is looked at."""

LEAST = 24
"""The smallest face that is found there: what the cascade was trained at."""

NEIGHBOURS = 10
"""So many windows that overlap must look like a face: with 4, folds of cloth do too (scikit-image's astronaut)."""

ANGLES = (0, -20, 20, -40, 40)
"""Degrees by which a picture is turned; those who look straight are found first."""

AROUND = 1.6
"""How much wider than a face the square is that is cut out: with hair and chin, as face models are trained."""

UP = 0.06
"""By how much of that its middle lies above the face's: there is more hair than chin."""

SIDE = 512
"""Pixels of a side of what is cut out: what face models take."""

FADE = 48
"""Of those, over how many it fades into the picture at its edge."""


@dataclass(frozen=True, slots=True)
class Face:
    """A face: the middle, the side of the square around it, and how far it leans clockwise."""

    x: float
    """Pixels of the picture; so are the two that follow."""
    y: float
    side: float
    angle: float
    """Degrees."""

    @property
    def to_picture(self) -> tuple[float, float, float, float, float, float]:
        """From a place in what is cut out to that in the picture, as Pillow takes it: ``x' = a x + b y + c``, …"""
        scale, turn = self.side / SIDE, math.radians(self.angle)
        across, down = scale * math.cos(turn), scale * math.sin(turn)
        return (
            *(across, -down, self.x - (across - down) * SIDE / 2),
            *(down, across, self.y - (down + across) * SIDE / 2),
        )

    @property
    def reach(self) -> float:
        """How far from its middle any of it lies."""
        return self.side * math.sqrt(0.5)


def find(picture: Image.Image, most: int) -> list[Face]:
    """The faces in ``picture`` (RGB), the largest first, at most ``most``."""
    scale = min(1.0, LOOKED_AT / max(picture.size))
    small = picture.convert("L").resize(
        (max(1, round(picture.width * scale)), max(1, round(picture.height * scale))), Image.Resampling.BOX
    )
    found: list[Face] = []
    for angle in ANGLES:
        turned = small.rotate(angle, Image.Resampling.BILINEAR)
        for x, y, side in _boxes(np.asarray(turned)):
            face = _face(x, y, side, angle, small.size, scale)
            if all(math.hypot(face.x - other.x, face.y - other.y) > other.side / 2 for other in found):
                found.append(face)
    return sorted(found, key=lambda each: -each.side)[:most]


def cut(picture: Image.Image, face: Face) -> Image.Image:
    """``face`` of ``picture`` (RGB), upright and `SIDE` × `SIDE`."""
    size = (SIDE, SIDE)
    # What a face model gives back is at most as sharp as its input, so a large face is not reduced pixel by pixel.
    smaller = face.side / SIDE
    if smaller <= 1:
        return picture.transform(size, Image.Transform.AFFINE, face.to_picture, Image.Resampling.BICUBIC)
    reduced = picture.resize((max(1, round(picture.width / smaller)), max(1, round(picture.height / smaller))))
    across, down = reduced.width / picture.width, reduced.height / picture.height
    a, b, c, d, e, f = face.to_picture
    matrix = (a * across, b * across, c * across, d * down, e * down, f * down)
    return reduced.transform(size, Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC)


def put_back(picture: Image.Image, face: Face, restored: Image.Image, strength: float) -> None:
    """Lay ``restored`` over ``face`` of ``picture``, by ``strength``; what lies outside keeps its bits."""
    left, top = max(0, math.floor(face.x - face.reach)), max(0, math.floor(face.y - face.reach))
    right = min(picture.width, math.ceil(face.x + face.reach))
    bottom = min(picture.height, math.ceil(face.y + face.reach))
    a, b, c, d, e, f = face.to_picture
    whole = a * e - b * d
    # Back again, counted from the corner of what is changed.
    x, y = left - c, top - f
    back = (e / whole, -b / whole, (e * x - b * y) / whole, -d / whole, a / whole, (a * y - d * x) / whole)
    size = (right - left, bottom - top)
    face_there = restored.transform(size, Image.Transform.AFFINE, back, Image.Resampling.BICUBIC)
    share = _share().transform(size, Image.Transform.AFFINE, back, Image.Resampling.BILINEAR)
    picture.paste(face_there, (left, top), share.point([round(value * strength) for value in range(256)]))


@cache
def _share() -> Image.Image:
    """How much of what was restored counts: nothing at its edge."""
    share = Image.new("L", (SIDE, SIDE))
    ImageDraw.Draw(share).rectangle((FADE, FADE, SIDE - FADE - 1, SIDE - FADE - 1), fill=255)
    return share.filter(ImageFilter.GaussianBlur(FADE / 3))


def _face(x: float, y: float, side: float, angle: float, size: tuple[int, int], scale: float) -> Face:
    """A box of a picture of ``size`` that was turned by ``angle`` against the clock, in the picture as it was."""
    turn = math.radians(angle)
    side = side * AROUND
    y -= side * UP
    dx, dy = x - size[0] / 2, y - size[1] / 2
    back_x = size[0] / 2 + dx * math.cos(turn) - dy * math.sin(turn)
    back_y = size[1] / 2 + dx * math.sin(turn) + dy * math.cos(turn)
    return Face(back_x / scale, back_y / scale, side / scale, angle)


def _boxes(grey: NDArray[np.uint8]) -> list[tuple[float, float, float]]:
    """Middle and side of what looks like a face, the largest first."""
    longest = min(grey.shape)
    if longest < LEAST:
        return []
    boxes = _cascade().detect_multi_scale(
        grey,
        scale_factor=1.1,
        step_ratio=1,
        min_size=(LEAST, LEAST),
        max_size=(longest, longest),
        min_neighbor_number=NEIGHBOURS,
    )
    found = [(each["c"] + each["width"] / 2, each["r"] + each["height"] / 2, float(each["width"])) for each in boxes]
    return sorted(found, key=lambda each: -each[2])


@cache
def _cascade() -> Any:
    from skimage.data import lbp_frontal_face_cascade_filename
    from skimage.feature import Cascade

    return Cascade(lbp_frontal_face_cascade_filename())
