"""Where the parts that come with the program lie: the starter model and the web page."""

from importlib.resources import files
from pathlib import Path


def shipped_models() -> Path:
    """The folder of models in the package."""
    return Path(str(files("mintaka"))) / "models"


def web_bundle() -> Path:
    """The folder of the built web page in the package; it may not be there."""
    return Path(str(files("mintaka"))) / "web" / "dist"
