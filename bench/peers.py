"""Generated code beside other ways to run somebody else's script from Python, those that pip can install.

Each runs the same four programs in its own language; what is printed is their time as a multiple of plain Python's,
taken by turns in one process. Metered: a run can be bounded in steps or time from inside. Safe: made to keep what it
runs from the host. Peers come with `pip install --group bench`; one that is missing is printed as not installed.
"""

import asyncio
import importlib
import math
import random
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mintaka import stdlib
from mintaka.lang.parser import parse
from mintaka.runtime.budget import Budget
from mintaka.runtime.compiler import compile_tree
from mintaka.runtime.execute import execute
from mintaka.runtime.ops import OpTable
from mintaka.runtime.powers import Powers

TURNS = 5
SIZES = {"loops": 200, "numbers": 20_000, "counts": 20_000, "sieve": 20_000}

PYTHON = {
    "loops": """
def main(n):
    total = 0
    for i in range(n):
        for j in range(n):
            total = total + i * j
    return total
""",
    "numbers": """
def main(n):
    squares = [x * x for x in range(1, n + 1)]
    total = 0
    for x in squares:
        if x % 2 == 0:
            total = total + x
    return total
""",
    "counts": """
def main(n):
    counts = {}
    for i in range(1, n + 1):
        key = "k" + str(i % 7)
        counts[key] = counts.get(key, 0) + 1
    return counts["k1"]
""",
    "sieve": """
def main(n):
    prime = [True for x in range(n + 1)]
    count = 0
    for i in range(2, n + 1):
        if prime[i]:
            count = count + 1
            for j in range(i * i, n + 1, i):
                prime[j] = False
    return count
""",
}
MINTAKA = {
    "loops": """(params (n int)) (let total 0) (let last (- n 1))
        (for i (list.range 0 last) (for j (list.range 0 last) (set total (+ total (* i j))))) total""",
    "numbers": """(params (n int)) (let total 0)
        (for x (list.map (list.range 1 n) (lambda [x] (* x x))) (if (== (% x 2) 0) (set total (+ total x)))) total""",
    "counts": """(params (n int)) (let counts {})
        (for i (list.range 1 n) (seq (let key (str.concat "k" (% i 7)))
          (obj.set counts key (+ (obj.get counts key 0) 1)))) (obj.get counts "k1")""",
    "sieve": """(params (n int)) (let prime (list.map (list.range 0 n) (lambda [x] true))) (let count 0)
        (for i (list.range 2 n) (if (list.get prime i) (seq (set count (+ count 1)) (let j (* i i))
          (while (<= j n) (seq (list.set prime j false) (set j (+ j i))))))) count""",
}
JAVASCRIPT = {
    "loops": """function main(n) { let total = 0;
        for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) total = total + i * j; return total }""",
    "numbers": """function main(n) { const squares = []; for (let x = 1; x <= n; x++) squares.push(x * x);
        let total = 0; for (const x of squares) if (x % 2 === 0) total = total + x; return total }""",
    "counts": """function main(n) { const counts = {}; for (let i = 1; i <= n; i++) { const key = "k" + i % 7;
        counts[key] = (counts[key] ?? 0) + 1 } return counts.k1 }""",
    "sieve": """function main(n) { const prime = Array(n + 1).fill(true); let count = 0;
        for (let i = 2; i <= n; i++) if (prime[i]) { count++; for (let j = i * i; j <= n; j += i) prime[j] = false }
        return count }""",
}
LUA = {
    "loops": """function main(n) local total = 0
        for i = 0, n - 1 do for j = 0, n - 1 do total = total + i * j end end return total end""",
    "numbers": """function main(n) local squares = {} for x = 1, n do squares[x] = x * x end
        local total = 0 for _, x in ipairs(squares) do if x % 2 == 0 then total = total + x end end return total end""",
    "counts": """function main(n) local counts = {} for i = 1, n do local key = "k" .. i % 7
        counts[key] = (counts[key] or 0) + 1 end return counts["k1"] end""",
    "sieve": """function main(n) local prime = {} for i = 0, n do prime[i] = true end local count = 0
        for i = 2, n do if prime[i] then count = count + 1 for j = i * i, n, i do prime[j] = false end end end
        return count end""",
}
EXPRESSIONS = {"numbers": "sum([x for x in [x * x for x in range(1, n + 1)] if x % 2 == 0])"}

Run = Callable[[int], object]


@dataclass(frozen=True)
class Peer:
    """One way to run scripts; ``prepare`` gives a function that runs the program of a source."""

    name: str
    module: str
    metered: str
    safe: str
    sources: Mapping[str, str]
    prepare: Callable[[Any, str], Run]


def mintaka(infer: bool) -> Callable[[Any, str], Run]:
    ops, powers = OpTable.of(*stdlib.modules), Powers(clock=time.time, random=random.Random(0))

    def prepare(module: Any, source: str) -> Run:
        program = compile_tree(parse(source), ops, infer=infer)
        runner = asyncio.Runner()
        return lambda n: runner.run(execute(program, args=[n], budget=Budget(), powers=powers)).value

    return prepare


def python(module: Any, source: str) -> Run:
    space: dict[str, Any] = {}
    exec(source, space)
    run: Run = space["main"]
    return run


def restricted(module: Any, source: str) -> Run:
    guards = importlib.import_module("RestrictedPython.Guards")
    iteration = importlib.import_module("RestrictedPython.Eval")
    space: dict[str, Any] = {
        "__builtins__": guards.safe_builtins | {"range": range},
        "_getattr_": guards.safer_getattr,
        "_getiter_": iteration.default_guarded_getiter,
        "_getitem_": iteration.default_guarded_getitem,
        "_write_": lambda value: value,  # lists and dicts of the script are its own to change
    }
    exec(module.compile_restricted(source, "<script>", "exec"), space)
    run: Run = space["main"]
    return run


def asteval(module: Any, source: str) -> Run:
    interpreter = module.Interpreter()
    interpreter(source)
    return lambda n: interpreter(f"main({n})")


def simpleeval(module: Any, source: str) -> Run:
    module.MAX_COMPREHENSION_LENGTH = 10**9

    def run(n: int) -> object:
        functions = {"sum": sum, "range": range}
        return module.EvalWithCompoundTypes(names={"n": n}, functions=functions).eval(source)

    return run


def starlark_go(module: Any, source: str) -> Run:
    machine = module.Starlark()
    machine.exec(source)
    return lambda n: machine.eval(f"main({n})")


def starlark_rust(module: Any, source: str) -> Run:
    names, space = module.Globals.standard(), module.Module()
    module.eval(space, module.parse("main.star", source), names)
    return lambda n: module.eval(space, module.parse("call.star", f"main({n})"), names)


def quickjs(module: Any, source: str) -> Run:
    context = module.Context()
    context.eval(source)
    return lambda n: context.eval(f"main({n})")


def lua(module: Any, source: str) -> Run:
    machine = module.LuaRuntime()
    machine.execute(source)
    run: Run = machine.globals().main
    return run


PEERS = [
    Peer("mintaka", "mintaka", "yes", "yes", MINTAKA, mintaka(True)),
    Peer("mintaka, no types", "mintaka", "yes", "yes", MINTAKA, mintaka(False)),
    Peer("RestrictedPython", "RestrictedPython", "no", "by guards", PYTHON, restricted),
    Peer("asteval", "asteval", "no", "no", PYTHON, asteval),
    Peer("simpleeval", "simpleeval", "lengths", "expressions", EXPRESSIONS, simpleeval),
    Peer("starlark-go", "starlark_go", "steps", "yes", PYTHON, starlark_go),
    Peer("starlark-pyo3", "starlark", "no", "yes", PYTHON, starlark_rust),
    Peer("quickjs", "quickjs", "time", "yes", JAVASCRIPT, quickjs),
    Peer("lupa (LuaJIT)", "lupa", "no", "no", LUA, lua),
]


def ratio(peer: Peer, module: Any, program: str) -> float | None:
    """Time of a program as a multiple of plain Python's, or ``None`` where the peer cannot run it."""
    if program not in peer.sources:
        return None
    size = SIZES[program]
    plain, run = python(None, PYTHON[program]), peer.prepare(module, peer.sources[program])
    expected, ratios = plain(size), []
    for _ in range(TURNS):
        started = time.thread_time()
        plain(size)
        between = time.thread_time()
        value = run(size)
        ratios.append((time.thread_time() - between) / (between - started))
        if value != expected:
            raise SystemExit(f"{peer.name}, {program}: {value} is not {expected}")
    return statistics.median(ratios)


def main() -> None:
    print(f"{'× plain Python':20}" + "".join(f"{name:>10}" for name in SIZES) + f"{'mean':>10}  metered   safe")
    for peer in PEERS:
        try:
            module = importlib.import_module(peer.module)
        except ImportError:
            print(f"{peer.name:20}not installed")
            continue
        ratios = [ratio(peer, module, program) for program in SIZES]
        known = [value for value in ratios if value is not None]
        cells = "".join(f"{value:10.2f}" if value is not None else f"{'–':>10}" for value in ratios)
        print(f"{peer.name:20}{cells}{math.prod(known) ** (1 / len(known)):10.2f}  {peer.metered:9} {peer.safe}")


if __name__ == "__main__":
    main()
