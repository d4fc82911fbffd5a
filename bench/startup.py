"""How soon a server answers, and what it holds before a model is loaded; beside a process that imports the libraries.

Prints medians of a few runs, alternating, and their ratios. Linux only: memory is read from /proc.
"""

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import mintaka.client

RUNS = 5


def resident_mib(pid: int) -> float:
    """Resident memory of process ``pid`` in MiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")) / 1024


async def first_answer(url: str, token: str) -> None:
    """Connect, authenticate and have a script run."""
    async with mintaka.client.connect(url, token) as connection:
        assert await connection.run("(+ 1 2)") == 3


def server_once(data: str) -> tuple[float, float]:
    """Seconds from starting a server to its first answer, and its MiB then."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "mintaka", "serve", "--port", "0", "--data", data, "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        ready = json.loads(server.stdout.readline())
        asyncio.run(first_answer(ready["url"], ready["token"]))
        seconds = time.perf_counter() - began
        memory = resident_mib(server.pid)
        server.terminate()
    return seconds, memory


def import_once() -> tuple[float, float]:
    """Seconds for a process that imports diffusers and what a pipeline needs, and its MiB then."""
    began = time.perf_counter()
    code = (
        "import sys, torch; from mintaka.engine.worker.torchvision_operators import make_importable;"
        "make_importable(); from diffusers import StableDiffusionPipeline; print(flush=True); sys.stdin.readline()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdin is not None
        other.stdout.readline()
        seconds = time.perf_counter() - began
        memory = resident_mib(other.pid)
        other.stdin.close()
    return seconds, memory


def main() -> None:
    """Measure both, in turn, and print them side by side."""
    servers, imports = [], []
    with tempfile.TemporaryDirectory() as data:
        server_once(data)  # the first start makes the database; bytecode is compiled
        import_once()
        for _ in range(RUNS):
            servers.append(server_once(data))
            imports.append(import_once())
    seconds, memory = (statistics.median(column) for column in zip(*servers, strict=True))
    other_seconds, other_memory = (statistics.median(column) for column in zip(*imports, strict=True))
    print(f"server: first answer {seconds:.2f} s, {memory:.0f} MiB")
    print(f"a process that imports diffusers: {other_seconds:.2f} s, {other_memory:.0f} MiB")
    print(f"ratio: {seconds / other_seconds:.2f} × the time, {memory / other_memory:.2f} × the memory")


if __name__ == "__main__":
    main()
