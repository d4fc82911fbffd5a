"""``mintaka caps``: what you hold, what others hold of it, and how to hand on less and take it back."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from mintaka.server.command.faults import CommandFault
from mintaka.server.command.options import AsJson, Data, Token, Url, ttl

if TYPE_CHECKING:
    from mintaka.client import Connection
    from mintaka.server.command.reach import Reached

caps_app = typer.Typer(
    name="caps", help="The capabilities you hold, and what others hold of them.", no_args_is_help=True
)

Which = Annotated[str, typer.Argument(help="Its label, its id, or the beginning of its id.")]


def _types(incomplete: str) -> list[str]:
    """The names of capability types that begin so."""
    from mintaka.server.command import catalogue

    return [each["type"] for each in catalogue.installed_types() if each["type"].startswith(incomplete)]


@caps_app.command("list")
def list_caps(as_json: AsJson = False, url: Url = None, token: Token = None, data: Data = None) -> None:
    """Show what you hold and what others hold of it, as a tree: limits, what is left, holder, expiry.

    Example: mintaka caps list --json
    """
    import json

    from mintaka.server.command.reach import speak
    from mintaka.server.command.show import plain

    listed = speak(lambda reached: _listed(reached.connection), data, url, token)
    if as_json:
        typer.echo(json.dumps([plain(each, []) for each in listed], ensure_ascii=False))
        return
    for line in _tree(listed):
        typer.echo(line)


@caps_app.command("share")
def share(
    which: Annotated[
        str, typer.Argument(help="A type you hold, like diffusers.generate, or a label or id.", autocompletion=_types)
    ],
    to: Annotated[str | None, typer.Option(help="Who shall hold it; without, a link is made for anybody.")] = None,
    model: Annotated[list[str] | None, typer.Option(help="Only this model; may be repeated.")] = None,
    max_size: Annotated[int | None, typer.Option(min=1, help="Largest width and height in pixels.")] = None,
    max_steps: Annotated[int | None, typer.Option(min=1, help="Most denoising steps.")] = None,
    endpoint: Annotated[
        list[str] | None, typer.Option(help="Of endpoint.call: only this endpoint; may be repeated.")
    ] = None,
    restrict: Annotated[
        list[str] | None,
        typer.Option(help="Another restriction, as name=JSON; may be repeated. `mintaka ops TYPE` lists them."),
    ] = None,
    compute: Annotated[float | None, typer.Option(help="Megapixel-steps, for all who hold of it together.")] = None,
    uses: Annotated[int | None, typer.Option(min=1, help="Calls, for all who hold of it together.")] = None,
    concurrent: Annotated[int | None, typer.Option(min=1, help="Calls that run at the same time.")] = None,
    per_minute: Annotated[float | None, typer.Option(help="Calls a minute; as many may come at once.")] = None,
    expires: Annotated[str | None, typer.Option(help="When it ends: 30m, 12h, 7d, 2w.")] = None,
    times: Annotated[int | None, typer.Option(min=1, help="How often the link can be opened.")] = None,
    label: Annotated[str | None, typer.Option(help="What you call it.")] = None,
    as_json: AsJson = False,
    url: Url = None,
    token: Token = None,
    data: Data = None,
) -> None:
    """Hand on less than you hold: to somebody, or as a link for whoever opens it. `mintaka caps revoke` takes it back.

    Example: mintaka caps share diffusers.generate --model starter --max-size 128 --compute 20 --expires 7d
    """
    import json

    from mintaka.server.command.folder import load_settings
    from mintaka.server.command.reach import speak

    if to is not None and times is not None:
        raise CommandFault("--times is for links; what is shared with somebody by name is theirs until it is revoked.")
    restrictions = {
        **({"allowed_models": model} if model else {}),
        **({"max_width": max_size, "max_height": max_size} if max_size else {}),
        **({"max_steps": max_steps} if max_steps else {}),
        **({"endpoints": endpoint} if endpoint else {}),
        **dict(_restriction(each) for each in restrict or ()),
    }
    given = {"compute": compute, "uses": uses, "concurrent": concurrent}
    limits: dict[str, object] = {name: amount for name, amount in given.items() if amount is not None}
    if per_minute is not None:
        limits["rate"] = {"per_s": per_minute / 60, "burst": max(1, int(per_minute))}
    params: dict[str, object] = {"restrictions": restrictions, "limits": limits}
    if label is not None:
        params["label"] = label
    if expires is not None:
        params["ttl_s"] = ttl(expires)

    async def work(reached: "Reached") -> dict[str, Any]:
        listed = await _listed(reached.connection)
        found = chosen([each for each in listed if each["holder"] == reached.connection.principal], which)
        params["cap"] = found["cap"]
        if to is not None:
            await reached.connection.call("capabilities.share", {**params, "to": to})
            return {"to": to}
        made: Any = await reached.connection.call(
            "capabilities.export", {**params, **({"uses": times} if times is not None else {})}
        )
        # A server that was started for this command alone is gone when the link is opened.
        address = f"http://127.0.0.1:{load_settings().port}/#token={made['token']}"
        return {"link": address if reached.embedded else made["link"], "token": made["token"]}

    made = speak(work, data, url, token)
    typer.echo(json.dumps(made) if as_json else made.get("link") or f"{made['to']} holds it now.")


@caps_app.command("revoke")
def revoke(which: Which, url: Url = None, token: Token = None, data: Data = None) -> None:
    """Take back a capability, with everything made from it, at once and for good. Example: mintaka caps revoke c_1f"""
    from mintaka.server.command.reach import speak

    async def work(reached: "Reached") -> int:
        found = chosen(await _listed(reached.connection), which)
        answer: Any = await reached.connection.call("capabilities.revoke", {"cap": found["cap"]})
        return int(answer["revoked"])

    ended = speak(work, data, url, token)
    typer.echo(f"{ended} {'capability' if ended == 1 else 'capabilities'} ended.")


@caps_app.command("redeem")
def redeem(
    link: Annotated[str, typer.Argument(help="The link, or the token in it.")],
    url: Url = None,
    token: Token = None,
    data: Data = None,
) -> None:
    """Take what a share link gives, to hold it yourself. Example: mintaka caps redeem mk_…"""
    from mintaka.server.command.reach import speak

    async def work(reached: "Reached") -> object:
        params = {"token": link.rpartition("token=")[2].strip()}
        return await reached.connection.call("capabilities.redeem", params)

    taken: Any = speak(work, data, url, token)
    typer.echo(f"You hold a {taken.type}.")


@caps_app.command("audit")
def audit(
    verify: Annotated[bool, typer.Option("--verify", help="Only say whether the log is what was written.")] = False,
    after: Annotated[int, typer.Option(min=0, help="Only entries after this number.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON an entry.")] = False,
    url: Url = None,
    token: Token = None,
    data: Data = None,
) -> None:
    """Tell who did what with which capability, the oldest first. Example: mintaka caps audit --verify"""
    import json

    from mintaka.server.command.reach import speak

    async def check(reached: "Reached") -> int | None:
        answer: Any = await reached.connection.call("capabilities.verify_audit")
        return cast("int | None", answer["broken_at"])

    async def entries(reached: "Reached") -> list[dict[str, Any]]:
        told: list[dict[str, Any]] = []
        while True:
            number = told[-1]["seq"] if told else after
            more: Any = await reached.connection.call("capabilities.audit", {"after": number})
            if not more:
                return told
            told += more

    if verify:
        broken_at = speak(check, data, url, token)
        if broken_at is not None:
            raise CommandFault(f"The audit log was changed: entry {broken_at} is not what was written.")
        typer.echo("The audit log is whole.")
        return
    for each in speak(entries, data, url, token):
        typer.echo(json.dumps(each, ensure_ascii=False) if as_json else _entry(each))


async def _listed(connection: "Connection") -> list[dict[str, Any]]:
    listed: Any = await connection.call("capabilities.list")
    return list(listed)


def chosen(listed: Sequence[dict[str, Any]], which: str) -> dict[str, Any]:
    """The capability somebody means: by label or id, else the first root of that type. Raises `CommandFault`."""
    named = [each for each in listed if each["label"] == which or each["id"] == which]
    named = named or [each for each in listed if which.startswith("c_") and each["id"].startswith(which)]
    named = named or [each for each in listed if each["type"] == which][:1]
    if len(named) == 1:
        return named[0]
    if named:
        raise CommandFault(f"{len(named)} capabilities are called {which}; name one by its id: mintaka caps list")
    raise CommandFault(f"You hold no {which}. What you hold: mintaka caps list")


def _restriction(text: str) -> tuple[str, object]:
    import json

    name, equals, value = text.partition("=")
    try:
        return name, json.loads(value if equals else "")
    except ValueError:
        raise CommandFault(f"--restrict {text}: write it as name=JSON, like seed=[0,99] or no_preview=true") from None


def _tree(listed: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """A line a capability, those made from it below it and further in."""
    handles = [each["cap"] for each in listed]

    def below(each: Mapping[str, Any], depth: int) -> Iterator[str]:
        yield "  " * depth + _line(each)
        for child in listed:
            if child["parent"] == each["cap"]:
                yield from below(child, depth + 1)

    for each in listed:
        if each["parent"] not in handles:
            yield from below(each, 0)


def _entry(each: Mapping[str, Any]) -> str:
    import json
    import time

    at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(each["at"]))
    more = json.dumps(each["data"], ensure_ascii=False) if each["data"] else ""
    return f"{each['seq']:>6}  {at}  {each['actor']:<24}{each['deed']:<10}{each['cap'][:10]}  {more}".rstrip()


def _line(each: Mapping[str, Any]) -> str:
    import json
    import time

    facts = [f"{each['id'][:10]}  {each['type']}"]
    if each["label"]:
        facts.append(f'"{each["label"]}"')
    facts.append(f"held by {each['holder']}")
    facts.append(json.dumps(each["restrictions"], ensure_ascii=False) if each["restrictions"] else "unrestricted")
    for unit, amount in each["left"].items():
        of = f" of {each['limits'][unit]:g}" if unit in each["limits"] else ""
        facts.append(f"{amount:g}{of} {unit} left")
    if each["expires"] is not None:
        facts.append("until " + time.strftime("%Y-%m-%d %H:%M", time.localtime(each["expires"])))
    return "  ".join(facts)
