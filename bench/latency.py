"""How soon a script has its first result, how fast scripts are read, and what a call of the host costs.

The script has 50 nodes. Cold is everything: reading, checking, compiling, running; from the cache it is only looked up
and run. Reading is compared with lark's plain tree of the same grammar, with `json.loads` of the same script in JSON,
and, where it is installed, with hy's reader; all in nodes of the script per second.
"""

import asyncio
import json
import random
import time
from collections.abc import Callable
from importlib.resources import files

from lark import Lark

from mintaka import stdlib
from mintaka.lang.checker import analyse
from mintaka.lang.parser import parse
from mintaka.lang.tree import Node, from_json, to_json, walk
from mintaka.runtime.budget import Budget
from mintaka.runtime.cache import ProgramCache
from mintaka.runtime.compiler import Program, compile_tree
from mintaka.runtime.execute import execute
from mintaka.runtime.ops import OpTable
from mintaka.runtime.powers import Powers
from mintaka.runtime.values import HostObject, Value

TURNS = 200
OPS = OpTable.of(*stdlib.modules)
SCRIPT = """(params (count int 3) (prompt string "a red circle"))
(let made [])
(for i (list.range 1 count)
  (if (== (% i 2) 0)
    (list.push made {:prompt (str.concat prompt ", number " i) :seed (* i 1000)})
    (list.push made {:prompt prompt :seed i})))
(list.map made (lambda [each] (obj.get each "prompt")))
"""


class Echo(HostObject):
    """A host object that does nothing."""

    type_name = "echo"

    def fields(self) -> dict[str, Value]:
        return {}

    async def call(self, run: object, method: str, args: list[Value]) -> Value:
        return args[0]


def compiled(tree: Node) -> Program:
    analysis = analyse(tree, OPS.signatures)
    assert not [found for found in analysis.diagnostics if found.severity == "error"]
    return compile_tree(tree, OPS, resolution=analysis.resolution)


def milliseconds(work: Callable[[], object], turns: int = TURNS) -> float:
    """The least of a few turns: other work on the machine only ever adds to it."""
    times = []
    for _ in range(turns):
        started = time.thread_time()
        work()
        times.append(time.thread_time() - started)
    return min(times) * 1000


def first_results(runner: asyncio.Runner) -> None:
    powers = Powers(clock=time.time, random=random.Random(0))
    tree = parse(SCRIPT)
    written = json.dumps(to_json(tree))
    cache = ProgramCache(OPS)

    def run(program: Program) -> object:
        return runner.run(execute(program, args=[3], budget=Budget(), powers=powers))

    def cached() -> object:
        return run(cache.program("json", written, lambda: compiled(from_json(json.loads(written)))))

    print(f"first result of a script of {sum(1 for _ in walk(tree))} nodes, ms")
    print(f"  from JSON, cold     {milliseconds(lambda: run(compiled(from_json(json.loads(written))))):8.3f}")
    print(f"  from JSON, cached   {milliseconds(cached):8.3f}")
    print(f"  from text, cold     {milliseconds(lambda: run(compiled(parse(SCRIPT)))):8.3f}")


def reading() -> None:
    text = SCRIPT * 20
    tree = parse(text)
    nodes = sum(1 for _ in walk(tree))
    written = json.dumps(to_json(tree))
    grammar = files("mintaka.lang").joinpath("grammar.lark").read_text(encoding="utf-8")
    plain = Lark(grammar, parser="lalr", lexer="basic")
    readers: dict[str, Callable[[], object] | None] = {
        "mintaka, text": lambda: parse(text),
        "mintaka, JSON": lambda: from_json(json.loads(written)),
        "lark's plain tree": lambda: plain.parse(text),
        "json.loads": lambda: json.loads(written),
        "hy's reader": None,
    }
    try:
        from hy import read_many
    except ImportError:
        pass
    else:
        readers["hy's reader"] = lambda: list(read_many(text))
    print(f"reading {nodes} nodes, nodes a second")
    for name, read in readers.items():
        print(f"  {name:20}" + (f"{nodes / milliseconds(read, 9) * 1000:12,.0f}" if read else "not installed"))


def host_calls(runner: asyncio.Runner) -> None:
    """What a call of a host object's method costs beyond a call of a Python function, in µs."""
    count = 20_000
    powers = Powers(clock=time.time, random=random.Random(0))
    budget = Budget(calls=2 * count)
    program = compiled(parse("(let host (arg 0)) (let n 0) (while (< n (arg 1)) (seq (host.echo n) (set n (+ n 1))))"))
    echo = Echo()

    def plain(value: object) -> object:
        return value

    def calls() -> None:
        for number in range(count):
            plain(number)

    host = milliseconds(
        lambda: runner.run(execute(program, args=[echo, count], budget=budget, powers=powers)), turns=5
    )  # fmt: skip
    more = (host - milliseconds(calls, 5)) / count * 1000
    print(f"a host call costs {more:.2f} µs more than a call of a Python function")


def main() -> None:
    with asyncio.Runner() as runner:
        first_results(runner)
        reading()
        host_calls(runner)


if __name__ == "__main__":
    main()
