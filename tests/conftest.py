"""Real servers for tests: one shared by all, and more for tests that end or break theirs."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("mintaka", deadline=None)  # how fast the machine is decides no test
settings.load_profile("mintaka")

# Before torch is imported, here or in a worker: on tiny models threads mostly wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

STEPS = 2
"""Denoising steps of pictures in tests: enough to see progress, quick enough to wait for."""


@dataclass(frozen=True)
class ServerProcess:
    """A running ``mintaka serve`` and what it said when it was ready."""

    process: subprocess.Popen[bytes]
    url: str
    http: str
    token: str
    open: str
    data: Path

    def stop(self, signum: int = signal.SIGTERM) -> int:
        """Send a signal and wait for the end: the exit code."""
        self.process.send_signal(signum)
        return self.process.wait(20)


@contextlib.contextmanager
def serving(data: Path, *options: str, env: dict[str, str] | None = None) -> Iterator[ServerProcess]:
    """A server of one's own on a free port, with its state in ``data``."""
    process = subprocess.Popen(
        [sys.executable, "-m", "mintaka", "serve", "--port", "0", "--data", str(data), "--json", *options],
        stdout=subprocess.PIPE,
        stderr=None,
        env={**os.environ, **(env or {})},
    )
    assert process.stdout is not None
    with process.stdout as stdout:
        try:
            line = stdout.readline()
            assert line, "the server ended before it was ready; its reason stands above"
            ready = json.loads(line)
            assert ready.pop("ready") is True
            yield ServerProcess(process, data=data, **ready)
        finally:
            if process.poll() is None:
                process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One server for all tests that leave it as they found it."""
    with serving(tmp_path_factory.mktemp("server") / "data") as running:
        yield running


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[Callable[..., ServerProcess]]:
    """Starts a server that the test may break; it is ended with the test."""
    with contextlib.ExitStack() as stack:

        def start(*options: str, data: Path | None = None, env: dict[str, str] | None = None) -> ServerProcess:
            return stack.enter_context(serving(data or tmp_path / "data", *options, env=env))

        yield start
