"""Reading capabilities: nothing is believed that was not written here, and nothing is read twice without need.

**A capability is live only while all it rests upon is**: every link of its chain is neither revoked nor expired, bears
the right seal, and has only restrictions that are still known. The seal is a keyed hash of what must never change of a
link: an edited row is dead, never wider.

Two things are remembered, and neither can outlive a revocation:

* what a row meant, for as long as the very same row is read again: a link whose every column is as it was needs no
  second hash and no second parsing;
* a whole chain, for as long as nobody, in any process, has committed anything to the database since it was read
  (`Database.version`). To ask that is one read without a transaction, and what a running picture asks at each step.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from blake3 import blake3
from sqlalchemy import Connection, Row, Select, bindparam, or_, select

from mintaka.capabilities.chain import Account, Chain, Dead, Link, no_such_capability
from mintaka.capabilities.limits import Limits, Rate
from mintaka.capabilities.order import Empty
from mintaka.capabilities.registry import Registry
from mintaka.capabilities.restrictions import Restrictions
from mintaka.runtime.errors import HostFault
from mintaka.storage.database import Database
from mintaka.storage.schema import account, cap, rate

Value = TypeVar("Value")

REMEMBERED = 4096
"""How many links and how many chains are remembered at most; then all are forgotten."""


class Chains:
    """The capabilities in ``database``, of the types in ``registry``.

    ``key`` is the 32 secret bytes that seal the rows, ``clock`` gives seconds since the epoch.
    """

    def __init__(self, database: Database, registry: Registry, *, clock: Callable[[], float], key: bytes) -> None:
        self._database = database
        self._registry = registry
        self._clock = clock
        self._key = key
        self._links: dict[str, tuple[object, Link]] = {}
        """By id: what was read of it, and what that means."""
        self._chains: dict[str, tuple[object, Chain]] = {}
        """By id: the database's version before it was read, and the chain."""

    def now(self, holder: str, id: str) -> Chain:
        """The live capability ``id`` of ``holder``, as of the last commit of anybody.

        Raises HostFault ``no_such_capability``.
        """
        try:
            chain = self._now(id)
        except Dead:
            raise no_such_capability() from None
        if chain.leaf.holder != holder:
            raise no_such_capability()
        return chain

    def _now(self, id: str) -> Chain:
        version = self._database.version()  # before reading: what is committed meanwhile makes the chain look older
        known, chain = self._chains.get(id, (None, None))
        if chain is None or version is None or known != version:
            with self._database.read() as tx:
                chain = self.read(tx, id)
            _remember(self._chains, id, (version, chain))
        elif chain.expires is not None and chain.expires <= self._clock():
            raise Dead
        return chain

    def read(self, tx: Connection, id: str) -> Chain:
        """The live capability ``id``, as transaction ``tx`` sees it. Raises `Dead`."""
        rows = {row.id: row for row in tx.execute(_LINKS, {"leaf": id}).all()}
        accounts: dict[str, tuple[Account, ...]] = {}
        for each in tx.execute(_ACCOUNTS, {"leaf": id}).all():
            accounts[each.cap] = (*accounts.get(each.cap, ()), Account(*each))
        links: list[Link] = []
        above: str | None = id
        while above is not None:
            if above not in rows:
                raise Dead
            links.append(self._link(rows[above], accounts.get(above, ())))
            above = links[-1].above
        paying = tuple(each for link in links for each in accounts.get(link.id, ()))
        return Chain(tuple(links), self._effective(tuple(links)), paying)

    def _link(self, row: Row[Any], accounts: Sequence[Account]) -> Link:
        if row.revoked is not None or (row.expires is not None and row.expires <= self._clock()):
            raise Dead
        facts = (tuple(row), tuple((each.unit, each.limit) for each in accounts))
        known, link = self._links.get(row.id, (None, None))
        if link is None or known != facts:
            link = self._verified(row, accounts)
            _remember(self._links, row.id, (facts, link))
        return link

    def _verified(self, row: Row[Any], accounts: Sequence[Account]) -> Link:
        rate_of = None if row.burst is None else Rate(row.burst, row.refill_us)
        limits = Limits({each.unit: each.limit for each in accounts}, rate_of)
        if seal(self._key, row._mapping, limits) != row.mac:
            raise Dead
        try:
            own = self._registry.get(row.type).restrictions.parse(json.loads(row.own), of=row.type)
        except HostFault:  # a type or a restriction that this version does not know
            raise Dead from None
        return Link(
            id=row.id,
            parent=row.parent,
            mint=row.mint,
            type=row.type,
            own=own,
            holder=row.holder,
            issuer=row.issuer,
            depth=row.depth,
            created=row.created,
            expires=row.expires,
            label=row.label,
            limits=limits,
        )

    def _effective(self, links: tuple[Link, ...]) -> Restrictions:
        """The meet of what each link says that the first was delegated through. Raises `Dead` where that is nothing."""
        _, known = self._chains.get(links[0].id, (None, None))
        if known is not None and known.links == links:
            return known.effective
        origin = next(number for number, link in enumerate(links) if link.parent is None)
        effective = links[origin].own
        try:
            for link in reversed(links[:origin]):
                effective = effective.meet(link.own)
        except (KeyError, Empty):
            raise Dead from None
        return effective


def seal(key: bytes, row: Mapping[Any, Any], limits: Limits) -> bytes:
    """The keyed blake3 hash (key: 32 bytes) over everything about a capability that must never change."""
    facts = [row[name] for name in _SEALED]
    text = json.dumps([*facts, limits.sealed], ensure_ascii=True, separators=(",", ":"))
    return blake3(text.encode(), key=key).digest()


_SEALED = ("id", "parent", "mint", "type", "own", "holder", "issuer", "depth", "created", "expires")


def _remember(memory: dict[str, Value], id: str, value: Value) -> None:
    if len(memory) >= REMEMBERED:
        memory.clear()
    memory[id] = value


def _path_ids() -> Select[tuple[str]]:
    path = select(cap.c.id, cap.c.parent, cap.c.mint).where(cap.c.id == bindparam("leaf")).cte("path", recursive=True)
    above = select(cap.c.id, cap.c.parent, cap.c.mint).join(
        path, or_(cap.c.id == path.c.parent, cap.c.id == path.c.mint)
    )
    return select(path.union(above).c.id)


_LINKS = (
    select(cap, rate.c.burst, rate.c.refill_us).outerjoin(rate, rate.c.cap == cap.c.id).where(cap.c.id.in_(_path_ids()))
)
_ACCOUNTS = select(account.c.cap, account.c.unit, account.c.limit, account.c.reserved, account.c.spent).where(
    account.c.cap.in_(_path_ids())
)
