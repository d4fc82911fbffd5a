"""``mintaka users``: who may sign in to your server."""

from typing import Annotated

import typer

from mintaka.server.command.options import AsJson, Data

users_app = typer.Typer(name="users", help="Who may sign in to your server.", no_args_is_help=True)


@users_app.command("add")
def add(
    name: Annotated[str, typer.Argument(help="1 to 64 of a-z 0-9 . _ -")],
    service: Annotated[bool, typer.Option("--service", help="A program, not a person.")] = False,
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """Make a user who holds nothing yet, and print their token; it is told this once.

    Example: mintaka users add ann
    """
    import json

    from mintaka.server.command.reach import ask

    made = ask("principals.create", {"name": name, "kind": "service" if service else "user"}, data)
    typer.echo(json.dumps(made) if as_json else made["token"])


@users_app.command("list")
def list_users(as_json: AsJson = False, data: Data = None) -> None:
    """List everybody. Example: mintaka users list"""
    import json

    from mintaka.server.command.reach import ask

    everybody = ask("principals.list", {}, data)
    if as_json:
        typer.echo(json.dumps(everybody))
        return
    for each in everybody:
        typer.echo(f"{each['name']:<24}{each['kind']}")
