"""A folder of the machine that files are read from and written to, and nothing outside it.

The folder is opened once, and every path is walked from there component by component without following a symbolic
link: whatever is renamed, linked or replaced meanwhile, no step can lead out of it. A file is written under a
temporary name in its own folder, flushed, and renamed, so a reader finds the old file or the new one whole.
"""

import contextlib
import errno
import itertools
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mintaka.storage.errors import StorageFailed, storage_error

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class NoSuchFile(StorageFailed):
    """There is nothing at that path that could be read or written: no file, a link, a device."""

    kind = "invalid_params"


class FileTooLarge(StorageFailed):
    """A file is larger than may be read at once."""

    kind = "limit"


@dataclass(frozen=True, slots=True)
class Entry:
    """Something in a folder; ``size`` is in bytes, of files only."""

    name: str
    folder: bool
    size: int


class Folder:
    """The folder at ``path``; every path below is a sequence of plain names, without ``.`` and ``..``.

    Raises `StorageFailed` where it cannot be opened, and in every method where the disk refuses.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._root = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            raise StorageFailed(f"the folder {path} is not there", hint="make it, or name another") from None
        except OSError as error:
            raise storage_error(error, f"open the folder {path}") from error

    def close(self) -> None:
        """Let go of the folder; no method may be called any more."""
        os.close(self._root)

    def list(self, path: Sequence[str]) -> list[Entry]:
        """What is in a folder, by name; links and devices are left out. Raises `NoSuchFile`."""
        with self._folder(path) as folder, _told("list a folder"):
            entries = []
            for name in os.listdir(folder):
                status = os.stat(name, dir_fd=folder, follow_symlinks=False)
                is_folder = stat.S_ISDIR(status.st_mode)
                if is_folder or stat.S_ISREG(status.st_mode):
                    entries.append(Entry(name, is_folder, 0 if is_folder else status.st_size))
        return sorted(entries, key=lambda entry: entry.name)

    def size(self, path: Sequence[str]) -> int:
        """How many bytes a file has. Raises `NoSuchFile`."""
        with self._file(path) as file:
            return os.fstat(file).st_size

    def read(self, path: Sequence[str], most: int) -> bytes:
        """The bytes of a file. Raises `NoSuchFile`, and `FileTooLarge` where there are more than ``most``."""
        with self._file(path) as file, _told("read a file"):
            parts, left = [], most + 1
            while left > 0 and (part := os.read(file, min(left, 1 << 20))):
                parts.append(part)
                left -= len(part)
        if left <= 0:
            raise FileTooLarge(f"the file has more than {most} bytes", hint="read a smaller one")
        return b"".join(parts)

    def write(self, path: Sequence[str], data: bytes) -> None:
        """Write a file, in place of one of that name; its folder is made where it is missing. Raises `NoSuchFile`."""
        with self._folder(path[:-1], make=True) as folder, _told("write a file"):
            name = path[-1]
            with contextlib.suppress(FileNotFoundError):
                if not stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
                    raise _none("what is there is no plain file")
            temporary, descriptor = _new_file(folder)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
            except BaseException:
                with contextlib.suppress(OSError):
                    os.unlink(temporary, dir_fd=folder)
                raise
            os.fsync(folder)

    def remove(self, path: Sequence[str]) -> None:
        """Take a file away. Raises `NoSuchFile`."""
        with self._file(path), self._folder(path[:-1]) as folder, _told("remove a file"):
            os.unlink(path[-1], dir_fd=folder)

    @contextlib.contextmanager
    def _folder(self, path: Sequence[str], *, make: bool = False) -> Iterator[int]:
        with _told("open a folder"):
            folder = os.dup(self._root)
        try:
            for name in path:
                with _told("open a folder"):
                    if make:
                        with contextlib.suppress(FileExistsError):
                            os.mkdir(name, 0o755, dir_fd=folder)
                    below = os.open(name, _FOLDER, dir_fd=folder)
                    os.close(folder)
                    folder = below
            yield folder
        finally:
            os.close(folder)

    @contextlib.contextmanager
    def _file(self, path: Sequence[str]) -> Iterator[int]:
        if not path:
            raise _none("that is a folder")
        with self._folder(path[:-1]) as folder, _told("open a file"):
            # Without O_NONBLOCK, opening a pipe would wait for somebody to write into it.
            file = os.open(path[-1], _READ, dir_fd=folder)
        try:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                raise _none("what is there is no plain file")
            yield file
        finally:
            os.close(file)


def _new_file(folder: int) -> tuple[str, int]:
    """A new file in a folder under a name that nothing has, as another writer's or a crashed one's has its own."""
    for number in itertools.count():
        name = f".{number}.part"
        with contextlib.suppress(FileExistsError):
            return name, os.open(name, _CREATE, 0o644, dir_fd=folder)
    raise AssertionError("counting has no end")


def _none(why: str) -> NoSuchFile:
    return NoSuchFile(f"there is no such file: {why}", hint="see what there is with list")


@contextlib.contextmanager
def _told(doing: str) -> Iterator[None]:
    """Tell what the operating system refused in words of ours; no message names a path of the machine."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError):
        raise _none("nothing is there") from None
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EISDIR, errno.ENXIO, errno.ENAMETOOLONG):
            raise _none("what is there is no plain file") from None
        raise storage_error(error, doing) from error
