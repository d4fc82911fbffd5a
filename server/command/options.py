"""Options that many commands take, and what can be typed where a server would know."""

from pathlib import Path
from typing import Annotated, Any

import typer

from mintaka.server.command.faults import CommandFault

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Url = Annotated[str | None, typer.Option(help="Address of a server, like ws://127.0.0.1:8321.")]
Token = Annotated[str | None, typer.Option(help="Token for --url.", envvar="MINTAKA_TOKEN")]
Data = Annotated[Path | None, typer.Option(help="Data folder of the server.")]
Out = Annotated[Path, typer.Option("--out", "-o", help="Folder for the pictures.")]

_SECONDS = {"m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}


def ttl(text: str) -> float:
    """The seconds of ``--expires``: 30m, 12h, 7d, 2w. Raises `CommandFault`."""
    try:
        seconds = float(text[:-1]) * _SECONDS[text[-1:]]
    except (ValueError, KeyError):
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise CommandFault(f"--expires {text}: write it as a number with m, h, d or w behind it, like 7d.")
    return seconds


def listed(method: str, key: str) -> list[str]:
    """For shell completion: the ``key`` of all that a method of the running server lists; nothing where none runs."""
    import asyncio

    from mintaka.client import ClientError, connect
    from mintaka.server.command.folder import data_folder
    from mintaka.server.datafolder import running_server

    running = running_server(data_folder(None))

    async def ask() -> Any:
        assert running is not None
        async with connect(running.url, running.token) as connection:
            return await connection.call(method)

    try:
        return [] if running is None else [str(each[key]) for each in asyncio.run(ask())]
    except (ClientError, CommandFault):
        return []
