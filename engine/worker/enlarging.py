"""Enlarging a picture that is given, without drawing: by arithmetic."""

from functools import partial

from PIL import Image

from mintaka.engine import receipt
from mintaka.engine.requests import Interpolation, OnStep, Picture, Resample, Step
from mintaka.engine.worker import decoding, finishing
from mintaka.engine.worker.stepping import Lane, aside

FILTERS = {
    Interpolation.LANCZOS: Image.Resampling.LANCZOS,
    Interpolation.BICUBIC: Image.Resampling.BICUBIC,
    Interpolation.BILINEAR: Image.Resampling.BILINEAR,
    Interpolation.NEAREST: Image.Resampling.NEAREST,
    Interpolation.AREA: Image.Resampling.BOX,
}


def resample(request: Resample, on_step: OnStep) -> list[Picture]:
    """The picture of ``request`` enlarged. Raises BadImage."""
    picture = aside(partial(_resample, request), Lane.FINISH)
    on_step(Step(1, 1))
    return [picture]


def _resample(request: Resample) -> Picture:
    image = enlarged(decoding.decode(request.image), request.factor, request.interpolation)
    return finished(request, image)


def enlarged(image: Image.Image, factor: int, interpolation: Interpolation) -> Image.Image:
    """``image`` made ``factor`` times as wide and high; colours count by their opacity."""
    return image.resize((image.width * factor, image.height * factor), FILTERS[interpolation])


def finished(request: Resample, image: Image.Image, notes: tuple[str, ...] = ()) -> Picture:
    """``image`` as a file with its receipt."""
    data = finishing.png(image, receipt.plain_chunks(request, notes, image.size))
    return Picture(data, *image.size, None, notes)
