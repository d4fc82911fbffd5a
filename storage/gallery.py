"""The pictures of every principal: what was published for them, what they made of others, and what they uploaded.

A picture's name is its blob's. It may be several principals', and be published for one of them again and again; each
has it once, until they delete it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, delete, func, insert, or_, select, union_all

from mintaka.storage.database import Database
from mintaka.storage.schema import asset, edited, invocation, upload


@dataclass(frozen=True, slots=True)
class Owned:
    """A picture that is somebody's; ``created`` in seconds since the epoch, UTC."""

    name: str
    mime: str
    width: int
    height: int
    created: float


class Gallery:
    """The pictures in ``database``; ``clock`` gives seconds since the epoch. Raises `StorageFailed`."""

    def __init__(self, database: Database, *, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock

    def of(self, owner: str, most: int, after: tuple[float, str] | None = None) -> list[Owned]:
        """At most so many pictures of an owner, the newest first; of those ``after`` one, by its time and its name."""
        every = _owned(owner).subquery()
        created = func.max(every.c.created)
        wanted = select(
            every.c.name,
            func.max(every.c.mime),
            func.max(every.c.width),
            func.max(every.c.height),
            created,
        ).group_by(every.c.name)
        if after is not None:
            at, name = after
            wanted = wanted.having(or_(created < at, and_(created == at, every.c.name < name)))
        with self._database.read() as tx:
            rows = tx.execute(wanted.order_by(created.desc(), every.c.name.desc()).limit(most))
            return [Owned(*row) for row in rows]

    def get(self, owner: str, name: str) -> Owned | None:
        """A picture of an owner's; None for what is nobody's and somebody else's alike."""
        every = _owned(owner, name).subquery()
        with self._database.read() as tx:
            row = tx.execute(select(every).order_by(every.c.created.desc()).limit(1)).first()
        return None if row is None else Owned(*row)

    def uploaded_bytes(self, owner: str) -> int:
        """Bytes of the pictures that an owner uploaded and keeps."""
        with self._database.read() as tx:
            total = select(func.coalesce(func.sum(upload.c.bytes), 0)).where(upload.c.owner == owner)
            return int(tx.execute(total).scalar_one())

    def add(self, owner: str, picture: Owned, bytes: int, most: int) -> bool:
        """Make an uploaded picture an owner's; whether all that they uploaded is then at most so many bytes."""
        with self._database.write() as tx:
            known = select(upload.c.name).where(upload.c.owner == owner, upload.c.name == picture.name)
            if tx.execute(known).first() is not None:
                return True
            if self.uploaded_bytes(owner) + bytes > most:
                return False
            tx.execute(
                insert(upload).values(
                    owner=owner,
                    name=picture.name,
                    mime=picture.mime,
                    width=picture.width,
                    height=picture.height,
                    bytes=bytes,
                    created=picture.created,
                )
            )
            return True

    def delete(self, owner: str, name: str) -> bool:
        """Take a picture from its owner; whether it was theirs. Others whose it is keep it."""
        with self._database.write() as tx:
            gone = [
                tx.execute(delete(table).where(table.c.owner == owner, table.c.name == name)).rowcount
                for table in (asset, edited, upload)
            ]
            return any(gone)


def _owned(owner: str, name: str | None = None) -> Any:
    """What was published for an owner, what they made of others and what they uploaded."""
    published = (
        select(asset.c.name, asset.c.mime, asset.c.width, asset.c.height, invocation.c.admitted.label("created"))
        .join(invocation, invocation.c.id == asset.c.invocation)
        .where(asset.c.owner == owner)
    )
    made = select(edited.c.name, edited.c.mime, edited.c.width, edited.c.height, edited.c.made.label("created"))
    brought = select(upload.c.name, upload.c.mime, upload.c.width, upload.c.height, upload.c.created)
    made, brought = made.where(edited.c.owner == owner), brought.where(upload.c.owner == owner)
    if name is not None:
        published = published.where(asset.c.name == name)
        made, brought = made.where(edited.c.name == name), brought.where(upload.c.name == name)
    return union_all(published, made, brought)
