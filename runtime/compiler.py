"""From a checked tree to a program, pass by pass: resolve, inline, find calls, infer, emit, check, compile.

resolve     which variable every name is                    `mintaka.lang.scopes`
inline      callbacks become part of the loops they are for  `mintaka.runtime.inlining`
find calls  which function a call calls                     `mintaka.runtime.calls`
infer       types and ranges of all expressions             `mintaka.runtime.inference`
emit        Python's `ast`, with the meter in it            `mintaka.runtime.emitter`
check       against the whitelist                           `mintaka.runtime.whitelist`
compile     by CPython
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from types import CodeType

from mintaka.lang.digest import tree_digest
from mintaka.lang.limits import allow_deep_recursion
from mintaka.lang.parameters import Parameter
from mintaka.lang.scopes import Resolution, resolve
from mintaka.lang.tree import Call, Node
from mintaka.runtime.calls import find_calls
from mintaka.runtime.emitter import Emitter
from mintaka.runtime.facts import Facts
from mintaka.runtime.faults import SCRIPT_FILE
from mintaka.runtime.inference import Inference
from mintaka.runtime.inlining import inline
from mintaka.runtime.ops import OpTable
from mintaka.runtime.whitelist import assert_allowed
from mintaka.runtime.writer import Site


def emit(resolution: Resolution, ops: OpTable, *, infer: bool = True) -> Emitter:
    """The passes in front of Python's own compiler; what they write is checked by `compile_tree`."""
    inline(resolution, ops)
    calls = find_calls(resolution, ops)
    inference = Inference(calls, ops) if infer else None
    done = inference is not None and inference.run()
    return Emitter(resolution, ops, calls, Facts(resolution, ops, inference if done else None))


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
    parameters: tuple[Parameter, ...]
    """What the script declares with ``std.params``."""
    ops: OpTable
    digest: Callable[[], str]
    """That of the tree it was compiled from (`mintaka.lang.digest.tree_digest`), which only few ask for."""


def compile_tree(node: Node, ops: OpTable, *, infer: bool = True, resolution: Resolution | None = None) -> Program:
    """Compile a tree in which `mintaka.lang.checker.check` found no errors.

    ``resolution`` is what `mintaka.lang.checker.analyse` resolved its names to; it is used up.
    Without ``infer`` nothing is assumed about types; the program means the same and costs the same fuel, but is slower.
    """
    allow_deep_recursion()
    resolution = resolution or resolve(node)
    whole = node
    if not ops.definitions.keys().isdisjoint([resolved.op for resolved in resolution.nodes()]):
        whole = ops.expanded(node)
        resolution = resolve(whole)
    emitter = emit(resolution, ops, infer=infer)
    module = emitter.module()
    assert_allowed(module)
    return Program(
        code=compile(module, SCRIPT_FILE, "exec", dont_inherit=True, optimize=2),
        helpers=tuple(emitter.helpers),
        sites=tuple(emitter.sites),
        functions=emitter.functions,
        bytes_per_tick=emitter.bytes_per_tick,
        parameters=emitter.parameters,
        ops=ops,
        digest=cache(partial(tree_digest, whole)),
    )
