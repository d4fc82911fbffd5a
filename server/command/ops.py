"""``mintaka ops``: what a script can call, looked up in the terminal."""

from typing import Annotated

import typer

from mintaka.server.command.faults import CommandFault


def ops(
    name: Annotated[
        str | None, typer.Argument(help="An op or form, like list.map or let; without, all of them.")
    ] = None,
    word: Annotated[
        str | None, typer.Option("--search", help="Only those that have this word in name or help.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what a script can call: one op with its help and examples, or all of them by category.

    Example: mintaka ops list.map
    """
    import json

    from mintaka.server.command import catalogue

    entries, complete = catalogue.installed()
    if not complete:
        typer.echo("The words for capabilities are told where the server is: pip install 'mintaka[server]'", err=True)
    if name is not None:
        entry = catalogue.find(name, entries)
        if entry is None:
            close = catalogue.near(name, entries)
            hint = f" Did you mean {', '.join(close)}?" if close else " All of them: mintaka ops"
            raise CommandFault(f"There is no op {name}.{hint}")
        typer.echo(json.dumps(entry, ensure_ascii=False) if as_json else catalogue.page(entry))
        return
    shown = entries if word is None else catalogue.search(word, entries)
    if as_json:
        typer.echo(json.dumps(shown, ensure_ascii=False))
    elif shown:
        typer.echo(catalogue.table(shown))
    else:
        raise CommandFault(f"No op has {word} in its name or help. All of them: mintaka ops")
