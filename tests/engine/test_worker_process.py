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

from mintaka.engine import keeper
from mintaka.engine.errors import EngineError, Unsupported, WorkerCrashed
from mintaka.engine.keeper import WorkerState
from mintaka.engine.models import ModelFolder
from mintaka.engine.requests import Step, TextToImage
from mintaka.engine.supervisor import Engine
from mintaka.engine.turns import Turns

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
async def test_what_a_killed_worker_had_is_made_again_and_equals_what_it_would_have_been(
    engine: Engine, ask: Ask
) -> None:
    steps: list[int] = []

    def kill_once(step: Step) -> None:
        steps.append(step.step)
        if len(steps) == 1:
            pid = engine.status().workers[0].pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)

    expected = await engine.run(ask(), unseen)
    first, second = await asyncio.gather(engine.run(ask(), kill_once), engine.run(ask(seed=8), unseen))
    assert first[0].data == expected[0].data
    assert second[0].seed == 8
    assert steps == [1, 1, 2]
    assert engine.status().workers[0].crashes == 0


WORKER = """
import itertools, os, signal, threading
from pathlib import Path
lives = Path(__file__).with_name("lives")
lives.open("a").write("x")
life = lives.stat().st_size
said = Path(__file__).with_name("said").open("a")
def say(**message):
    link.sendall(encode(message))
say(kind="hello", token=told["token"])
say(kind="ready")
picture = {"data": b"", "width": 1, "height": 1, "seed": life, "notes": [told["device"]]}
decoder = Decoder()
for message in itertools.chain.from_iterable(decoder.feed(data) for data in iter(lambda: link.recv(65536), b"")):
    if message["kind"] != "request":
        continue
    prompt = message["request"]["prompt"]
    said.write(prompt + "\\n")
    said.flush()
    if prompt == "poison":
        os._exit(3)
    if prompt == "endless":
        beat = {"kind": "beat", "memory": 5 * 2**30, "models": []}
        say(**beat, stuck="a step did not end" if told["memory_bytes"] is None else None)
    elif prompt != "first time not" or life > 1:
        say(kind="done", id=message["id"], pictures=[picture])
"""
"""A worker that dies at one prompt, gets stuck at another, and answers a third when it has been started again."""


def of_a(worker: str, folder: Path, model_folders: Path, **options: object) -> Engine:
    """An engine of which ``worker`` is the worker."""
    python = stand_in(folder, worker.replace("\\\\", "\\"))
    return Engine(ModelFolder([model_folders]), python=python, token_bytes=secrets.token_bytes, **options)  # type: ignore[arg-type]


async def test_a_request_that_kills_two_workers_is_failed_and_those_beside_it_are_made(
    tmp_path: Path, model_folders: Path, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "PAUSE_S", 0.01)
    engine = of_a(WORKER, tmp_path, model_folders)
    innocent = [asyncio.create_task(engine.run(ask(prompt="first time not"), unseen)) for _ in range(3)]
    while engine.status().in_flight < 3:  # noqa: ASYNC110 - the engine has no event for being asked
        await asyncio.sleep(0.01)
    with pytest.raises(WorkerCrashed, match=r"died twice .* nothing else to do \(it exited with status 3\)"):
        await engine.run(ask(prompt="poison"), unseen)
    made = await asyncio.gather(*innocent)
    assert {picture.seed for [picture] in made} <= {2, 3}
    assert (tmp_path / "lives").stat().st_size <= 3
    assert engine.status().in_flight == 0
    await engine.close()


async def test_a_request_that_comes_while_suspects_are_tried_waits_until_they_are_not() -> None:
    turns = Turns()
    trace: list[str] = []

    async def enter(number: int, name: str, *, alone: bool) -> None:
        await turns.enter(number, alone=alone)
        trace.append(name)

    async def others_go_on() -> None:
        for _ in range(5):
            await asyncio.sleep(0)

    await turns.enter(1, alone=False)
    names = [("suspect", True), ("another suspect", True), ("new", False), ("newer", False)]
    waiting = [
        asyncio.create_task(enter(number, name, alone=alone)) for number, (name, alone) in enumerate(names, start=2)
    ]
    await others_go_on()
    assert trace == []
    turns.leave(1)
    await others_go_on()
    assert trace == ["suspect"]
    turns.leave(2)
    await others_go_on()
    assert trace == ["suspect", "another suspect"]
    turns.leave(3)
    await asyncio.gather(*waiting)
    assert trace == ["suspect", "another suspect", "new", "newer"]


@pytest.mark.parametrize(
    ("memory", "said"), [(None, "a step did not end"), (2**30, "it held 5368709120 bytes of memory; 1073741824")]
)
async def test_a_worker_that_is_stuck_or_takes_too_much_memory_counts_as_dead(
    tmp_path: Path, model_folders: Path, ask: Ask, memory: int | None, said: str
) -> None:
    engine = of_a(WORKER, tmp_path, model_folders, memory_bytes=memory)
    with pytest.raises(WorkerCrashed, match=said):
        await engine.run(ask(prompt="endless"), unseen)
    await engine.close()


async def test_requests_go_to_the_device_that_has_their_model_or_else_the_least_to_do(
    tmp_path: Path, model_folders: Path, ask: Ask
) -> None:
    engine = of_a(WORKER, tmp_path, model_folders, devices=("first", "second"))

    async def device(model: str) -> str:
        [picture] = await engine.run(ask(prompt="fine", model=model), unseen)
        return picture.notes[0]

    waiting = [asyncio.create_task(engine.run(ask(prompt="first time not"), unseen)) for _ in range(3)]
    while engine.status().in_flight < 3:  # noqa: ASYNC110 - the engine has no event for being asked
        await asyncio.sleep(0.01)
    assert [each.in_flight for each in engine.status().workers] == [3, 0]
    assert await device("tiny") == "first"
    assert await device("enlarging") == "second"
    for each in waiting:
        each.cancel()
    await engine.close()


async def test_a_worker_that_keeps_crashing_is_started_again_only_after_a_pause(
    tmp_path: Path, model_folders: Path, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "PAUSE_S", 3600.0)
    monkeypatch.setattr(keeper, "LONGEST_PAUSE_S", 3600.0)
    log: list[str] = []
    python = stand_in(tmp_path, HELLO + "print('out of luck')\nsys.exit(3)\n")
    engine = Engine(ModelFolder([model_folders]), python=python, log=log.append, token_bytes=secrets.token_bytes)
    with pytest.raises(WorkerCrashed, match="exited with status 3"):
        await engine.run(ask(), unseen)
    waiting = asyncio.create_task(engine.run(ask(), unseen))
    await asyncio.sleep(0)
    assert engine.status().workers[0].state is WorkerState.PAUSED
    assert log == ["out of luck"] * 2
    await engine.close()
    with pytest.raises(EngineError, match="the engine is closed"):
        await waiting


async def test_a_silent_worker_counts_as_dead(tmp_path: Path, model_folders: Path, ask: Ask) -> None:
    python = stand_in(tmp_path, HELLO + "link.sendall(encode({'kind': 'ready'}))\nimport signal\nsignal.pause()\n")
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
    assert engine.status().workers[0].pid is None
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
    [status] = engine.status().workers
    assert (status.state, status.in_flight, status.crashes) == (WorkerState.STOPPED, 0, 0)
    await engine.close()


async def test_closing_ends_the_worker_and_what_it_was_doing(model_folders: Path, ask: Ask) -> None:
    engine = Engine(ModelFolder([model_folders]), threads=1, token_bytes=secrets.token_bytes)
    await engine.start(preload=True)
    pid = engine.status().workers[0].pid
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
            "    print(engine.status().workers[0].pid, flush=True)\n"
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
