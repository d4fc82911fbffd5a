"""A capability as it stands right now: read with everything its authority rests upon, in one transaction.

Two edges lead up from a capability. ``parent`` is the one it was delegated from; ``mint`` the authority that minted it.

* **effective = own(root) ∧ … ∧ own(leaf)** along the parents, so no link can be wider than one above it, even if the
  code that wrote it was wrong;
* **a capability is live only while all its kin are**: everything above it along both edges is neither revoked nor
  expired, bears the right seal, and has only restrictions that are still known;
* **every account among its kin pays** for what it does.

The seal is a keyed hash of the immutable columns: an edited row is dead, never wider.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from blake3 import blake3
from sqlalchemy import Connection, Select, bindparam, or_, select

from mintaka.capabilities.limits import Limits, Rate
from mintaka.capabilities.order import Empty
from mintaka.capabilities.registry import Registry
from mintaka.capabilities.restrictions import Restrictions
from mintaka.runtime.errors import HostFault
from mintaka.storage.schema import account, cap, rate


@dataclass(frozen=True, slots=True)
class Account:
    """How much of a unit a capability and everything made from it may use together.

    Units: ``compute`` in pixel-steps (width · height · steps · batch), ``uses`` in admitted calls.
    """

    unit: str
    limit: int
    reserved: int
    spent: int

    @property
    def left(self) -> int:
        """What can still be reserved."""
        return self.limit - self.reserved - self.spent


@dataclass(frozen=True, slots=True)
class Link:
    """One capability's row, its restrictions parsed and its accounts read."""

    id: str
    parent: str | None
    mint: str | None
    type: str
    own: Restrictions
    holder: str
    issuer: str
    depth: int
    created: float
    expires: float | None
    label: str | None
    accounts: tuple[Account, ...]
    limits: Limits


@dataclass(frozen=True, slots=True)
class Chain:
    """A live capability: its effective restrictions and all its kin, itself included."""

    leaf: Link
    effective: Restrictions
    kin: Mapping[str, Link]

    def permit(self, asked: Mapping[str, object]) -> None:
        """Raise HostFault ``denied`` unless every link of the chain permits all that is asked.

        Asking the meet is asking every link: ``permits(a ∧ b, q) ⇔ permits(a, q) ∧ permits(b, q)``.
        """
        self.effective.permit(self.leaf.type, asked)

    def left(self) -> dict[str, int]:
        """What can still be used of each unit: the least of what any account on the way up has left."""
        left: dict[str, int] = {}
        for link in self.kin.values():
            for each in link.accounts:
                left[each.unit] = min(each.left, left.get(each.unit, each.left))
        return left


class Dead(Exception):
    """A capability is unknown, revoked or expired, or its row was edited; nobody outside learns which."""


def no_such_capability() -> HostFault:
    """The one answer for a capability that is unknown, somebody else's, revoked or expired."""
    return HostFault(
        "no such capability: it is unknown, not yours, revoked or expired",
        kind="no_such_capability",
        hint="ask for it again with get_capability, or ask whoever gave it to you",
    )


def read_chain(tx: Connection, id: str, *, registry: Registry, key: bytes, now: float) -> Chain:
    """The live capability ``id``. Raises `Dead`."""
    kin = {link.id: link for link in _read_kin(tx, id, registry, key, now)}
    leaf = kin.get(id)
    if leaf is None:
        raise Dead
    try:
        return Chain(leaf, _effective(leaf, kin), kin)
    except (KeyError, Empty):
        raise Dead from None


def seal(key: bytes, row: Mapping[str, Any], limits: Limits) -> bytes:
    """The keyed blake3 hash (key: 32 bytes) over everything about a capability that must never change."""
    facts = [row[name] for name in _SEALED]
    text = json.dumps([*facts, limits.sealed], ensure_ascii=True, separators=(",", ":"))
    return blake3(text.encode(), key=key).digest()


_SEALED = ("id", "parent", "mint", "type", "own", "holder", "issuer", "depth", "created", "expires")


def _effective(leaf: Link, kin: Mapping[str, Link]) -> Restrictions:
    if leaf.parent is None:
        return leaf.own
    return _effective(kin[leaf.parent], kin).meet(leaf.own)


def _read_kin(tx: Connection, id: str, registry: Registry, key: bytes, now: float) -> list[Link]:
    rows = tx.execute(_KIN, {"leaf": id}).mappings().all()
    accounts: dict[str, list[Account]] = {}
    for each in tx.execute(_ACCOUNTS, {"leaf": id}):
        accounts.setdefault(each.cap, []).append(Account(each.unit, each.limit, each.reserved, each.spent))
    return [_link(row, tuple(accounts.get(row["id"], ())), registry, key, now) for row in rows]


def _kin_ids() -> Select[tuple[str]]:
    kin = select(cap.c.id, cap.c.parent, cap.c.mint).where(cap.c.id == bindparam("leaf")).cte("kin", recursive=True)
    above = select(cap.c.id, cap.c.parent, cap.c.mint).join(kin, or_(cap.c.id == kin.c.parent, cap.c.id == kin.c.mint))
    return select(kin.union(above).c.id)


_KIN = (
    select(cap, rate.c.burst, rate.c.refill_us).outerjoin(rate, rate.c.cap == cap.c.id).where(cap.c.id.in_(_kin_ids()))
)
_ACCOUNTS = select(account).where(account.c.cap.in_(_kin_ids()))


def _link(row: Mapping[Any, Any], accounts: tuple[Account, ...], registry: Registry, key: bytes, now: float) -> Link:
    if row["revoked"] is not None or (row["expires"] is not None and row["expires"] <= now):
        raise Dead
    rate_of = None if row["burst"] is None else Rate(row["burst"], row["refill_us"])
    limits = Limits({each.unit: each.limit for each in accounts}, rate_of)
    if seal(key, row, limits) != row["mac"]:
        raise Dead
    try:
        own = registry.get(row["type"]).restrictions.parse(json.loads(row["own"]), of=row["type"])
    except HostFault:  # a type or a restriction that this version does not know
        raise Dead from None
    return Link(
        id=row["id"],
        parent=row["parent"],
        mint=row["mint"],
        type=row["type"],
        own=own,
        holder=row["holder"],
        issuer=row["issuer"],
        depth=row["depth"],
        created=row["created"],
        expires=row["expires"],
        label=row["label"],
        accounts=accounts,
        limits=limits,
    )
