"""``mintaka jobs``: what the server was asked to run, and what became of it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mintaka.server.command.options import AsJson, Data, Out, Token, Url, listed

if TYPE_CHECKING:
    from mintaka.server.command.reach import Reached

jobs_app = typer.Typer(name="jobs", help="Your jobs: what runs, what waits, what is done.", no_args_is_help=True)


def _ids(incomplete: str) -> list[str]:
    return [id for id in listed("jobs.list", "job") if id.startswith(incomplete)]


Job = Annotated[str, typer.Argument(help="The job's id.", autocompletion=_ids)]


@jobs_app.command("list")
def list_jobs(as_json: AsJson = False, url: Url = None, token: Token = None, data: Data = None) -> None:
    """List your jobs, the newest first. Example: mintaka jobs list --json"""
    import json

    from mintaka.server.command.reach import ask

    told = ask("jobs.list", {}, data, url, token)
    if as_json:
        typer.echo(json.dumps(told, ensure_ascii=False))
        return
    for each in told:
        typer.echo(_line(each))


@jobs_app.command("show")
def show(
    job: Job,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Save its pictures in this folder.")] = None,
    as_json: AsJson = False,
    url: Url = None,
    token: Token = None,
    data: Data = None,
) -> None:
    """Tell what is known of a job, with its result. Example: mintaka jobs show j_0123456789abcdef01234567"""
    import json

    from mintaka.server.command.reach import ask
    from mintaka.server.command.show import plain, result_text, save_pictures

    told = ask("jobs.get", {"job": job}, data, url, token)
    saved = [] if out is None else save_pictures(told["result"], out, job)
    if as_json:
        typer.echo(json.dumps({**told, "result": plain(told["result"], saved)}, ensure_ascii=False))
        return
    typer.echo(_line(told))
    progress = told["progress"] or {}
    if told["ended"] is None and "step" in progress:
        typer.echo(f"step {progress['step']} of {progress['steps']}")
    if told["error"] is not None:
        typer.echo(told["error"]["message"])
    elif told["result"] is not None:
        typer.echo(result_text(told["result"], saved))


@jobs_app.command("cancel")
def cancel(job: Job, url: Url = None, token: Token = None, data: Data = None) -> None:
    """End a job at its next step. Example: mintaka jobs cancel j_0123456789abcdef01234567"""
    from mintaka.server.command.reach import ask

    told = ask("jobs.cancel", {"job": job}, data, url, token)
    typer.echo("Cancelled." if told["cancelled"] else "It was over already.")


@jobs_app.command("retry")
def retry(job: Job, as_json: AsJson = False, url: Url = None, token: Token = None, data: Data = None) -> None:
    """Ask once more for a job that is over; prints the new job's id. Example: mintaka jobs retry j_0123456789abcdef"""
    import json

    from mintaka.server.command.reach import ask

    told = ask("jobs.retry", {"job": job}, data, url, token)
    typer.echo(json.dumps(told) if as_json else told["job"])


@jobs_app.command("follow")
def follow(
    job: Job,
    out: Out = Path("pictures"),
    as_json: AsJson = False,
    url: Url = None,
    token: Token = None,
    data: Data = None,
) -> None:
    """Watch a job to its end and save its pictures; Ctrl-C leaves it running.

    Example: mintaka jobs follow j_0123456789abcdef01234567
    """
    import json

    from rich.console import Console

    from mintaka.server.command.inline import inline
    from mintaka.server.command.reach import speak
    from mintaka.server.command.show import ProgressView, plain, result_text, save_pictures

    async def work(reached: "Reached") -> Any:
        with ProgressView(Console(stderr=True), job) as view:
            return await reached.connection.watch(job, view)

    try:
        value = speak(work, data, url, token)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    saved = save_pictures(value, out, job)
    if as_json:
        told = {"result": plain(value, saved), "pictures": [each.to_json() for each in saved]}
        typer.echo(json.dumps(told, ensure_ascii=False))
    else:
        typer.echo(inline(saved) + result_text(value, saved))


def _line(job: Any) -> str:
    import time

    at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(job["created"]))
    key = f"  {job['key']}" if job["key"] else ""
    return f"{job['job']}  {job['state']:<10}{at}{key}"
