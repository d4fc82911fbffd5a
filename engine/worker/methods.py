"""Which story each kind of request is. A new kind that is no drawing registers its own here."""

from functools import singledispatch

from mintaka.engine.messages import Files
from mintaka.engine.requests import Drawing, Edit, FaceRestore, OnStep, Picture, Preprocess, Request, Resample, Upscale
from mintaka.engine.worker import (  # they register their planners
    controlling,
    drawing,
    editing,
    enlarging,
    inpainting,  # noqa: F401
    redrawing,  # noqa: F401
    restoring,
)
from mintaka.engine.worker.loading import Shelf


@singledispatch
def run(request: Request, files: Files, shelf: Shelf, on_step: OnStep) -> list[Picture]:
    """Make the pictures of ``request``, in its own greenlet. Raises EngineError and what is below it."""
    raise TypeError(f"there is no story for {type(request).__name__}")


@run.register
def _drawing(request: Drawing, files: Files, shelf: Shelf, on_step: OnStep) -> list[Picture]:
    return drawing.draw(request, files, shelf, on_step)


@run.register
def _resample(request: Resample, files: Files, shelf: Shelf, on_step: OnStep) -> list[Picture]:
    return enlarging.resample(request, on_step)


@run.register
def _preprocess(request: Preprocess, files: Files, shelf: Shelf, on_step: OnStep) -> list[Picture]:
    return controlling.preprocess(request)


@run.register
def _upscale(request: Upscale, files: Files, shelf: Shelf, on_step: OnStep) -> list[Picture]:
    return enlarging.upscale(request, files, shelf, on_step)


@run.register
def _edit(request: Edit, files: Files, shelf: Shelf, on_step: OnStep) -> list[Picture]:
    return editing.edit(request)


@run.register
def _face_restore(request: FaceRestore, files: Files, shelf: Shelf, on_step: OnStep) -> list[Picture]:
    return restoring.restore(request, files, shelf, on_step)
