"""Generated code does what the reference evaluator says a program means: value, errors, log, effects and fuel."""

import asyncio
import random

import pytest
from hypothesis import HealthCheck, given, settings

from mintaka.lang.parser import parse
from mintaka.lang.printer import print_tree
from mintaka.lang.tree import Node, from_json
from tests.reference.agreement import BUDGET, OPS, defined, differences
from tests.reference.checks import mistakes
from tests.reference.programs import Programs
from tests.runtime.conftest import Runner
from tests.strategies import PROGRAMS

SEEDS = 300


def assert_agreed(tree: Node) -> None:
    assert mistakes(tree, OPS.signatures) == []
    assert asyncio.run(differences(tree)) == [], print_tree(tree)


@given(PROGRAMS)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_programs_mean_the_same_as_in_the_reference(tree: Node) -> None:
    assert_agreed(tree)


@pytest.mark.parametrize("part", range(10))
def test_programs_of_fixed_seeds_mean_the_same_as_in_the_reference(part: int) -> None:
    for seed in range(part * SEEDS // 10, (part + 1) * SEEDS // 10):
        assert_agreed(parse(print_tree(from_json(Programs(random.Random(seed)).program()))))


@pytest.mark.parametrize(
    "source",
    [
        # what is in straight code, in turns and in blocks, around the 64 nodes that cost a unit
        *[f"(list.new {' '.join(['1'] * count)})" for count in (62, 63, 64, 126, 127, 128)],
        f"(for x [1 2 3] (list.new {' '.join(['x'] * 62)}))",
        f"(let f (lambda [x] (if x (list.new {' '.join(['x'] * 63)}) (f 1)))) (f false)",
        f"(let n 0) (while (< n (+ 0 {' '.join(['1'] * 60)})) (set n (+ n 9)))",
        # ends of loops
        "(for x [1 2 3] (if (== x 3) (break)))",
        "(for x [] 1)",
        "(let xs [1 2 3]) (for x xs (if (< (list.len xs) 9) (list.push xs x)))",
        "(let xs [1 2 3 4]) (for x xs (list.pop xs))",
        "(list.find [1 2 3] (lambda [x] (== x 2)))",
        "(list.sort [3 1 2 9 4] (lambda [a b] (- a b)))",
        "(list.sort (list.range 1 40) (lambda [a b] (- b a)))",
        # sizes
        '(let s "x") (for i (list.range 1 13) (set s (str.concat s s))) (str.len s)',
        "(list.len (list.concat (list.range 1 100) (list.range 1 300)))",
        # errors on the way
        "(for x [1 2 3] (try (if (== x 2) (throw x) x) e (log e)))",
        "(list.map [1 2] (lambda [x] (throw [x])))",
        '(try (list.reduce [1 2 "a"] (lambda [a b] (+ a b)) 0) e (error))',
        # names
        "(let x 1) (seq (let f (lambda [] x)) (let x 2) (f))",
        "(let x 1) (let f (lambda [] (seq (let y x) (let x 5) [x y (g)]))) (let g (lambda [] z)) (let z 3) (f)",
        "(and false (let q 5)) (let f (lambda [] q)) (set q 7) (f)",
        # tasks
        "(par.all (for x [1 2] (log x)) (let y 1) (return 5))",
        "(let f (lambda [x] (* x x))) (par.map (list.range 1 9) f)",
        # Out of memory before it is out of fuel; the reference has no memory to run out of.
        '(let b "x") (let items []) (while true (seq (list.push items b) (set b (str.concat b "x"))))',
    ],
)
async def test_a_program_that_lies_on_an_edge_means_the_same(run: Runner, source: str) -> None:
    run.compile(source)
    assert await differences(parse(source)) == []


@pytest.mark.parametrize(("calls", "end"), [(1, "value"), (39, "value"), (41, "depth"), (500, "depth")])
async def test_calls_deeper_than_the_budget_end_a_program_in_both(calls: int, end: str) -> None:
    tree = parse(f"(define f [n] (if (== n 1) 0 (+ 1 (f (- n 1))))) (f {calls})")
    assert BUDGET.depth == 40
    assert defined(tree).end == end
    assert await differences(tree) == []
