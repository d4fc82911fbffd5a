"""Faces of a picture made anew by a face model that spandrel reads (GFPGAN, CodeFormer, RestoreFormer)."""

from functools import partial

import numpy as np
import torch
from PIL import Image

from mintaka.engine import receipt
from mintaka.engine.errors import BadImage
from mintaka.engine.messages import FACE_MODEL, Files
from mintaka.engine.requests import FaceRestore, OnStep, Picture, Step
from mintaka.engine.worker import decoding, faces, finishing
from mintaka.engine.worker.forwards import Entry, Forward
from mintaka.engine.worker.loading import Shelf
from mintaka.engine.worker.stepping import Lane, aside, call
from mintaka.engine.worker.trees import PLAIN

RANK = 2
"""Faces take turns with the steps of drawings."""


def restore(request: FaceRestore, files: Files, shelf: Shelf, on_step: OnStep) -> list[Picture]:
    """The picture of ``request`` with its faces restored; a step is a face. Raises BadImage, BadModel."""
    image = aside(partial(decoding.decode, request.image), Lane.FINISH)
    picture = image.convert("RGB")
    found = aside(partial(faces.find, picture, request.faces), Lane.FINISH)
    if not found:
        raise BadImage(
            "no face was found in the picture; faces are found that look this way and are not too small",
            hint="give a picture of which a face is a larger part",
        )
    model = aside(partial(shelf.face_models.get, files[FACE_MODEL]), Lane.LOAD)
    entry = Entry(model.model.model, "__call__", model, ("images",), PLAIN)
    for number, face in enumerate(found, start=1):
        pixels = aside(partial(_cut, picture, face), Lane.FINISH)
        restored: torch.Tensor = call(Forward.of(entry, (pixels,), {}), RANK)
        aside(partial(_put_back, picture, face, restored, request.strength), Lane.FINISH)
        on_step(Step(number, len(found)))
    notes = (f"{len(found)} face{'s' if len(found) > 1 else ''} restored",)
    return [aside(partial(_finished, request, image, picture, notes), Lane.FINISH)]


def _cut(picture: Image.Image, face: faces.Face) -> torch.Tensor:
    colours = np.array(faces.cut(picture, face), np.float32) / 255
    return torch.from_numpy(colours).permute(2, 0, 1)[None]


def _put_back(picture: Image.Image, face: faces.Face, restored: torch.Tensor, strength: float) -> None:
    finishing.check_numbers(restored)
    [made] = finishing.as_images(restored)
    faces.put_back(picture, face, made, strength)


def _finished(request: FaceRestore, image: Image.Image, picture: Image.Image, notes: tuple[str, ...]) -> Picture:
    if image.mode == "RGBA":
        picture.putalpha(image.getchannel("A"))
    data = finishing.png(picture, receipt.plain_chunks(request, notes, picture.size))
    return Picture(data, *picture.size, None, notes)
