"""What is emitted consists of a few kinds of nodes and made-up names: it cannot reach the host."""

import ast
import builtins
import gc
import json
from pathlib import Path

import pytest
from hypothesis import given

from mintaka import stdlib
from mintaka.lang.checker import analyse, check
from mintaka.lang.diagnostics import Severity, SyntaxFault
from mintaka.lang.parser import parse
from mintaka.lang.scopes import Resolved, resolve
from mintaka.lang.tree import Node, from_json
from mintaka.runtime.compiler import compile_tree, emit
from mintaka.runtime.lattice import Type
from mintaka.runtime.ops import OpTable
from mintaka.runtime.values import HostObject
from mintaka.runtime.whitelist import ALLOWED, NotAllowed, assert_allowed
from mintaka.runtime.writer import Site
from tests.strategies import TREES

OPS = OpTable.of(*stdlib.modules)
CASES = (Path(__file__).parents[1] / "conformance" / "viwoscript.jsonl").read_text(encoding="utf-8").strip().split("\n")


def emitted(tree: Node, *, infer: bool = True) -> ast.Module:
    return emit(resolve(tree), OPS, infer=infer).module()


def has_errors(tree: Node) -> bool:
    return any(found.severity is Severity.ERROR for found in check(tree, OPS.signatures))


def test_every_conforming_program_is_emitted_within_the_whitelist() -> None:
    seen: set[type] = set()
    for line in CASES:
        try:
            tree = from_json(json.loads(line)["script"])
        except SyntaxFault:
            continue
        if not has_errors(tree):
            for infer in (True, False):
                module = emitted(tree, infer=infer)
                assert_allowed(module)
                seen.update(type(node) for node in ast.walk(module))
    assert seen <= ALLOWED
    forbidden = (
        ast.Attribute,
        ast.Import,
        ast.Global,
        ast.Lambda,
        ast.NamedExpr,
        ast.Slice,
        ast.While,
        ast.ClassDef,
    )
    assert not seen & set(forbidden)


@given(TREES)
def test_every_tree_without_errors_compiles_within_the_whitelist(tree: Node) -> None:
    if not has_errors(tree):
        compile_tree(tree, OPS)


def test_names_of_the_script_never_become_names_of_python() -> None:
    module = emitted(parse("(let __import__ 1) (lambda [eval] (set eval __import__)) (try (throw 1) exec exec)"))
    names = {node.id for node in ast.walk(module) if isinstance(node, ast.Name)}
    names |= {node.arg for node in ast.walk(module) if isinstance(node, ast.arg)}
    assert not names & set(dir(builtins))


@pytest.mark.parametrize(
    "code",
    [
        "t1.t2",
        "import os",
        "lambda: 1",
        "t1[1:2]",
        "t1[t2 + 1]",
        "f'{t1:>9}'",
        "f'{t1!r}'",
        "(t1 := 2)",
        "{t1 for t1 in t2}",
        "{t1: t1 for t1 in t2}",
        "{**t1}",
        "f1(*t1)",
        "f1(t1=1)",
        "t1()()",
        "eval",
        "global t1",
        "def f1() -> t1: pass",
        "@t1\ndef f1(): pass",
        "def f1(eval): pass",
        "class t1: pass",
        "while t1: pass",
        "b'bytes'",
        "...",
        "1j",
        "try: pass\nexcept h1 as eval: pass",
    ],
)
def test_anything_else_is_refused(code: str) -> None:
    with pytest.raises(NotAllowed):
        assert_allowed(ast.parse(code))


def test_generated_code_has_no_builtins() -> None:
    program = compile_tree(parse("(+ 1 2)"), OPS)
    assert set(program.code.co_names) <= {"outer"}


def test_a_host_object_cannot_have_subscripts_that_scripts_would_reach() -> None:
    with pytest.raises(TypeError, match="__getitem__"):
        type("Leaky", (HostObject,), {"__getitem__": lambda self, key: "secret"})


def test_a_compilation_keeps_nothing_alive_that_only_the_garbage_collector_could_take_away() -> None:
    tree = parse("(define f [n] (if (< n 2) n (f (- n 1)))) (list.map [1 2] (lambda [x] (try (f x) e (std.error))))")
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        compile_tree(tree, OPS, resolution=analyse(tree, OPS.signatures).resolution)
        gc.collect()
        left = {type(found).__name__ for found in gc.garbage if isinstance(found, ast.AST | Resolved | Type | Site)}
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
    assert not left
