"""From a checked tree to a program: resolve, emit, check what was emitted, compile."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import CodeType

from mintaka.lang.limits import allow_deep_recursion
from mintaka.lang.scopes import resolve
from mintaka.lang.tree import Call, Node
from mintaka.runtime.emitter import Emitter
from mintaka.runtime.faults import SCRIPT_FILE
from mintaka.runtime.ops import OpTable
from mintaka.runtime.whitelist import assert_allowed
from mintaka.runtime.writer import Site


@dataclass(frozen=True, slots=True)
class Program:
    """A compiled script: run it as often as you like with `mintaka.runtime.execute.execute`."""

    code: CodeType
    helpers: Sequence[str]
    """What the code wants to be given, in order: see `mintaka.runtime.binding`."""
    sites: Sequence[Site]
    """Line n of the code stands for ``sites[n - 1]``."""
    functions: Mapping[str, Call]
    """Name of each Python function → the form it was made by."""
    bytes_per_tick: int
    """Bytes of data that the code may make for a unit of fuel without accounting for them."""
    ops: OpTable


def compile_tree(node: Node, ops: OpTable) -> Program:
    """Compile a tree in which `mintaka.lang.checker.check` found no errors."""
    allow_deep_recursion()
    emitter = Emitter(resolve(node), ops)
    module = emitter.module()
    assert_allowed(module)
    return Program(
        code=compile(module, SCRIPT_FILE, "exec", dont_inherit=True, optimize=2),
        helpers=tuple(emitter.helpers),
        sites=tuple(emitter.sites),
        functions=emitter.functions,
        bytes_per_tick=emitter.bytes_per_tick,
        ops=ops,
    )
