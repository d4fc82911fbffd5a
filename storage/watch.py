"""Whether anything was committed to a SQLite file, by any process: one read that begins no transaction of its own."""

import sqlite3
from threading import Lock

from sqlalchemy import Engine


class Watch:
    """A connection of ``engine`` that does nothing but ask.

    SQLite's ``data_version`` counts the commits of every connection but the one that asks for it, so the one that asks
    must never write. https://sqlite.org/pragma.html#pragma_data_version
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = Lock()
        self._connection: sqlite3.Connection | None = None
        self._opened = 0

    def version(self) -> tuple[int, int] | None:
        """What differs from all it ever was as soon as somebody committed; None where the file cannot be asked."""
        with self._lock:
            try:
                if self._connection is None:
                    self._connection = self._open()
                [number] = self._connection.execute("PRAGMA data_version").fetchone()
            except sqlite3.Error:  # whoever reads next is told why
                return None
            return self._opened, number  # numbers of different connections have nothing to do with each other

    def close(self) -> None:
        """Close the connection; the next question opens another."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _open(self) -> sqlite3.Connection:
        pooled = self._engine.raw_connection()
        pooled.detach()
        self._opened += 1
        opened = pooled.dbapi_connection
        assert isinstance(opened, sqlite3.Connection)
        return opened
