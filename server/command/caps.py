"""``mintaka caps``: the capabilities the owner of the token holds."""

from pathlib import Path
from typing import Annotated

import typer

from mintaka.server.command.faults import CommandFault

caps_app = typer.Typer(name="caps", help="The capabilities you hold.", no_args_is_help=True)


@caps_app.callback()
def caps() -> None:
    """The capabilities you hold."""


@caps_app.command("list")
def list_caps(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    url: Annotated[str | None, typer.Option(help="Address of a server, like ws://127.0.0.1:8321.")] = None,
    token: Annotated[str | None, typer.Option(help="Token for --url.", envvar="MINTAKA_TOKEN")] = None,
    data: Annotated[Path | None, typer.Option(help="Data folder of the server.")] = None,
) -> None:
    """List the capabilities you hold and how each is narrowed. Example: mintaka caps list --json"""
    import asyncio
    import json

    held = asyncio.run(_held(url, token, data))
    if as_json:
        typer.echo(json.dumps(held, ensure_ascii=False))
        return
    for cap in held:
        narrowed = json.dumps(cap["restrictions"], ensure_ascii=False) if cap["restrictions"] else "unrestricted"
        typer.echo(f"{cap['type']:<24}{cap['label'] or '':<20}{narrowed}")


async def _held(url: str | None, token: str | None, data: Path | None) -> list[dict[str, object]]:
    from mintaka.client import ClientError
    from mintaka.server.command.folder import data_folder
    from mintaka.server.command.reach import reach
    from mintaka.server.command.show import plain

    try:
        async with reach(data_folder(data), url, token) as reached:
            held = plain(await reached.connection.call("capabilities.list"), [])
    except ClientError as error:
        raise CommandFault(str(error)) from None
    return held if isinstance(held, list) else []
