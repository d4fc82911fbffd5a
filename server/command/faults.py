"""What a command tells a person instead of failing with a traceback."""

from collections.abc import Iterator
from contextlib import contextmanager

EXTRA_OF = {
    "alembic": "server",
    "blake3": "server",
    "httpx": "server",
    "huggingface_hub": "engine",
    "mcp": "mcp",
    "PIL": "server",
    "psycopg": "postgres",
    "sqlalchemy": "server",
    "starlette": "server",
    "structlog": "server",
    "uvicorn": "server",
    "yaml": "server",
}
"""Which extra brings which library."""


class CommandFault(Exception):
    """The command cannot go on; the message is one line that says what to do."""


@contextmanager
def extras_explained() -> Iterator[None]:
    """Turn a missing library into the name of the extra that brings it."""
    try:
        yield
    except ModuleNotFoundError as error:
        extra = EXTRA_OF.get((error.name or "").partition(".")[0])
        if extra is None:
            raise
        raise CommandFault(
            f"This needs {error.name}, which is not installed. Add it with: pip install 'mintaka[{extra}]'"
        ) from None
