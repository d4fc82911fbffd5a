"""``mintaka assets``: your pictures, as the server keeps them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mintaka.server.command.faults import CommandFault
from mintaka.server.command.options import AsJson, Data, Out, Token, Url

if TYPE_CHECKING:
    from mintaka.server.command.reach import Reached

assets_app = typer.Typer(name="assets", help="Your pictures on the server.", no_args_is_help=True)

Asset = Annotated[str, typer.Argument(help="Its id, or the beginning of it.")]

MOST_LOOKED_AT = 10_000
"""Pictures among which one is found by the beginning of its id."""


@assets_app.command("list")
def list_assets(
    count: Annotated[int, typer.Option(min=1, max=1000, help="The most to tell.")] = 100,
    as_json: AsJson = False,
    url: Url = None,
    token: Token = None,
    data: Data = None,
) -> None:
    """List your pictures, the newest first. Example: mintaka assets list --count 10"""
    import json
    import time

    from mintaka.server.command.reach import ask

    told = ask("assets.list", {"count": count}, data, url, token)["assets"]
    if as_json:
        typer.echo(json.dumps(told))
        return
    for each in told:
        at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(each["created"]))
        size = f"{each['width']} × {each['height']}"
        typer.echo(f"{each['asset'][:16]}  {at}  {size:<14}{each['mime']}")


@assets_app.command("get")
def get(
    asset: Asset,
    out: Out = Path("pictures"),
    as_json: AsJson = False,
    url: Url = None,
    token: Token = None,
    data: Data = None,
) -> None:
    """Save one of your pictures. Example: mintaka assets get 0123456789abcdef --out pictures"""
    import asyncio
    import json

    from mintaka.server.command.reach import speak

    async def work(reached: "Reached") -> tuple[Any, bytes]:
        told = await _found(reached, asset)
        return told, await asyncio.to_thread(_fetched, f"{reached.http}{told['image_url']}")

    told, picture = speak(work, data, url, token)
    path = out / f"{told['asset'][:16]}.{told['mime'].removeprefix('image/').replace('jpeg', 'jpg')}"
    try:
        out.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture)
    except OSError as error:
        raise CommandFault(f"It cannot be saved in {out}: {(error.strerror or 'error').lower()}.") from None
    shown = {**told, "path": str(path)}
    typer.echo(json.dumps(shown) if as_json else f"{path} ({told['width']} × {told['height']})")


@assets_app.command("rm")
def remove(asset: Asset, url: Url = None, token: Token = None, data: Data = None) -> None:
    """Take a picture out of yours. Example: mintaka assets rm 0123456789abcdef"""
    from mintaka.server.command.reach import speak

    async def work(reached: "Reached") -> None:
        told = await _found(reached, asset)
        await reached.connection.call("assets.delete", {"asset": told["asset"]})

    speak(work, data, url, token)
    typer.echo("It is gone.")


def _fetched(address: str) -> bytes:
    """What lies at an address that the server told us, with its key in it. Raises `CommandFault`."""
    import urllib.error
    import urllib.request

    try:
        with urllib.request.urlopen(address) as answer:
            return bytes(answer.read())
    except urllib.error.URLError as error:
        raise CommandFault(f"The picture could not be fetched: {error.reason}.") from None


async def _found(reached: "Reached", asset: str) -> Any:
    """The one picture whose id is or begins so. Raises `CommandFault`."""
    after, found, looked = None, list[Any](), 0
    while looked < MOST_LOOKED_AT:
        told: Any = await reached.connection.call("assets.list", {"count": 1000, "after": after})
        found += [each for each in told["assets"] if each["asset"].startswith(asset)]
        looked, after = looked + len(told["assets"]), told["next"]
        if after is None:
            break
    if len(found) == 1:
        return found[0]
    if found:
        raise CommandFault(f"{len(found)} pictures begin with {asset}; write more of its id.")
    raise CommandFault(f"None of your pictures is called {asset}. What you have: mintaka assets list")
