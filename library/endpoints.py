"""Endpoints as they are kept: scripts that somebody published under a name, version by version.

A version never changes. Another script under the same name is the next version; one that is withdrawn leaves its number
behind, which no other ever gets. Who may publish and who may call is decided elsewhere.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, func, insert, select, update

from mintaka.library.errors import LibraryFault
from mintaka.storage.database import Database
from mintaka.storage.schema import endpoint

NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")
"""What an endpoint may be called."""

MOST_OF_ONE = 200
"""Versions of all their endpoints that one owner can have at a time."""

MOST_PROGRAM = 64 << 10
"""Bytes of a program."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One version of an endpoint; ``published`` is in seconds since the epoch."""

    owner: str
    name: str
    version: int
    program: str
    """JSON."""
    description: str
    grant: tuple[str, ...]
    """The ids of the capabilities it runs with, the preferred ones first."""
    published: float
    seal: str


class Endpoints:
    """The endpoints in ``database``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def next_version(self, owner: str, name: str) -> int:
        """The number of the version to be added next.

        Raises `LibraryFault`: invalid_params for what is no name, ``limit`` where there are as many as one may have.
        """
        if not NAME.fullmatch(name):
            raise LibraryFault(
                f"an endpoint cannot be called `{name}`", hint="use 1 to 64 of a-z 0-9 _ - and begin with a letter"
            )
        with self._database.read() as tx:
            live = select(func.count()).where(endpoint.c.owner == owner, endpoint.c.withdrawn.is_(None))
            if tx.execute(live).scalar_one() >= MOST_OF_ONE:
                raise LibraryFault(
                    f"one can have at most {MOST_OF_ONE} versions of endpoints at a time",
                    kind="limit",
                    hint="withdraw versions that are called no more",
                )
            newest = select(func.max(endpoint.c.version)).where(endpoint.c.owner == owner, endpoint.c.name == name)
            return (tx.execute(newest).scalar() or 0) + 1

    def add(self, made: Endpoint) -> None:
        """Keep a version, in the transaction that asked for its number. Raises `LibraryFault` (limit)."""
        if len(made.program.encode()) > MOST_PROGRAM:
            raise LibraryFault(
                f"the script of an endpoint has at most {MOST_PROGRAM} bytes", kind="limit", hint="publish parts of it"
            )
        with self._database.write() as tx:
            tx.execute(
                insert(endpoint).values(
                    owner=made.owner,
                    name=made.name,
                    version=made.version,
                    program=made.program,
                    description=made.description,
                    grant=json.dumps(made.grant),
                    published=made.published,
                    seal=made.seal,
                )
            )

    def get(self, owner: str, name: str, version: int | None = None) -> Endpoint:
        """A version, or the newest. Raises `LibraryFault` no_such_capability: unknown and withdrawn alike."""
        found = self.versions(owner, name)
        for each in found:
            if version in (None, each.version):
                return each
        raise no_such_endpoint()

    def versions(self, owner: str, name: str) -> list[Endpoint]:
        """All versions of one endpoint that can be called, the newest first."""
        with self._database.read() as tx:
            wanted = _LIVE.where(endpoint.c.owner == owner, endpoint.c.name == name)
            return [_read(row) for row in tx.execute(wanted.order_by(endpoint.c.version.desc()))]

    def of(self, owner: str) -> list[Endpoint]:
        """The newest version of each of an owner's endpoints, by name."""
        with self._database.read() as tx:
            wanted = _LIVE.where(endpoint.c.owner == owner).order_by(endpoint.c.name, endpoint.c.version)
            return list({row.name: _read(row) for row in tx.execute(wanted)}.values())

    def withdraw(self, owner: str, name: str, version: int | None, now: float) -> Sequence[Endpoint]:
        """Let a version, or all, be called no more; what they were. Raises `LibraryFault` where there is none."""
        with self._database.write() as tx:
            ended = [each for each in self.versions(owner, name) if version in (None, each.version)]
            if not ended:
                raise no_such_endpoint()
            tx.execute(
                update(endpoint)
                .where(endpoint.c.owner == owner, endpoint.c.name == name)
                .where(endpoint.c.version.in_([each.version for each in ended]))
                .values(withdrawn=now, program="null", description="", grant="[]", seal="")
            )
        return ended


def no_such_endpoint() -> LibraryFault:
    """The one answer for an endpoint that never was, was withdrawn, or that one may not call."""
    return LibraryFault(
        "no such endpoint: it is unknown, not yours to call, or was withdrawn",
        kind="no_such_capability",
        hint="endpoints.list tells those that you may call",
    )


_LIVE = select(endpoint).where(endpoint.c.withdrawn.is_(None))


def _read(row: Row[Any]) -> Endpoint:
    return Endpoint(
        owner=row.owner,
        name=row.name,
        version=row.version,
        program=row.program,
        description=row.description,
        grant=tuple(json.loads(row.grant)),
        published=row.published,
        seal=row.seal,
    )
