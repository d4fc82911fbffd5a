import stat
from pathlib import Path

import pytest

from mintaka.server.datafolder import DataFolder, FolderFault, RunningServer, running_server


def fixed(count: int) -> bytes:
    return bytes(range(count))


def test_the_token_and_the_key_are_made_once(tmp_path):
    first = DataFolder.open(tmp_path / "new" / "data", fixed)
    first.close()
    again = DataFolder.open(tmp_path / "new" / "data", lambda count: b"\xff" * count)
    again.close()
    assert (first.token, first.key) == (again.token, again.key)
    assert first.token == fixed(32).hex()


def test_secrets_are_readable_by_their_owner_only(tmp_path):
    folder = DataFolder.open(tmp_path, fixed)
    folder.announce(RunningServer("ws://h:1", "http://h:1", folder.token, 1))
    for name in ("token", "key", "server.json"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
    folder.close()


def test_a_folder_belongs_to_one_server(tmp_path):
    folder = DataFolder.open(tmp_path, fixed)
    folder.announce(RunningServer("ws://h:1", "http://h:1", folder.token, 77))
    with pytest.raises(FolderFault, match=r"Another server at http://h:1 \(process 77\) is using .*--data"):
        DataFolder.open(tmp_path, fixed)
    folder.close()
    DataFolder.open(tmp_path, fixed).close()


def test_a_running_server_is_found_until_it_closes(tmp_path):
    assert running_server(tmp_path) is None
    folder = DataFolder.open(tmp_path, fixed)
    running = RunningServer("ws://h:1", "http://h:1", folder.token, 77)
    folder.announce(running)
    assert running_server(tmp_path) == running
    folder.close()
    assert running_server(tmp_path) is None


def test_a_damaged_server_file_is_no_running_server(tmp_path):
    (tmp_path / "server.json").write_text('{"url": ')
    assert running_server(tmp_path) is None


@pytest.mark.parametrize("below", ["data", "a/b"])
def test_a_folder_that_cannot_be_written_is_refused_with_what_to_do(tmp_path, below):
    (tmp_path / "file").write_text("")
    with pytest.raises(FolderFault, match=r"is not writable .*--data"):
        DataFolder.open(tmp_path / "file" / Path(below), fixed)


def test_a_token_file_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "token").write_bytes(b"\xff\xfe")
    with pytest.raises(FolderFault, match="token file is damaged"):
        DataFolder.open(tmp_path, fixed)
