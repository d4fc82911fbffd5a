"""What a file of weights is, by its contents: BLAKE3, computed once for each state of a file and remembered.

A file's state is its path, size, time of change and inode. What was computed is appended to a record, one line of JSON
a file, which several processes may write to; a line that cannot be read is passed over.
"""

import json
import os
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Lock

from blake3 import blake3

NICE = 10
"""How much less than others the thread that computes may have of the processor."""

State = tuple[str, int, int, int]
"""Path, bytes, nanoseconds of the last change, inode."""


class Identities:
    """The identities of files; any thread may ask. Without a ``record`` they are remembered for this process only."""

    def __init__(self, record: Path | None = None) -> None:
        self._record = record
        self._known: dict[State, str] = {}
        self._first: dict[str, str] = {}
        """By path: as it was added, or seen first."""
        self._lock = Lock()
        self._thread = ThreadPoolExecutor(1, "identity", initializer=_step_back)
        self._read()

    def known(self, file: Path) -> str | None:
        """The identity of ``file`` as it is now, where that was computed before; it is not read."""
        return self._known.get(_state(file))

    def recorded(self, file: Path) -> str | None:
        """The identity that ``file`` had when it was added, or seen first."""
        return self._first.get(os.path.abspath(file))

    def of(self, file: Path) -> str:
        """The identity of ``file``, read where it changed since. Raises OSError."""
        return self.known(file) or self.compute(file)

    def compute(self, file: Path, *, accept: bool = False) -> str:
        """The identity of ``file``, read now; with ``accept`` it is as it should be from now on. Raises OSError."""
        state = _state(file)
        digest = blake3().update_mmap(file).hexdigest()
        with self._lock:
            if self._known.get(state) != digest or accept:
                self._keep(state, digest, accept)
                self._write(state, digest, accept)
        return digest

    def together(self, files: Iterable[Path], identity: Callable[[Path], str | None]) -> str | None:
        """The identity of ``files``: of one its own, else of those of all, by name; ``None`` where one is not known."""
        digests = [identity(file) for file in sorted(files)]
        found = [digest for digest in digests if digest is not None]
        if not found or len(found) < len(digests):
            return None
        return found[0] if len(found) == 1 else blake3("\n".join(found).encode()).hexdigest()

    def begin(self, files: Iterable[Path]) -> "Future[str | None]":
        """Compute the identity of ``files`` together, on a thread of its own that steps back behind others."""
        return self._thread.submit(self.together, tuple(files), self.of)

    def _keep(self, state: State, digest: str, accept: bool) -> None:
        self._known[state] = digest
        if accept:
            self._first[state[0]] = digest
        else:
            self._first.setdefault(state[0], digest)

    def _write(self, state: State, digest: str, accept: bool) -> None:
        if self._record is None:
            return
        line = json.dumps([*state, digest, accept]) + "\n"
        self._record.parent.mkdir(parents=True, exist_ok=True)
        with self._record.open("a", encoding="utf-8") as record:
            record.write(line)

    def _read(self) -> None:
        if self._record is None or not self._record.exists():
            return
        for line in self._record.read_text("utf-8", errors="replace").splitlines():
            try:
                path, size, changed, inode, digest, accept = json.loads(line)
            except (ValueError, TypeError):
                continue
            self._keep((path, size, changed, inode), digest, accept is True)


def _state(file: Path) -> State:
    path = os.path.abspath(file)
    found = os.stat(path)
    return path, found.st_size, found.st_mtime_ns, found.st_ino


def _step_back() -> None:
    """On Linux a thread has a priority of its own (see setpriority(2)); elsewhere it is left as it is."""
    if os.name == "posix" and os.uname().sysname == "Linux":
        os.setpriority(os.PRIO_PROCESS, 0, NICE)
