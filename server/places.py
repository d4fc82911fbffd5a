"""Where things lie: the models, and the parts that come with the program."""

from importlib.resources import files
from pathlib import Path

from mintaka.engine.models.folder import ModelFolder
from mintaka.server.settings import Settings


def model_folder(settings: Settings) -> ModelFolder:
    """The models of the settings and those in the package."""
    return ModelFolder((*settings.models, shipped_models()), settings.model_aliases)


def shipped_models() -> Path:
    """The folder of models in the package."""
    return Path(str(files("mintaka"))) / "models"


def web_bundle() -> Path:
    """The folder of the built web page in the package; it may not be there."""
    return Path(str(files("mintaka"))) / "web" / "dist"
