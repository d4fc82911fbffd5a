"""The audit log: who did what with which capability, each entry sealed together with the one before it.

An entry's hash is keyed, and covers the hash before it: an entry that was changed, taken out or put in between breaks
the chain for whoever holds the key. What the log alone cannot show is that its newest entries were cut off together
with the memory of them; whoever must know that keeps the hash of the newest entry somewhere else.
Handles, tokens and prompts are never in it.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from blake3 import blake3
from sqlalchemy import Connection, func, insert, select, update

from mintaka.capabilities.order import Json
from mintaka.storage.schema import audit_head, event

_BEGINNING = bytes(32)


class Deed(StrEnum):
    """What can stand in the log."""

    ROOTED = "rooted"
    """An owner was given the root of a type."""
    MINTED = "minted"
    DELEGATED = "delegated"
    SHARED = "shared"
    GIVEN = "given"
    EXPORTED = "exported"
    REDEEMED = "redeemed"
    REVOKED = "revoked"
    PUBLISHED = "published"
    """A version of an endpoint; ``grant`` are the capabilities it runs with."""
    WITHDRAWN = "withdrawn"
    """Versions of an endpoint can be called no more."""
    USED = "used"
    """A call ended well; ``spent`` says what it took."""
    FAILED = "failed"
    """A call failed or was cancelled, and took nothing."""
    LOST = "lost"
    """A call was running when the program died; it took nothing."""


CALLS = frozenset({Deed.USED, Deed.FAILED, Deed.LOST})
"""Deeds after which everybody holds what they held before."""


@dataclass(frozen=True, slots=True)
class Event:
    """One entry. ``at`` is seconds since the epoch, ``actor`` the principal, ``cap`` the id of the capability."""

    seq: int
    at: float
    deed: Deed
    actor: str
    cap: str
    data: Mapping[str, Json]
    hash: bytes

    def to_json(self) -> dict[str, Json]:
        """What ``capabilities.audit`` tells."""
        return {
            "seq": self.seq,
            "at": self.at,
            "deed": self.deed.value,
            "actor": self.actor,
            "cap": self.cap,
            "data": dict(self.data),
            "hash": self.hash.hex(),
        }


class Audit:
    """The log, sealed with ``key``, 32 secret bytes."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def record(self, tx: Connection, at: float, deed: Deed, actor: str, cap: str, **data: Json) -> None:
        """Write an entry, as part of the transaction that does what it tells."""
        # Counting up the head first locks it, so that two writers cannot both follow the same entry.
        head = tx.execute(update(audit_head).values(seq=audit_head.c.seq + 1).returning(audit_head)).first()
        if head is None:
            tx.execute(insert(audit_head).values(id=1, seq=1, hash=_BEGINNING))
        seq, before = (head.seq, head.hash) if head is not None else (1, _BEGINNING)
        text = json.dumps(data, ensure_ascii=True, separators=(",", ":"), sort_keys=True)
        hash = self._hash(before, seq, at, deed, actor, cap, text)
        tx.execute(insert(event).values(seq=seq, at=at, deed=deed.value, actor=actor, cap=cap, data=text, hash=hash))
        tx.execute(update(audit_head).values(hash=hash))

    def read(self, tx: Connection, after: int = 0, count: int | None = None) -> Iterator[Event]:
        """The entries after number ``after``, the oldest first, at most ``count`` of them."""
        for row in tx.execute(select(event).where(event.c.seq > after).order_by(event.c.seq).limit(count)):
            yield Event(row.seq, row.at, Deed(row.deed), row.actor, row.cap, json.loads(row.data), row.hash)

    def since(self, tx: Connection, after: int, without: frozenset[Deed]) -> tuple[int, bool]:
        """The number of the newest entry, and whether one after number ``after`` tells of another deed than those."""
        newest: int | None = tx.execute(select(func.max(event.c.seq))).scalar()
        wanted = event.c.deed.not_in([each.value for each in without])
        other = tx.execute(select(event.c.seq).where(event.c.seq > after, wanted).limit(1)).first()
        return newest or 0, other is not None

    def broken_at(self, tx: Connection) -> int | None:
        """The number of the first entry that is not what was written, or None where all of them are."""
        before, expected = _BEGINNING, 1
        for row in tx.execute(select(event).order_by(event.c.seq)):
            if row.seq != expected or row.hash != self._hash(before, *self._sealed(row)):
                return expected
            before, expected = row.hash, expected + 1
        head = tx.execute(select(audit_head)).first()
        ends_at = (head.seq, head.hash) if head is not None else (0, _BEGINNING)
        return None if ends_at == (expected - 1, before) else expected

    @staticmethod
    def _sealed(row: Any) -> tuple[int, float, str, str, str, str]:
        return row.seq, row.at, row.deed, row.actor, row.cap, row.data

    def _hash(self, before: bytes, *sealed: object) -> bytes:
        text = json.dumps([before.hex(), *sealed], ensure_ascii=True, separators=(",", ":"))
        return blake3(text.encode(), key=self._key).digest()
