"""The folders in which models are found."""

import difflib
from collections.abc import Iterable, Iterator
from pathlib import Path

from mintaka.engine.errors import NoSuchModel
from mintaka.engine.models.info import INDEX, BadModel, ModelInfo, read_model

DEPTH = 2
"""How far below a given folder models are looked for: ``starter`` and ``owner/name``."""


class ModelFolder:
    """The models in ``paths``: each path is a model itself or holds models, at most two folders deep.

    A model's id is what its sidecar says, else its path below the given folder. Of two with one id the first counts.
    The folders are read anew at every question, so a model put there is found without a restart.
    """

    def __init__(self, paths: Iterable[Path]) -> None:
        self._paths = tuple(paths)

    def list(self) -> list[ModelInfo]:
        """Every usable model, in the order of the folders and then of their names; for the others see `faults`."""
        return list(self._scan()[0].values())

    def faults(self) -> tuple[BadModel, ...]:
        """Why folders that look like models cannot be used."""
        return tuple(self._scan()[1].values())

    def get(self, model_id: str) -> ModelInfo:
        """The model called ``model_id``.

        Raises NoSuchModel with the nearest names, or BadModel when the folder is there but cannot be used.
        """
        models, faults = self._scan()
        if model_id in models:
            return models[model_id]
        if model_id in faults:
            raise faults[model_id]
        near = difflib.get_close_matches(model_id, models, n=3, cutoff=0.5)
        if not models:
            hint = "no models are installed"
        elif near:
            hint = f"did you mean {' or '.join(near)}?"
        else:
            hint = f"there are {', '.join(models)}"
        raise NoSuchModel(f"there is no model called “{model_id}”; {hint}", hint=hint)

    def _scan(self) -> tuple[dict[str, ModelInfo], dict[str, BadModel]]:
        models: dict[str, ModelInfo] = {}
        faults: dict[str, BadModel] = {}
        for root in self._paths:
            for path in _model_folders(root, DEPTH):
                name = path.relative_to(root).as_posix() if path != root else path.name
                try:
                    info = read_model(path, name)
                except BadModel as fault:
                    faults.setdefault(name, fault)
                else:
                    models.setdefault(info.id, info)
        return models, faults


def _model_folders(path: Path, depth: int) -> Iterator[Path]:
    if (path / INDEX).is_file():
        yield path
    elif depth and path.is_dir():
        for child in sorted(path.iterdir()):
            yield from _model_folders(child, depth - 1)
