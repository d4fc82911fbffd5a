"""The kernel: who holds what. Every decision about authority is one transaction.

* Authority is held, never looked up: each operation names the principal who asks, and works only on what is theirs.
* A link can only narrow; what it may do is the meet of everything above it (`mintaka.capabilities.chain`).
* Revocation is one write, transitive and irreversible, by the holder of the capability or of anything above it.
* What a call may use is reserved before it starts and settled when it ends (`mintaka.capabilities.calls`).
* Unknown, somebody else's, revoked and expired are the same answer.
"""

from collections.abc import Callable, Mapping

from sqlalchemy import Connection, update

from mintaka.capabilities import ledger, share_links
from mintaka.capabilities.audit import CALLS, Audit, Deed, Event
from mintaka.capabilities.calls import Calls
from mintaka.capabilities.chain import Chain, no_such_capability
from mintaka.capabilities.chains import Chains
from mintaka.capabilities.held import Held
from mintaka.capabilities.ledger import Admission, Published
from mintaka.capabilities.order import Empty, Json
from mintaka.capabilities.principals import PrincipalKind, Token, issue
from mintaka.capabilities.registry import Registry
from mintaka.capabilities.restrictions import nothing_left
from mintaka.capabilities.rows import Rows
from mintaka.capabilities.terms import AS_IT_IS, Terms
from mintaka.runtime.errors import HostFault
from mintaka.storage.database import Database
from mintaka.storage.schema import cap

MINT = "sys.mint"
"""The type whose holder may make capabilities that were not delegated from any other."""


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
        self._audit = Audit(key)
        self._chains = Chains(database, registry, clock=clock, key=key)
        self._rows = Rows(self._chains, clock=clock, token_bytes=token_bytes, key=key)
        self.calls = Calls(database, self._chains, self._rows, self._audit, clock=clock)

    # Making capabilities

    def bootstrap(self, holder: str) -> list[Held]:
        """Give ``holder`` one unrestricted root of each type that they hold no live root of, and list all their roots.

        This is where all authority comes from; call it for the owner, and for nobody whose token travels.
        """
        with self._database.write() as tx:
            self._rows.introduce(tx, holder, PrincipalKind.OWNER)
            roots = {each.type: each for each in self._rows.held(tx, holder) if each.depth == 0 and each.mint is None}
            for kind in self.registry:
                if kind.name not in roots:
                    id = self._rows.insert(tx, kind, AS_IT_IS, holder=holder, issuer=holder)
                    self._record(tx, Deed.ROOTED, holder, id)
                    roots[kind.name] = Held(self._rows.live(tx, holder, id))
            return list(roots.values())

    def root(self, holder: str, type: str) -> str:
        """The id of ``holder``'s root of a type that reaches only what whoever made its root owns; made if need be."""
        with self._database.read() as tx:
            known = self._rows.root_of(tx, holder, type)
        if known is not None:
            return known
        with self._database.write() as tx:
            id = self._rows.insert(tx, self.registry.get(type), AS_IT_IS, holder=holder, issuer=holder)
            self._record(tx, Deed.ROOTED, holder, id)
            return id

    def introduce(self, name: str) -> None:
        """Make a principal known, who holds nothing yet. Nothing happens to one who is known already."""
        with self._database.write() as tx:
            self._rows.introduce(tx, name)

    def mint(self, holder: str, authority: str, type: str, terms: Terms = AS_IT_IS) -> Held:
        """Make a capability of ``type`` by the power of ``authority``, a ``sys.mint`` of the holder's.

        Minting is a use of the authority. What was minted lives only while the authority does, and pays into its
        accounts as well. A ``sys.mint`` itself cannot be minted, or a narrow one could make a wide one: delegate it.

        Raises HostFault: ``no_such_capability``, ``denied`` (the authority's namespace does not cover the type),
        ``invalid_params``, ``empty_authority``, ``no_budget``.
        """
        with self._database.write() as tx:
            chain = self._rows.live(tx, holder, authority)
            if chain.leaf.type != MINT:
                raise HostFault(
                    f"a {chain.leaf.type} cannot mint; that takes a {MINT}",
                    kind="denied",
                    hint="delegate it instead, or pass a sys.mint",
                )
            if type == MINT:
                raise HostFault("a sys.mint cannot be minted", kind="denied", hint="delegate the one you hold")
            chain.permit({"methods": "mint", "namespace": type})
            kind = self.registry.get(type)
            use = Admission(self._rows.new_id("i_"), authority, holder, "mint", {"uses": 1})
            ledger.reserve(tx, chain, use, self._clock())
            ledger.settle(tx, use.id, {}, self._clock())
            id = self._rows.insert(tx, kind, terms, holder=holder, issuer=holder, mint=authority)
            self._record(tx, Deed.MINTED, holder, id, by=authority, type=type)
            return Held(self._rows.live(tx, holder, id))

    def delegate(self, holder: str, cap: str, terms: Terms = AS_IT_IS) -> Held:
        """Make a narrower child of one's own capability, and hold both.

        The child's limits are accounts of its own; what it uses is also paid by every account above it.

        Raises HostFault: ``no_such_capability``, ``denied`` (``no_delegate``), ``invalid_params``, ``empty_authority``
        (the child could do nothing), ``limit`` (the chain is `MAX_DEPTH` long).
        """
        with self._database.write() as tx:
            chain = self._rows.live(tx, holder, cap)
            id = self._narrower(tx, chain, holder, terms)
            self._record(tx, Deed.DELEGATED, holder, id, of=cap)
            return Held(self._rows.live(tx, holder, id))

    # Handing them to others

    def share(self, holder: str, cap: str, to: str, terms: Terms = AS_IT_IS) -> Held:
        """Make a narrower child of one's own capability for principal ``to`` to hold; see `delegate`.

        Whoever holds the parent can take it back. Raises what `delegate` raises; ``denied`` also for ``no_give``, and
        ``invalid_params`` where nobody is called ``to``.
        """
        with self._database.write() as tx:
            chain = self._rows.live(tx, holder, cap)
            self._may_give(tx, chain, to)
            id = self._narrower(tx, chain, to, terms)
            self._record(tx, Deed.SHARED, holder, id, of=cap, to=to)
            return Held(self._rows.read(tx, id))

    def give(self, holder: str, cap: str, to: str) -> None:
        """Let principal ``to`` hold a capability instead of its holder, who can do nothing with it from then on.

        What was made from it stays as it is; its new holder may revoke it. Calls that run end as if it were revoked.
        Raises HostFault ``no_such_capability``, ``denied`` (``no_give``), ``invalid_params`` (nobody of that name).
        """
        with self._database.write() as tx:
            chain = self._rows.live(tx, holder, cap)
            self._may_give(tx, chain, to)
            self._rows.move(tx, chain, to)
            self._record(tx, Deed.GIVEN, holder, cap, to=to)

    def export(
        self,
        holder: str,
        cap: str,
        terms: Terms = AS_IT_IS,
        *,
        redemptions: int | None = None,
        secret: bytes | None = None,
    ) -> tuple[Held, str]:
        """Make a narrower child of one's own capability and a token whose redeemers each get a child of that.

        So all who redeem it share the limits, and revoking the child takes back what every one of them got. The token,
        256 random bits, is kept as a hash only: this is the one time it is told. ``redemptions`` is how often it can be
        redeemed, without end where it is None; ``secret``, 32 bytes, is what the token is made of instead of random
        ones. Raises what `share` raises.
        """
        with self._database.write() as tx:
            chain = self._rows.live(tx, holder, cap)
            chain.permit({"no_give": True})
            id = self._narrower(tx, chain, holder, terms)
            self._record(tx, Deed.EXPORTED, holder, id, of=cap)
            child, random = Held(self._rows.live(tx, holder, id)), self._token_bytes
            return child, share_links.make(tx, child.id, random if secret is None else lambda _: secret, redemptions)

    def redeem(self, redeemer: str, token: str) -> Held:
        """What the token of a share link gives: a child of the link's capability, held by principal ``redeemer``.

        Raises HostFault ``no_such_capability`` for a token that is unknown, used up, expired or taken back.
        """
        with self._database.write() as tx:
            return self._redeem(tx, self._linked(tx, token), redeemer, token)

    def redeem_once(self, redeemer: str, token: str) -> Held:
        """As `redeem`; of a link that principal ``redeemer`` has redeemed before, what they hold of it already."""
        with self._database.write() as tx:
            chain = self._linked(tx, token)
            known = (held for held in self._rows.held(tx, redeemer) if held.parent == chain.leaf.id)
            return next(known, None) or self._redeem(tx, chain, redeemer, token)

    def open_link(self, token: str) -> tuple[Held, Token, str]:
        """Make a new guest who holds what a share link gives: that, their token, and its secret, told this once.

        It is one transaction that reads before it writes: a link that gives nothing leaves no trace.
        Raises HostFault ``no_such_capability``, as `redeem` does.
        """
        with self._database.write() as tx:
            chain = self._linked(tx, token)
            guest = f"guest-{self._token_bytes(8).hex()}"
            self._rows.introduce(tx, guest, PrincipalKind.GUEST)
            held = self._redeem(tx, chain, guest, token)
            return held, *issue(tx, guest, "share link", self._clock(), held.expires, self._token_bytes)

    # Taking them back

    def revoke(self, revoker: str, id: str) -> int:
        """End a capability and everything made from it, for ever; how many live ones that were, counted up to 1,000.

        The revoker holds it, or holds something live above it. Raises HostFault ``no_such_capability``.
        """
        with self._database.write() as tx:
            chain = self._rows.read(tx, id)
            if all(link.holder != revoker for link in chain.links):
                raise no_such_capability()
            dying = self._rows.count_living(tx, id)
            tx.execute(update(cap).where(cap.c.id == id).values(revoked=self._clock(), revoked_by=revoker))
            self._record(tx, Deed.REVOKED, revoker, id, ended=dying)
            return dying

    def drop(self, holder: str, cap: str) -> int:
        """Give up a capability: it and everything made from it end, as by `revoke`. Only its holder can."""
        with self._database.read() as tx:
            self._rows.live(tx, holder, cap)
        return self.revoke(holder, cap)

    # Looking

    def held(self, holder: str) -> list[Held]:
        """Everything live that ``holder`` holds: roots first, then by age."""
        with self._database.read() as tx:
            return self._rows.held(tx, holder)

    def given(self, giver: str) -> list[Held]:
        """Everything live that others hold and that rests upon something of ``giver``'s, who may revoke it."""
        with self._database.read() as tx:
            return self._rows.given(tx, giver)

    def describe(self, holder: str, id: str) -> Held:
        """One capability of the holder's. Raises HostFault ``no_such_capability``."""
        return Held(self._chains.now(holder, id))

    def owns(self, name: str, asset_name: str) -> bool:
        """Whether a result called ``asset_name`` was published for principal ``name``, or made of another by them."""
        with self._database.read() as tx:
            return ledger.owns(tx, name, asset_name)

    def keep(self, name: str, made: Published) -> None:
        """``made`` is principal ``name``'s from now on: a picture that no capability was needed for."""
        with self._database.write() as tx:
            if not ledger.owns(tx, name, made.name):
                ledger.keep(tx, name, made, self._clock())

    def holdings_changed(self, *, after: int) -> tuple[int, bool]:
        """The audit log's newest number, and whether an entry after ``after`` made, moved or ended a capability."""
        with self._database.read() as tx:
            return self._audit.since(tx, after, CALLS)

    def audit(self, after: int = 0, count: int | None = None) -> list[Event]:
        """The audit log after entry number ``after``, the oldest first."""
        with self._database.read() as tx:
            return list(self._audit.read(tx, after, count))

    def audit_broken_at(self) -> int | None:
        """The number of the first entry of the audit log that is not what was written; None where all are."""
        with self._database.read() as tx:
            return self._audit.broken_at(tx)

    # Using

    def permit(self, holder: str, id: str, asked: Mapping[str, object]) -> None:
        """Raise unless the capability is live and every link of its chain permits what is asked.

        Raises HostFault ``no_such_capability``, ``denied``.
        """
        self._chains.now(holder, id).permit(asked)

    def record(self, deed: Deed, actor: str, cap: str, **data: Json) -> None:
        """Write what was done by the power of a capability into the audit log, in the transaction it was done in."""
        with self._database.write() as tx:
            self._record(tx, deed, actor, cap, **data)

    # Within a transaction

    def _record(self, tx: Connection, deed: Deed, actor: str, cap: str, **data: Json) -> None:
        self._audit.record(tx, self._clock(), deed, actor, cap, **data)

    def _linked(self, tx: Connection, token: str) -> Chain:
        """The capability whose children a share link's token gives."""
        return self._rows.read(tx, share_links.find(tx, token))

    def _redeem(self, tx: Connection, chain: Chain, redeemer: str, token: str) -> Held:
        share_links.redeemed(tx, token)
        # That it may be handed on was decided when the link was made; `no_delegate` binds those who redeem it.
        id = self._rows.insert_child(tx, chain, self.registry.get(chain.leaf.type), AS_IT_IS, redeemer)
        self._record(tx, Deed.REDEEMED, redeemer, id, of=chain.leaf.id)
        return Held(self._rows.live(tx, redeemer, id))

    def _narrower(self, tx: Connection, chain: Chain, holder: str, terms: Terms) -> str:
        """Write a narrower child of the chain's end, which may be handed on, for ``holder``; its id."""
        chain.permit({"no_delegate": True})
        kind = self.registry.get(chain.leaf.type)
        try:
            chain.effective.meet(terms.own(kind))
        except Empty as empty:
            raise nothing_left(chain.leaf.type, str(empty)) from None
        return self._rows.insert_child(tx, chain, kind, terms, holder)

    def _may_give(self, tx: Connection, chain: Chain, to: str) -> None:
        chain.permit({"no_give": True})
        if not self._rows.knows(tx, to):
            raise HostFault(
                f"nobody is called `{to}` here",
                kind="invalid_params",
                hint="check the name, or make a share link, which anybody can redeem",
            )
