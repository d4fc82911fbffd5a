"""``mintaka endpoints``: publish scripts for others to call, and look after them."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mintaka.server.command.options import AsJson, Data, Token, Url, listed

if TYPE_CHECKING:
    from mintaka.server.command.reach import Reached

endpoints_app = typer.Typer(name="endpoints", help="Scripts that others can call.", no_args_is_help=True)


def _names(incomplete: str) -> list[str]:
    return [name for name in listed("endpoints.list", "name") if name.startswith(incomplete)]


Name = Annotated[str, typer.Argument(help="The endpoint.", autocompletion=_names)]


@endpoints_app.command("publish")
def publish(
    file: Annotated[str, typer.Argument(help="The script, its JSON form in a .json; - reads standard input.")],
    name: Annotated[str, typer.Option(help="What it is called: 1 to 64 of a-z 0-9 _ -")],
    description: Annotated[str, typer.Option(help="What it is for.")] = "",
    use: Annotated[
        list[str] | None,
        typer.Option(help="What it may use: a type, label or id; may be repeated. Without, what it looks up."),
    ] = None,
    compute: Annotated[float | None, typer.Option(help="Megapixel-steps for all its calls together.")] = None,
    as_json: AsJson = False,
    url: Url = None,
    token: Token = None,
    data: Data = None,
) -> None:
    """Publish a script with typed parameters as an endpoint's next version. `mintaka caps share` lets others call it.

    Example: mintaka endpoints publish examples/variations.mtk --name variations --compute 50
    """
    import json

    from mintaka.server.command.caps import chosen
    from mintaka.server.command.reach import speak
    from mintaka.server.command.run import read_script, script_in

    source, called = read_script(file)
    script = script_in(source, called)
    form = {"source" if isinstance(script, str) else "script": script}

    async def work(reached: "Reached") -> Any:
        connection, wanted = reached.connection, use
        params: dict[str, object] = {"name": name, "description": description, **form}
        if wanted is None and compute is not None:
            checked: Any = await connection.call("check_script", form)
            wanted = [str(each["type"]) for each in checked["capabilities"]]
        if wanted is not None:
            held: Any = await connection.call("capabilities.list")
            mine = [each for each in held if each["holder"] == connection.principal]
            limits = {} if compute is None else {"compute": compute}
            params["capabilities"] = [{"cap": chosen(mine, each)["cap"], "limits": limits} for each in wanted]
        return await connection.call("endpoints.publish", params)

    made = speak(work, data, url, token)
    typer.echo(json.dumps(made, ensure_ascii=False) if as_json else f"{made['name']} version {made['version']}")


@endpoints_app.command("list")
def list_endpoints(as_json: AsJson = False, url: Url = None, token: Token = None, data: Data = None) -> None:
    """List what you may call. Example: mintaka endpoints list --json"""
    import json

    from mintaka.server.command.reach import ask

    told = ask("endpoints.list", {}, data, url, token)
    if as_json:
        shown = [{name: fact for name, fact in each.items() if name != "cap"} for each in told]
        typer.echo(json.dumps(shown, ensure_ascii=False))
        return
    for each in told:
        typer.echo(f"{each['name']:<24}{each['owner']:<16}{each['version']:>4}  {each['description']}".rstrip())


@endpoints_app.command("show")
def show(name: Name, as_json: AsJson = False, url: Url = None, token: Token = None, data: Data = None) -> None:
    """Tell what an endpoint takes; of your own also its script. Example: mintaka endpoints show poster"""
    import json

    from mintaka.server.command.reach import ask
    from mintaka.server.command.show import plain

    told = ask("endpoints.describe", {"name": name}, data, url, token)
    if as_json:
        typer.echo(json.dumps(plain(told, []), ensure_ascii=False))
        return
    typer.echo(f"{told['owner']}/{told['name']} version {told['version']}  {told['description']}".rstrip())
    for parameter, about in told["parameters"]["properties"].items():
        needed = "" if parameter not in told["parameters"]["required"] else "  (required)"
        typer.echo(f"  {parameter:<20}{about.get('type', 'choice')!s:<10}{about['description']}{needed}".rstrip())
    if "source" in told:
        typer.echo(f"\n{told['source'].rstrip()}")


@endpoints_app.command("versions")
def versions(name: Name, as_json: AsJson = False, url: Url = None, token: Token = None, data: Data = None) -> None:
    """List the versions that can be called, the newest first. Example: mintaka endpoints versions poster"""
    import json
    import time

    from mintaka.server.command.reach import ask

    told = ask("endpoints.versions", {"name": name}, data, url, token)
    if as_json:
        typer.echo(json.dumps(told))
        return
    for each in told:
        at = time.strftime("%Y-%m-%d %H:%M", time.localtime(each["published"]))
        typer.echo(f"{each['version']:>4}  {at}")


@endpoints_app.command("unpublish")
def unpublish(
    name: Name,
    number: Annotated[int | None, typer.Option(min=1, help="Only this version.")] = None,
    url: Url = None,
    token: Token = None,
    data: Data = None,
) -> None:
    """Let an endpoint of yours be called no more; calls that run stop. Example: mintaka endpoints unpublish poster"""
    from mintaka.server.command.reach import ask

    told = ask("endpoints.unpublish", {"name": name, "version": number}, data, url, token)
    typer.echo(f"Withdrawn: version {', '.join(map(str, told['withdrawn']))}.")
