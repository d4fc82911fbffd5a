"""``mintaka serve``: the server, and on request a first script on it."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mintaka.server.command.faults import CommandFault, extras_explained
from mintaka.server.command.run import read_script

if TYPE_CHECKING:
    from mintaka.server.datafolder import RunningServer
    from mintaka.server.powers import ServerPowers
    from mintaka.server.settings import Settings


def serve(
    port: Annotated[int | None, typer.Option(help="Port; 0 picks a free one. [default: 8321]")] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on. [default: 127.0.0.1]")] = None,
    data: Annotated[Path | None, typer.Option(help="Data folder.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON when ready.")] = False,
    device: Annotated[
        list[str] | None, typer.Option(help="Where models run: cpu, cuda, cuda:1, mps. Given several times: on each.")
    ] = None,
    threads: Annotated[int | None, typer.Option(help="Threads of the worker on a CPU.")] = None,
    preload: Annotated[bool | None, typer.Option("--preload/--no-preload", help="Start the worker at once.")] = None,
    open_page: Annotated[bool, typer.Option("--open/--no-open", help="Open the page in the browser.")] = False,
    run: Annotated[Path | None, typer.Option(help="Once ready, run this script and save its pictures.")] = None,
    once: Annotated[bool, typer.Option("--once", help="With --run: end after the script.")] = False,
    out: Annotated[Path, typer.Option(help="With --run: folder for the pictures.")] = Path("pictures"),
    until_eof: Annotated[bool, typer.Option("--until-eof", hidden=True)] = False,
) -> None:
    """Start the server and print where it is.

    Example: mintaka serve --port 8321 --run examples/hello.mtk
    """
    import asyncio

    from mintaka.server.command.folder import load_settings

    settings = load_settings(host=host, port=port, data=data, devices=device or None, threads=threads, preload=preload)
    script = None if run is None else (*read_script(str(run)), out)
    with extras_explained():
        from mintaka.server.binding import PortFault
        from mintaka.server.datafolder import FolderFault
        from mintaka.server.powers import real_powers
        from mintaka.storage.errors import StorageFailed

        try:
            code = asyncio.run(
                _serve(settings, real_powers(), as_json, open_page, script=script, once=once, until_eof=until_eof)
            )
        except (PortFault, FolderFault) as fault:
            raise CommandFault(str(fault)) from None
        except StorageFailed as fault:
            raise CommandFault(
                f"The data folder {settings.data} cannot be used: {fault.message}"
                + (f" ({fault.hint})." if fault.hint else ".")
            ) from None
    raise typer.Exit(code)


async def _serve(
    settings: "Settings",
    powers: "ServerPowers",
    as_json: bool,
    open_page: bool,
    *,
    script: tuple[str, str, Path] | None,
    once: bool,
    until_eof: bool,
) -> int:
    import asyncio
    import contextlib

    from mintaka.server.host import host

    tasks: list[asyncio.Task[int]] = []
    attending: list[asyncio.Task[None]] = []

    def on_ready(running: "RunningServer", end: Callable[[], None]) -> None:
        attending.append(asyncio.create_task(powers.garbage.attend()))
        link = f"{running.http}/#token={running.token}"
        _say_ready(running, link, as_json)
        if open_page:
            typer.launch(link)
        if until_eof:
            _end_with_stdin(end)
        if script is not None:
            tasks.append(asyncio.create_task(_first_run(running, link, script, end if once else None)))

    try:
        await host(settings, powers, on_ready)
    finally:
        for attends in attending:
            attends.cancel()
    for task in tasks:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            return await task
    return 0


def _say_ready(running: "RunningServer", link: str, as_json: bool) -> None:
    import json

    if as_json:
        said = {"ready": True, "url": running.url, "http": running.http, "token": running.token, "open": link}
        typer.echo(json.dumps(said))
    else:
        typer.echo(f"Mintaka is ready. Open {link}")
        typer.echo(f"Programs connect to {running.url}; Ctrl-C ends it.")


def _end_with_stdin(end: Callable[[], None]) -> None:
    """End when whoever started this server closes its standard input, or dies."""
    import asyncio
    import os
    import sys

    loop = asyncio.get_running_loop()
    stdin = sys.stdin.fileno()

    def readable() -> None:
        if not os.read(stdin, 4096):
            loop.remove_reader(stdin)
            end()

    loop.add_reader(stdin, readable)


async def _first_run(
    running: "RunningServer", link: str, script: tuple[str, str, Path], end: Callable[[], None] | None
) -> int:
    """Run the script over the server's own WebSocket, as anybody would."""
    from rich.console import Console

    from mintaka.client import ClientError, RemoteError, connect
    from mintaka.server.command.inline import inline
    from mintaka.server.command.run import play
    from mintaka.server.command.show import error_text, result_text

    source, name, out = script
    code = 1
    try:
        async with connect(running.url, running.token) as connection:
            value, saved, _ = await play(connection, source, name, {}, out, Console(stderr=True))
        typer.echo(inline(saved) + result_text(value, saved))
        if end is None:
            typer.echo(f"Open {link} to make more; Ctrl-C ends the server.")
        code = 0
    except RemoteError as error:
        typer.echo(error_text(error, source, name), err=True)
    except ClientError as error:
        typer.echo(f"mintaka: {error}", err=True)
    except OSError as error:
        reason = (error.strerror or "error").lower()
        typer.echo(f"mintaka: The pictures cannot be saved in {out}: {reason}.", err=True)
    finally:
        if end is not None:
            end()
    return code
