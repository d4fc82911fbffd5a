"""``mintaka repl``: scripts line by line."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mintaka.server.command.faults import CommandFault

if TYPE_CHECKING:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.history import History

    from mintaka.server.command.session import Session
    from mintaka.server.command.vocabulary import Vocabulary

PROMPT = "mintaka> "
CONTINUED = "       . "


def repl(
    out: Annotated[Path, typer.Option(help="Folder for the pictures.")] = Path("pictures"),
    as_json: Annotated[bool, typer.Option("--json", help="Print each result as one line of JSON.")] = False,
    url: Annotated[str | None, typer.Option(help="Address of a server, like ws://127.0.0.1:8321.")] = None,
    token: Annotated[str | None, typer.Option(help="Token for --url.", envvar="MINTAKA_TOKEN")] = None,
    data: Annotated[Path | None, typer.Option(help="Data folder of the server.")] = None,
) -> None:
    """Try scripts one after the other; Ctrl-D ends it. Inputs may come through a pipe.

    Example: echo '(+ 1 2)' | mintaka repl
    """
    import asyncio

    try:
        code = asyncio.run(_repl(out, as_json, url, token, data))
    except KeyboardInterrupt:
        code = 130
    raise typer.Exit(code)


async def _repl(out: Path, as_json: bool, url: str | None, token: str | None, data: Path | None) -> int:
    from rich.console import Console

    from mintaka.client import ClientError
    from mintaka.server.command.folder import data_folder
    from mintaka.server.command.reach import reach
    from mintaka.server.command.session import Session

    try:
        async with reach(data_folder(data), url, token) as reached:
            session = Session(
                reached.connection, out, Console(stderr=True), typer.echo, lambda text: typer.echo(text, err=True)
            )
            session.as_json = as_json
            await session.learn_words()
            if _interactive():
                typer.echo(f"Connected to {reached.http}. Try (+ 1 2) or :help; Ctrl-D ends it.", err=True)
                await converse(session, prompt(session.vocabulary, _history()))
                return 0
            for source in _piped():
                await session.take(source)
                if session.over:
                    break
    except ClientError as error:
        raise CommandFault(str(error)) from None
    return 1 if session.failures else 0


def _interactive() -> bool:
    import sys

    return sys.stdin.isatty() and sys.stdout.isatty()


async def converse(session: "Session", prompts: "PromptSession[str]") -> None:
    """Take inputs from a terminal until it is over; Ctrl-C drops a line, and cancels a script that runs."""
    while not session.over:
        try:
            source = await prompts.prompt_async(PROMPT)
        except KeyboardInterrupt:
            continue
        except EOFError:
            return
        if source.strip():
            await _cancellable(session, source)


async def _cancellable(session: "Session", source: str) -> None:
    import asyncio
    import signal

    task = asyncio.ensure_future(session.take(source))
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        typer.echo("Cancelled.", err=True)
    finally:
        loop.remove_signal_handler(signal.SIGINT)


def _piped() -> list[str]:
    """The inputs on a pipe: each is as many lines as it takes to close its brackets."""
    from mintaka.server.command.brackets import open_brackets

    inputs: list[str] = []
    pending = ""
    for line in typer.get_text_stream("stdin"):
        pending += line
        if pending.strip() and not open_brackets(pending):
            inputs.append(pending)
            pending = ""
    return [*inputs, pending] if pending.strip() else inputs


def _history() -> "History":
    import platformdirs
    from prompt_toolkit.history import FileHistory

    path = Path(platformdirs.user_state_dir("mintaka")) / "repl-history"
    path.parent.mkdir(parents=True, exist_ok=True)
    return FileHistory(str(path))


def prompt(vocabulary: "Vocabulary", history: "History") -> "PromptSession[str]":
    """A prompt with colours, history and completion; Enter goes on to the next line while brackets are open."""
    from prompt_toolkit import PromptSession
    from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

    from mintaka.server.command.brackets import open_brackets
    from mintaka.server.command.completion import ScriptCompleter
    from mintaka.server.command.highlight import ScriptLexer

    keys = KeyBindings()

    @keys.add("enter")
    def _(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        depth = open_brackets(buffer.text)
        if depth:
            buffer.insert_text("\n" + "  " * depth)
        else:
            buffer.validate_and_handle()

    return PromptSession(
        history=history,
        lexer=ScriptLexer(),
        completer=ScriptCompleter(vocabulary),
        complete_while_typing=True,
        multiline=True,
        key_bindings=keys,
        prompt_continuation=CONTINUED,
    )
