"""How fast generated code is: programs of a script, metered and bounded, beside the same in plain Python.

Prints, for each program, the time of the script as a multiple of the time of plain Python: with types inferred; without
inference, when a variable still is of the kinds that are seen to be bound to it; and with every variable unknown. All
run by turns in one process and the median of the turns counts, so that other work on the machine bears on all alike.
"""

import asyncio
import functools
import math
import random
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from unittest.mock import patch

from mintaka import stdlib
from mintaka.lang.parser import parse
from mintaka.lang.tree import Node
from mintaka.runtime.budget import Budget
from mintaka.runtime.compiler import Program as Compiled
from mintaka.runtime.compiler import compile_tree
from mintaka.runtime.execute import execute
from mintaka.runtime.facts import Facts
from mintaka.runtime.garbage import Garbage, process_size
from mintaka.runtime.ops import OpTable
from mintaka.runtime.powers import Powers

TURNS = 15
OPS = OpTable.of(*stdlib.modules)


@dataclass(frozen=True)
class Program:
    name: str
    script: str
    python: Callable[[int], object]
    size: int


def fib(n: int) -> int:
    return n if n < 2 else fib(n - 1) + fib(n - 2)


def loops(n: int) -> int:
    total = i = 0
    while i < n:
        j = 0
        while j < n:
            total = total + i * j
            j = j + 1
        i = i + 1
    return total


def mapping(n: int) -> int:
    squares = list(map(lambda x: x * x, range(1, n + 1)))  # noqa: C417 — as the script says it
    return functools.reduce(lambda a, x: a + x, list(filter(lambda x: x % 2 == 0, squares)), 0)


def strings(n: int) -> int:
    text = ""
    for i in range(1, n + 1):
        text = text + "item " + str(i) + "; "
    return len(text)


def objects(n: int) -> int:
    counts: dict[str, int] = {}
    for i in range(1, n + 1):
        key = "k" + str(i % 7)
        counts[key] = counts.get(key, 0) + 1
    return counts["k1"]


def sorting(n: int) -> int:
    items = [i * 7919 % 1000 for i in range(1, n + 1)]
    return sorted(items, key=functools.cmp_to_key(lambda a, b: a - b))[0]


def sieve(n: int) -> int:
    prime = [True for _ in range(n + 1)]
    count = 0
    i = 2
    while i <= n:
        if prime[i]:
            count = count + 1
            j = i * i
            while j <= n:
                prime[j] = False
                j = j + i
        i = i + 1
    return count


def queens(n: int) -> int:
    columns = [0] * n

    def solve(row: int) -> int:
        if row == n:
            return 1
        count = column = 0
        while column < n:
            safe = True
            k = 0
            while k < row:
                other = columns[k]
                if other == column or abs(other - column) == row - k:
                    safe = False
                    break
                k = k + 1
            if safe:
                columns[row] = column
                count = count + solve(row + 1)
            column = column + 1
        return count

    return solve(0)


PROGRAMS = [
    Program("fib", "(params (n int)) (define fib [n] (if (< n 2) n (+ (fib (- n 1)) (fib (- n 2))))) (fib n)", fib, 24),
    Program(
        "nested loops",
        """(params (n int)) (let total 0) (let i 0)
        (while (< i n) (seq (let j 0)
          (while (< j n) (seq (set total (+ total (* i j))) (set j (+ j 1)))) (set i (+ i 1)))) total""",
        loops,
        300,
    ),
    Program(
        "map filter reduce",
        """(params (n int))
        (list.reduce (list.filter (list.map (list.range 1 n) (lambda [x] (* x x))) (lambda [x] (== (% x 2) 0)))
          (lambda [a x] (+ a x)) 0)""",
        mapping,
        50_000,
    ),
    Program(
        "strings",
        """(params (n int)) (let text "")
        (for i (list.range 1 n) (set text (str.concat text "item " i "; "))) (str.len text)""",
        strings,
        4_000,
    ),
    Program(
        "objects",
        """(params (n int)) (let counts {})
        (for i (list.range 1 n) (seq (let key (str.concat "k" (% i 7)))
          (obj.set counts key (+ (obj.get counts key 0) 1)))) (obj.get counts "k1")""",
        objects,
        30_000,
    ),
    Program(
        "sort",
        """(params (n int))
        (list.get (list.sort (list.map (list.range 1 n) (lambda [i] (% (* i 7919) 1000))) (lambda [a b] (- a b))) 0)""",
        sorting,
        10_000,
    ),
    Program(
        "sieve",
        """(params (n int)) (let prime (list.map (list.range 0 n) (lambda [x] true))) (let count 0) (let i 2)
        (while (<= i n) (seq
          (if (list.get prime i) (seq (set count (+ count 1)) (let j (* i i))
            (while (<= j n) (seq (list.set prime j false) (set j (+ j i))))))
          (set i (+ i 1)))) count""",
        sieve,
        60_000,
    ),
    Program(
        "queens",
        """(params (n int)) (let columns (list.map (list.range 1 n) (lambda [x] 0)))
        (define solve [row] (if (== row n) 1 (seq
          (let count 0) (let column 0)
          (while (< column n) (seq
            (let safe true) (let k 0)
            (while (< k row) (seq
              (let other (list.get columns k))
              (if (or (== other column) (== (math.abs (- other column)) (- row k))) (seq (set safe false) (break)))
              (set k (+ k 1))))
            (if safe (seq (list.set columns row column) (set count (+ count (solve (+ row 1))))))
            (set column (+ column 1))))
          count)))
        (solve 0)""",
        queens,
        7,
    ),
]


def versions(tree: Node) -> list[Compiled]:
    """A script compiled with types inferred, with those of its variables that can be seen, and with none of them."""
    compiled = [compile_tree(tree, OPS, infer=infer) for infer in (True, False)]
    with patch.object(Facts, "_shown", lambda facts, resolution: {}):
        return [*compiled, compile_tree(tree, OPS, infer=False)]


async def ratios(program: Program) -> tuple[list[float], float]:
    """Times of the script, by `versions`, as multiples of plain Python's; plain Python's in ms."""
    compiled = versions(parse(program.script))
    powers = Powers(clock=time.time, random=random.Random(0), garbage=Garbage(process_size()))
    found: list[list[float]] = [[] for _ in compiled]
    base = []
    for _ in range(TURNS):
        for index, version in enumerate(compiled):
            started = time.thread_time()
            expected = program.python(program.size)
            plain = time.thread_time() - started
            started = time.thread_time()
            outcome = await execute(version, args=[program.size], budget=Budget(), powers=powers)
            found[index].append((time.thread_time() - started) / plain)
            base.append(plain * 1000)
            if outcome.value != expected:
                raise SystemExit(f"{program.name}: {outcome.value} is not {expected}")
    return [statistics.median(times) for times in found], statistics.median(base)


def main() -> None:
    print(f"{'× plain Python':20} {'inferred':>10} {'not inferred':>13} {'unknown':>9} {'Python, ms':>12}")
    columns: list[list[float]] = [[], [], []]
    for program in PROGRAMS:
        times, base = asyncio.run(ratios(program))
        for column, ratio in zip(columns, times, strict=True):
            column.append(ratio)
        print(f"{program.name:20} {times[0]:10.2f} {times[1]:13.2f} {times[2]:9.2f} {base:12.2f}")
    means = [math.prod(column) ** (1 / len(column)) for column in columns]
    print(f"{'geometric mean':20} {means[0]:10.2f} {means[1]:13.2f} {means[2]:9.2f}")


if __name__ == "__main__":
    main()
