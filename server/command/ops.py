"""``mintaka ops``: what a script can call, looked up in the terminal."""

from typing import Annotated

import typer

from mintaka.server.command.faults import CommandFault


def _names(incomplete: str) -> list[str]:
    """What ``incomplete`` may become: names of ops, capability types and methods."""
    from mintaka.server.command import catalogue

    entries, _ = catalogue.installed()
    types = [*catalogue.installed_types(), *catalogue.picture_type()]
    names = [*(each["opcode"] for each in (*entries, *catalogue.methods(types))), *(each["type"] for each in types)]
    return sorted(name for name in names if name.startswith(incomplete))


def ops(
    name: Annotated[
        str | None,
        typer.Argument(
            help="An op, a form, the first part of their names, or a capability's type or method: "
            "list.map, let, list, fs.read, fs.read.list; without, all.",
            autocompletion=_names,
        ),
    ] = None,
    word: Annotated[
        str | None, typer.Option("--search", help="Only those that have this word in name or help.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what a script can call: one op, capability type or method with its help, or all of them by category.

    Example: mintaka ops list.map
    """
    import json

    from mintaka.server.command import catalogue
    from mintaka.server.command.type_pages import type_page

    entries, complete = catalogue.installed()
    if not complete:
        typer.echo("The words for capabilities are told where the server is: pip install 'mintaka[server]'", err=True)
    types = [*catalogue.installed_types(), *catalogue.picture_type()]
    type = next((each for each in types if each["type"] == name), None)
    if type is not None:
        typer.echo(json.dumps(type, ensure_ascii=False) if as_json else type_page(type))
        return
    entries += catalogue.methods(types)
    entry = None if name is None else catalogue.find(name, entries)
    named = [] if name is None or entry is not None else catalogue.below(name, entries)
    if name is not None and not named:
        if entry is None:
            close = catalogue.near(name, entries)
            hint = f" Did you mean {', '.join(close)}?" if close else " All of them: mintaka ops"
            raise CommandFault(f"There is no op {name}.{hint}")
        typer.echo(json.dumps(entry, ensure_ascii=False) if as_json else catalogue.page(entry))
        return
    shown = named or (entries if word is None else catalogue.search(word, entries))
    if as_json:
        typer.echo(json.dumps(shown, ensure_ascii=False))
    elif shown:
        typer.echo(catalogue.table(shown))
    else:
        raise CommandFault(f"No op has {word} in its name or help. All of them: mintaka ops")
