"""``mintaka fmt``: scripts laid out as everyone else's are, in place and without a server."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from mintaka.server.command.faults import CommandFault
from mintaka.server.command.run import read_script


def fmt(
    files: Annotated[list[str], typer.Argument(help="The scripts; - reads standard input and prints the result.")],
    check: Annotated[bool, typer.Option("--check", help="Change nothing; list what would change.")] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Change nothing; show the changes.")] = False,
) -> None:
    """Format scripts in place, with their comments; exit code 1 means mistakes, or with --check, changes to be made.

    Example: mintaka fmt examples/*.mtk
    """
    from mintaka.lang.diagnostics import SyntaxFault
    from mintaka.lang.formatter import format_source

    code = 0
    if json_form := next((file for file in files if file.endswith(".json")), None):
        raise CommandFault(f"{json_form} holds the JSON form of a script; only texts are formatted.")
    for file, (source, name) in [(file, read_script(file)) for file in files]:
        try:
            formatted = format_source(source)
        except SyntaxFault as fault:
            for diagnostic in fault.diagnostics:
                place = f"{name}:{diagnostic.span.line}:{diagnostic.span.column}"
                typer.echo(f"{place}\n{diagnostic.render(source)}", err=True)
            code = 1
            continue
        changed = formatted != source if file == "-" else formatted.encode() != Path(file).read_bytes()
        if diff:
            _show_diff(source, formatted, name)
        if check:
            code = 1 if changed else code
            if changed:
                typer.echo(f"{name} would be changed")
        elif file == "-" and not diff:
            typer.echo(formatted, nl=False)
        elif changed and not diff:
            _rewrite(Path(file), formatted)
            typer.echo(f"{name} formatted")
    raise typer.Exit(code)


def _show_diff(source: str, formatted: str, name: str) -> None:
    from difflib import unified_diff

    for line in unified_diff(source.split("\n"), formatted.split("\n"), name, f"{name} formatted", lineterm=""):
        typer.echo(line)


def _rewrite(path: Path, text: str) -> None:
    """Put ``text`` in the place of the file at once: whoever reads it meanwhile sees all of it or what was there."""
    target = path.resolve()  # of a link, the file it leads to
    temporary = None
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        with open(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fchmod(descriptor, target.stat().st_mode & 0o7777)
            os.fsync(descriptor)
        os.replace(temporary, target)
    except OSError as error:
        if temporary is not None:
            with suppress(OSError):
                os.unlink(temporary)
        raise CommandFault(f"{path} cannot be written: {(error.strerror or 'error').lower()}.") from None
