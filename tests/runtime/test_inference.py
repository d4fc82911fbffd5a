"""Types are inferred for speed only: with and without them a program means the same and costs the same fuel."""

import asyncio
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mintaka.lang.checker import check
from mintaka.lang.diagnostics import Severity
from mintaka.lang.parser import parse
from mintaka.lang.tree import Node, from_json
from mintaka.runtime.budget import Budget
from mintaka.runtime.compiler import compile_tree
from mintaka.runtime.errors import OutOfFuel, ScriptError
from mintaka.runtime.execute import execute
from mintaka.runtime.powers import Powers
from tests.reference.agreement import picture
from tests.reference.evaluator import Evaluator
from tests.reference.programs import Programs
from tests.runtime.conftest import OPS
from tests.strategies import TREES


def ran(tree: Node, *, infer: bool, fuel: int = 3_000, slice_length: int = 4096) -> tuple[object, ...]:
    """What became of a program: its value and fuel, or its error."""
    told: list[object] = []
    powers = Powers(clock=lambda: 0.0, random=random.Random(0), emit=lambda kind, data: told.append((kind, repr(data))))
    program = compile_tree(tree, OPS, infer=infer)
    budget = Budget(fuel=fuel, depth=30)
    try:
        done = asyncio.run(execute(program, args=[3], budget=budget, powers=powers, slice_length=slice_length))
    except ScriptError as error:
        return error.kind, error.message, error.op, str(error.span), told
    return repr(picture(done.value)), done.used.fuel, told


def valid(tree: Node) -> bool:
    return all(found.severity is not Severity.ERROR for found in check(tree, OPS.signatures))


@given(st.integers(0, 10_000), st.sampled_from([7, 100, 4096]))
@settings(max_examples=40, deadline=None)
def test_random_programs_are_the_same_with_and_without_types_at_every_slice_length(seed: int, length: int) -> None:
    tree = from_json(Programs(random.Random(seed)).program())
    if valid(tree):
        assert ran(tree, infer=True) == ran(tree, infer=False, slice_length=length)


@given(TREES)
@settings(max_examples=40, deadline=None)
def test_trees_of_all_forms_are_the_same_with_and_without_types(tree: Node) -> None:
    if valid(tree):
        assert ran(tree, infer=True) == ran(tree, infer=False)


LONG = "a" * 200

SUBTLE = [
    # what is not evaluated tells nothing
    "(let v (arg 5)) (guard null (list.len v)) (try (list.reduce v (lambda [a x] null) 1) e e)",
    "(let v (arg 5)) (nullish 1 (list.len v)) (try (list.map v (lambda [x] x)) e e)",
    # `and` and `or` give true or false, whatever is in them
    "[(and (or 0 (let x 5))) (and (and (if false false))) (or (or 0 null) (and 1 (let y 7))) (and true (not (or 0)))]",
    # integers at the edge of exactness
    "(let x 9007199254740991) (let n 0) (while (< n 3) (seq (set x (+ x 1)) (set n (+ n 1)))) x",
    "(let x -9007199254740991) (for i [1 2 3] (set x (- x 1))) x",
    "(let x 3) (for i (list.range 1 40) (set x (* x 3))) x",
    "(let x 1) (for i (list.range 1 70) (set x (+ x x))) x",
    "(list.reduce (list.range 1 30) (lambda [a x] (* a x)) 1)",
    "(list.map [0 1] (lambda [x] (/ 1 (* x -5))))",
    "(let z 0) (for i [1 2] (set z (* z -1))) (/ 1 z)",
    "(let x 94906267) (let t 2) (for i (list.range 1 5) (seq (set t (+ t (* x x))) (set x (+ x 1)))) t",
    "(let x 94906267) (let t 0.5) (for i [1 2] (seq (set t (+ (* x x) t)) (set x (+ x i)))) t",
    "(let x 94906267) (let t 7) (for i [1 0.3 3] (set t (+ (* x x) (* i t)))) t",
    "(let x 9007199254740991) (let t 0) (for i [1 -9e15 1] (set t (+ i (* x 3)))) t",
    # a variable changes its type where another function, a turn or a handler sees it
    '(let x 1) (let f (lambda [] (set x "a"))) (f) (str.concat x x)',
    '(let x 1) (for i [1 2] (seq (if (== x "a") (str.concat x 1) 0) (set x "a"))) x',
    '(let x 1) (try (seq (set x "a") (throw 1) (set x 2)) e 0) (str.concat x 1)',
    "(let x 1) (or false (seq (set x null) false)) (== x null)",
    '(let i 5) (< i (set i "a"))',
    "(let i 5) (if (< i (set i 500)) (list.len (list.range i 501)) 0)",
    # a variable found to be a number by one op need not be one at the next
    '(let v (arg 0)) (let n 0) (while (< n 2) (seq (try (+ v 1) e (throw [n e])) (set v "a") (set n (+ n 1)))) v',
    '(let v (arg 0)) (+ v 1) (let f (lambda [] (set v "a"))) (f) (try (+ v 1) e e)',
    "(let v (arg 5)) (if (== v 1) (+ v 1) 0) (try (+ v 1) e e)",
    "(let v (arg 5)) (or true (> v 1)) (try (+ v 1) e e)",
    "(let v (arg 0)) (and (> v 1) (seq (set v null) true) (try (+ v 1) e (== v null)))",
    "(let v (arg 0)) (try (seq (+ v 1) (set v null) (throw 1)) e 0) (try (+ v 1) e e)",
    "(let v (arg 5)) (for i [] (+ v 1)) (try (+ v 1) e e)",
    # lists of several names hold what is put in by any of them
    '(let xs [1 2]) (let ys xs) (list.push ys "a") (list.map xs (lambda [x] (== x "a")))',
    '(let o {:a 1}) (let box [o]) (obj.set (list.get box 0) "a" "text") (str.concat (obj.get o "a") "!")',
    '(let xs [1]) (let f (lambda [l] (list.set l 0 "a"))) (f xs) (== (list.get xs 0) "a")',
    "(let xs [1 2 3]) (list.map xs (lambda [x] (seq (if (< (list.len xs) 6) (list.push xs x) 0) (+ x 1))))",
    "(let xs [1 2 3]) (list.set xs 5 9) (list.filter xs (lambda [x] (== x null)))",
    "[(list.get [1 2 3] -1) (list.get [1 2 3] 1.0) (list.get [1 2 3] 0.5) (list.get [1 2] 7)]",
    "(list.map [true 1 1.0 null] (lambda [x] [(== x 1) (== x true)]))",
    "(try (+ 1 (list.get [true] 0)) e e)",
    "(try (< (list.get ['(1)] 0) (list.get ['(2)] 0)) e e)",
    "(list.map [1 null 3] (lambda [x] (try (or (== x 1) (< (- x 1) 5)) e e)))",
    "(list.map [5 null true] (lambda [x] (try (if (and (!= x 1) (> x 2)) [x] (or false (> 3 x))) e e)))",
    "(list.map [1 null] (lambda [x] (try (or (seq (set x 2) false) (> 3 x)) e e)))",
    '(try (list.map ["a" "b"] (lambda [x] (* x 2))) e e)',
    "(try (list.get [1 2] (list.get [true] 0)) e e)",
    "(list.sort [3 1 2] (lambda [a b] (if (< a b) \"less\" (- a b))))",
    "(list.sort [3 1 2] (lambda [a b] (< b a)))",
    "(list.find [1 2 3] (lambda [x] (if (> x 1) (seq (set x 9) true) false)))",
    "(list.reduce [1 2] (lambda [a x] (seq (set a (+ a 1)) (+ a x))) 0)",
    "(list.reduce [1 2 3] (lambda [] 7) 0)",
    "(list.map (list.map [1 2] (lambda [x] (lambda [] x))) (lambda [f] (f)))",
    "(define f [a b] [a b]) [(f 1) (f 1 2 3)]",
    "[(try (f 1) e e) (seq (define f [a] a) 1)]",
    "(let v 0) (list.map [1 2] (lambda [x] (seq (set v (+ v x)) v)))",
    "[(% -7 3) (% 7 -3) (% 7 0) (/ 0 5) (/ 7 2) (/ -6 3) (/ 5 0)]",
    # what a test told of a variable holds in one call of a function, and while nothing gives the variable a value
    '(let v (arg 0)) (+ v 1) (define f [] (try (+ v 1) e e)) (set v "a") (f)',
    '(let v (arg 0)) (define f [] (+ v 1)) (f) (set v "a") (try (f) e e)',
    '(let v (arg 0)) (+ v 1) (list.sort [2 1] (lambda [a b] (seq (set v "a") (- a b)))) (try (+ v 1) e e)',
    '(let v (arg 0)) (+ v 1) (list.map [1 2] (lambda [x] (seq (let t (try (+ v x) e e)) (set v "a") t)))',
    "(let v (arg 0)) (+ v 1) (let n 0) (while (< n 9) (seq (set n (+ n v)) (for m [1 2] (set v (/ v m))))) n",
    '(let n 0) (let v (arg 0)) (try (while (< n v) (seq (set n (+ n 1)) (if (== n 2) (set v "a")))) e e)',
    '(define f [v] (while (< v 9) (set v (if (> v 5) "a" (+ v 1))))) (try (f (arg 0)) e e)',
    "(let v (arg 5)) (try (+ v 1) e 0) (try (list.len v) e e)",
    # what no turn of a loop changes is looked at once in front of it, and refused where it is used
    '(define f [v n] (seq (let i 0) (while (< i n) (set i (+ i v))) i)) [(f 1 2) (try (f "a" 2) e e) (f "a" 0)]',
    "(define f [v] (list.map [1 2] (lambda [i] [(try (+ v i) e e) (try (list.len v) e e)]))) (list.map [1 [] null] f)",
    "(define f [v] (list.map [1 2] (lambda [i] (if (== v null) 0 (+ v i))))) [(f 1) (f null) (try (f true) e e)]",
    '(define f [v] (list.map [1 2] (lambda [i] (seq (let t (try (+ v 1) e e)) (set v "a") t)))) (f 1)',
    '(define f [v] (for i [1 2] (while (< i v) (set i (if (> i 3) "a" (+ i 1)))))) (try (f 5) e e)',
    "(for x [1 null 2] (try (for i [1 2] (+ x i)) e (std.log e)))",
    # a variable is of the kinds of all that is bound to it
    '(let x 1) (define f [] (set x "a")) (f) (try (+ x 1) e e)',
    '(list.reduce [1 "a"] (lambda [a x] (seq (set a x) (str.concat a 1))) 0)',
    "(list.reduce [1 2] (lambda [a x] (seq (set a null) (+ x 1))) 0)",
    "(try (list.reduce [] (lambda [a x] (+ x 1)) null) e e)",
    "(define g [] (+ y 1)) (let told (try (g) e e)) (let y 5) [told (g)]",
    '(let x 1) (for i [1 2] (let x "a")) (let x (+ x 1)) x',
    "(let f (lambda [] 1)) (set f 2) (try (f) e e)",
    '(for x [1 "a"] (set x (+ 1 2)))',
    '(let e 1) (try (throw "a") e (str.concat e 1))',
    # values of any kind, compared and written
    "(let all [null false 0 1 true 1.0 -0.0 '(1) {}]) (list.map all (lambda [a] (list.map all (lambda [b] (== a b)))))",
    '(list.map [1 -2 2.5 true "x" null] (lambda [x] (try [(math.abs x) (math.floor x) (std.string x)] e e)))',
    "(list.map [1 -2 2.5 -0.0 1e21 1e-7] (lambda [x] [(str.concat (- x 0) x) (str.concat x (* x 1) (% x 2))]))",
    f'(let t "{LONG}") (list.map [1 0.5] (lambda [x] [(str.concat (+ x 1) t) (str.concat t (+ x 1))]))',
    "(list.map [1 9007199254740992 -9007199254740992 0.5] (lambda [x] [(+ x 1) (- x 1) (+ 1 x) (* x -1) (* x 0)]))",
]  # fmt: skip


def meant(tree: Node) -> object:
    """The value of a program, or the kind of its error, by definition."""
    powers = Powers(clock=lambda: 0.0, random=random.Random(0))
    try:
        return repr(picture(Evaluator(OPS, budget=Budget(fuel=3_000, depth=30), powers=powers, args=[3]).run(tree)))
    except ScriptError as error:
        return error.kind


@pytest.mark.parametrize("source", SUBTLE)
def test_what_types_could_get_wrong(source: str) -> None:
    tree = parse(source)
    first = ran(tree, infer=True)
    assert first[0] == meant(tree)
    assert first == ran(tree, infer=False, slice_length=7)
    if isinstance(first[1], int) and first[1] > 1:
        for infer in (True, False):
            assert ran(tree, infer=infer, fuel=first[1]) == first
            assert ran(tree, infer=infer, fuel=first[1] - 1)[0] == OutOfFuel.kind


def test_a_script_that_inference_does_not_get_through_is_compiled_without_types(monkeypatch) -> None:
    monkeypatch.setattr("mintaka.runtime.inference.MOST_PASSES", 1)
    assert ran(parse("(let n 0) (while (< n 5) (set n (+ n 1))) n"), infer=True)[0] == repr(picture(5))
