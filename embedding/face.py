"""What a program that embeds the language calls: parse, check, format, compile, run.

A script is given as text (``str``), as its JSON form (lists), or as a tree that `parse` gave.
"""

import asyncio
import random
import secrets
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from mintaka.embedding.exchange import to_python, to_script
from mintaka.embedding.ops import Handed, standard_table
from mintaka.lang.checker import analyse
from mintaka.lang.checker import check as check_tree
from mintaka.lang.diagnostics import Diagnostic, Severity, SyntaxFault, leading
from mintaka.lang.doubts import all_wrong
from mintaka.lang.formatter import format_source
from mintaka.lang.parser import parse
from mintaka.lang.printer import print_tree
from mintaka.lang.tree import Call, Group, Literal, Node, from_json
from mintaka.runtime.budget import Budget, Used
from mintaka.runtime.compiler import Program, compile_tree
from mintaka.runtime.errors import ArityError, ScriptError
from mintaka.runtime.execute import execute
from mintaka.runtime.garbage import Garbage, process_size
from mintaka.runtime.ops import OpTable
from mintaka.runtime.powers import Powers
from mintaka.runtime.values import HostObject, Value

Script: TypeAlias = str | list[object] | Node
"""A script as text, as its JSON form, or as a tree."""

_GARBAGE = Garbage(process_size())

OnEvent: TypeAlias = Callable[[str, Mapping[str, object]], None]
"""Takes what a run tells on its way: ``"log", {"text": …}``."""


class Rejected(ScriptError):
    """A script that cannot run: ``diagnostics`` are all its mistakes, the message is that of the `leading` one."""

    kind = "script_rejected"

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        first = leading(diagnostics)
        super().__init__(first.message, kind=first.code.value, hint=first.hint, span=first.span)
        self.diagnostics = tuple(diagnostics)


@dataclass(frozen=True, slots=True)
class Result:
    """What a script gave, as plain Python values, and what the run used."""

    value: object
    used: Used


def check(script: Script, *, ops: OpTable | None = None) -> list[Diagnostic]:
    """All mistakes and warnings of a script, in order of their places; a text that is no script included."""
    try:
        tree = _tree(script)
    except SyntaxFault as fault:
        return all_wrong(str(script), fault, (ops or standard_table()).signatures)
    return check_tree(tree, (ops or standard_table()).signatures)


def format(script: Script) -> str:
    """A script as text, well laid out; the comments and spellings of a text are kept.

    Raises `Rejected` for what is no script.
    """
    try:
        return format_source(script) if isinstance(script, str) else print_tree(_tree(script)) + "\n"
    except SyntaxFault as fault:
        raise Rejected(fault.diagnostics) from None


def compile(script: Script, *, ops: OpTable | None = None) -> Program:
    """A script made ready to be run as often as you like. Raises `Rejected` with all its mistakes."""
    table = ops or standard_table()
    try:
        tree = _tree(script)
    except SyntaxFault as fault:
        raise Rejected(_mistakes(all_wrong(str(script), fault, table.signatures))) from None
    analysis = analyse(tree, table.signatures)
    mistakes = _mistakes(analysis.diagnostics)
    if mistakes:
        raise Rejected(mistakes)
    return compile_tree(tree, table, resolution=analysis.resolution)


def run(
    script: Script | Program,
    args: Iterable[object] = (),
    *,
    params: Mapping[str, object] | None = None,
    capabilities: Mapping[str, HostObject] | None = None,
    ops: OpTable | None = None,
    hosts: Mapping[type, object] | None = None,
    budget: Budget | None = None,
    on_event: OnEvent | None = None,
    clock: Callable[[], float] = time.time,
    seed: int | None = None,
) -> Result:
    """Run a script to its end, on an event loop of its own. Code that is on a loop already awaits `run_async`.

    ``args`` are what ``(arg 0)`` … give, ``params`` the values of its ``(params …)`` by name; ``capabilities`` are the
    host objects it finds with ``(get-capability "name")``, ``hosts`` those that your own ops find with `Run.host`.
    ``budget`` limits the run, and `Result.used` says what it took. ``on_event`` hears its log. ``clock`` gives its time
    as UTC seconds since 1970, ``seed`` decides its random numbers; without one they differ from run to run.

    Raises `Rejected` for a script that cannot run, and `ScriptError` for one that fails: with its ``line`` and
    ``column``, the op, and what it had ``used``.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        pass
    else:
        raise RuntimeError("mintaka.run() blocks the event loop that is running here; use: await mintaka.run_async(…)")
    return asyncio.run(
        run_async(
            script,
            args,
            params=params,
            capabilities=capabilities,
            ops=ops,
            hosts=hosts,
            budget=budget,
            on_event=on_event,
            clock=clock,
            seed=seed,
        )
    )


async def run_async(
    script: Script | Program,
    args: Iterable[object] = (),
    *,
    params: Mapping[str, object] | None = None,
    capabilities: Mapping[str, HostObject] | None = None,
    ops: OpTable | None = None,
    hosts: Mapping[type, object] | None = None,
    budget: Budget | None = None,
    on_event: OnEvent | None = None,
    clock: Callable[[], float] = time.time,
    seed: int | None = None,
) -> Result:
    """`run` on the event loop that is running: others take turns with it, and cancelling the task ends the script."""
    program = script if isinstance(script, Program) else compile(script, ops=ops)
    given = [to_script(arg, "An argument of the script") for arg in args]
    if params:
        given = [_by_name(program, given, params)]
    powers = Powers(
        clock=clock,
        random=random.Random(secrets.randbits(128) if seed is None else seed),
        emit=on_event or _unheard,
        hosts={**(hosts or {}), Handed: Handed(capabilities or {})},
        garbage=_GARBAGE,
    )
    outcome = await execute(program, args=given, budget=budget or Budget(), powers=powers)
    # pyright takes an attribute that may be a function for a method.
    value = to_python(outcome.value, program.functions)  # pyright: ignore[reportArgumentType]
    return Result(value, outcome.used)


def _by_name(program: Program, args: list[Value], params: Mapping[str, object]) -> Value:
    if args:
        raise ArityError("Give a script either `args`, in order, or `params`, by name.")
    if "parameters" not in program.helpers:
        name = next(iter(params))
        raise ArityError(
            f"This script takes no parameters, and got `{name}`.", hint="Declare them: (params (name type default))."
        )
    return to_script(params, "The parameters")


def _mistakes(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    return [each for each in diagnostics if each.severity is Severity.ERROR]


def _tree(script: Script) -> Node:
    if isinstance(script, str):
        return parse(script)
    return script if isinstance(script, Call | Group | Literal) else from_json(script)


def _unheard(kind: str, data: Mapping[str, object]) -> None:
    """Nobody listens to what the run tells on its way."""
