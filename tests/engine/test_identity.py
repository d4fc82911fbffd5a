"""What files of weights are, by their contents."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from blake3 import blake3

from mintaka.engine.models.identity import Identities


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that are read, as they are."""
    files: list[Path] = []
    real: Callable[..., Any] = blake3

    class Reading:
        def __init__(self, data: bytes = b"") -> None:
            self.real = real(data)

        def update_mmap(self, file: Path) -> Any:
            files.append(file)
            return self.real.update_mmap(file)

        def hexdigest(self) -> str:
            return str(self.real.hexdigest())

    monkeypatch.setattr("mintaka.engine.models.identity.blake3", Reading)
    return files


def test_a_file_is_read_once_for_each_of_its_states_also_by_another_process(tmp_path: Path, read: list[Path]) -> None:
    file, record = tmp_path / "weights", tmp_path / "data" / "record"
    file.write_bytes(b"one")
    one = Identities(record)
    assert one.known(file) is None
    assert one.of(file) == one.of(file) == Identities(record).of(file) == blake3(b"one").hexdigest()
    assert read == [file]
    file.write_bytes(b"three")
    assert one.known(file) is None
    assert one.of(file) == blake3(b"three").hexdigest()
    assert one.recorded(file) == blake3(b"one").hexdigest()
    one.compute(file, accept=True)
    assert Identities(record).recorded(file) == blake3(b"three").hexdigest()


def test_contents_that_changed_behind_the_files_state_are_found_by_reading(tmp_path: Path) -> None:
    file = tmp_path / "weights"
    file.write_bytes(b"good")
    identities = Identities(tmp_path / "record")
    identities.of(file)
    before = file.stat()
    with file.open("r+b") as stream:
        stream.write(b"evil")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert identities.of(file) == identities.recorded(file) == blake3(b"good").hexdigest()
    assert identities.compute(file) == blake3(b"evil").hexdigest() != identities.recorded(file)


def test_several_files_are_one_identity_in_whatever_order_they_come(tmp_path: Path) -> None:
    files = [tmp_path / name for name in "ab"]
    for file in files:
        file.write_bytes(file.name.encode())
    identities = Identities()
    both = identities.begin(files).result()
    assert both == identities.begin(files[::-1]).result()
    assert both not in (None, identities.of(files[0]))
    assert identities.begin(files[:1]).result() == identities.of(files[0])
    files[1].write_bytes(b"changed")
    assert identities.together(files, identities.known) is None
    files[1].unlink()
    assert isinstance(identities.begin(files).exception(), OSError)


def test_a_line_of_the_record_that_cannot_be_read_is_passed_over(tmp_path: Path, read: list[Path]) -> None:
    file, record = tmp_path / "weights", tmp_path / "record"
    file.write_bytes(b"one")
    Identities(record).of(file)
    record.write_text('["half a li\n' + record.read_text() + "[1]\n5\n")
    assert Identities(record).known(file) == blake3(b"one").hexdigest()
