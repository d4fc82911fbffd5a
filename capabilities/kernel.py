"""The kernel: who holds what. Every decision about authority is one transaction here.

* Authority is held, never looked up: each operation names the principal who asks, and works only on what is theirs.
* A link can only narrow; what it may do is the meet of everything above it (`mintaka.capabilities.chain`).
* Revocation is one write, transitive and irreversible, by the holder of the capability or of anything above it.
* What a call may use is reserved before it starts and settled when it ends (`mintaka.capabilities.ledger`).
* Unknown, somebody else's, revoked and expired are the same answer.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy import Connection, insert, or_, select, update

from mintaka.capabilities import ledger
from mintaka.capabilities.chain import Account, Chain, Dead, Link, no_such_capability, read_chain, seal
from mintaka.capabilities.ledger import Admission, Published, parse_limits, people
from mintaka.capabilities.order import Empty, Json
from mintaka.capabilities.registry import Registry
from mintaka.capabilities.restrictions import Restrictions, nothing_left
from mintaka.runtime.errors import HostFault
from mintaka.storage.database import Database
from mintaka.storage.schema import asset, cap, principal

MINT = "sys.mint"
"""The type whose holder may make capabilities that were not delegated from any other."""

MAX_DEPTH = 32
"""How many delegations may lie between a capability and its root."""


@dataclass(frozen=True, slots=True)
class Held:
    """A live capability as its holder may see it."""

    id: str
    type: str
    label: str | None
    holder: str
    issuer: str
    parent: str | None
    mint: str | None
    depth: int
    created: float
    expires: float | None
    restrictions: Restrictions
    """Effective: the meet of the whole chain."""
    accounts: tuple[Account, ...]
    """The capability's own accounts."""
    left: Mapping[str, int]
    """What can still be used of each unit, whoever above limits it."""

    def to_json(self) -> dict[str, Json]:
        """What ``capabilities.list`` tells; compute in megapixel-steps, times in seconds since the epoch."""
        return {
            "type": self.type,
            "label": self.label,
            "restrictions": self.restrictions.to_json(),
            "limits": {each.unit: people(each.unit, each.limit) for each in self.accounts},
            "used": {each.unit: people(each.unit, each.reserved + each.spent) for each in self.accounts},
            "left": {unit: people(unit, amount) for unit, amount in self.left.items()},
            "holder": self.holder,
            "issuer": self.issuer,
            "expires": self.expires,
        }


class Kernel:
    """Capabilities kept in ``database``, of the types in ``registry``.

    ``clock`` gives seconds since the epoch, ``token_bytes(n)`` n random bytes; ``key`` is the 32 secret bytes that seal
    the rows, and must stay the same as long as the database is kept.
    """

    def __init__(
        self,
        database: Database,
        registry: Registry,
        *,
        clock: Callable[[], float],
        token_bytes: Callable[[int], bytes],
        key: bytes,
    ) -> None:
        self.registry = registry
        self._database = database
        self._clock = clock
        self._token_bytes = token_bytes
        self._key = key

    # Making capabilities

    def bootstrap(self, holder: str) -> list[Held]:
        """Give ``holder`` one unrestricted root of each type that they hold no live root of, and list all their roots.

        This is where all authority comes from; call it for the owner, and for nobody whose token travels.
        """
        with self._database.write() as tx:
            self._introduce(tx, holder)
            roots = {each.type: each for each in self._held(tx, holder) if each.depth == 0 and each.mint is None}
            for kind in self.registry:
                if kind.name not in roots:
                    id = self._insert(tx, type=kind.name, own=kind.restrictions(), holder=holder, issuer=holder)
                    roots[kind.name] = self._describe(tx, holder, id)
            return list(roots.values())

    def introduce(self, name: str) -> None:
        """Make a principal known, who holds nothing yet. Nothing happens to one who is known already."""
        with self._database.write() as tx:
            self._introduce(tx, name)

    def mint(
        self,
        holder: str,
        authority: str,
        type: str,
        restrictions: object = None,
        limits: object = None,
        *,
        label: str | None = None,
        expires: float | None = None,
    ) -> Held:
        """Make a capability of ``type`` by the power of ``authority``, a ``sys.mint`` of the holder's.

        Minting is a use of the authority. What was minted lives only while the authority does, and pays into its
        accounts as well. A ``sys.mint`` itself cannot be minted, or a narrow one could make a wide one: delegate it.

        Raises HostFault: ``no_such_capability``, ``denied`` (the authority's namespace does not cover the type),
        ``invalid_params``, ``empty_authority``, ``no_budget``.
        """
        with self._database.write() as tx:
            chain = self._live(tx, holder, authority)
            if chain.leaf.type != MINT:
                raise HostFault(
                    f"a {chain.leaf.type} cannot mint; that takes a {MINT}",
                    kind="denied",
                    hint="delegate it instead, or pass a sys.mint",
                )
            if type == MINT:
                raise HostFault("a sys.mint cannot be minted", kind="denied", hint="delegate the one you hold")
            chain.permit({"methods": "mint", "namespace": type})
            own = self.registry.get(type).restrictions.parse({} if restrictions is None else restrictions, of=type)
            use = Admission(self._new_id("i_"), authority, holder, "mint", {"uses": 1})
            ledger.reserve(tx, chain, use, self._clock())
            ledger.settle(tx, use.id, {}, self._clock())
            id = self._insert(
                tx,
                mint=authority,
                type=type,
                own=own,
                holder=holder,
                issuer=holder,
                limits=parse_limits({} if limits is None else limits),
                label=label,
                expires=expires,
            )
            return self._describe(tx, holder, id)

    def delegate(
        self,
        holder: str,
        cap: str,
        restrictions: object = None,
        limits: object = None,
        *,
        label: str | None = None,
        expires: float | None = None,
    ) -> Held:
        """Make a narrower child of one's own capability, and hold both.

        The child's limits are accounts of its own; what it uses is also paid by every account above it.

        Raises HostFault: ``no_such_capability``, ``denied`` (``no_delegate``), ``invalid_params``, ``empty_authority``
        (the child could do nothing), ``limit`` (the chain is `MAX_DEPTH` long).
        """
        with self._database.write() as tx:
            chain = self._live(tx, holder, cap)
            parent = chain.leaf
            chain.permit({"no_delegate": True})
            if parent.depth >= MAX_DEPTH:
                raise HostFault(
                    f"a capability can be delegated {MAX_DEPTH} times in a row",
                    kind="limit",
                    hint="delegate one that is nearer to the root",
                    data={"limit": "depth", "value": MAX_DEPTH},
                )
            own = self.registry.get(parent.type).restrictions.parse(
                {} if restrictions is None else restrictions, of=parent.type
            )
            try:
                chain.effective.meet(own)
            except Empty as empty:
                raise nothing_left(parent.type, str(empty)) from None
            id = self._insert(
                tx,
                parent=cap,
                type=parent.type,
                own=own,
                holder=holder,
                issuer=holder,
                depth=parent.depth + 1,
                limits=parse_limits({} if limits is None else limits),
                label=label,
                expires=expires,
            )
            return self._describe(tx, holder, id)

    # Taking them back

    def revoke(self, revoker: str, id: str) -> int:
        """End a capability and everything made from it, for ever; how many live ones that were.

        The revoker holds it, or holds something live above it. Raises HostFault ``no_such_capability``.
        """
        with self._database.write() as tx:
            chain = self._read(tx, id)
            if all(link.holder != revoker for link in chain.kin.values()):
                raise no_such_capability()
            dying = sum(self._is_live(tx, each) for each in self._descent(tx, id))
            tx.execute(update(cap).where(cap.c.id == id).values(revoked=self._clock(), revoked_by=revoker))
            return dying

    # Looking

    def held(self, holder: str) -> list[Held]:
        """Everything live that ``holder`` holds: roots first, then by age."""
        with self._database.read() as tx:
            return self._held(tx, holder)

    def describe(self, holder: str, id: str) -> Held:
        """One capability of the holder's. Raises HostFault ``no_such_capability``."""
        with self._database.read() as tx:
            return self._describe(tx, holder, id)

    def owns(self, name: str, asset_name: str) -> bool:
        """Whether a result called ``asset_name`` was published for principal ``name``."""
        with self._database.read() as tx:
            found = select(asset.c.name).where(asset.c.owner == name, asset.c.name == asset_name).limit(1)
            return tx.execute(found).first() is not None

    # Using

    def permit(self, holder: str, id: str, asked: Mapping[str, object]) -> None:
        """Raise unless the capability is live and every link of its chain permits what is asked.

        Raises HostFault ``no_such_capability``, ``denied``.
        """
        with self._database.read() as tx:
            self._live(tx, holder, id).permit(asked)

    def admit(
        self, holder: str, id: str, method: str, asked: Mapping[str, object], charges: Mapping[str, int]
    ) -> Admission:
        """Let a call begin: check the chain and reserve what the call may use at most, in one transaction.

        Raises HostFault ``no_such_capability``, ``denied``, ``no_budget``.
        """
        admission = Admission(self._new_id("i_"), id, holder, method, dict(charges))
        with self._database.write() as tx:
            chain = self._live(tx, holder, id)
            chain.permit({"methods": method, **asked})
            ledger.reserve(tx, chain, admission, self._clock())
        return admission

    def is_live(self, admission: Admission) -> bool:
        """Whether the capability of a running call still lives: ask at every step."""
        with self._database.read() as tx:
            return self._is_live(tx, admission.cap)

    def settle(self, admission: Admission, spent: Mapping[str, int], results: Sequence[Published] = ()) -> None:
        """End a call well: its results become its principal's, what it spent is spent, the rest is given back.

        The chain is checked once more in the same transaction, so what was revoked meanwhile publishes nothing.
        Raises HostFault ``no_such_capability``; the call is then still to be released.
        """
        with self._database.write() as tx:
            self._live(tx, admission.principal, admission.cap)
            ledger.settle(tx, admission.id, spent, self._clock())
            ledger.publish(tx, admission, results)

    def release(self, admission: Admission) -> None:
        """End a call that failed or was cancelled: give back all it reserved."""
        with self._database.write() as tx:
            ledger.release(tx, admission.id, self._clock())

    def recover(self) -> int:
        """After a crash, release every call that was running then; how many. Call before any call is admitted."""
        with self._database.write() as tx:
            lost = ledger.running(tx)
            for id in lost:
                ledger.release(tx, id, self._clock())
            return len(lost)

    # Within a transaction

    def _read(self, tx: Connection, id: str) -> Chain:
        try:
            return read_chain(tx, id, registry=self.registry, key=self._key, now=self._clock())
        except Dead:
            raise no_such_capability() from None

    def _live(self, tx: Connection, holder: str, id: str) -> Chain:
        chain = self._read(tx, id)
        if chain.leaf.holder != holder:
            raise no_such_capability()
        return chain

    def _is_live(self, tx: Connection, id: str) -> bool:
        try:
            read_chain(tx, id, registry=self.registry, key=self._key, now=self._clock())
        except Dead:
            return False
        return True

    def _describe(self, tx: Connection, holder: str, id: str) -> Held:
        return _held(self._live(tx, holder, id))

    def _held(self, tx: Connection, holder: str) -> list[Held]:
        mine = select(cap.c.id).where(cap.c.holder == holder, cap.c.revoked.is_(None))
        ids: Iterable[str] = tx.execute(mine.order_by(cap.c.depth, cap.c.created, cap.c.id)).scalars().all()
        held = []
        for id in ids:
            with suppress(HostFault):  # dead for another reason than its own revocation
                held.append(self._describe(tx, holder, id))
        return held

    def _descent(self, tx: Connection, id: str) -> Sequence[str]:
        below = select(cap.c.id).where(cap.c.id == id).cte("below", recursive=True)
        children = select(cap.c.id).join(below, or_(cap.c.parent == below.c.id, cap.c.mint == below.c.id))
        return tx.execute(select(below.union(children).c.id)).scalars().all()

    def _introduce(self, tx: Connection, name: str) -> None:
        if tx.execute(select(principal.c.name).where(principal.c.name == name)).first() is None:
            tx.execute(insert(principal).values(name=name, created=self._clock()))

    def _insert(
        self,
        tx: Connection,
        *,
        type: str,
        own: Restrictions,
        holder: str,
        issuer: str,
        parent: str | None = None,
        mint: str | None = None,
        depth: int = 0,
        limits: Mapping[str, int] | None = None,
        label: str | None = None,
        expires: float | None = None,
    ) -> str:
        row = {
            "id": self._new_id("c_"),
            "parent": parent,
            "mint": mint,
            "type": type,
            "own": own.canonical(),
            "holder": holder,
            "issuer": issuer,
            "depth": depth,
            "created": self._clock(),
            "expires": expires,
            "label": label,
        }
        accounts = limits or {}
        tx.execute(insert(cap).values(**row, mac=seal(self._key, row, tuple(accounts.items()))))
        ledger.open_accounts(tx, str(row["id"]), accounts)
        return str(row["id"])

    def _new_id(self, prefix: str) -> str:
        return prefix + self._token_bytes(16).hex()


def _held(chain: Chain) -> Held:
    leaf: Link = chain.leaf
    return Held(
        id=leaf.id,
        type=leaf.type,
        label=leaf.label,
        holder=leaf.holder,
        issuer=leaf.issuer,
        parent=leaf.parent,
        mint=leaf.mint,
        depth=leaf.depth,
        created=leaf.created,
        expires=leaf.expires,
        restrictions=chain.effective,
        accounts=leaf.accounts,
        left=chain.left(),
    )
