"""Scripts read and write files where the server was told to let them, and nowhere else."""

import json

import pytest

from mintaka.client import RemoteError, connect

SCRIPT = """
(let files (get-capability "fs.write"))
(let mine (delegate files {:path "notes/mine"} {:bytes 100}))
(mine.write "notes/mine/hello.txt" "hello")
(let read (get-capability "fs.read"))
(read.read "notes/mine/hello.txt")
"""


async def test_a_script_writes_and_reads_in_a_folder_of_the_settings(start_server, tmp_path):
    (tmp_path / "notes").mkdir()
    server = start_server(env={"MINTAKA_FOLDERS": json.dumps({"notes": str(tmp_path / "notes")})})
    async with connect(server.url, server.token) as mintaka:
        assert await mintaka.run(SCRIPT) == "hello"
        assert (tmp_path / "notes" / "mine" / "hello.txt").read_text() == "hello"
        with pytest.raises(RemoteError) as caught:
            await mintaka.run(SCRIPT.replace('(mine.write "notes/mine/', '(mine.write "notes/mine-too/'))
        assert caught.value.kind == "denied"
        assert str(tmp_path) not in str(caught.value)


async def test_without_folders_in_the_settings_there_are_none(server):
    async with connect(server.url, server.token) as mintaka:
        with pytest.raises(RemoteError, match="there is no folder `etc`"):
            await mintaka.run('(let files (get-capability "fs.read")) (files.read "etc/passwd")')


def test_a_folder_that_is_not_there_is_told_at_the_start(tmp_path):
    from tests.server.test_command_line import mintaka

    ended = mintaka(
        "serve", "--port", 0, "--data", tmp_path / "data", env={"MINTAKA_FOLDERS": '{"x": "/nowhere/at/all"}'}
    )
    assert ended.returncode == 1
    assert "the folder /nowhere/at/all is not there" in ended.stderr
    assert "Traceback" not in ended.stderr
