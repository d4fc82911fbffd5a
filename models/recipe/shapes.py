"""How each object is drawn: one small function a shape, in a unit square from -1 to 1 with y downwards."""

import math
from collections.abc import Callable

from PIL import ImageDraw

Colour = tuple[int, int, int]
"""Red, green and blue from 0 to 255."""

Point = tuple[float, float]


class Brush:
    """Draws in the unit square of one object: (0, 0) is its centre and 1 its radius."""

    def __init__(self, canvas: ImageDraw.ImageDraw, x: float, y: float, radius: float) -> None:
        self._canvas = canvas
        self._x = x
        self._y = y
        self._radius = radius

    def polygon(self, points: list[Point], colour: Colour) -> None:
        """Fill a polygon."""
        self._canvas.polygon([(self._x + x * self._radius, self._y + y * self._radius) for x, y in points], fill=colour)

    def box(self, left: float, top: float, right: float, bottom: float, colour: Colour) -> None:
        """Fill a rectangle."""
        self._canvas.rectangle(self._bounds(left, top, right, bottom), fill=colour)

    def ellipse(self, left: float, top: float, right: float, bottom: float, colour: Colour) -> None:
        """Fill the ellipse inside a rectangle."""
        self._canvas.ellipse(self._bounds(left, top, right, bottom), fill=colour)

    def disc(self, x: float, y: float, radius: float, colour: Colour) -> None:
        """Fill a circle."""
        self.ellipse(x - radius, y - radius, x + radius, y + radius, colour)

    def _bounds(self, left: float, top: float, right: float, bottom: float) -> tuple[float, float, float, float]:
        radius = self._radius
        return self._x + left * radius, self._y + top * radius, self._x + right * radius, self._y + bottom * radius


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """Blend two colours; ``share`` of the second."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def accent(colour: Colour) -> Colour:
    """A second tone for details: darker, or lighter where the colour itself is dark."""
    return mix(colour, (0, 0, 0), 0.45) if sum(colour) > 150 else mix(colour, (255, 255, 255), 0.4)


def draw_object(canvas: ImageDraw.ImageDraw, shape: str, colour: Colour, x: float, y: float, radius: float) -> None:
    """Draw one object with its centre at (x, y); all lengths in pixels of the canvas."""
    _SHAPES[shape](Brush(canvas, x, y, radius), colour)


def _arc(x: float, y: float, radius: float, start: float, end: float, steps: int = 48) -> list[Point]:
    """Points on a circle between two angles in radians."""
    angles = [start + (end - start) * step / steps for step in range(steps + 1)]
    return [(x + radius * math.cos(angle), y + radius * math.sin(angle)) for angle in angles]


def _circle(brush: Brush, colour: Colour) -> None:
    brush.disc(0, 0, 1, colour)


def _square(brush: Brush, colour: Colour) -> None:
    brush.box(-0.9, -0.9, 0.9, 0.9, colour)


def _triangle(brush: Brush, colour: Colour) -> None:
    brush.polygon([(0, -1), (1.08, 0.87), (-1.08, 0.87)], colour)


def _star(brush: Brush, colour: Colour) -> None:
    lengths = (1.15, 0.48)
    corners = [(lengths[corner % 2], corner * math.pi / 5) for corner in range(10)]
    brush.polygon([(math.sin(angle) * length, -math.cos(angle) * length) for length, angle in corners], colour)


def _heart(brush: Brush, colour: Colour) -> None:
    # https://mathworld.wolfram.com/HeartCurve.html, the curve with the cosines of multiples.
    angles = [step / 60 * 2 * math.pi for step in range(60)]
    brush.polygon(
        [
            (
                1.05 * math.sin(t) ** 3,
                -(13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)) / 15,
            )
            for t in angles
        ],
        colour,
    )


def _ring(brush: Brush, colour: Colour) -> None:
    brush.polygon(_arc(0, 0, 1, 0, 2 * math.pi) + _arc(0, 0, 0.58, 2 * math.pi, 0), colour)


def _cross(brush: Brush, colour: Colour) -> None:
    brush.box(-0.33, -1, 0.33, 1, colour)
    brush.box(-1, -0.33, 1, 0.33, colour)


def _moon(brush: Brush, colour: Colour) -> None:
    horn = math.radians(40)
    x, y, inner_centre = math.cos(horn), math.sin(horn), 0.62
    inner_radius, inner_horn = math.hypot(x - inner_centre, y), math.atan2(y, x - inner_centre)
    outside = _arc(0, 0, 1, horn, 2 * math.pi - horn)
    brush.polygon(outside + _arc(inner_centre, 0, inner_radius, 2 * math.pi - inner_horn, inner_horn), colour)


def _house(brush: Brush, colour: Colour) -> None:
    detail = accent(colour)
    brush.box(-0.8, -0.15, 0.8, 1, colour)
    brush.polygon([(-1.1, -0.1), (0, -1.1), (1.1, -0.1)], detail)
    brush.box(-0.22, 0.35, 0.22, 1, detail)


def _tree(brush: Brush, colour: Colour) -> None:
    bark = (115, 72, 40)
    distance = sum(abs(a - b) for a, b in zip(colour, bark, strict=True))
    brush.box(-0.2, 0.2, 0.2, 1.08, bark if distance > 80 else (60, 35, 20))
    brush.disc(0, -0.28, 0.84, colour)


def _sun(brush: Brush, colour: Colour) -> None:
    brush.disc(0, 0, 0.56, colour)
    for ray in range(8):
        angle = ray * math.pi / 4
        tip, left, right = (1.15, angle), (0.7, angle - 0.24), (0.7, angle + 0.24)
        brush.polygon([(math.cos(a) * length, math.sin(a) * length) for length, a in (tip, left, right)], colour)


def _cloud(brush: Brush, colour: Colour) -> None:
    brush.disc(-0.58, 0.2, 0.48, colour)
    brush.disc(0.62, 0.24, 0.44, colour)
    brush.disc(0.05, -0.15, 0.62, colour)
    brush.box(-0.58, 0.2, 0.62, 0.68, colour)


def _flower(brush: Brush, colour: Colour) -> None:
    for petal in range(5):
        angle = petal * 2 * math.pi / 5 - math.pi / 2
        brush.disc(0.6 * math.cos(angle), 0.6 * math.sin(angle), 0.45, colour)
    brush.disc(0, 0, 0.32, accent(colour))


_SHAPES: dict[str, Callable[[Brush, Colour], None]] = {
    "circle": _circle,
    "square": _square,
    "triangle": _triangle,
    "star": _star,
    "heart": _heart,
    "ring": _ring,
    "cross": _cross,
    "moon": _moon,
    "house": _house,
    "tree": _tree,
    "sun": _sun,
    "cloud": _cloud,
    "flower": _flower,
}

OBJECTS = tuple(_SHAPES)
"""The names of the objects, in the order of the judge's classes."""
