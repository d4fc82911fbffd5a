"""How an editor shows what a method takes: the control, and the part of the work it belongs to."""

from collections.abc import Mapping
from enum import StrEnum

from mintaka.capabilities.images import Image, ImageArgument


class Widget(StrEnum):
    """The control in which a value is given."""

    TEXT = "text"
    """One line."""
    PROSE = "prose"
    """Several lines."""
    NUMBER = "number"
    SLIDER = "slider"
    """A number of a soft range, which the control spans."""
    SEED = "seed"
    """A number that can also be drawn anew."""
    SELECT = "select"
    """One of the choices."""
    SWITCH = "switch"
    IMAGE = "image"
    LIST = "list"
    OBJECT = "object"


class Phase(StrEnum):
    """The part of the work that reads a value. Editors group by it; what comes before it is the same for any value."""

    PROMPT = "prompt"
    """What is asked for in words."""
    MODEL = "model"
    """What does the work."""
    INPUT = "input"
    """Pictures that are started from."""
    SIZE = "size"
    SAMPLING = "sampling"
    """From noise to a picture."""
    OUTPUT = "output"
    """What happens with the finished picture."""
    LIMITS = "limits"
    """What the call may take."""


_USUAL: Mapping[type, Widget] = {
    str: Widget.TEXT,
    int: Widget.NUMBER,
    float: Widget.NUMBER,
    bool: Widget.SWITCH,
    list: Widget.LIST,
    dict: Widget.OBJECT,
    Image: Widget.IMAGE,
    ImageArgument: Widget.IMAGE,
    object: Widget.OBJECT,
}


def usual(kind: type, *, chosen: bool = False, soft: bool = False) -> Widget:
    """The control of a value of type ``kind``: ``chosen`` from a list, or with a ``soft`` range."""
    if chosen:
        return Widget.SELECT
    return Widget.SLIDER if soft else _USUAL[kind]
