"""A folder gives what is in it and nothing else, whatever is linked, renamed or put in its way."""

import os
from pathlib import Path

import pytest

from mintaka.storage.errors import StorageFailed
from mintaka.storage.folders import Entry, FileTooLarge, Folder, NoSuchFile


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "secret.txt").write_text("secret")
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    (root / "a.txt").write_text("hello")
    (root / "sub" / "b.txt").write_text("below")
    return root


@pytest.fixture
def folder(root: Path) -> Folder:
    return Folder(root)


def test_files_are_listed_read_written_and_removed(folder: Folder, root: Path) -> None:
    assert folder.list([]) == [Entry("a.txt", False, 5), Entry("sub", True, 0)]
    assert folder.read(["sub", "b.txt"], 100) == b"below"
    folder.write(["new", "deep", "c.txt"], b"one")
    folder.write(["new", "deep", "c.txt"], b"two")
    assert (root / "new" / "deep" / "c.txt").read_bytes() == b"two"
    assert folder.size(["new", "deep", "c.txt"]) == 3
    folder.remove(["new", "deep", "c.txt"])
    assert folder.list(["new", "deep"]) == []


def test_a_file_larger_than_asked_for_is_refused(folder: Folder) -> None:
    assert folder.read(["a.txt"], 5) == b"hello"
    with pytest.raises(FileTooLarge):
        folder.read(["a.txt"], 4)


@pytest.mark.parametrize("path", [["none.txt"], ["sub", "none", "x"], ["a.txt", "x"], ["sub"], [], ["link"], ["pipe"]])
def test_what_is_no_plain_file_is_not_there(folder: Folder, root: Path, path: list[str]) -> None:
    (root / "link").symlink_to(root / "a.txt")
    os.mkfifo(root / "pipe")
    for attempt in (lambda: folder.read(path, 100), lambda: folder.size(path), lambda: folder.remove(path)):
        with pytest.raises(NoSuchFile):
            attempt()


def test_no_link_leads_out(folder: Folder, root: Path, tmp_path: Path) -> None:
    (root / "out").symlink_to(tmp_path)
    (root / "leak.txt").symlink_to(tmp_path / "secret.txt")
    for attempt in (
        lambda: folder.read(["out", "secret.txt"], 100),
        lambda: folder.read(["leak.txt"], 100),
        lambda: folder.list(["out"]),
        lambda: folder.write(["out", "new.txt"], b"x"),
        lambda: folder.write(["leak.txt"], b"x"),
        lambda: folder.remove(["leak.txt"]),
    ):
        with pytest.raises(NoSuchFile):
            attempt()
    assert (tmp_path / "secret.txt").read_text() == "secret"
    assert [entry.name for entry in folder.list([])] == ["a.txt", "sub"]


def test_a_folder_exchanged_for_a_link_between_two_looks_leads_nowhere(root: Path, tmp_path: Path) -> None:
    folder = Folder(root)
    opened = os.open

    def exchange(name: object, *args: object, **options: object) -> int:
        """Put a link where `sub` was, just before it is opened."""
        if name == "sub" and not (root / "sub").is_symlink():
            (root / "sub").rename(tmp_path / "moved")
            (root / "sub").symlink_to(tmp_path)
        return opened(name, *args, **options)  # type: ignore[arg-type]

    os.open = exchange  # type: ignore[assignment]
    try:
        with pytest.raises(NoSuchFile):
            folder.read(["sub", "secret.txt"], 100)
    finally:
        os.open = opened


def test_the_folder_stays_the_same_when_its_name_leads_elsewhere(root: Path, tmp_path: Path) -> None:
    folder = Folder(root)
    root.rename(tmp_path / "renamed")
    root.symlink_to("/")
    assert folder.read(["a.txt"], 100) == b"hello"


def test_a_write_that_fails_leaves_the_old_file_and_nothing_half_written(
    folder: Folder, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object, **options: object) -> None:
        raise OSError(28, "no space")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(StorageFailed):
        folder.write(["a.txt"], b"new")
    assert (root / "a.txt").read_text() == "hello"
    assert sorted(os.listdir(root)) == ["a.txt", "sub"]


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(StorageFailed):
        Folder(tmp_path / "none")
