"""``mintaka check``: what is wrong with a script, without a server and without running it."""

from typing import Annotated

import typer

from mintaka.server.command.faults import extras_explained
from mintaka.server.command.run import read_script


def check(
    file: Annotated[str, typer.Argument(help="The script; - reads it from standard input.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check a script; exit code 1 means it would not run.

    Example: mintaka check examples/hello.mtk
    """
    import json

    source, name = read_script(file)
    with extras_explained():
        from mintaka.lang.diagnostics import Severity
        from mintaka.server.scripts import Source, op_table
        from mintaka.server.scripts import check as check_script

        diagnostics = check_script(Source(source), op_table()).diagnostics
    well = all(diagnostic.severity is not Severity.ERROR for diagnostic in diagnostics)
    if as_json:
        typer.echo(
            json.dumps({"ok": well, "diagnostics": [each.to_json() for each in diagnostics]}, ensure_ascii=False)
        )
    else:
        for diagnostic in diagnostics:
            typer.echo(f"{name}: {diagnostic.render(source)}")
        if well:
            typer.echo(f"{name}: no mistakes found")
    raise typer.Exit(0 if well else 1)
