"""The powers a run is given from outside. A run without a power cannot reach what the power is for."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

Emit = Callable[[str, Mapping[str, object]], None]
"""Takes a run event: ``log {text}``, ``progress {step, steps, fraction}``, ``preview {image: bytes, mime}``,
``asset {asset, width, height}``."""


def _discard(kind: str, data: Mapping[str, object]) -> None:
    """Nobody listens to the run's events."""


@dataclass(frozen=True, slots=True)
class Powers:
    """What a run may ask of the world.

    ``clock`` gives the time as UTC epoch seconds, ``random`` the random numbers, ``emit`` takes run events, and
    ``hosts`` holds the objects of the host that ops find with `Run.host` (the session's grant, the engine …).
    """

    clock: Callable[[], float]
    random: random.Random
    emit: Emit = _discard
    hosts: Mapping[type, object] = field(default_factory=dict)
