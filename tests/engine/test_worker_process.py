"""What happens when a worker dies, does not come up, or is left alone."""

import asyncio
import os
import secrets
import select
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mintaka.engine.errors import EngineError, Unsupported, WorkerCrashed
from mintaka.engine.models import ModelFolder
from mintaka.engine.requests import Step, TextToImage
from mintaka.engine.supervisor import Engine, EngineState

Ask = Callable[..., TextToImage]


def stand_in(folder: Path, body: str) -> str:
    """An interpreter that runs ``body`` in place of the worker; the start message waits on its standard input."""
    program = folder / "stand_in.py"
    program.write_text(
        "import socket, sys\n"
        "from mintaka.engine.frames import Decoder, encode\n"
        "told = next(Decoder().feed(sys.stdin.buffer.read()))\n"
        "link = socket.socket(fileno=told['socket'])\n" + body
    )
    launcher = folder / "python"
    launcher.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{program}"\n')
    launcher.chmod(0o700)
    return str(launcher)


HELLO = "link.sendall(encode({'kind': 'hello', 'token': told['token']}))\n"


def unseen(step: Step) -> None:
    """For a test that does not look at the steps."""


@pytest.mark.asyncio(loop_scope="session")
async def test_a_killed_worker_fails_what_it_had_and_the_next_request_works(engine: Engine, ask: Ask) -> None:
    def kill(step: Step) -> None:
        pid = engine.status().pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)

    both = await asyncio.gather(
        engine.run(ask(steps=1000), kill),
        engine.run(ask(steps=1000), unseen),
        return_exceptions=True,
    )
    for error in both:
        assert isinstance(error, WorkerCrashed)
        assert "killed by signal 9" in error.message
        assert "try again" in error.message
    assert engine.status().state is EngineState.STOPPED
    assert await engine.run(ask(), unseen)
    assert engine.status().crashes == 0


async def test_a_worker_that_keeps_crashing_is_started_again_only_after_a_pause(
    tmp_path: Path, model_folders: Path, ask: Ask
) -> None:
    log: list[str] = []
    python = stand_in(tmp_path, HELLO + "print('out of luck')\nsys.exit(3)\n")
    engine = Engine(ModelFolder([model_folders]), python=python, log=log.append, token_bytes=secrets.token_bytes)
    for _ in range(2):
        with pytest.raises(WorkerCrashed, match="exited with status 3"):
            await engine.run(ask(), unseen)
    with pytest.raises(WorkerCrashed, match=r"crashed 2 times in a row; the next start is in [12] s"):
        await engine.run(ask(), unseen)
    assert engine.status().state is EngineState.PAUSED
    assert log == ["out of luck"] * 2
    await engine.close()


async def test_a_silent_worker_counts_as_dead(tmp_path: Path, model_folders: Path, ask: Ask) -> None:
    python = stand_in(tmp_path, HELLO + "link.recv(1)\nimport signal\nsignal.pause()\n")
    engine = Engine(ModelFolder([model_folders]), python=python, silence_s=0.2, token_bytes=secrets.token_bytes)
    with pytest.raises(WorkerCrashed, match=r"said nothing for 0\.2 s"):
        await engine.run(ask(), unseen)
    await engine.close()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("link.sendall(encode({'kind': 'hello', 'token': b'guessed'}))\nlink.recv(1)\n", "did not know its token"),
        ("sys.exit(1)\n", "exited with status 1"),
        (HELLO + "link.sendall(b'\\xff\\xff\\xff\\xff')\nlink.recv(1)\n", "not a message"),
        (HELLO + "link.sendall(encode({'kind': 'done'}))\nlink.recv(1)\n", "makes no sense"),
    ],
)
async def test_a_worker_that_is_not_ours_or_talks_nonsense_is_ended(
    tmp_path: Path, model_folders: Path, ask: Ask, body: str, said: str
) -> None:
    engine = Engine(ModelFolder([model_folders]), python=stand_in(tmp_path, body), token_bytes=secrets.token_bytes)
    with pytest.raises(WorkerCrashed, match=said):
        await engine.run(ask(), unseen)
    assert engine.status().pid is None
    await engine.close()


async def test_an_interpreter_that_is_not_there_is_a_crash_in_words(model_folders: Path, ask: Ask) -> None:
    engine = Engine(ModelFolder([model_folders]), python="/nowhere/python", token_bytes=secrets.token_bytes)
    with pytest.raises(WorkerCrashed, match="cannot be started: No such file"):
        await engine.run(ask(), unseen)
    await engine.close()


async def test_a_missing_library_is_named(tmp_path: Path, model_folders: Path, ask: Ask) -> None:
    unable = "link.sendall(encode({'kind': 'unable', 'message': 'the engine cannot run here: no torch'}))\n"
    unable += "while link.recv(4096):\n    pass\n"
    engine = Engine(
        ModelFolder([model_folders]), python=stand_in(tmp_path, HELLO + unable), token_bytes=secrets.token_bytes
    )
    for _ in range(3):  # the third falls into the pause that crashes cause
        with pytest.raises(Unsupported, match="no torch") as caught:
            await engine.run(ask(), unseen)
        assert caught.value.hint == "install mintaka[engine]"
    await engine.close()


async def test_closing_does_not_wait_for_a_worker_that_never_says_who_it_is(
    tmp_path: Path, model_folders: Path, ask: Ask
) -> None:
    started = asyncio.Event()
    python = stand_in(tmp_path, "print('here', flush=True)\nlink.recv(1)\n")
    engine = Engine(
        ModelFolder([model_folders]), python=python, log=lambda line: started.set(), token_bytes=secrets.token_bytes
    )
    request = asyncio.create_task(engine.run(ask(), unseen))
    await started.wait()
    await engine.close()
    with pytest.raises(EngineError, match="closed while it started"):
        await request


async def test_cancelling_a_request_while_its_worker_starts_leaves_nothing_behind(
    tmp_path: Path, model_folders: Path, ask: Ask
) -> None:
    started = asyncio.Event()
    python = stand_in(tmp_path, "print('here', flush=True)\nlink.recv(1)\n")
    engine = Engine(
        ModelFolder([model_folders]), python=python, log=lambda line: started.set(), token_bytes=secrets.token_bytes
    )
    request = asyncio.create_task(engine.run(ask(), unseen))
    await started.wait()
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    status = engine.status()
    assert (status.state, status.in_flight, status.crashes) == (EngineState.STOPPED, 0, 0)
    await engine.close()


async def test_closing_ends_the_worker_and_what_it_was_doing(model_folders: Path, ask: Ask) -> None:
    engine = Engine(ModelFolder([model_folders]), threads=1, token_bytes=secrets.token_bytes)
    await engine.start(preload=True)
    pid = engine.status().pid
    assert pid is not None
    request = asyncio.create_task(engine.run(ask(), unseen))
    while engine.status().in_flight < 1:  # noqa: ASYNC110 - the engine has no event for being asked
        await asyncio.sleep(0)
    await engine.close()
    with pytest.raises(EngineError, match="closed while it drew this"):
        await request
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(EngineError, match="the engine is closed"):
        await engine.run(ask(), unseen)
    await engine.close()


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="waiting for a process that is not one's child needs pidfd")
def test_a_worker_does_not_outlive_a_server_that_was_killed(model_folders: Path) -> None:
    server = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import asyncio, pathlib, secrets, sys\n"
            "from mintaka.engine.models import ModelFolder\n"
            "from mintaka.engine.supervisor import Engine\n"
            "async def main():\n"
            "    engine = Engine(ModelFolder([pathlib.Path(sys.argv[1])]), token_bytes=secrets.token_bytes)\n"
            "    await engine.start(preload=True)\n"
            "    print(engine.status().pid, flush=True)\n"
            "    await asyncio.Event().wait()\n"
            "asyncio.run(main())\n",
            str(model_folders),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    with server:
        assert server.stdout is not None
        worker = os.pidfd_open(int(server.stdout.readline()))
        server.kill()
    try:
        ended, _, _ = select.select([worker], [], [], 20.0)
    finally:
        os.close(worker)
    assert ended
