"""From a request's source to a checked program, and its run within a budget."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from mintaka import stdlib
from mintaka.capabilities import ops as capability_ops
from mintaka.capabilities.entities import ops as entity_ops
from mintaka.lang.checker import Analysis, analyse
from mintaka.lang.diagnostics import Diagnostic, Severity, SyntaxFault
from mintaka.lang.doubts import all_wrong
from mintaka.lang.methods import Capabilities
from mintaka.lang.parameters import Parameter
from mintaka.lang.parser import parse
from mintaka.lang.printer import print_tree
from mintaka.lang.tree import Node, from_json, to_json
from mintaka.runtime.budget import Budget
from mintaka.runtime.cache import ProgramCache
from mintaka.runtime.compiler import Program, compile_tree
from mintaka.runtime.errors import HostFault
from mintaka.runtime.execute import Outcome, execute
from mintaka.runtime.journal import Journal
from mintaka.runtime.ops import OpTable
from mintaka.runtime.powers import Emit, Powers
from mintaka.runtime.records import Codec
from mintaka.runtime.values import HostObject, Value
from mintaka.server.errors import Fault, Kind
from mintaka.server.faults import rejected
from mintaka.server.parameters import declared, describe
from mintaka.server.powers import ServerPowers
from mintaka.server.settings import RunMaxima


@dataclass(frozen=True, slots=True)
class Checked:
    """A script as far as it can be known without running it."""

    tree: Node | None
    diagnostics: Sequence[Diagnostic]
    analysis: Analysis | None = None
    """What it needs and gives, where it could be read."""

    @property
    def errors(self) -> list[Diagnostic]:
        """What keeps it from running."""
        return [diagnostic for diagnostic in self.diagnostics if diagnostic.severity is Severity.ERROR]

    @property
    def parameters(self) -> list[Parameter]:
        """The parameters it declares; none as long as there are errors."""
        return declared(self.tree) if self.tree is not None and not self.errors else []

    def to_json(self) -> dict[str, object]:
        """The answer of ``check_script``."""
        analysis = self.analysis
        return {
            "ok": not self.errors,
            "diagnostics": [each.to_json() for each in self.diagnostics],
            "params": describe(self.parameters),
            "capabilities": [each.to_json() for each in analysis.needs] if analysis else [],
            "variables": [{"name": name, "type": type} for name, type in analysis.variables] if analysis else [],
            "result": analysis.result if analysis else "any",
        }


class Source(str):
    """The text form of a script, told apart from a JSON form that is a string."""

    __slots__ = ()


def op_table() -> OpTable:
    """Every op there is."""
    return OpTable.of(*stdlib.modules, capability_ops, entity_ops)


def check(script: object, ops: OpTable, capabilities: Capabilities) -> Checked:
    """Check a `Source` or a JSON form (anything else); mistakes become diagnostics."""
    try:
        tree = _read(script)
    except SyntaxFault as fault:
        return Checked(None, all_wrong(str(script), fault, ops.signatures, capabilities=capabilities))
    analysis = analyse(tree, ops.signatures, capabilities=capabilities)
    return Checked(tree, analysis.diagnostics, analysis)


class Scripts:
    """Reads, checks and runs scripts against one table of ops and one set of capability types.

    ``hosts`` is what ops of every run find with `mintaka.runtime.run.Run.host`.
    """

    def __init__(
        self,
        ops: OpTable,
        capabilities: Capabilities,
        powers: ServerPowers,
        maxima: RunMaxima,
        hosts: Mapping[type, object] = MappingProxyType({}),
    ) -> None:
        self.ops = ops
        self._capabilities = capabilities
        self._powers = powers
        self._maxima = maxima
        self._hosts = hosts
        self._cache = ProgramCache(ops)

    def check(self, script: object) -> Checked:
        """Check a script; mistakes become diagnostics."""
        return check(script, self.ops, self._capabilities)

    def program(self, script: object) -> Program:
        """A checked and compiled script. Raises `Fault` with its diagnostics."""
        return self._compiled(script)

    def _compiled(self, script: object) -> Program:
        """A program that was compiled before, or is now."""
        try:
            source = script if isinstance(script, Source) else json.dumps(script, separators=(",", ":"))
        except (TypeError, ValueError, RecursionError):  # no JSON, or nested too deeply: checking it says so
            return self._made(script)
        kind = "text" if isinstance(script, Source) else "json"
        return self._cache.program(kind, source, lambda: self._made(script))

    def with_parameters(self, script: object, given: Mapping[str, Value]) -> tuple[Program, list[Value]]:
        """A program and the arguments that give its parameters the ``given`` values. Raises `Fault`."""
        program = self._compiled(script)
        if not program.parameters:
            raise Fault(
                Kind.INVALID_PARAMS,
                f"This script takes no parameters, and got `{next(iter(given))}`.",
                hint="Declare them: (params (name type default)).",
            )
        return program, [dict(given)]

    def _made(self, script: object) -> Program:
        analysis = self.runnable(script)
        return compile_tree(analysis.tree, self.ops, resolution=analysis.resolution)

    def runnable(self, script: object) -> Analysis:
        """What is known of a script that can run. Raises `Fault` with its diagnostics."""
        checked = self.check(script)
        if checked.errors or checked.analysis is None:
            raise rejected(checked.errors)
        return checked.analysis

    def verb(self, source: str) -> Program:
        """The program of a verb, from its text. Raises `HostFault` with its diagnostics."""
        return self._told(Source(source))

    def kept(self, program: str) -> Program:
        """The program of what `keep` made. Raises `HostFault` with its diagnostics."""
        return self._told(self.read_kept(program))

    @staticmethod
    def keep(script: object) -> str:
        """A `Source` or a JSON form as JSON that tells which of the two it is."""
        return json.dumps({"text" if isinstance(script, Source) else "json": script})

    @staticmethod
    def read_kept(program: str) -> object:
        """What `keep` was given."""
        kept = json.loads(program)
        return Source(kept["text"]) if "text" in kept else kept["json"]

    def _told(self, script: object) -> Program:
        try:
            return self.program(script)
        except Fault as fault:
            raise HostFault(fault.message, kind=fault.kind.value, hint=fault.hint, data=fault.data) from None

    def text(self, script: object) -> str:
        """The text form of a script. Raises `Fault` with its diagnostics."""
        return print_tree(self._tree(script))

    def json(self, script: object) -> object:
        """The JSON form of a script. Raises `Fault` with its diagnostics."""
        return to_json(self._tree(script))

    def budget(self, asked: Mapping[str, float | int | None]) -> Budget:
        """The default budget with what was asked for. Raises `Fault` for more than a run may have."""
        wanted = {name: value for name, value in asked.items() if value is not None}
        for name, value in wanted.items():
            most = getattr(self._maxima, name)
            if value > most:
                raise Fault(
                    Kind.LIMIT,
                    f"A run may have a budget of at most {most} for {name}, not {value}.",
                    data={"limit": name, "value": most},
                )
        default = {name: min(getattr(Budget(), name), getattr(self._maxima, name)) for name in Budget.__slots__}
        return Budget(**{**default, **wanted})

    async def run(
        self,
        program: Program,
        *,
        args: Sequence[Value],
        budget: Budget,
        emit: Emit,
        hosts: Mapping[type, object],
        journal: Journal | None = None,
        codec: Codec | None = None,
        caller: HostObject | None = None,
    ) -> Outcome:
        """Run a program to its end, or go on with it by its ``journal``; cancelling the caller cancels it.

        ``caller`` is the entity that has it run, where one does. Raises `ScriptError`.
        """
        made = self._powers
        powers = Powers(
            clock=made.clock,
            random=made.random(),
            emit=emit,
            hosts={**self._hosts, **hosts},
            caller=caller,
            garbage=made.garbage,
        )
        return await execute(program, args=args, budget=budget, powers=powers, journal=journal, codec=codec)

    def _tree(self, script: object) -> Node:
        try:
            return _read(script)
        except SyntaxFault as fault:
            raise rejected(fault.diagnostics) from None


def _read(script: object) -> Node:
    return parse(script) if isinstance(script, Source) else from_json(script)
