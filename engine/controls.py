"""Kinds of pictures that steer what is drawn: their names, what each shows, and which are made here from a picture."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class ControlType(StrEnum):
    """What a control picture shows."""

    CANNY = "canny"
    SCRIBBLE = "scribble"
    SOFTEDGE = "softedge"
    TILE = "tile"
    DEPTH = "depth"
    POSE = "pose"


@dataclass(frozen=True, slots=True, kw_only=True)
class PreprocessOptions:
    """How a control picture is made; each kind reads those that mean something to it."""

    low_threshold: float = 100
    """Canny and scribble: edges weaker than this are none; those between are some where they go on from stronger."""
    high_threshold: float = 200
    radius: float = 1.0
    """Soft edges and scribble: over how many pixels what is small is smoothed first."""
    thickness: int | None = None
    """Scribble: pixels across a stroke; ``None``: what suits the size."""


@dataclass(frozen=True, slots=True)
class About:
    """What a person should know of a kind."""

    label: str
    description: str
    missing: str | None = None
    """Why a picture cannot be brought into this form here; ``None`` where it can."""


ABOUT: Mapping[ControlType, About] = {
    ControlType.CANNY: About("Canny edges", "Follows the edges of a picture, thin and white on black."),
    ControlType.SCRIBBLE: About("Scribble", "Follows thick strokes, white on black, as drawn by hand."),
    ControlType.SOFTEDGE: About("Soft edges", "Follows the outlines of a picture, the brighter the stronger they are."),
    ControlType.TILE: About("Tile", "Keeps the colours and the large forms of a picture, and makes its details anew."),
    ControlType.DEPTH: About(
        "Depth",
        "Follows how near everything is: white is near, black is far.",
        "nothing here tells depth from a picture; give a picture of depths itself",
    ),
    ControlType.POSE: About(
        "Pose",
        "Follows the pose of a person, drawn as coloured bones on black.",
        "nothing here finds the pose of a person in a picture; give a picture of the bones itself",
    ),
}

ALIASES: Mapping[str, ControlType] = {
    "hed": ControlType.SOFTEDGE,
    "edges": ControlType.CANNY,
    "openpose": ControlType.POSE,
    "softedges": ControlType.SOFTEDGE,
}
"""What other programs call them."""

LINES = frozenset({ControlType.CANNY, ControlType.SCRIBBLE, ControlType.SOFTEDGE})
"""Kinds of white lines on black, which must not fade away when a picture of them is made smaller."""


def find(name: str) -> ControlType | None:
    """The kind of that name, in any case and with or without separators; ``None`` where there is none."""
    plain = "".join(each for each in name.casefold() if each.isalnum())
    return ALIASES.get(plain) or (ControlType(plain) if plain in set(ControlType) else None)
