"""Running checked trees within a budget: ops, compiler, meter, fibers. Imports ``lang`` only."""

from mintaka.runtime.budget import Budget, Used
from mintaka.runtime.compiler import Program, compile_tree
from mintaka.runtime.errors import Diverged, HostFault, JournalLost, ScriptError, Stopped
from mintaka.runtime.execute import Outcome, execute
from mintaka.runtime.journal import Journal, MemoryJournal, emitted
from mintaka.runtime.ops import OpTable, op
from mintaka.runtime.powers import Powers
from mintaka.runtime.records import Codec
from mintaka.runtime.run import Run
from mintaka.runtime.values import Function, HostObject, Value

__all__ = [
    "Budget",
    "Codec",
    "Diverged",
    "Function",
    "HostFault",
    "HostObject",
    "Journal",
    "JournalLost",
    "MemoryJournal",
    "OpTable",
    "Outcome",
    "Powers",
    "Program",
    "Run",
    "ScriptError",
    "Stopped",
    "Used",
    "Value",
    "compile_tree",
    "emitted",
    "execute",
    "op",
]
