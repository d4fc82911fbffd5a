"""What can be said of a picture, as class numbers: what the text encoder learns to know and the judge to see.

Two captions of the same picture get the same labels: of a pair, the first thing is the left or the upper one, whichever
way the caption says it.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from models.recipe.shapes import OBJECTS
from models.recipe.world import BACKGROUNDS, COLOURS, PLACES, SIZES, Scene

LAYOUTS = (*PLACES, "side by side", "one above the other")

HEADS: dict[str, int] = {
    "layout": len(LAYOUTS),
    "shape": len(OBJECTS),
    "colour": len(COLOURS),
    "other shape": len(OBJECTS) + 1,
    "other colour": len(COLOURS) + 1,
    "background": len(BACKGROUNDS),
    "size": len(SIZES) + 1,
}
"""The questions and their numbers of classes; the last class of the other thing and of the size is "none"."""


def labels_of(scene: Scene) -> dict[str, int]:
    """The class of each question in :data:`HEADS`."""
    background = BACKGROUNDS.index(scene.background)
    if scene.relation is None:
        assert scene.place is not None
        assert scene.size is not None
        (thing,) = scene.things
        return {
            "layout": LAYOUTS.index(scene.place),
            "shape": OBJECTS.index(thing.shape),
            "colour": COLOURS.index(thing.colour),
            "other shape": len(OBJECTS),
            "other colour": len(COLOURS),
            "background": background,
            "size": SIZES.index(scene.size),
        }
    first, second = scene.things
    if scene.relation in ("right of", "below"):
        first, second = second, first
    layout = "side by side" if scene.relation in ("left of", "right of") else "one above the other"
    return {
        "layout": LAYOUTS.index(layout),
        "shape": OBJECTS.index(first.shape),
        "colour": COLOURS.index(first.colour),
        "other shape": OBJECTS.index(second.shape),
        "other colour": COLOURS.index(second.colour),
        "background": background,
        "size": len(SIZES),
    }


def label_tensors(scenes: Sequence[Scene]) -> dict[str, Tensor]:
    """The labels of several scenes: int64 ``[batch]`` for each question."""
    labels = [labels_of(scene) for scene in scenes]
    return {head: torch.tensor([label[head] for label in labels]) for head in HEADS}
