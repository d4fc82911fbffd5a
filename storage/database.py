"""The one database: a SQLAlchemy Core engine that is migrated when it is opened.

On SQLite it runs in WAL mode with foreign keys enforced and commits flushed to the disk: one that returned survives a
power cut, as a revocation must. What a restart takes back anyway need not wait for that (`Database.write`). A writer
takes the lock when its transaction begins, so that what it reads is still so when it writes; a second writer waits for
``busy_s`` seconds. On PostgreSQL a writer takes an advisory lock in the same place: with one writer at a time on
either, a decision that is right on the one is right on the other, and none is given up as a deadlock.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from sqlite3 import Connection as SqliteConnection
from typing import Any

from sqlalchemy import Connection, Engine, StaticPool, create_engine, event, func, make_url, select
from sqlalchemy.exc import DBAPIError

from mintaka.storage.errors import StorageFailed, StorageFull
from mintaka.storage.migration import upgrade
from mintaka.storage.watch import Watch

_WRITES = "mintaka_writes"
_HASTY = "mintaka_does_not_wait_for_the_disk"
_WRITERS_LOCK = 0x6D696E74616B61
"""The number of PostgreSQL's advisory lock: "mintaka" in ASCII."""


class Database:
    """A database at ``url``, such as ``sqlite:////var/lib/mintaka/mintaka.db`` or ``sqlite://`` for one in memory.

    ``busy_s``: how many seconds a transaction waits for another process's before it fails.
    Raises `StorageFailed` where it cannot be opened or was written by a newer Mintaka.
    """

    def __init__(self, url: str, *, busy_s: float = 10.0) -> None:
        self._engine = _engine(url, busy_s)
        self._writer = self._engine.execution_options(**{_WRITES: True})
        self._hasty_writer = self._engine.execution_options(**{_WRITES: True, _HASTY: True})
        self._in_memory = isinstance(self._engine.pool, StaticPool)
        self._watch = Watch(self._engine) if self._engine.name == "sqlite" and not self._in_memory else None
        self._written = 0
        self._writing = threading.local()
        with _told():
            upgrade(self._writer)

    @contextmanager
    def write(self, *, flushed: bool = True) -> Iterator[Connection]:
        """A transaction that may write: committed when the block ends, rolled back where it raises.

        One within another, of the same thread, is part of that: what is done in several steps is done wholly or not.

        One that is not ``flushed`` is at once what everybody reads, and survives the end of this process, but does not
        wait for the disk: a power cut may take it back, unless a flushed one was committed after it. It is for what a
        restart would take back anyway.
        """
        outer = self._outer
        if outer is not None:
            yield outer
            return
        try:
            with _told(), (self._writer if flushed else self._hasty_writer).begin() as connection:
                self._writing.connection = connection
                yield connection
        finally:
            self._writing.connection = None
            self._written += 1

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only reads; on SQLite, all of it from the same moment. Within `write`, part of that."""
        outer = self._outer
        if outer is not None:
            yield outer
            return
        with _told(), self._engine.begin() as connection:
            yield connection

    def version(self) -> object | None:
        """What changes with every commit of anybody, in this process or another; None where that cannot be told.

        As long as it stays equal, everything that was read since it was asked for first is still so. It costs one read
        without a transaction. PostgreSQL has nothing like it; a database in memory is written to by this object alone.
        Within `write` it is None.
        """
        if self._outer is not None:
            return None  # what it has written is not committed yet
        if self._in_memory:
            return self._written
        return None if self._watch is None else self._watch.version()

    @property
    def _outer(self) -> Connection | None:
        """The writing transaction that this thread is in."""
        outer: Connection | None = getattr(self._writing, "connection", None)
        return outer

    def close(self) -> None:
        """Close every connection. The database can be opened again."""
        if self._watch is not None:
            self._watch.close()
        self._engine.dispose()


def _engine(url: str, busy_s: float) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        engine = create_engine(parsed)
        event.listen(engine, "begin", _begin_in_turn)
        return engine
    options: dict[str, Any] = {"connect_args": {"timeout": busy_s, "check_same_thread": False}}
    if parsed.database in (None, "", ":memory:"):
        options["poolclass"] = StaticPool
    engine = create_engine(parsed, **options)
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: SqliteConnection, _record: object) -> None:
    connection.isolation_level = None  # transactions begin where `_begin` says so, not where the driver guesses
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    options = connection.get_execution_options()
    if options.get(_WRITES):  # what a pooled connection did last says nothing of what it does now
        connection.exec_driver_sql(f"PRAGMA synchronous = {'NORMAL' if options.get(_HASTY) else 'FULL'}")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get(_WRITES) else "BEGIN")


def _begin_in_turn(connection: Connection) -> None:
    options = connection.get_execution_options()
    if options.get(_WRITES):
        connection.execute(select(func.pg_advisory_xact_lock(_WRITERS_LOCK)))
    if options.get(_HASTY):
        connection.exec_driver_sql("SET LOCAL synchronous_commit TO OFF")


@contextmanager
def _told() -> Iterator[None]:
    """Tell the failures of the database itself in words of ours; errors of a statement are bugs and pass."""
    try:
        yield
    except DBAPIError as error:
        text = str(error.orig).lower()
        if "full" in text or "no space" in text:
            raise StorageFull("the disk is full", hint="free some space in the data folder's disk") from error
        if "readonly" in text or "unable to open" in text or "permission" in text:
            raise StorageFailed(
                "the database cannot be opened or written to",
                hint="give the server's user the right to write to its data folder",
            ) from error
        if "locked" in text:
            raise StorageFailed("the database is busy", hint="is another program holding it open?") from error
        if "not a database" in text or "malformed" in text or "disk i/o" in text:
            raise StorageFailed(
                "the database is damaged", hint="restore it from a backup, or start with an empty data folder"
            ) from error
        raise
