"""Programs that mean ill: each is refused with the right kind of error, within its budgets, whatever it tries to grow.

Every program runs within little fuel and memory, so that one that got away with more than it pays for would be seen: by
the memory that Python itself says was taken while it ran, and by a deadline that none of them needs.
"""

import random
import tracemalloc

import pytest

from mintaka import stdlib
from mintaka.lang.limits import allow_deep_recursion
from mintaka.lang.parser import parse
from mintaka.runtime.budget import Budget
from mintaka.runtime.compiler import compile_tree
from mintaka.runtime.errors import ScriptError
from mintaka.runtime.execute import Outcome, execute
from mintaka.runtime.journal import MemoryJournal
from mintaka.runtime.ops import OpTable
from mintaka.runtime.powers import Powers
from mintaka.runtime.values import Value

allow_deep_recursion()

OPS = OpTable.of(*stdlib.modules)

MEMORY = 1024 * 1024
"""Bytes of the budget; Python may need a few times as much for the same data."""

MOST_TAKEN = 12 * MEMORY
"""Bytes that Python may take for what a budget counts as `MEMORY`: a small text or object costs it several cells."""


def growing(step: str, start: str = '"abcdefgh"') -> str:
    """A value that ``step`` makes of the one before, without end."""
    return f"(let s {start}) (while true (set s {step}))"


GROWTH = {
    "a text doubled by concat": growing("(str.concat s s)"),
    "a text replaced by itself": growing('(str.replace s "a" s)'),
    "a text joined with itself": growing("(str.join [s s s] s)"),
    "a text of repeated texts": growing("(str.join (list.map (list.range 1 100) (lambda [x] s)) s)"),
    "capital letters that grow": growing('(str.upper (str.concat s s "ß"))'),
    "a text split into characters of their own": growing(
        '(seq (list.push s (str.split (str.concat "ж" (str.join (list.range 1000 3000) "ж")) "")) s)', "[]"
    ),
    "a list doubled by concat": growing("(list.concat s s)", "[1]"),
    "a list that holds itself thrice": growing("[s s s]", "[1]") + " s",
    "a list pushed to": growing("(seq (list.push s [1 2 3]) s)", "[]"),
    "a list unshifted to": growing("(seq (list.unshift s [1]) s)", "[]"),
    "a list set far beyond its end": growing("(seq (list.set s (+ (list.len s) 900000) 1) s)", "[]"),
    "a list of everything there is": "(list.range 0 9007199254740991)",
    "a list spliced into itself": growing("(seq (list.splice s 0 0 s s) s)", "[1]"),
    "a flat map that doubles": growing("(list.flatMap s (lambda [x] [x x]))", "[1]"),
    "a map whose results are large": "(list.map (list.range 1 100000) (lambda [x] (list.range 1 1000)))",
    "a filter that keeps on building": (
        "(let kept []) (list.filter (list.range 1 100000) (lambda [x] (list.push kept (list.range 1 1000))))"
    ),
    "a reduce that doubles": "(list.reduce (list.range 1 100) (lambda [a x] (list.concat a a)) [1])",
    "an object with ever more keys": "(let o {}) (let n 0) (while true (seq (set n (+ n 1)) (obj.set o n [n])))",
    "an object with ever longer keys": (
        '(let o {}) (let k "key") (while true (seq (set k (str.concat k k)) (obj.set o k 1)))'
    ),
    "an object merged and wrapped": growing("(obj.merge s (obj.set {} (json.stringify (obj.keys s)) s))", "{:a 1}"),
    "objects mapped to large ones": "(obj.map (list.range 1 100000) (lambda [x] (list.range 1 1000)))",
    "a comparator that hoards": (
        "(let kept []) (list.sort (list.range 1 10000) (lambda [a b] (seq (list.push kept (list.range 1 1000)) 0)))"
    ),
    "parallel tasks that return much": "(par.map (list.range 1 10000) (lambda [x] (list.range 1 1000)))",
    "functions within functions": (
        "(define wrap [f xs] (lambda [] [f xs])) (let g null) (while true (set g (wrap g (list.range 1 100))))"
    ),
    "data held by handlers": ("(define f [n] (try (throw (list.range 1 100000)) e (seq (set e null) (f n)))) (f 1)"),
    "data grown in the arguments": "(while true (list.push (arg 0) (list.range 1 1000)))",
    "a shared list as text": "(let s [1]) (for i (list.range 1 60) (set s [s s])) (string s)",
    "a shared list as JSON": "(let s [1]) (for i (list.range 1 60) (set s [s s])) (json.stringify s)",
    "a shared object as JSON": "(let s {:a 1}) (for i (list.range 1 60) (set s {:a s :b s})) (json.stringify s)",
    "a shared list as a key": "(let s [1]) (for i (list.range 1 60) (set s [s s])) (obj.set {} s 1)",
    "a shared list thrown": "(let s [1]) (for i (list.range 1 60) (set s [s s])) (throw s)",
    "a shared list logged": "(let s [1]) (for i (list.range 1 60) (set s [s s])) (log s)",
    "shared lists sorted": "(let s [1]) (for i (list.range 1 60) (set s [s s])) (list.sort [s s])",
    "JSON within JSON": growing("(json.stringify [s s])"),
    "a template quoted in a loop": growing('(seq (list.push s \'[[1 2 3] {:a [1 2 3]} "text"]) s)', "[]"),
    "a list of many lists": f"[{' '.join(['(list.range 1 5000)'] * 200)}]",
    "lists within lists": f"[1 [2 [3 {' '.join(['(list.range 1 5000)'] * 200)}]]]",
    "an object of many lists": f"{{{' '.join(f':k{n} (list.range 1 5000)' for n in range(200))}}}",
    "an op of many lists": f"(== {' '.join(['(list.range 1 5000)'] * 200)})",
    "a method of many lists": f'(call-method "" "constructor" {" ".join(["(list.range 1 5000)"] * 200)})',
    "many tasks that return much": f"(par.all {' '.join(['(list.range 1 20000)'] * 30)})",
    "tasks in tasks that return much": (
        "(par.map (list.range 1 4) (lambda [x] (par.map (list.range 1 8) (lambda [y] (list.range 1 20000)))))"
    ),
    "a large template in a loop": growing(f"(seq (list.push s '[{'[] {} ' * 50}]) s)", "[]"),
    "recursion with growing data": '(define f [s] (f (str.concat s s))) (f "ab")',
    "recursion over one large list": (
        "(let xs (list.range 1 50000)) (define f [n] (obj.map xs (lambda [x] (if (> x 49999) (f n) 1)))) (f 1)"
    ),
}
"""Name → a program that takes ever more memory, or ever more fuel on its way there."""

ENDLESS = {
    "a loop": "(while true 1)",
    "a loop that catches": "(while true (try (throw 1) e e))",
    "a catch around loops": "(try (while true (try (while true 1) e 1)) e 1)",
    "a comparator that loops": "(list.sort [2 1] (lambda [a b] (while true 1)))",
    "a handler that loops": "(try (throw 1) e (while true 1))",
    "tasks that loop": "(par.map (list.range 1 100) (lambda [x] (while true 1)))",
    "a task that loops beside others": "(par.all (while true 1) (list.range 1 10) (throw 1))",
    "a flood of the log": '(let s (str.join (list.range 1 1000) "")) (while true (log s))',
    "a flood of warnings": '(while true (warn "x"))',
    "a text joined of nothing": '(let xs (list.map (list.range 1 5000) (lambda [x] ""))) (while true (str.join xs ""))',
    "numbers written again and again": "(let xs (list.range 1 5000)) (while true (string xs))",
    "looking for what is not there": "(let xs (list.range 1 5000)) (while true (list.includes xs null))",
    "sorting again and again": "(let xs (list.range 1 2000)) (while true (list.sort xs))",
    "numbers read from long texts": '(let s (str.join (list.range 1 5000) "")) (while true (number s))',
    "powers of powers": "(let n 2) (while true (set n (^ n n n)))",
    "a product without end": "(let n 1) (let i 1) (while true (seq (set i (+ i 1)) (set n (* n i))))",
    "nested tasks": "(define f [d] (if (> d 0) (par.map (list.range 1 64) (lambda [x] (f (- d 1)))) 1)) (f 9)",
}
"""Name → a program that never ends by itself and keeps little."""

RECURSION = {
    "a function that calls itself": "(define f [n] (+ 1 (f n))) (f 1)",
    "two functions": "(define f [n] (g n)) (define g [n] (f n)) (f 1)",
    "a lambda": "(let f (lambda [n] (f n))) (f 1)",
    "a lambda given to itself": "(let f (lambda [g] (g g))) (f f)",
    "map": "(define f [n] (list.map [n] f)) (f 1)",
    "filter": "(define f [n] (list.filter [n] f)) (f 1)",
    "find": "(define f [n] (list.find [n] f)) (f 1)",
    "flat map": "(define f [n] (list.flatMap [n] f)) (f 1)",
    "reduce": "(define f [n] (list.reduce [n] (lambda [a x] (f x)) 0)) (f 1)",
    "a comparator": "(define f [n] (list.sort [n n] (lambda [a b] (seq (f a) 0)))) (f 1)",
    "a comparator that is a variable": "(define f [n] (list.sort [n n] g)) (define g [a b] (f a)) (f 1)",
    "map of an object": "(define f [n] (obj.map {:k n} f)) (f 1)",
    "filter of an object": "(define f [n] (obj.filter {:k n} f)) (f 1)",
    "reduce of an object": "(define f [n] (obj.reduce {:k n} (lambda [a v] (f v)) 0)) (f 1)",
    "flat map of an object": "(define f [n] (obj.flatMap {:k n} f)) (f 1)",
    "tasks": "(define f [n] (par.map [n] f)) (f 1)",
    "tasks written out": "(define f [n] (par.all (f n) 1)) (f 1)",
    "a handler": "(define f [n] (try (throw n) e (f n))) (f 1)",
    "a body that catches": "(define f [n] (try (f n) e 1)) (f 1)",
    "a timeout": "(define f [n] (with-timeout 60 (f n))) (f 1)",
    "loops": "(define f [n] (for x [n] (while true (f x)))) (f 1)",
}
"""Name → a program that recurses without end."""

REFUSED = {
    "a list in itself as text": ("(let s []) (list.push s s) (string s)", "type"),
    "a list in itself as JSON": ("(let s []) (list.push s s) (json.stringify s)", "type"),
    "an object in itself as JSON": ('(let s {}) (obj.set s "me" s) (json.stringify s)', "type"),
    "a list in itself logged": ("(let s []) (list.push s s) (log s)", "type"),
    "a list in itself as a key": ("(let s []) (list.push s s) (obj.set {} s 1)", "type"),
    "a list in itself joined": ('(let s []) (list.push s s) (str.join s "")', "type"),
    "a list in itself sorted": ("(let s []) (list.push s s) (list.sort [s s])", "type"),
    "a list in itself as a number": ("(let s []) (list.push s s) (number s)", "type"),
    "deep JSON": ('(json.parse (str.replace (str.join (list.range 1 9999) ",") "," "["))', "type"),
    "JSON that is never closed": (
        '(json.parse (str.concat "\\"" (str.join (list.range 1 20000) "\\\\\\"")))',
        "type",
    ),
    "a time with much space in it": (
        '(let spaces (str.join (list.map (list.range 1 20000) (lambda [x] " ")) ""))'
        ' (time.parse (str.concat "Jan 5, 2024 10:20" spaces "x"))',
        "type",
    ),
    "a key that is not there": ('(obj.get {} "__class__")', "missing_key"),
    "a method of a list": ('(call-method [] "__class__")', "method_not_found"),
    "a method of a text": ('(call-method "" "__init__")', "method_not_found"),
    "a method of a function": ('(call-method (lambda [] 1) "__globals__")', "method_not_found"),
    "a key of a function": ('(obj.get (lambda [] 1) "__closure__")', "missing_key"),
    "a key of a text": ('(obj.get "text" "__class__")', "missing_key"),
    "a key of a number": ('(obj.get 5 "real")', "missing_key"),
}
"""Name → a program and the kind of its error."""

HARMLESS = {
    "lists in themselves compared": (
        "(let s []) (list.push s s) [(== s s) (== s [s]) (list.includes s s)]",
        [True, False, True],
    ),
    "a list in itself caught": ("(let s []) (list.push s s) (list.len (try (throw [s]) e e))", 1),
    "odd keys are keys": (
        '(let o {}) (for k ["__class__" "constructor" "__proto__" "" "toString"] (obj.set o k k)) (obj.keys o)',
        ["__class__", "constructor", "__proto__", "", "toString"],
    ),
    "a prototype is none": ('(let o {}) (obj.set o "__proto__" {:admin true}) (obj.has {} "admin")', False),
    "integers do not grow": ("(let n 3) (for i (list.range 1 200) (set n (* n n))) (string n)", "Infinity"),
    "factorials do not grow": ("(let n 1) (for i (list.range 1 1000) (set n (* n i))) (string n)", "Infinity"),
    "powers do not grow": ("(string (^ 9007199254740991 9007199254740991))", "Infinity"),
    "long digits are a number": ('(number (str.join (list.range 1 20000) ""))', float("inf")),
    "long digits that end badly are none": (
        '(string (number (str.concat (str.join (list.range 1 20000) "") "x")))',
        "NaN",
    ),
    "many tasks": ("(list.len (par.map (list.range 1 5000) (lambda [x] x)))", 5_000),
    "tasks of tasks": (
        "(list.len (par.map (list.range 1 40) (lambda [x] (par.map (list.range 1 40) (lambda [y] (* x y))))))",
        40,
    ),
}
"""Name → a program that looks dangerous, and its value."""


async def ended(
    source: str, *args: Value, fuel: int = 100_000, depth: int = 200, memory: int = MEMORY, durable: bool = False
) -> Outcome:
    """What became of a program; by its deadline the test would fail."""
    powers = Powers(clock=lambda: 0.0, random=random.Random(0))
    budget = Budget(fuel=fuel, depth=depth, memory=memory, deadline_s=100)
    journal = MemoryJournal("run") if durable else None
    return await execute(compile_tree(parse(source), OPS), args=args, budget=budget, powers=powers, journal=journal)


@pytest.mark.parametrize(
    ("name", "durable"), [*[(name, False) for name in GROWTH], *[(name, True) for name in GROWTH if "task" in name]]
)
async def test_what_grows_is_stopped_before_it_is_built(name: str, durable: bool) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(ScriptError) as caught:
            await ended(GROWTH[name], [], durable=durable)
        taken = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert caught.value.kind in ("memory", "fuel")
    assert taken < MOST_TAKEN
    assert caught.value.used is not None
    assert caught.value.used.memory <= MEMORY


@pytest.mark.parametrize("name", ENDLESS)
async def test_what_does_not_end_runs_out_of_fuel(name: str) -> None:
    with pytest.raises(ScriptError) as caught:
        await ended(ENDLESS[name], fuel=20_000, memory=64 * MEMORY)
    assert caught.value.kind == "fuel"


@pytest.mark.parametrize("name", RECURSION)
async def test_recursion_ends_at_the_greatest_depth_a_budget_may_have(name: str) -> None:
    with pytest.raises(ScriptError) as caught:
        await ended(RECURSION[name], depth=1_000, memory=256 * 1024 * 1024)
    assert caught.value.kind == "depth"


@pytest.mark.parametrize("name", REFUSED)
async def test_what_makes_no_sense_is_refused(name: str) -> None:
    source, kind = REFUSED[name]
    with pytest.raises(ScriptError) as caught:
        await ended(source, memory=64 * MEMORY)
    assert caught.value.kind == kind
    assert "Traceback" not in caught.value.message
    assert "object at 0x" not in caught.value.message


@pytest.mark.parametrize("name", HARMLESS)
async def test_what_only_looks_dangerous_works(name: str) -> None:
    source, value = HARMLESS[name]
    assert (await ended(source, memory=64 * MEMORY)).value == value
