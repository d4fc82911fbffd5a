"""The powers a run is given from outside. A run without a power cannot reach what the power is for."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from mintaka.runtime.garbage import Garbage
from mintaka.runtime.values import HostObject

Emit = Callable[[str, Mapping[str, object]], None]
"""Takes a run event: ``log {text}`` (a warning has ``level``, a message of `send` has ``type``),
``progress {step, steps, fraction}``, ``preview {image: bytes, mime}``, ``asset {asset, width, height}``."""


def _discard(kind: str, data: Mapping[str, object]) -> None:
    """Nobody listens to the run's events."""


@dataclass(frozen=True, slots=True)
class Powers:
    """What a run may ask of the world.

    ``clock`` gives the time as UTC epoch seconds, ``random`` the random numbers, ``emit`` takes run events, and
    ``hosts`` holds the objects of the host that ops find with `Run.host` (the session's grant, the engine …).
    ``garbage`` is what frees the run's data in cycles, one for a whole process.
    ``this`` and ``caller`` are the entities that a script belongs to and is run by, in a world that has any.
    """

    clock: Callable[[], float]
    random: random.Random
    emit: Emit = _discard
    hosts: Mapping[type, object] = field(default_factory=dict)
    this: HostObject | None = None
    caller: HostObject | None = None
    garbage: Garbage = field(default_factory=Garbage)
