"""Bring a database to the newest schema when it is opened.

Alembic is loaded only where there is something to migrate: a server that starts on a current database should not wait
for it.
"""

from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from mintaka.storage.errors import StorageFailed
from mintaka.storage.schema import REVISION


def upgrade(engine: Engine) -> None:
    """Run the migrations the database lacks, all in one transaction.

    Raises `StorageFailed` where the database was made by a newer Mintaka, whose tables this one does not know.
    """
    with engine.begin() as connection:
        if revision(connection) != REVISION:
            _run_alembic(connection)


def revision(connection: Connection) -> str | None:
    """The migration the database stands at; ``None`` for an empty one."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _run_alembic(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise StorageFailed(
            "the database was made by a newer version of Mintaka",
            hint="install that version, or start with an empty data folder",
        ) from error
