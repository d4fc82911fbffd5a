"""Capabilities within a transaction: reading, writing and listing their rows. The kernel decides, this does.

Every method takes the transaction it is part of, so that what was read is still so when it is acted upon.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from sqlalchemy import CTE, Connection, Select, and_, insert, or_, select, update

from mintaka.capabilities import ledger
from mintaka.capabilities.chain import Chain, Dead, no_such_capability
from mintaka.capabilities.chains import Chains, seal
from mintaka.capabilities.held import Held
from mintaka.capabilities.principals import PrincipalKind
from mintaka.capabilities.registry import CapabilityType
from mintaka.capabilities.terms import Terms
from mintaka.runtime.errors import HostFault
from mintaka.storage.schema import cap, principal

MAX_DEPTH = 32
"""How many delegations may lie between a capability and its root."""

MOST_COUNTED = 1000
"""Where counting what a revocation ends stops: taking back a tree of any size is quick."""


class Rows:
    """The rows of capabilities, read by ``chains`` and sealed with ``key``; see `Kernel` for the powers."""

    def __init__(
        self,
        chains: Chains,
        *,
        clock: Callable[[], float],
        token_bytes: Callable[[int], bytes],
        key: bytes,
    ) -> None:
        self._chains = chains
        self._clock = clock
        self._token_bytes = token_bytes
        self._key = key

    def read(self, tx: Connection, id: str) -> Chain:
        """The live capability ``id``, whoever holds it. Raises HostFault ``no_such_capability``."""
        try:
            return self._chains.read(tx, id)
        except Dead:
            raise no_such_capability() from None

    def live(self, tx: Connection, holder: str, id: str) -> Chain:
        """The live capability ``id`` of ``holder``. Raises HostFault ``no_such_capability``."""
        chain = self.read(tx, id)
        if chain.leaf.holder != holder:
            raise no_such_capability()
        return chain

    def is_live(self, tx: Connection, id: str, holder: str | None = None) -> bool:
        """Whether capability ``id`` lives, in the hands of ``holder`` where one is named."""
        try:
            return holder in (None, self.read(tx, id).leaf.holder)
        except HostFault:
            return False

    def root_of(self, tx: Connection, holder: str, type: str) -> str | None:
        """A live root of ``type`` that was made for ``holder``, who still holds it."""
        of_their_own = and_(
            cap.c.holder == holder, cap.c.issuer == holder, cap.c.parent.is_(None), cap.c.mint.is_(None)
        )
        roots = select(cap.c.id).where(of_their_own, cap.c.type == type, cap.c.revoked.is_(None))
        return next((id for id in tx.execute(roots).scalars() if self.is_live(tx, id)), None)

    def held(self, tx: Connection, holder: str) -> list[Held]:
        """Everything live that ``holder`` holds: roots first, then by age."""
        return self._those(tx, select(cap.c.id).where(cap.c.holder == holder))

    def given(self, tx: Connection, giver: str) -> list[Held]:
        """Everything live that others hold and that rests upon something of ``giver``'s."""
        below = _below(select(cap.c.id).where(cap.c.holder == giver, cap.c.revoked.is_(None)))
        return self._those(tx, select(cap.c.id).where(cap.c.id.in_(select(below.c.id)), cap.c.holder != giver))

    def count_living(self, tx: Connection, id: str) -> int:
        """How many live, of the live capability ``id`` and all made from it; counted no further than `MOST_COUNTED`.

        Whatever was made has one origin, so it lives as long as none on the way down to it was revoked or has expired.
        """
        lives = and_(cap.c.revoked.is_(None), or_(cap.c.expires.is_(None), cap.c.expires > self._clock()))
        count, level = 1, [id]
        # Level by level, since a recursive query goes through the whole tree whatever the limit outside it says.
        while level and count < MOST_COUNTED:
            below = select(cap.c.id).where(or_(cap.c.parent.in_(level), cap.c.mint.in_(level)), lives)
            level = list(tx.execute(below.limit(MOST_COUNTED - count)).scalars())
            count += len(level)
        return count

    def introduce(self, tx: Connection, name: str, kind: PrincipalKind = PrincipalKind.USER) -> None:
        """Make a principal known, unless it is."""
        if not self.knows(tx, name):
            tx.execute(insert(principal).values(name=name, created=self._clock(), kind=kind.value))

    def knows(self, tx: Connection, name: str) -> bool:
        """Whether there is a principal of that name."""
        return tx.execute(select(principal.c.name).where(principal.c.name == name)).first() is not None

    def insert(
        self,
        tx: Connection,
        kind: CapabilityType,
        terms: Terms,
        *,
        holder: str,
        issuer: str,
        parent: str | None = None,
        mint: str | None = None,
        depth: int = 0,
    ) -> str:
        """Write a new link and open its accounts; its id."""
        limits = terms.allowance()
        row = {
            "id": self.new_id("c_"),
            "parent": parent,
            "mint": mint,
            "type": kind.name,
            "own": terms.own(kind).canonical(),
            "holder": holder,
            "issuer": issuer,
            "depth": depth,
            "created": self._clock(),
            "expires": terms.expires,
            "label": terms.label,
        }
        tx.execute(insert(cap).values(**row, mac=seal(self._key, row, limits)))
        ledger.open_accounts(tx, str(row["id"]), limits)
        return str(row["id"])

    def insert_child(self, tx: Connection, chain: Chain, kind: CapabilityType, terms: Terms, holder: str) -> str:
        """Write a child of the chain's end, held by ``holder`` and issued by who holds the parent; its id.

        Raises HostFault ``limit`` where the chain is as long as it may be.
        """
        parent = chain.leaf
        if parent.depth >= MAX_DEPTH:
            raise HostFault(
                f"a capability can be delegated {MAX_DEPTH} times in a row",
                kind="limit",
                hint="delegate one that is nearer to the root",
                data={"limit": "depth", "value": MAX_DEPTH},
            )
        return self.insert(
            tx, kind, terms, holder=holder, issuer=parent.holder, parent=parent.id, depth=parent.depth + 1
        )

    def move(self, tx: Connection, chain: Chain, to: str) -> None:
        """Make ``to`` the holder of the chain's end, which is sealed anew."""
        leaf = chain.leaf
        row = dict(tx.execute(select(cap).where(cap.c.id == leaf.id)).mappings().one()) | {"holder": to}
        tx.execute(update(cap).where(cap.c.id == leaf.id).values(holder=to, mac=seal(self._key, row, leaf.limits)))

    def new_id(self, prefix: str) -> str:
        """A name that nobody can guess: ``prefix`` and 128 random bits."""
        return prefix + self._token_bytes(16).hex()

    def _those(self, tx: Connection, ids: Select[Any]) -> list[Held]:
        """The live ones among ``ids``."""
        living = ids.where(cap.c.revoked.is_(None)).order_by(cap.c.depth, cap.c.created, cap.c.id)
        held = []
        for id in tx.execute(living).scalars().all():
            with suppress(HostFault):  # dead for another reason than its own revocation
                held.append(Held(self.read(tx, id)))
        return held


def _below(tops: Select[tuple[str]]) -> CTE:
    """Capabilities and everything below them, along both edges."""
    below = tops.cte("below", recursive=True)
    return below.union(select(cap.c.id).join(below, or_(cap.c.parent == below.c.id, cap.c.mint == below.c.id)))
