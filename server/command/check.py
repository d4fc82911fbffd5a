"""``mintaka check``: what is wrong with scripts and what they need, without a server and without running them."""

import json
from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from mintaka.server.command.faults import extras_explained
from mintaka.server.command.run import read_script, script_in

if TYPE_CHECKING:
    from mintaka.lang.spans import Span
    from mintaka.server.scripts import Checked


def check(
    files: Annotated[list[str], typer.Argument(help="The scripts, JSON forms in .json; - reads standard input.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON for each script.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Let warnings count as errors.")] = False,
) -> None:
    """Check scripts; exit code 1 means that one would not run.

    Example: mintaka check examples/hello.mtk
    """
    sources = [read_script(file) for file in files]
    with extras_explained():
        from mintaka.capabilities import types
        from mintaka.server.capability_types import checkable
        from mintaka.server.scripts import Source, op_table
        from mintaka.server.scripts import check as check_script

        ops, capabilities = op_table(), checkable(types.declared())
        found = [
            (name, source, check_script(Source(script) if isinstance(script, str) else script, ops, capabilities))
            for (source, name), script in ((each, script_in(*each)) for each in sources)
        ]
    counted: Counter[str] = Counter()
    for name, source, checked in found:
        counted.update(diagnostic.severity.value for diagnostic in checked.diagnostics)
        if as_json:
            typer.echo(json.dumps({"file": name, **checked.to_json()}, ensure_ascii=False))
        else:
            typer.echo(_told(name, source, checked))
    if len(found) > 1 and not as_json:
        typer.echo(f"{len(found)} scripts: {_summary(counted)}")
    raise typer.Exit(1 if counted["error"] or (strict and counted["warning"]) else 0)


def _told(name: str, source: str, checked: "Checked") -> str:
    """Every diagnostic with its place, how many there are, and what the script needs and gives."""
    lines = [f"{_place(name, each.span)}\n{each.render(source)}" for each in checked.diagnostics]
    lines.append(f"{name}: {_summary(Counter(each.severity.value for each in checked.diagnostics))}")
    if not checked.errors:
        lines += _facts(checked)
    return "\n".join(lines)


def _place(name: str, span: "Span") -> str:
    """``hello.mtk:3:1``, or of a JSON form ``hello.json: /2/1``."""
    return f"{name}:{span.line}:{span.column}" if span.line else f"{name}: {span}"


def _summary(counted: Counter[str]) -> str:
    """``2 errors, 1 warning``."""
    words = [f"{counted[what]} {what}{'s' * (counted[what] > 1)}" for what in ("error", "warning") if counted[what]]
    return ", ".join(words) or "no mistakes found"


def _facts(checked: "Checked") -> list[str]:
    """What the script takes, needs and gives, and what is known of its variables."""
    analysis = checked.analysis
    assert analysis is not None
    lines = []
    for parameter in checked.parameters:
        default = "" if parameter.required else f" = {json.dumps(parameter.default, ensure_ascii=False)}"
        lines.append(f"  takes {parameter.name}: {parameter.kind}{default}{parameter.help and f'   {parameter.help}'}")
    for need in analysis.needs:
        methods = f", for {' and '.join(need.methods)}" if need.methods else ""
        lines.append(f"  needs {need.type or 'a capability whose type is computed at run time'}{methods}")
    lines += [f"  knows {name}: {kind}" for name, kind in analysis.variables]
    lines.append(f"  gives {analysis.result}")
    return lines
