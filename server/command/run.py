"""``mintaka run``: run a script and keep its pictures."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mintaka.server.command.faults import CommandFault

if TYPE_CHECKING:
    from rich.console import Console

    from mintaka.client import Connection
    from mintaka.server.command.show import SavedPicture

CANCELLED = 130


def run(
    file: Annotated[str, typer.Argument(help="The script, its JSON form in a .json; - reads standard input.")],
    out: Annotated[Path, typer.Option(help="Folder for the pictures.")] = Path("pictures"),
    param: Annotated[
        list[str] | None, typer.Option("--param", "-p", help="A value for (params …), as name=value; again for more.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as one line of JSON.")] = False,
    url: Annotated[str | None, typer.Option(help="Address of a server, like ws://127.0.0.1:8321.")] = None,
    token: Annotated[str | None, typer.Option(help="Token for --url.", envvar="MINTAKA_TOKEN")] = None,
    data: Annotated[Path | None, typer.Option(help="Data folder of the server.")] = None,
) -> None:
    """Run a script, on the running server or on one started for it, and save its pictures.

    Example: mintaka run examples/hello.mtk --out pictures -p prompt="a red circle"
    """
    import asyncio

    source, name = read_script(file)
    script = script_in(source, name)
    params = dict(_param(text) for text in param or ())
    try:
        code = asyncio.run(_run(script, source, name, params, out, as_json, url, token, data))
    except KeyboardInterrupt:
        typer.echo("Cancelled.", err=True)
        code = CANCELLED
    raise typer.Exit(code)


def read_script(file: str) -> tuple[str, str]:
    """The text of a script and its name for messages; ``-`` is standard input."""
    if file == "-":
        return typer.get_text_stream("stdin").read(), "<stdin>"
    try:
        return Path(file).read_text("utf-8"), file
    except OSError as error:
        raise CommandFault(f"{file} cannot be read: {(error.strerror or 'error').lower()}.") from None
    except UnicodeDecodeError:
        raise CommandFault(f"{file} is not UTF-8 text.") from None


def script_in(source: str, name: str) -> str | list[object]:
    """The script of a file: its text, or where the name ends in ``.json`` the JSON form. Raises `CommandFault`."""
    import json

    if not name.endswith(".json"):
        return source
    try:
        script = json.loads(source)
    except ValueError as error:
        place = f"line {error.lineno}, column {error.colno}: " if isinstance(error, json.JSONDecodeError) else ""
        raise CommandFault(f"{name} is no JSON: {place}{str(error).partition(':')[0]}.") from None
    except RecursionError:
        raise CommandFault(f"{name} is nested too deeply.") from None
    if not isinstance(script, list):
        raise CommandFault(f'{name} holds no script: the JSON form of one is a list, like ["+", 1, 2].')
    return script


async def play(
    connection: "Connection",
    script: str | Sequence[object],
    name: str,
    params: Mapping[str, object],
    out: Path,
    console: "Console",
    args: Sequence[object] = (),
) -> tuple[object, list["SavedPicture"], Mapping[str, object]]:
    """Run a script with a progress bar and save its pictures: its value, the pictures, and what it used."""
    from mintaka.server.command.show import ProgressView, save_pictures

    stem = "picture" if name == "<stdin>" else Path(name).stem
    with ProgressView(console, stem) as view:
        value = await connection.run(script, args=args, params=params, on_event=view)
    return value, save_pictures(value, out, stem), view.used


async def _run(
    script: str | Sequence[object],
    source: str,
    name: str,
    params: Mapping[str, object],
    out: Path,
    as_json: bool,
    url: str | None,
    token: str | None,
    data: Path | None,
) -> int:
    import json

    from rich.console import Console

    from mintaka.client import ClientError, RemoteError
    from mintaka.server.command.folder import data_folder
    from mintaka.server.command.inline import inline
    from mintaka.server.command.reach import reach
    from mintaka.server.command.show import error_text, plain, result_text

    try:
        async with reach(data_folder(data), url, token) as reached:
            value, saved, used = await play(reached.connection, script, name, params, out, Console(stderr=True))
    except RemoteError as error:
        if as_json:
            told = {"code": error.code, "message": error.message, "data": {**error.data}}
            typer.echo(json.dumps({"error": told}, ensure_ascii=False))
        else:
            typer.echo(error_text(error, source, name), err=True)
        return 1
    except ClientError as error:
        raise CommandFault(str(error)) from None
    except OSError as error:
        raise CommandFault(f"The pictures cannot be saved in {out}: {(error.strerror or 'error').lower()}.") from None
    if as_json:
        pictures = [picture.to_json() for picture in saved]
        report = {"result": plain(value, saved), "pictures": pictures, "used": dict(used)}
        typer.echo(json.dumps(report, ensure_ascii=False))
    else:
        typer.echo(inline(saved) + result_text(value, saved))
    return 0


def _param(text: str) -> tuple[str, object]:
    """``name=value``: JSON where it is JSON, else the text itself."""
    import json

    name, equals, value = text.partition("=")
    if not equals or not name:
        raise CommandFault(f"--param takes name=value, not {text!r}.")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value
