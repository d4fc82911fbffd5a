"""``mintaka users``: who may sign in to your server, and the tokens they do it with."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from mintaka.server.command.reach import Reached

users_app = typer.Typer(name="users", help="Who may sign in to your server.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Data = Annotated[Path | None, typer.Option(help="Data folder of the server.")]


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
    made = _ask("principals.create", {"name": name, "kind": "service" if service else "user"}, data)
    _tell(made, as_json, lambda: f"{made['token']}")


@users_app.command("list")
def list_users(as_json: AsJson = False, data: Data = None) -> None:
    """List everybody. Example: mintaka users list"""
    everybody = _ask("principals.list", {}, data)
    _tell(everybody, as_json, lambda: "\n".join(f"{each['name']:<24}{each['kind']}" for each in everybody))


@users_app.command("tokens")
def tokens(as_json: AsJson = False, data: Data = None) -> None:
    """List the tokens that can be used, with the day each was last used on. Example: mintaka users tokens"""
    known = _ask("tokens.list", {}, data)
    _tell(known, as_json, lambda: "\n".join(_token(each) for each in known))


@users_app.command("token")
def token(
    name: Annotated[str, typer.Argument(help="Whose it shall be.")],
    called: Annotated[str, typer.Option("--name", help="What you call it.")] = "token",
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """Make another token for somebody, and print it; it is told this once. Example: mintaka users token ann"""
    made = _ask("tokens.create", {"principal": name, "name": called}, data)
    _tell(made, as_json, lambda: f"{made['token']}")


@users_app.command("revoke")
def revoke(
    id: Annotated[str, typer.Argument(help="The token's id, as `mintaka users tokens` tells it.")], data: Data = None
) -> None:
    """End a token for ever. Example: mintaka users revoke t_0123456789abcdef"""
    _ask("tokens.revoke", {"token": id}, data)
    typer.echo("It signs nobody in any more.")


def _ask(method: str, params: dict[str, object], data: Path | None) -> Any:
    from mintaka.server.command.reach import speak

    async def work(reached: "Reached") -> object:
        return await reached.connection.call(method, params)

    return speak(work, data)


def _tell(value: Any, as_json: bool, text: Any) -> None:
    import json

    typer.echo(json.dumps(value, ensure_ascii=False) if as_json else text())


def _token(each: Any) -> str:
    import time

    used = "never used"
    if each["last_used"] is not None:
        used = "last used on " + time.strftime("%Y-%m-%d", time.localtime(each["last_used"]))
    return f"{each['id']}  {each['principal']:<24}{each['name']:<20}{used}"
