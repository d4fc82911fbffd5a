"""Settings as the commands see them."""

from pathlib import Path
from typing import TYPE_CHECKING

from mintaka.server.command.faults import CommandFault

if TYPE_CHECKING:
    from mintaka.server.settings import Settings


def load_settings(**flags: object) -> "Settings":
    """All settings, flags first. Raises `CommandFault` for one that cannot be used."""
    from mintaka.server.settings import BadSettings, Settings

    try:
        return Settings.load(**flags)
    except BadSettings as error:
        raise CommandFault(str(error)) from None


def data_folder(flag: Path | None) -> Path:
    """The data folder: the flag, else what the settings say."""
    return flag if flag is not None else load_settings().data
