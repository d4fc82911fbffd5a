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
    file: Annotated[str, typer.Argument(help="The script; - reads it from standard input.")],
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
    params = dict(_param(text) for text in param or ())
    try:
        code = asyncio.run(_run(source, name, params, out, as_json, url, token, data))
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


async def play(
    connection: "Connection",
    source: str,
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
        value = await connection.run(source, args=args, params=params, on_event=view)
    return value, save_pictures(value, out, stem), view.used


async def _run(
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
    from mintaka.server.command.reach import reach
    from mintaka.server.command.show import error_text, plain, result_text

    try:
        async with reach(data_folder(data), url, token) as reached:
            value, saved, used = await play(reached.connection, source, name, params, out, Console(stderr=True))
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
        typer.echo(result_text(value, saved))
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
