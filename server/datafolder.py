"""The data folder: who may write in it, the owner's token, and what says that a server is running.

::

    DIR/lock         held (flock) while a server runs: one server a folder
    DIR/token        the owner's token, made at the first start, readable by the owner only
    DIR/key          the key of the capability records and of the addresses of pictures
    DIR/server.json  url, http, token and pid of the running server
    DIR/mintaka.db   the database        DIR/blobs/  the pictures
    DIR/identities.jsonl  the BLAKE3 of files of weights
"""

import contextlib
import errno
import fcntl
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

TokenBytes = Callable[[int], bytes]
"""So many random bytes, unguessable (``secrets.token_bytes``)."""


IDENTITIES = "identities.jsonl"


class FolderFault(Exception):
    """The data folder cannot be used; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class RunningServer:
    """What ``server.json`` says: where the server of this folder listens and how to sign in."""

    url: str
    http: str
    token: str
    pid: int


class DataFolder:
    """An opened data folder, locked until `close`."""

    def __init__(self, path: Path, lock: int, token: str, key: bytes) -> None:
        self.path = path
        self.token = token
        self.key = key
        self._lock = lock

    @property
    def database_url(self) -> str:
        """The SQLAlchemy URL of the database."""
        return f"sqlite:///{self.path / 'mintaka.db'}"

    @property
    def identities(self) -> Path:
        """The record of what files of weights are."""
        return self.path / IDENTITIES

    @property
    def blobs(self) -> Path:
        """The folder of pictures."""
        return self.path / "blobs"

    @classmethod
    def open(cls, path: Path, token_bytes: TokenBytes) -> "DataFolder":
        """Make the folder if need be, lock it, and read or make token and key. Raises `FolderFault`."""
        path = path.expanduser().absolute()
        advice = "Choose another with --data DIR, or make it writable."
        try:
            path.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise FolderFault(f"The data folder {path} is not writable ({_reason(error)}). {advice}") from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(lock)
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise FolderFault(f"The data folder {path} cannot be locked ({_reason(error)}). {advice}") from None
            running = running_server(path)
            where = f" at {running.http} (process {running.pid})" if running else ""
            raise FolderFault(
                f"Another server{where} is using the data folder {path}. Stop it, or choose another with --data DIR."
            ) from None
        try:
            token = _secret(path / "token", lambda: token_bytes(32).hex().encode()).decode("ascii").strip()
            key = _secret(path / "key", lambda: token_bytes(32))
        except (OSError, UnicodeDecodeError) as error:
            os.close(lock)
            raise FolderFault(f"The data folder {path} is not writable ({_reason(error)}). {advice}") from None
        return cls(path, lock, token, key)

    def announce(self, running: RunningServer) -> None:
        """Write ``server.json``, so that commands on this machine find the server."""
        text = {"url": running.url, "http": running.http, "token": running.token, "pid": running.pid}
        _write_private(self.path / "server.json", json.dumps(text).encode())

    def close(self) -> None:
        """Take ``server.json`` away and unlock the folder."""
        with contextlib.suppress(OSError):
            (self.path / "server.json").unlink()
        os.close(self._lock)


def running_server(path: Path) -> RunningServer | None:
    """The server that says it runs on this data folder; it may have died since."""
    try:
        said = json.loads((path.expanduser() / "server.json").read_bytes())
        return RunningServer(str(said["url"]), str(said["http"]), str(said["token"]), int(said["pid"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _secret(path: Path, make: Callable[[], bytes]) -> bytes:
    with contextlib.suppress(FileNotFoundError):
        if content := path.read_bytes():
            return content
    content = make()
    _write_private(path, content)
    return content


def _write_private(path: Path, content: bytes) -> None:
    # Only the holder of the folder's lock writes here, so one temporary name is enough.
    temporary = path.with_name(path.name + ".new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def _reason(error: Exception) -> str:
    return (error.strerror or "error").lower() if isinstance(error, OSError) else "its token file is damaged"
