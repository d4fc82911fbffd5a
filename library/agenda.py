"""What entities have scheduled: kept in the database, so that it goes off after a restart, and at most once."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Select, delete, func, insert, select

from mintaka.library.errors import LibraryFault
from mintaka.storage.database import Database
from mintaka.storage.schema import entity, scheduled

MOST_OF_ONE = 100
"""What one entity may have scheduled at a time."""

MOST_OF_ALL = 1_000
"""What all entities of one owner may."""


@dataclass(frozen=True, slots=True)
class Due:
    """A verb that is to be run: with ``args``, JSON, at ``due``, in seconds since the epoch."""

    id: int
    entity: int
    verb: str
    args: str
    due: float


class Agenda:
    """What is to happen, in ``database``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, id: int, verb: str, args: str, due: float) -> None:
        """Let a verb of entity ``id`` be run at ``due``.

        Raises `LibraryFault` (limit) where too much is scheduled already.
        """
        with self._database.write() as tx:
            owner = select(entity.c.owner).where(entity.c.id == id).scalar_subquery()
            its = tx.execute(select(func.count()).where(scheduled.c.entity == id)).scalar_one()
            all = tx.execute(
                select(func.count()).select_from(scheduled.join(entity)).where(entity.c.owner == owner)
            ).scalar_one()
            if its >= MOST_OF_ONE or all >= MOST_OF_ALL:
                raise LibraryFault(
                    f"at most {MOST_OF_ONE} runs of one entity can be scheduled, and {MOST_OF_ALL} of one owner",
                    kind="limit",
                    hint="let a verb that was run schedule the next",
                )
            tx.execute(insert(scheduled).values(entity=id, verb=verb, args=args, due=due))

    def next(self, busy: Collection[str] = ()) -> float | None:
        """When the next is due that belongs to none of the ``busy`` owners; None where nothing is scheduled."""
        with self._database.read() as tx:
            row = tx.execute(_waiting(busy).limit(1)).first()
        return None if row is None else _due(row).due

    def take(self, now: float, busy: Collection[str] = ()) -> Due | None:
        """What has been due for longest, but for what belongs to ``busy`` owners; it is scheduled no longer.

        Whatever becomes of it then, it is not run a second time.
        """
        with self._database.write() as tx:
            row = tx.execute(_waiting(busy).where(scheduled.c.due <= now).limit(1)).first()
            if row is None:
                return None
            tx.execute(delete(scheduled).where(scheduled.c.id == row.id))
        return _due(row)

    def of(self, id: int) -> list[Due]:
        """What entity ``id`` has scheduled, the soonest first."""
        with self._database.read() as tx:
            rows = tx.execute(select(scheduled).where(scheduled.c.entity == id).order_by(scheduled.c.due)).all()
        return [_due(row) for row in rows]


def _waiting(busy: Collection[str]) -> Select[Any]:
    return (
        select(scheduled)
        .join(entity, entity.c.id == scheduled.c.entity)
        .where(entity.c.owner.not_in(busy))
        .order_by(scheduled.c.due, scheduled.c.id)
    )


def _due(row: Row[Any]) -> Due:
    return Due(row.id, row.entity, row.verb, row.args, row.due)
