"""The ``mintaka`` command: one file a subcommand, each importing what it needs only when it runs."""

import sys

import typer

from mintaka.server.command.assets import assets_app
from mintaka.server.command.call import call
from mintaka.server.command.caps import caps_app
from mintaka.server.command.check import check
from mintaka.server.command.doctor import doctor
from mintaka.server.command.endpoints import endpoints_app
from mintaka.server.command.faults import CommandFault
from mintaka.server.command.fmt import fmt
from mintaka.server.command.jobs import jobs_app
from mintaka.server.command.mcp import mcp
from mintaka.server.command.models import models_app
from mintaka.server.command.ops import ops
from mintaka.server.command.repl import repl
from mintaka.server.command.run import run
from mintaka.server.command.serve import serve
from mintaka.server.command.token import token_app
from mintaka.server.command.users import users_app
from mintaka.server.command.version import version

app = typer.Typer(
    name="mintaka",
    help="Scripts that make pictures, each with exactly the powers you hand it.\n\n"
    "Try: mintaka serve, then in another terminal: mintaka run examples/hello.mtk",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (serve, run, repl, check, fmt, ops, mcp, doctor, version):
    app.command()(command)
# What follows the name is read by the endpoint's own form.
app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True}, add_help_option=False)(call)
for group in (endpoints_app, jobs_app, assets_app, models_app, caps_app, users_app, token_app):
    app.add_typer(group)


def main() -> None:
    """Run the command; what a person can do something about is one line on stderr and exit code 1."""
    try:
        app()
    except CommandFault as fault:
        print(f"mintaka: {fault}", file=sys.stderr)
        sys.exit(1)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
