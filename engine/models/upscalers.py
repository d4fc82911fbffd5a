"""Which upscaler is the best for a factor, those that models bring along, and what to say where one is missing."""

from collections.abc import Iterable, Iterator, Sequence

from mintaka.engine.errors import NoSuchModel
from mintaka.engine.models.info import ModelInfo
from mintaka.engine.models.kinds import SAFETENSORS
from mintaka.engine.models.weights import UpscalerInfo

ENDING = SAFETENSORS

BEST = ("esrgan", "realesrgan")
"""Names that mean the best upscaler there is for a factor."""

WHERE = f"put its {ENDING} file into a folder `esrgan` in the models folder"


def best_upscaler(upscalers: Sequence[UpscalerInfo], factor: int) -> UpscalerInfo | None:
    """The one that fits ``factor`` best: of that factor or of one that is not told, then the least above, then below.

    Of equals the first.
    """
    return min(upscalers, key=lambda each: _distance(each.factor, factor), default=None)


def no_such_upscaler(message: str, names: Sequence[str]) -> NoSuchModel:
    """What to say where an upscaler is missing."""
    hint = f"there {'is' if len(names) == 1 else 'are'} {', '.join(names)}" if names else WHERE
    return NoSuchModel(f"{message}; {hint}", hint=hint)


def no_such_face_model(message: str, names: Sequence[str]) -> NoSuchModel:
    """What to say where a face model is missing."""
    where = f"put the {ENDING} file of one into a folder `facerestore` in the models folder"
    hint = f"there {'is' if len(names) == 1 else 'are'} {', '.join(names)}" if names else where
    return NoSuchModel(f"{message}; {hint}", hint=hint)


def brought_along(models: Iterable[ModelInfo]) -> Iterator[UpscalerInfo]:
    """The upscalers of ``models``, which can enlarge any picture, though they were made for one model's."""
    for model in models:
        if model.enlarge is not None and model.enlarge.file.endswith(ENDING):
            path = model.folder / model.enlarge.file
            title = f"{path.stem} of {model.title}"
            yield UpscalerInfo(id=path.stem, title=title, path=path, factor=model.enlarge.factor)


def _distance(own: int | None, factor: int) -> tuple[int, int]:
    if own is None or own == factor:
        return 0, 0
    return (1, own) if own > factor else (2, -own)
