"""How ``mintaka serve`` begins, what it refuses to begin with, and how it ends."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from mintaka import client

HOLD = '(let draw (get-capability "diffusers.generate"))'
LONG = f'{HOLD} (draw.textToImage "a red circle" {{:num_inference_steps 1000}})'
SHORT = f'{HOLD} (draw.textToImage "a red circle" {{:num_inference_steps 2}})'
END_S = 5.0
"""Within so many seconds a server ends cleanly: part of its contract."""


def refused(*options, env=None):
    """What a server that cannot begin says: the one line."""
    ended = subprocess.run(
        [sys.executable, "-m", "mintaka", "serve", *options],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **(env or {})},
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stdout == ""
    lines = ended.stderr.splitlines()
    assert len(lines) == 1, ended.stderr
    return lines[0]


def gone(pid):
    """Wait until a process that is not ours is no more."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], 10)[0])
    finally:
        os.close(handle)


def libraries(pid):
    """What a process has mapped into its memory."""
    return Path(f"/proc/{pid}/maps").read_text()


async def worker_pid(server):
    """The worker's process, once a picture is being drawn."""
    async with httpx.AsyncClient(trust_env=False) as web:
        answer = await web.get(f"{server.http}/health", headers={"authorization": f"Bearer {server.token}"})
    return answer.json()["workers"][0]["pid"]


async def drawing(m):
    """Start a picture that takes long, and wait for its first step: the job."""
    job = await m.start(LONG)
    async for event in m.events(job):
        assert event.kind != "failed", event.data
        if event.kind == "progress":
            return job
    raise AssertionError("the job ended without a step")


def test_it_says_where_it_is(server):
    port = server.http.rpartition(":")[2]
    assert server.url == f"ws://127.0.0.1:{port}"
    assert server.open == f"{server.http}/#token={server.token}"
    said = json.loads((server.data / "server.json").read_text())
    assert said == {"url": server.url, "http": server.http, "token": server.token, "pid": server.process.pid}
    assert (server.data / "token").read_text() == server.token


async def test_deep_learning_libraries_are_never_loaded_into_the_server(server):
    async with client.connect(server.url, server.token) as m:
        await m.run('(let draw (get-capability "diffusers.generate")) (draw.models)')
    mapped = libraries(server.process.pid)
    assert "libtorch" not in mapped
    assert "numpy" not in mapped


def test_a_port_in_use_is_one_clear_line(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        line = refused("--port", port, "--data", str(tmp_path))
    assert line.startswith(f"mintaka: Port {port} of 127.0.0.1 is in use")
    assert "--port" in line


def test_a_data_folder_that_cannot_be_written_is_one_clear_line(tmp_path):
    (tmp_path / "file").write_text("")
    line = refused("--port", "0", "--data", str(tmp_path / "file" / "data"))
    assert "is not writable" in line
    assert "--data" in line


def test_a_data_folder_of_another_server_is_one_clear_line(server):
    line = refused("--port", "0", "--data", str(server.data))
    assert f"Another server at {server.http} (process {server.process.pid})" in line
    assert "--data" in line


def test_a_database_that_is_none_is_one_clear_line(tmp_path):
    (tmp_path / "mintaka.db").write_text("this is no database, " * 500)
    assert "the database is damaged" in refused("--port", "0", "--data", str(tmp_path))


def test_a_setting_that_cannot_be_used_is_one_clear_line(tmp_path):
    assert "port" in refused("--data", str(tmp_path), env={"MINTAKA_PORT": "many"})


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_cleanly_whatever_it_does(start_server, signum):
    server = start_server()
    async with client.connect(server.url, server.token) as m:
        await m.start("(while true 1)")
        server.process.send_signal(signum)
        assert server.process.wait(END_S) == 0
    assert not (server.data / "server.json").exists()


async def test_a_picture_being_drawn_does_not_hold_up_the_end(start_server):
    server = start_server()
    async with client.connect(server.url, server.token) as m:
        await drawing(m)
        worker = await worker_pid(server)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(END_S) == 0
    assert gone(worker)


async def test_no_worker_outlives_a_killed_server_and_the_folder_can_be_used_again(start_server):
    server = start_server()
    async with client.connect(server.url, server.token) as m:
        await drawing(m)
        worker = await worker_pid(server)
        server.stop(signal.SIGKILL)
    assert gone(worker)
    again = start_server()
    assert again.data == server.data
    async with client.connect(again.url, again.token) as m:
        assert await m.run("(+ 1 2)") == 3


async def test_a_job_goes_on_when_its_worker_is_killed_and_so_does_the_server(server):
    async with client.connect(server.url, server.token) as m:
        job = await drawing(m)
        os.kill(await worker_pid(server), signal.SIGKILL)
        async for event in m.events(job):
            assert not event.final
            if event.kind == "progress" and event.data["step"] == 1:
                break
        await m.call("jobs.cancel", {"job": job})
        assert isinstance(await m.run(SHORT), client.RemoteImage)
        assert "libtorch" not in libraries(server.process.pid)
