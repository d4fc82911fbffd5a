"""``mintaka version``."""

from typing import Annotated

import typer


def version(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print the version. Example: mintaka version --json"""
    import json

    from mintaka import __version__

    typer.echo(json.dumps({"version": __version__}) if as_json else __version__)
