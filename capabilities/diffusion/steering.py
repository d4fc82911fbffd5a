"""What may be said of a picture that steers: its type, how much and when."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from mintaka.capabilities.arguments import Options, option, parse_options
from mintaka.capabilities.images import ImageArgument
from mintaka.capabilities.order import Unfit
from mintaka.capabilities.widgets import Phase
from mintaka.engine import controls
from mintaka.engine.controls import ABOUT, ControlType
from mintaka.engine.preparing import MAX_CONTROLS
from mintaka.runtime.errors import HostFault, TypeFault

TYPES = ", ".join(ControlType)


def type_name(name: str) -> str:
    """The name of the control type, as a restriction keeps it. Raises Unfit where there is none of that name."""
    found = controls.find(name)
    if found is None:
        raise Unfit(f"control types: {TYPES}")
    return found.value


class Steering(Options):
    """How one picture steers."""

    type: str | None = option(
        label="Type",
        help="What the picture shows, where it is not said before.",
        choices=tuple(ControlType),
        max_length=40,
        narrowed_by="allowed_types",
        phase=Phase.INPUT,
    )
    strength: float = option(
        1.0, label="Strength", help="How much the picture steers.", ge=0, le=2, soft=(0, 1.5), phase=Phase.SAMPLING
    )
    start: float = option(
        0.0,
        label="Start",
        help="From which fraction of the steps on the picture steers.",
        ge=0,
        le=1,
        soft=(0, 1),
        phase=Phase.SAMPLING,
    )
    end: float = option(
        1.0,
        label="End",
        help="Up to which fraction of the steps the picture steers.",
        ge=0,
        le=1,
        soft=(0, 1),
        phase=Phase.SAMPLING,
    )
    preprocess: bool = option(
        False,
        label="Preprocess",
        help="Make the control picture of the one given, which is a control picture otherwise.",
        phase=Phase.INPUT,
    )
    controlnet: str | None = option(
        label="ControlNet",
        help="Which one reads the picture; left out, the first of the type that fits the model.",
        max_length=200,
        phase=Phase.MODEL,
    )


def control_type(name: str | None) -> ControlType:
    """The control type called ``name``. Raises HostFault ``invalid_params``."""
    found = controls.find(name or "")
    if found is None:
        why = f"there is no control type “{name[:20]}”" if name else "the control type is not said"
        raise HostFault(
            f"{why}; there are {TYPES}", kind="invalid_params", hint=f"use one of {TYPES}", data={"argument": "type"}
        )
    return found


def further_controls(call: str, given: Sequence[Any]) -> Iterator[tuple[ImageArgument, Steering, str]]:
    """The controls beside the first, as they are ``given`` to the method ``call``.

    Raises TypeFault and HostFault as options do.
    """
    if len(given) >= MAX_CONTROLS:
        raise HostFault(
            f"{len(given)} further controls are too many; a picture is steered by {MAX_CONTROLS} at most",
            kind="invalid_params",
            data={"option": "controls"},
        )
    for number, each in enumerate(given, start=1):
        name = f"controls[{number}]"
        picture = ImageArgument.of(each.get("image")) if isinstance(each, Mapping) else None
        if picture is None:
            raise TypeFault(f"`{name}` of {call} takes an object with an image and a type, {{:image :type}}")
        how = parse_options(call, Steering, {key: each[key] for key in each if key != "image"})
        yield picture, cast(Steering, how), name


def refuse_unmade(kind: ControlType) -> None:
    """Raises HostFault ``unsupported`` where nothing here makes control pictures of ``kind``."""
    missing = ABOUT[kind].missing
    if missing is not None:
        raise unsupported(f"control pictures of type {kind} cannot be made: {missing}", "set preprocess to false")


def unsupported(message: str, hint: str) -> HostFault:
    """The refusal of what cannot be done with what there is."""
    return HostFault(message, kind="unsupported", hint=hint)
