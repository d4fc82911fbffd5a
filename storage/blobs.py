"""Content-addressed files: a blob's name is the blake3 hash of its bytes, so a name can never mean other bytes.

A blob is written to a temporary name, flushed to the disk, and renamed. A crash at any moment therefore leaves either
the whole blob under its name or nothing there, and two writers of the same bytes cannot disturb each other.
"""

import contextlib
import os
import re
import tempfile
from pathlib import Path

from blake3 import blake3

from mintaka.storage.errors import BlobDamaged, NoSuchBlob, storage_error

NAME = re.compile(r"[0-9a-f]{64}")
"""What the name of a blob looks like: 32 bytes of blake3 in lower-case hex."""


class Blobs:
    """The folder of blobs. Files lie two levels deep (``ab/abcd…``), so that no folder grows too large to list.

    Raises `StorageFull` or `StorageFailed` where the disk refuses.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(error, "make the folder of blobs") from error

    @staticmethod
    def name(data: bytes) -> str:
        """What a blob of these bytes is called."""
        return blake3(data).hexdigest()

    def put(self, data: bytes) -> str:
        """Keep ``data`` and return its name. When this returns, the bytes are on the disk."""
        name = self.name(data)
        final = self.path(name)
        if final.exists():
            return name
        try:
            final.parent.mkdir(exist_ok=True)
            self._write(final, data)
        except OSError as error:
            raise storage_error(error, "keep a file") from error
        return name

    def read(self, name: str) -> bytes:
        """The bytes of a blob, checked against its name.

        Raises `NoSuchBlob`, and `BlobDamaged` where the bytes are not those that were put.
        """
        try:
            data = self.path(name).read_bytes()
        except FileNotFoundError:
            raise NoSuchBlob("no such file is kept here", hint="it may have been deleted; make it again") from None
        except OSError as error:
            raise storage_error(error, "read a file") from error
        if self.name(data) != name:
            raise BlobDamaged("a kept file was changed on the disk", hint="restore it from a backup, or make it again")
        return data

    def exists(self, name: str) -> bool:
        """Whether a blob of that name is kept; false for what is no name at all."""
        return bool(NAME.fullmatch(name)) and self.path(name).exists()

    def path(self, name: str) -> Path:
        """Where the blob lies or would lie. Raises `NoSuchBlob` for what is no name: no path is ever made from one."""
        if not NAME.fullmatch(name):
            raise NoSuchBlob("that is not the name of a kept file", hint="a name is 64 hexadecimal digits")
        return self._folder / name[:2] / name

    def _write(self, final: Path, data: bytes) -> None:
        handle, temporary = tempfile.mkstemp(dir=final.parent, prefix=".", suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, final)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
        for folder in (final.parent, self._folder):  # the new names themselves must survive a power cut too
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
