"""The world the starter model knows: which pictures there are, how one is chosen, and how it is drawn.

A :class:`Scene` is everything a picture depends on. :func:`sample_scene` chooses one from a random generator,
:func:`draw` turns it into pixels at any size, and :func:`is_held_out` names the object × colour combinations that
training never sees, so that an evaluation can tell painting from memory.
"""

import random
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from models.recipe.shapes import OBJECTS, Colour, draw_object, mix

Pixels = npt.NDArray[np.uint8]
"""A picture: uint8, ``[height, width, 3]``, RGB."""

NATIVE_SIZE = 64
"""Height and width in pixels of the pictures the diffusion model makes."""

PALETTE: dict[str, Colour] = {
    "red": (220, 40, 40),
    "orange": (245, 140, 30),
    "yellow": (250, 220, 50),
    "green": (50, 165, 70),
    "blue": (45, 90, 220),
    "purple": (135, 55, 180),
    "pink": (250, 150, 195),
    "brown": (125, 75, 40),
    "white": (248, 248, 248),
    "black": (22, 22, 25),
}
COLOURS = tuple(PALETTE)
SKIES: dict[str, tuple[Colour, Colour, Colour]] = {
    "day": ((105, 180, 245), (200, 230, 252), (110, 190, 90)),
    "sunset": ((125, 65, 145), (255, 165, 85), (105, 65, 65)),
    "night": ((10, 14, 48), (36, 44, 100), (24, 52, 48)),
}
"""Zenith, horizon and ground of each scene."""
BACKGROUNDS = (*COLOURS, *SKIES)
SIZES = ("small", "large")
PLACES = ("center", "left", "right", "top", "bottom")
RELATIONS = ("left of", "right of", "above", "below")

PAIR_SHARE = 0.38
"""Share of pictures with two objects: at a fifth, the model drew single objects well and pairs poorly."""
_PLAIN_SHARE = 0.65
_CENTER_SHARE = 0.36
_RADIUS = {"small": 0.17, "large": 0.29}
_MARGIN = {"small": 0.24, "large": 0.32}
_PAIR_RADIUS = 0.2
_PAIR_OFFSET = 0.235
_SUPERSAMPLING = 3


@dataclass(frozen=True, slots=True)
class Thing:
    """One object of a picture."""

    shape: str
    colour: str


@dataclass(frozen=True, slots=True)
class Scene:
    """One picture: a single object with a size and a place, or two objects with a relation from first to second."""

    things: tuple[Thing, ...]
    background: str
    size: str | None
    place: str | None
    relation: str | None
    seed: int
    """Fixes the small differences between two pictures of the same caption: shade, place and size within bounds."""


def is_held_out(thing: Thing) -> bool:
    """Whether training never shows this object in this colour; one colour for each object."""
    return (OBJECTS.index(thing.shape) * 3 + COLOURS.index(thing.colour)) % len(COLOURS) == 7


def sample_scene(generator: random.Random, *, held_out: bool = False, pair: bool | None = None) -> Scene:
    """Choose a scene.

    ``held_out`` asks for scenes with at least one combination that training never sees; otherwise there is none in
    them. ``pair`` fixes the number of objects, which else follows :data:`PAIR_SHARE`.
    """
    while True:
        scene = _sample_any(generator, pair)
        if any(is_held_out(thing) for thing in scene.things) is held_out:
            return scene


def draw(scene: Scene, size: int = NATIVE_SIZE) -> Pixels:
    """Draw a scene as ``[size, size, 3]``; the same scene at another size is the same picture."""
    generator = random.Random(scene.seed)
    side = size * _SUPERSAMPLING
    canvas = _draw_background(scene.background, side, generator)
    brush = ImageDraw.Draw(canvas)
    for thing, (x, y, radius) in zip(scene.things, _layout(scene, generator), strict=True):
        shade = _jitter(PALETTE[thing.colour], generator, 6)
        draw_object(brush, thing.shape, shade, x * side, y * side, radius * side)
    return np.asarray(canvas.reduce(_SUPERSAMPLING))


def _sample_any(generator: random.Random, pair: bool | None) -> Scene:
    seed = generator.getrandbits(32)
    background = generator.choice(COLOURS if generator.random() < _PLAIN_SHARE else tuple(SKIES))
    # An object in the colour of its background could not be seen.
    visible = [name for name in COLOURS if name != background and (background, name) != ("night", "black")]
    if pair is None:
        pair = generator.random() < PAIR_SHARE
    things = tuple(Thing(generator.choice(OBJECTS), generator.choice(visible)) for _ in range(1 + pair))
    if pair:
        return Scene(things, background, None, None, generator.choice(RELATIONS), seed)
    elsewhere = (1 - _CENTER_SHARE) / (len(PLACES) - 1)
    weights = [_CENTER_SHARE if name == "center" else elsewhere for name in PLACES]
    place = generator.choices(PLACES, weights)[0]
    return Scene(things, background, generator.choice(SIZES), place, None, seed)


def _layout(scene: Scene, generator: random.Random) -> list[tuple[float, float, float]]:
    """Centre and radius of each object, as shares of the picture's side."""
    if scene.relation is not None:
        near, far = 0.5 - _PAIR_OFFSET, 0.5 + _PAIR_OFFSET
        first, second = {
            "left of": ((near, 0.5), (far, 0.5)),
            "right of": ((far, 0.5), (near, 0.5)),
            "above": ((0.5, near), (0.5, far)),
            "below": ((0.5, far), (0.5, near)),
        }[scene.relation]
        centres, radius = [first, second], _PAIR_RADIUS
    else:
        assert scene.size is not None
        assert scene.place is not None
        edge = _MARGIN[scene.size]
        centres = [
            {
                "center": (0.5, 0.5),
                "left": (edge, 0.5),
                "right": (1 - edge, 0.5),
                "top": (0.5, edge),
                "bottom": (0.5, 1 - edge),
            }[scene.place]
        ]
        radius = _RADIUS[scene.size]
    return [
        (
            x + generator.uniform(-0.015, 0.015),
            y + generator.uniform(-0.015, 0.015),
            radius * (1 + generator.uniform(-0.05, 0.05)),
        )
        for x, y in centres
    ]


def _draw_background(background: str, side: int, generator: random.Random) -> Image.Image:
    if background in PALETTE:
        return Image.new("RGB", (side, side), _jitter(PALETTE[background], generator, 6))
    zenith, horizon, ground = SKIES[background]
    canvas = Image.new("RGB", (side, side), _jitter(ground, generator, 5))
    height = round(side * (0.68 + generator.uniform(-0.02, 0.02)))
    gradient = np.array([mix(zenith, horizon, row / (height - 1)) for row in range(height)], np.uint8)
    canvas.paste(Image.fromarray(np.repeat(gradient[:, None], side, axis=1)), (0, 0))
    return canvas


def _jitter(colour: Colour, generator: random.Random, amount: float) -> Colour:
    red, green, blue = (max(0, min(255, round(channel + generator.uniform(-amount, amount)))) for channel in colour)
    return red, green, blue
