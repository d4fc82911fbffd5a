"""What busy scripts cost everybody else: delay of answers, fairness, and memory of what waits.

Starts a real server and measures how long a ``ping`` takes over a WebSocket of its own while other connections run
scripts that compute without end; beside it the same with no script running. Then, in this process: the time between
two turns of the event loop for each program, how evenly 1,000 scripts get on, and the memory of a script that waits.
Linux only: memory is read from /proc.
"""

import asyncio
import contextlib
import gc
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import mintaka.client
from mintaka import stdlib
from mintaka.lang.parser import parse
from mintaka.runtime.budget import Budget
from mintaka.runtime.compiler import Program, compile_tree
from mintaka.runtime.execute import execute
from mintaka.runtime.ops import OpTable
from mintaka.runtime.powers import Powers
from mintaka.runtime.run import Run
from mintaka.runtime.values import HostObject, Value

BUSY = {
    "an empty loop": "(while true 1)",
    "arithmetic": "(let n 0) (while true (set n (% (+ (* n 7) 1) 1000003)))",
    "texts": '(while true (seq (let s "") (for i (list.range 1 500) (set s (str.concat s "0123456789")))))',
    "large lists": "(while true (list.reverse (list.range 1 1000000)))",
    "objects": "(while true (obj.merge (obj.map (list.range 1 2000) (lambda [v] (* v 2))) {:a 1}))",
    "a sort of texts": "(let xs (list.range 1 5000)) (while true (list.sort xs))",
    "a sort with a comparator": "(let xs (list.range 1 2000)) (while true (list.sort xs (lambda [a b] (- b a))))",
    "JSON": "(let xs (list.range 1 5000)) (while true (json.parse (json.stringify xs)))",
    "straight code": "(while true [" + " ".join('(time.parse "Jan 5, 2024")' for _ in range(30)) + "])",
    "recursion": "(define fib [n] (if (< n 2) n (+ (fib (- n 1)) (fib (- n 2))))) (while true (fib 15))",
}
OPS = OpTable.of(*stdlib.modules)
POWERS = Powers(clock=time.time, random=random.Random(0))
PINGS = 400
SECONDS = 0.4
FAIR = 1_000
FAIR_S = 8.0
EQUAL = 300_000
PARKED = 1_000


class Gate(HostObject):
    """Calls of its methods wait until it opens; it hears how far scripts have come."""

    type_name = "gate"

    def __init__(self) -> None:
        self.opens = asyncio.get_running_loop().create_future()
        self.waiting = 0
        self._arrived = asyncio.Event()

    def fields(self) -> Mapping[str, Value]:
        return {}

    async def call(self, run: Run, method: str, args: list[Value]) -> Value:
        self.waiting += 1
        self._arrived.set()
        await asyncio.shield(self.opens)
        return None

    async def arrivals(self, count: int) -> None:
        """Wait until so many calls wait."""
        while self.waiting < count:
            self._arrived.clear()
            await self._arrived.wait()


def percentile(values: list[float], share: float) -> float:
    """The value that ``share`` of all are below."""
    return sorted(values)[int(len(values) * share)]


async def without_end(connection: mintaka.client.Connection, source: str) -> None:
    """Run a script, and again when its fuel is used up."""
    while True:
        with contextlib.suppress(mintaka.client.RemoteError):
            await connection.run(source)


async def delays(url: str, token: str, scripts: int) -> list[float]:
    """Milliseconds that pings took while so many scripts of all kinds computed."""
    sources = list(BUSY.values())
    async with contextlib.AsyncExitStack() as stack:
        tasks = []
        for number in range(scripts):
            connection = await stack.enter_async_context(mintaka.client.connect(url, token))
            tasks.append(asyncio.create_task(without_end(connection, sources[number % len(sources)])))
        probe = await stack.enter_async_context(mintaka.client.connect(url, token))
        await asyncio.sleep(0.5)
        took = []
        for _ in range(PINGS):
            began = time.perf_counter()
            await probe.call("ping")
            took.append((time.perf_counter() - began) * 1000)
            await asyncio.sleep(0.005)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return took


def pings() -> None:
    """Delays of pings at a real server."""
    print("ping, ms                 p50     p99     max   of a core")
    with tempfile.TemporaryDirectory() as data:
        command = [sys.executable, "-m", "mintaka", "serve", "--port", "0", "--data", data, "--json"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            ready = json.loads(server.stdout.readline())
            for scripts in (0, 1, 10, 50, 200):
                began, used = time.perf_counter(), processor_seconds(server.pid)
                took = asyncio.run(delays(ready["url"], ready["token"], scripts))
                share = (processor_seconds(server.pid) - used) / (time.perf_counter() - began)
                name = f"{scripts} busy scripts" if scripts else "idle"
                middle, most = percentile(took, 0.5), percentile(took, 0.99)
                print(f"{name:20s} {middle:7.2f} {most:7.2f} {max(took):7.2f} {share:8.2f}", flush=True)
            server.terminate()


def processor_seconds(pid: int) -> float:
    """Time that a process has computed: pings are only worth something where the machine let it."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def slices(program: Program) -> list[float]:
    """Milliseconds of processor time between two turns of the event loop while a program runs."""
    gaps: list[float] = []
    task = asyncio.create_task(execute(program, budget=Budget(), powers=POWERS))
    began = time.perf_counter()
    last = time.thread_time()
    while time.perf_counter() - began < SECONDS and not task.done():
        await asyncio.sleep(0)
        now = time.thread_time()
        gaps.append((now - last) * 1000)
        last = now
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return gaps


async def all_slices() -> None:
    """Slices of every busy program."""
    print("\nms between turns         p50     p99     max")
    for name, source in BUSY.items():
        gaps = await slices(compile_tree(parse(source), OPS))
        print(f"{name:20s} {percentile(gaps, 0.5):7.2f} {percentile(gaps, 0.99):7.2f} {max(gaps):7.2f}")


async def fairness() -> None:
    """How far 1,000 scripts get when each may run as long as all others."""
    program = compile_tree(parse("(let turns (arg 0)) (while true (list.set turns 0 (+ (list.get turns 0) 1)))"), OPS)
    counts: list[list[Value]] = [[0] for _ in range(FAIR)]
    tasks = [asyncio.create_task(execute(program, args=[count], budget=Budget(), powers=POWERS)) for count in counts]
    await asyncio.sleep(FAIR_S)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    turns = [count[0] for count in counts if isinstance(count[0], int)]
    middle = statistics.median(turns)
    print(
        f"\nloop turns of {FAIR:,} scripts: median {middle:,.0f}, least {min(turns) / middle:.2f} of it, "
        f"most {max(turns) / middle:.2f}, standard deviation {statistics.pstdev(turns) / middle:.2f}"
    )
    await equal_work()


async def equal_work() -> None:
    """When each of 1,000 scripts is done that have the same to do."""
    program = compile_tree(parse(f"(let n 0) (while (< n {EQUAL}) (set n (+ n 1)))"), OPS)
    ends: list[float] = []
    began = time.process_time()

    async def done() -> None:
        await execute(program, budget=Budget(), powers=POWERS)
        ends.append(time.process_time() - began)

    await asyncio.gather(*[done() for _ in range(FAIR)])
    print(
        f"{FAIR:,} scripts of {EQUAL:,} loop turns: the first is done after {ends[0] / ends[-1]:.2f} of the time that "
        f"the last takes, half of them after {percentile(ends, 0.5) / ends[-1]:.2f}; {ends[-1]:.1f} s of processor time"
    )


def resident_kib() -> int:
    """Resident memory of this process."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))


async def memory() -> None:
    """KiB that scripts take that wait for the host, and tasks within one script."""
    program = compile_tree(parse("(let gate (arg 0)) (gate.wait)"), OPS)
    gate = Gate()
    tasks = []
    before = 0
    for number in range(PARKED + 100):
        if number == 100:  # what only the first ones need is there
            gc.collect()
            before = resident_kib()
        tasks.append(asyncio.create_task(execute(program, args=[gate], budget=Budget(), powers=POWERS)))
        await gate.arrivals(number + 1)
    gc.collect()
    print(f"a script that waits: {(resident_kib() - before) / PARKED:.1f} KiB, its run included")
    gate.opens.set_result(None)
    await asyncio.gather(*tasks)
    inner = "(par.map (list.range 1 60) (lambda [y] (gate.wait)))"
    wide = f"(let gate (arg 0)) (par.map (list.range 1 16) (lambda [x] {inner}))"
    gate = Gate()
    gc.collect()
    before = resident_kib()
    task = asyncio.create_task(execute(compile_tree(parse(wide), OPS), args=[gate], budget=Budget(), powers=POWERS))
    await gate.arrivals(960)
    gc.collect()
    print(f"a task of a script that waits: {(resident_kib() - before) / 976:.1f} KiB")
    gate.opens.set_result(None)
    await task


async def here() -> None:
    """What is measured in this process."""
    await all_slices()
    await fairness()
    await memory()


def main() -> None:
    """Measure and print everything."""
    pings()
    asyncio.run(here())


if __name__ == "__main__":
    main()
