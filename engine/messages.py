"""What the supervisor and a worker say to each other, as plain maps for `mintaka.engine.frames`.

    supervisor → worker    start (over standard input)   request   load   cancel
    worker → supervisor    hello   ready   unable   beat   step   done   failed   cancelled

The worker knows no users and no capabilities: it is told what to make and which files to make it with.
"""

import functools
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from mintaka.engine.errors import (
    BadImage,
    DeadlineExceeded,
    EngineError,
    NoSuchModel,
    OutOfDeviceMemory,
    Unsupported,
    WorkerCrashed,
)
from mintaka.engine.frames import Message
from mintaka.engine.models.info import BadModel
from mintaka.engine.requests import REQUESTS, Picture, Request, Step


@dataclass(frozen=True, slots=True)
class Start:
    """What a worker is told once, over its standard input, before anything else."""

    token: bytes
    """It says this back over the socket, so that the supervisor knows who is at the other end."""
    socket: int
    """The file descriptor of its end of the socket pair."""
    device: str
    """A torch device: ``cpu``, ``cuda:0``."""
    threads: int | None
    """Threads one operation on the CPU may use; ``None`` is one for every core."""
    keep_bytes: int | None
    """Models are kept loaded up to this many bytes of weights; ``None``: as many as are usual for the device."""
    memory_bytes: int | None = None
    """Main memory it may hold, or ``None``."""
    identities: str | None = None
    """The file in which the identities of weights are recorded, or ``None`` for none."""


def start_message(start: Start) -> Message:
    """``start`` as a message."""
    return {"kind": "start", **asdict(start)}


def start_from(message: Message) -> Start:
    """The other way."""
    return Start(**{field.name: message[field.name] for field in fields(Start)})


Files = Mapping[str, Path]
"""The files and folders a request needs, by what they are to it: `MODEL`, `controlnet_role`."""

MODEL = "model"
"""The folder of the model that draws."""

PART = "part "
"""What the role of a part of the model begins with."""

FACE_MODEL = "face model"
"""The file of a model that restores faces."""

UPSCALER = "upscaler"
"""The file of an upscaler."""


def part_role(name: str) -> str:
    """The file or folder of the part ``name`` that the model has from elsewhere, as ``vae``."""
    return f"{PART}{name}"


def controlnet_role(number: int) -> str:
    """The folder of the ControlNet that reads control ``number`` of a request, counted from 0."""
    return f"controlnet {number}"


def lora_role(number: int) -> str:
    """The file of a drawing's LoRA of that number, counted from 0."""
    return f"lora {number}"


def embedding_role(number: int) -> str:
    """The file of a drawing's embedding of that number, counted from 0."""
    return f"embedding {number}"


@functools.cache
def _reader(method: str) -> TypeAdapter[Any]:
    return TypeAdapter(next(kind for kind in REQUESTS if kind.method == method))


def request_message(number: int, files: Files, request: Request) -> Message:
    """Request ``number``: make ``request`` with ``files``."""
    return {
        "kind": "request",
        "id": number,
        "method": request.method,
        "files": {role: str(path) for role, path in files.items()},
        "request": asdict(request),
    }


def load_message(number: int, files: Files, model: str) -> Message:
    """Load the model called ``model``, which is in ``files``, before it is asked for."""
    return {"kind": "load", "id": number, "files": {role: str(path) for role, path in files.items()}, "model": model}


def request_from(message: Message) -> Request:
    """The request in the message."""
    request: Request = _reader(message["method"]).validate_python(message["request"])
    return request


def files_from(message: Message) -> Files:
    """The files in the message."""
    return {role: Path(path) for role, path in message["files"].items()}


def step_message(number: int, step: Step) -> Message:
    """A step of request ``number`` is done."""
    return {"kind": "step", "id": number, **asdict(step)}


def step_from(message: Message) -> Step:
    """The step in the message."""
    return Step(**{field.name: message[field.name] for field in fields(Step)})


def done_message(number: int, pictures: list[Picture]) -> Message:
    """Request ``number`` is finished."""
    return {"kind": "done", "id": number, "pictures": [asdict(picture) for picture in pictures]}


def pictures_from(message: Message) -> list[Picture]:
    """The pictures in the message."""
    return [Picture(**{**picture, "notes": tuple(picture["notes"])}) for picture in message["pictures"]]


ERRORS: dict[str, type[EngineError]] = {
    error.__name__: error
    for error in (
        EngineError,
        NoSuchModel,
        Unsupported,
        BadModel,
        BadImage,
        WorkerCrashed,
        OutOfDeviceMemory,
        DeadlineExceeded,
    )
}
"""Errors by the name they have on the way."""


def failed_message(number: int, error: EngineError) -> Message:
    """Request ``number`` has failed."""
    name = type(error).__name__
    return {"kind": "failed", "id": number, "error": name, "message": error.message, "hint": error.hint}


def error_from(message: Message) -> EngineError:
    """The error in the message."""
    return ERRORS[message["error"]](message["message"], hint=message["hint"])
