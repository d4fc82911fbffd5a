"""``mintaka repl``: scripts line by line."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mintaka.server.command.faults import CommandFault

if TYPE_CHECKING:
    from prompt_toolkit import PromptSession

    from mintaka.client import Connection

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
    import json

    from rich.console import Console

    from mintaka.client import ClientError, RemoteError
    from mintaka.server.command.folder import data_folder
    from mintaka.server.command.memory import Memory
    from mintaka.server.command.reach import reach
    from mintaka.server.command.run import play
    from mintaka.server.command.show import error_text, plain, result_text

    failed = 0
    memory = Memory()
    console = Console(stderr=True)
    try:
        async with reach(data_folder(data), url, token) as reached:
            connection = reached.connection
            async for source in _inputs(connection, reached.http):
                before, args = memory.before()
                try:
                    value, saved, _ = await play(connection, before + source, "<stdin>", {}, out, console, args)
                except RemoteError as error:
                    failed += 1
                    typer.echo(error_text(error, source, "input", lines_before=before.count("\n")), err=True)
                except OSError as error:
                    reason = (error.strerror or "error").lower()
                    typer.echo(f"The pictures cannot be saved in {out}: {reason}.", err=True)
                else:
                    memory.learn(source, value)
                    text = json.dumps(plain(value, saved), ensure_ascii=False) if as_json else result_text(value, saved)
                    typer.echo(text)
    except ClientError as error:
        raise CommandFault(str(error)) from None
    return 1 if failed and not _interactive() else 0


def _interactive() -> bool:
    import sys

    return sys.stdin.isatty() and sys.stdout.isatty()


async def _inputs(connection: "Connection", http: str) -> AsyncIterator[str]:
    """Complete inputs, from the terminal or from a pipe."""
    if not _interactive():
        for source in _piped():
            yield source
        return
    typer.echo(f"Connected to {http}. Try (+ 1 2); Ctrl-D ends it.", err=True)
    session = _session(await _words(connection))
    while True:
        try:
            source = await session.prompt_async(PROMPT)
        except KeyboardInterrupt:
            continue
        except EOFError:
            return
        if source.strip():
            yield source


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


async def _words(connection: "Connection") -> list[str]:
    """What can be completed: the ops and the types of capability."""
    ops = await connection.call("get_opcodes")
    types = await connection.call("get_capability_metadata")
    words = [str(op["opcode"]) for op in ops if isinstance(op, dict)] if isinstance(ops, list) else []
    words += [f'"{type["type"]}"' for type in types if isinstance(type, dict)] if isinstance(types, list) else []
    return sorted({*words, *(word.removeprefix("std.") for word in words)})


def _session(words: list[str]) -> "PromptSession[str]":
    import re

    import platformdirs
    from prompt_toolkit import PromptSession
    from prompt_toolkit.application import get_app
    from prompt_toolkit.completion import ConditionalCompleter, WordCompleter
    from prompt_toolkit.filters import Condition
    from prompt_toolkit.history import FileHistory
    from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

    from mintaka.server.command.brackets import open_brackets
    from mintaka.server.command.highlight import ScriptLexer

    history = Path(platformdirs.user_state_dir("mintaka")) / "repl-history"
    history.parent.mkdir(parents=True, exist_ok=True)
    keys = KeyBindings()
    word = re.compile(r"[^\s()\[\]{}']+")

    def at_word() -> bool:
        return bool(get_app().current_buffer.document.get_word_before_cursor(pattern=word))

    @keys.add("enter")
    def _(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        depth = open_brackets(buffer.text)
        if depth:
            buffer.insert_text("\n" + "  " * depth)
        else:
            buffer.validate_and_handle()

    return PromptSession(
        history=FileHistory(str(history)),
        lexer=ScriptLexer(),
        completer=ConditionalCompleter(WordCompleter(words, pattern=word), Condition(at_word)),
        complete_while_typing=True,
        multiline=True,
        key_bindings=keys,
        prompt_continuation=CONTINUED,
    )
