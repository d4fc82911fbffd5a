"""Random histories of four kinds of change, by two principals, against a model that knows the rules and no database.

The model walks up from a capability naively, link by link; the kernel answers from SQL. They must agree on every answer
and on every account, whatever happened before, crashes included.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule
from sqlalchemy import delete, func, select

from mintaka.capabilities.kernel import MINT, Kernel
from mintaka.capabilities.ledger import MEGA, Admission
from mintaka.capabilities.minting import Mint
from mintaka.capabilities.order import Allowed, AtMost
from mintaka.capabilities.registry import Effect, Registry, capability, method
from mintaka.capabilities.restrictions import Restrictions, restriction
from mintaka.capabilities.use import Use
from mintaka.runtime.errors import HostFault
from mintaka.storage.database import Database
from mintaka.storage.schema import account, charge, invocation, metadata


class ToyRestrictions(Restrictions):
    max_size: AtMost = restriction("Largest toy")
    colours: Allowed = restriction("Colours of toys")


@capability("toy", label="Toys", restrictions=ToyRestrictions)
class Toy:
    """Play."""

    @method(effects=Effect.WRITES)
    async def play(self, use: Use) -> None:
        """Play."""


T = TypeVar("T")

REGISTRY = Registry([Mint(), Toy()])
DATABASE = Database("sqlite://")
PEOPLE = st.sampled_from(["ann", "bob"])
COLOURS = ["red", "green", "blue"]
RULES = st.fixed_dictionaries(
    {}, optional={"max_size": st.integers(1, 9), "colours": st.lists(st.sampled_from(COLOURS), min_size=1, max_size=2)}
)
LIMITS = st.fixed_dictionaries({}, optional={"compute": st.integers(1, 9), "uses": st.integers(1, 3)})


def answer_of(attempt: Callable[[], T]) -> tuple[str, T | None]:
    """``ok`` and what came out, or the kind of the refusal and nothing."""
    try:
        return "ok", attempt()
    except HostFault as fault:
        return fault.kind, None


@dataclass
class Known:
    """What the model knows of a capability."""

    holder: str
    type: str
    above: list[str]
    """The parent, or the mint."""
    delegated: bool
    rules: dict[str, object]
    expires: float | None
    limits: dict[str, int]
    used: dict[str, int] = field(default_factory=dict)
    held: dict[str, int] = field(default_factory=dict)
    revoked: bool = False


class Histories(RuleBasedStateMachine):
    caps = Bundle("caps")
    calls = Bundle("calls")

    @initialize(target=caps)
    def begin(self) -> object:
        with DATABASE.write() as tx:
            for table in reversed(metadata.sorted_tables):
                tx.execute(delete(table))
        self.now = 0.0
        self.random = Random(5)
        self.known: dict[str, Known] = {}
        self.running: dict[str, tuple[Admission, list[str]]] = {}
        self.start()
        for name in ("ann", "bob"):
            for held in self.kernel.bootstrap(name):
                self.known[held.id] = Known(name, held.type, [], False, {}, None, {})
        return multiple(*self.known)

    def start(self) -> None:
        self.kernel = Kernel(
            DATABASE, REGISTRY, clock=lambda: self.now, token_bytes=self.random.randbytes, key=b"k" * 32
        )

    # The model's own rules

    def up(self, id: str) -> Iterator[Known]:
        yield self.known[id]
        for above in self.known[id].above:
            yield from self.up(above)

    def links(self, id: str) -> Iterator[Known]:
        yield self.known[id]
        if self.known[id].delegated:
            yield from self.links(self.known[id].above[0])

    def ids_up(self, id: str) -> Iterator[str]:
        yield id
        for above in self.known[id].above:
            yield from self.ids_up(above)

    def dead(self, person: str, id: str) -> bool:
        gone = any(each.revoked or (each.expires is not None and each.expires <= self.now) for each in self.up(id))
        return gone or self.known[id].holder != person

    def empty(self, id: str, rules: dict[str, object]) -> bool:
        named = [
            set(each["colours"]) for each in (rules, *(link.rules for link in self.links(id))) if "colours" in each
        ]
        return bool(named) and not set.intersection(*named)

    def remember(self, person: str, id: str, above: str, delegated: bool, **facts: object) -> str:
        type = self.known[above].type if delegated else "toy"
        self.known[id] = Known(person, type, [above], delegated, **facts)  # type: ignore[arg-type]
        return id

    # What can happen

    @rule(target=caps, person=PEOPLE, parent=caps, rules=RULES, limits=LIMITS, lives=st.none() | st.integers(1, 3))
    def delegate(
        self, person: str, parent: str, rules: dict[str, object], limits: dict[str, int], lives: int | None
    ) -> object:
        if self.known[parent].type == MINT:
            rules = {}
        expires = None if lives is None else self.now + lives
        expected = (
            "no_such_capability"
            if self.dead(person, parent)
            else "empty_authority"
            if self.empty(parent, rules)
            else "ok"
        )
        answer, held = answer_of(lambda: self.kernel.delegate(person, parent, rules, limits, expires=expires))
        assert answer == expected
        if held is None:
            return multiple()
        return self.remember(person, held.id, parent, True, rules=rules, expires=expires, limits=dict(limits))

    @rule(target=caps, person=PEOPLE, authority=caps, rules=RULES, limits=LIMITS)
    def mint(self, person: str, authority: str, rules: dict[str, object], limits: dict[str, int]) -> object:
        dead, right = self.dead(person, authority), self.known[authority].type == MINT
        expected = "no_such_capability" if dead else "ok" if right else "denied"
        answer, held = answer_of(lambda: self.kernel.mint(person, authority, "toy", rules, limits))
        assert answer == expected
        if held is None:
            return multiple()
        return self.remember(person, held.id, authority, False, rules=rules, expires=None, limits=dict(limits))

    @rule(person=PEOPLE, id=caps)
    def revoke(self, person: str, id: str) -> None:
        dead = self.dead(self.known[id].holder, id)
        right = any(each.holder == person for each in self.up(id))
        living = {each for each in self.known if not self.dead(self.known[each].holder, each)}
        answer, count = answer_of(lambda: self.kernel.revoke(person, id))
        assert answer == ("ok" if right and not dead else "no_such_capability")
        if count is None:
            return
        self.known[id].revoked = True
        still = {each for each in living if not self.dead(self.known[each].holder, each)}
        assert count == len(living - still)
        assert {held.id for name in ("ann", "bob") for held in self.kernel.held(name)} == still

    @rule(
        target=calls,
        person=PEOPLE,
        id=caps,
        size=st.integers(1, 9),
        colour=st.sampled_from(COLOURS),
        compute=st.integers(1, 5),
    )
    def call(self, person: str, id: str, size: int, colour: str, compute: int) -> object:
        toy = self.known[id].type == "toy"
        asked: dict[str, object] = {"max_size": size, "colours": colour} if toy else {}
        costs = {"compute": compute, "uses": 1}
        forbidden = toy and any(
            size > each.rules.get("max_size", 99) or colour not in each.rules.get("colours", COLOURS)  # type: ignore[operator]
            for each in self.links(id)
        )
        short = any(
            each.used.get(unit, 0) + each.held.get(unit, 0) + costs[unit] > limit
            for each in self.up(id)
            for unit, limit in each.limits.items()
        )
        expected = (
            "no_such_capability" if self.dead(person, id) else "denied" if forbidden else "no_budget" if short else "ok"
        )
        charges = {"compute": compute * MEGA, "uses": 1}
        answer, admission = answer_of(lambda: self.kernel.admit(person, id, "play" if toy else "mint", asked, charges))
        assert answer == expected
        if admission is None:
            return multiple()
        payers = list(self.ids_up(id))
        for payer in payers:
            for unit, amount in costs.items():
                self.known[payer].held[unit] = self.known[payer].held.get(unit, 0) + amount
        self.running[admission.id] = (admission, payers)
        return admission

    def end(self, admission: Admission, spent: dict[str, int] | None) -> None:
        _, payers = self.running.pop(admission.id)
        for payer in payers:
            for unit, amount in admission.charges.items():
                whole = amount // MEGA if unit == "compute" else amount
                self.known[payer].held[unit] -= whole
                if spent is not None:
                    self.known[payer].used[unit] = self.known[payer].used.get(unit, 0) + spent.get(unit, whole)

    @rule(admission=calls, share=st.integers(0, 1))
    def settle(self, admission: Admission, share: int) -> None:
        if admission.id not in self.running:
            return
        spent = admission.charges["compute"] // MEGA * share
        answer, _ = answer_of(lambda: self.kernel.settle(admission, {"compute": spent * MEGA}))
        dead = self.dead(admission.principal, admission.cap)
        assert answer == ("no_such_capability" if dead else "ok")
        if not dead:
            self.end(admission, {"compute": spent})

    @rule(admission=calls)
    def release(self, admission: Admission) -> None:
        if admission.id in self.running:
            self.kernel.release(admission)
            self.end(admission, None)

    @rule()
    def crash(self) -> None:
        self.start()
        assert self.kernel.recover() == len(self.running)
        for admission, _ in list(self.running.values()):
            self.end(admission, None)

    @rule(seconds=st.integers(1, 2))
    def tick(self, seconds: int) -> None:
        self.now += seconds

    # What always holds

    @invariant()
    def every_account_is_as_the_model_says_and_within_its_limit(self) -> None:
        with DATABASE.read() as tx:
            rows = tx.execute(select(account)).all()
            held = select(func.coalesce(func.sum(charge.c.amount), 0)).join(invocation)
            for row in rows:
                scale = MEGA if row.unit == "compute" else 1
                known = self.known[row.cap]
                assert row.limit == known.limits[row.unit] * scale
                assert row.reserved == known.held.get(row.unit, 0) * scale
                assert row.spent == known.used.get(row.unit, 0) * scale
                assert row.reserved + row.spent <= row.limit
                running = held.where(
                    charge.c.cap == row.cap, charge.c.unit == row.unit, invocation.c.state == "running"
                )
                assert tx.execute(running).scalar() == row.reserved
        assert len(rows) == sum(len(each.limits) for each in self.known.values())


TestHistories = Histories.TestCase
TestHistories.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
