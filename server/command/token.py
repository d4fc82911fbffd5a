"""``mintaka token``: what people and programs sign in to your server with."""

from typing import Annotated, Any

import typer

from mintaka.server.command.options import AsJson, Data, listed, ttl

token_app = typer.Typer(name="token", help="The tokens that sign in to your server.", no_args_is_help=True)


def _users(incomplete: str) -> list[str]:
    return [name for name in listed("principals.list", "name") if name.startswith(incomplete)]


def _ids(incomplete: str) -> list[str]:
    return [id for id in listed("tokens.list", "id") if id.startswith(incomplete)]


@token_app.command("create")
def create(
    user: Annotated[str, typer.Argument(help="Whose it shall be.", autocompletion=_users)],
    called: Annotated[str, typer.Option("--name", help="What you call it.")] = "token",
    expires: Annotated[str | None, typer.Option(help="When it ends: 30m, 12h, 7d, 2w.")] = None,
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """Make another token for somebody, and print it; it is told this once. Example: mintaka token create ann"""
    import json

    from mintaka.server.command.reach import ask

    params: dict[str, object] = {"principal": user, "name": called}
    if expires is not None:
        params["ttl_s"] = ttl(expires)
    made = ask("tokens.create", params, data)
    typer.echo(json.dumps(made) if as_json else made["token"])


@token_app.command("list")
def list_tokens(as_json: AsJson = False, data: Data = None) -> None:
    """List the tokens that can be used, with the day each was last used on. Example: mintaka token list"""
    import json

    from mintaka.server.command.reach import ask

    known = ask("tokens.list", {}, data)
    if as_json:
        typer.echo(json.dumps(known))
        return
    for each in known:
        typer.echo(_line(each))


@token_app.command("revoke")
def revoke(
    id: Annotated[str, typer.Argument(help="Its id, as `mintaka token list` tells it.", autocompletion=_ids)],
    data: Data = None,
) -> None:
    """End a token for ever, and what is connected with it. Example: mintaka token revoke t_0123456789abcdef"""
    from mintaka.server.command.reach import ask

    ask("tokens.revoke", {"token": id}, data)
    typer.echo("It signs nobody in any more.")


def _line(each: Any) -> str:
    import time

    used = "never used"
    if each["last_used"] is not None:
        used = "last used on " + time.strftime("%Y-%m-%d", time.localtime(each["last_used"]))
    return f"{each['id']}  {each['principal']:<24}{each['name']:<20}{used}"
