"""Where things lie: the models, and the parts that come with the program."""

from importlib.resources import files
from pathlib import Path

from mintaka.engine.models.folder import ModelFolder
from mintaka.server.extra_paths import extra_places
from mintaka.server.settings import Settings


def model_folder(settings: Settings) -> ModelFolder:
    """The models of the settings, those of other programs that they name, and those in the package."""
    own = own_model_folders(settings)
    others = [place for file in settings.extra_model_paths for place in extra_places(file)]
    return ModelFolder((*own, *others, shipped_models()), settings.model_aliases)


def own_model_folders(settings: Settings) -> tuple[Path, ...]:
    """The folders of the owner's models: those of the settings, else one in the data folder."""
    folders = settings.models or (settings.data / "models",)
    return tuple(each.expanduser().absolute() for each in folders)


def shipped_models() -> Path:
    """The folder of models in the package."""
    return Path(str(files("mintaka"))) / "models"


def web_bundle() -> Path:
    """The folder of the built web page in the package; it may not be there."""
    return Path(str(files("mintaka"))) / "web" / "dist"
