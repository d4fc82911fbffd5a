import errno
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from blake3 import blake3

from mintaka.storage.blobs import Blobs
from mintaka.storage.errors import BlobDamaged, NoSuchBlob, StorageFailed, StorageFull


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_a_blob_is_named_by_its_bytes_and_read_back_whole(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path / "blobs")
    name = blobs.put(b"a picture")
    assert name == blake3(b"a picture").hexdigest()
    assert blobs.read(name) == b"a picture"
    assert blobs.exists(name)
    assert not blobs.exists("0" * 64)


def test_a_crash_before_the_rename_leaves_nothing_under_the_final_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs = Blobs(tmp_path)
    monkeypatch.setattr(os, "fsync", crash)
    with pytest.raises(KeyboardInterrupt):
        blobs.put(b"half written")
    monkeypatch.undo()
    assert files(tmp_path) == []
    assert blobs.read(blobs.put(b"half written")) == b"half written"


def crash(_descriptor: int) -> None:
    raise KeyboardInterrupt


def test_bytes_are_flushed_before_they_get_their_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda descriptor: (order.append("fsync"), fsync(descriptor))[1])
    monkeypatch.setattr(os, "replace", lambda a, b: (order.append("rename"), replace(a, b))[1])
    Blobs(tmp_path).put(b"data")
    assert order[:2] == ["fsync", "rename"]


def test_many_writers_of_the_same_bytes_make_one_file(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    data = os.urandom(200_000)
    with ThreadPoolExecutor(8) as pool:
        names = set(pool.map(blobs.put, [data] * 32))
    assert files(tmp_path) == list(names)
    assert blobs.read(names.pop()) == data


@pytest.mark.parametrize(
    ("code", "expected", "words"),
    [
        (errno.ENOSPC, StorageFull, "full"),
        (errno.EDQUOT, StorageFull, "full"),
        (errno.EROFS, StorageFailed, "cannot be written"),
        (errno.EACCES, StorageFailed, "cannot be written"),
        (errno.EIO, StorageFailed, "EIO"),
    ],
)
def test_a_disk_that_refuses_is_told_in_plain_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, expected: type[StorageFailed], words: str
) -> None:
    blobs = Blobs(tmp_path)

    def refuse(_descriptor: int) -> None:
        raise OSError(code, os.strerror(code), str(tmp_path))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(expected, match=words) as caught:
        blobs.put(b"data")
    assert str(tmp_path) not in caught.value.message
    assert caught.value.kind == ("storage_full" if expected is StorageFull else "storage_error")
    assert caught.value.hint
    assert files(tmp_path) == []


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageFailed):
        Blobs(tmp_path / "file" / "blobs")


@pytest.mark.parametrize("name", ["", "..", "../../etc/passwd", "A" * 64, "0" * 63, "0" * 64 + "\n"])
def test_what_is_no_name_never_becomes_a_path(tmp_path: Path, name: str) -> None:
    blobs = Blobs(tmp_path)
    with pytest.raises(NoSuchBlob):
        blobs.read(name)
    assert not blobs.exists(name)


def test_a_blob_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(NoSuchBlob):
        Blobs(tmp_path).read("0" * 64)


def test_a_blob_changed_on_the_disk_is_not_served(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    name = blobs.put(b"original")
    blobs.path(name).write_bytes(b"changed!")
    with pytest.raises(BlobDamaged):
        blobs.read(name)


def test_a_blob_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    blobs.path("0" * 64).mkdir(parents=True)
    with pytest.raises(StorageFailed, match="could not read"):
        blobs.read("0" * 64)
