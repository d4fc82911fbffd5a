"""``mintaka call``: call an endpoint, with its parameters as options."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mintaka.server.command.faults import CommandFault
from mintaka.server.command.options import AsJson, Data, Out, Token, Url, listed
from mintaka.server.command.run import CANCELLED

if TYPE_CHECKING:
    from mintaka.client import Connection

HELP = ("-h", "--help")


def _names(incomplete: str) -> list[str]:
    return [name for name in listed("endpoints.list", "name") if name.startswith(incomplete)]


def call(
    context: typer.Context,
    name: Annotated[
        str | None, typer.Argument(help="The endpoint; without, all you may call.", autocompletion=_names)
    ] = None,
    url: Url = None,
    token: Token = None,
    data: Data = None,
) -> None:
    """Call an endpoint and save its pictures; its parameters are options, told by `mintaka call NAME --help`.

    Example: mintaka call poster --prompt "a red circle" --steps 8
    """
    import asyncio

    if name is None and not context.args:
        name = ""
    if name in (None, *HELP):
        typer.echo(context.get_help())
        return
    if name is not None and name.startswith("-"):
        raise CommandFault("Say the name of the endpoint first: mintaka call NAME --steps 8")
    try:
        code = asyncio.run(_call(str(name), list(context.args), url, token, data))
    except KeyboardInterrupt:
        typer.echo("Cancelled.", err=True)
        code = CANCELLED
    raise typer.Exit(code)


def own(
    *,
    out: Out = Path("pictures"),
    as_json: AsJson = False,
    key: Annotated[str | None, typer.Option(help="What you call this request: asking twice is asking once.")] = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for the result, or print the job's id.")] = True,
    number: Annotated[int | None, typer.Option(min=1, help="The version; without, the newest.")] = None,
) -> None:
    """The options of every call, beside the parameters."""


async def _call(name: str, line: list[str], url: str | None, token: str | None, data: Path | None) -> int:
    from mintaka.client import ClientError, RemoteError
    from mintaka.server.command.folder import data_folder
    from mintaka.server.command.form import Form
    from mintaka.server.command.reach import reach

    try:
        async with reach(data_folder(data), url, token) as reached:
            connection = reached.connection
            if not name:
                typer.echo(_list(await connection.call("endpoints.list")))
                return 0
            read = Form(await _told(connection, name)).read(line, own)
            return 0 if read is None else await _made(connection, name, *read)
    except RemoteError as error:
        raise CommandFault(f"{error.message}" + (f" ({error.hint})" if error.hint else "")) from None
    except ClientError as error:
        raise CommandFault(str(error)) from None


async def _told(connection: "Connection", name: str) -> Any:
    return await connection.call("endpoints.describe", {"name": name})


async def _made(connection: "Connection", name: str, arguments: dict[str, Any], asked: dict[str, Any]) -> int:
    """Make the call and tell what it gave; the exit code."""
    import json

    from rich.console import Console

    from mintaka.client import RemoteError
    from mintaka.server.command.inline import inline
    from mintaka.server.command.show import ProgressView, plain, result_text, save_pictures

    version, key = asked["number"], asked["key"]
    try:
        job = await connection.start_endpoint(name, arguments, version=version, idempotency_key=key)
        if not asked["wait"]:
            typer.echo(json.dumps({"job": job}) if asked["as_json"] else job)
            return 0
        stem = name.rpartition("/")[2]
        with ProgressView(Console(stderr=True), stem) as view:
            value = await connection.follow(job, view)
    except RemoteError as error:
        if not asked["as_json"]:
            raise
        typer.echo(json.dumps({"error": {"code": error.code, "message": error.message, "data": {**error.data}}}))
        return 1
    try:
        saved = save_pictures(value, asked["out"], stem)
    except OSError as error:
        reason = (error.strerror or "error").lower()
        raise CommandFault(f"The pictures cannot be saved in {asked['out']}: {reason}.") from None
    if asked["as_json"]:
        pictures = [each.to_json() for each in saved]
        typer.echo(json.dumps({"result": plain(value, saved), "pictures": pictures, "job": job}, ensure_ascii=False))
    else:
        typer.echo(inline(saved) + result_text(value, saved))
    return 0


def _list(endpoints: Any) -> str:
    lines = [f"{each['name']:<24}{each['owner']:<16}{each['description']}".rstrip() for each in endpoints]
    return "\n".join(lines) or "You may call no endpoint. Publish one: mintaka endpoints publish SCRIPT --name NAME"
