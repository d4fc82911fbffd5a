"""Random histories of four principals, against a model that knows the rules and no database.

The model walks up from a capability naively, link by link; the kernel answers from SQL. They must agree on every answer
and on every account, whatever happened before, crashes included. A history is wholly drawn from one seed, which a
failure prints together with what had happened.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any, TypeVar

from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from mintaka.capabilities.kernel import MINT, Kernel
from mintaka.capabilities.ledger import Admission
from mintaka.capabilities.limits import MEGA
from mintaka.capabilities.minting import Mint
from mintaka.capabilities.order import Allowed, AtMost
from mintaka.capabilities.registry import Effect, Registry, capability, method
from mintaka.capabilities.restrictions import Restrictions, restriction
from mintaka.capabilities.terms import Terms
from mintaka.capabilities.use import Use
from mintaka.runtime.errors import HostFault
from mintaka.storage.database import Database
from mintaka.storage.schema import account, charge, invocation, metadata

T = TypeVar("T")
COLOURS = ["red", "green", "blue"]
PEOPLE = ("ann", "bob", "cid", "dot")
STEPS = 60


class ToyRestrictions(Restrictions):
    max_size: AtMost = restriction("Largest toy")
    colours: Allowed = restriction("Colours of toys")


@capability("toy", label="Toys", restrictions=ToyRestrictions)
class Toy:
    """Play."""

    @method(effects=Effect.WRITES)
    async def play(self, use: Use) -> None:
        """Play."""


REGISTRY = Registry([Mint(), Toy()])

RESERVED = (
    select(func.coalesce(func.sum(charge.c.amount), 0))
    .join(invocation)
    .where(charge.c.cap == account.c.cap, charge.c.unit == account.c.unit, invocation.c.state == "running")
    .correlate(account)
)
ACCOUNTS = select(account, RESERVED.scalar_subquery().label("running"))
"""Every account, and the sum of what the calls that run have reserved of it."""


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
    rules: dict[str, Any]
    expires: float | None
    limits: dict[str, Any]
    refilled: float = 0.0
    """When all that its rate gave out will have come back."""
    used: dict[str, int] = field(default_factory=dict)
    held: dict[str, int] = field(default_factory=dict)
    revoked: bool = False


class History:
    """One history: the kernel, the model beside it, and what can happen to both."""

    def __init__(self, database: Database, seed: int) -> None:
        self.database = database
        self.random = Random(seed)
        self.bits = Random(seed + 1)
        self.now = 0.0
        self.known: dict[str, Known] = {}
        self.running: dict[str, tuple[Admission, list[str]]] = {}
        self.log: list[Any] = [seed]
        self.links_made: dict[str, tuple[str, int | None]] = {}
        """Token → the capability it stands for, and how often it can still be redeemed."""
        self.start()
        for name in PEOPLE:
            self.kernel.introduce(name)
        for name in PEOPLE[:2]:
            for held in self.kernel.bootstrap(name):
                self.known[held.id] = Known(name, held.type, [], False, {}, None, {})

    def start(self) -> None:
        self.kernel = Kernel(
            self.database, REGISTRY, clock=lambda: self.now, token_bytes=self.bits.randbytes, key=b"k" * 32
        )

    def step(self) -> None:
        chances = {
            self.delegate: 30,
            self.call: 40,
            self.mint: 6,
            self.settle: 12,
            self.release: 4,
            self.revoke: 5,
            self.share: 10,
            self.give: 4,
            self.drop: 1,
            self.export: 4,
            self.redeem: 8,
            self.tick: 2,
            self.crash: 1,
        }
        [happening] = self.random.choices(list(chances), list(chances.values()))
        happening()
        self.check_accounts()

    # The model's own rules

    def up(self, id: str) -> Iterator[str]:
        """The capability and everything it rests upon."""
        yield id
        for above in self.known[id].above:
            yield from self.up(above)

    def links(self, id: str) -> Iterator[Known]:
        """The capability and what it was delegated from."""
        yield self.known[id]
        if self.known[id].delegated:
            yield from self.links(self.known[id].above[0])

    def rests_on(self, id: str, name: str) -> bool:
        return any(self.known[each].holder == name for each in self.up(id))

    def dead(self, id: str) -> bool:
        every = [self.known[each] for each in self.up(id)]
        return any(each.revoked or (each.expires is not None and each.expires <= self.now) for each in every)

    def living(self) -> set[str]:
        return {id for id in self.known if not self.dead(id)}

    def forbidden(self, id: str, asked: dict[str, Any]) -> bool:
        return any(
            asked["max_size"] > each.rules.get("max_size", 99)
            or asked["colours"] not in each.rules.get("colours", COLOURS)
            for each in self.links(id)
        )

    def short(self, id: str, costs: dict[str, int]) -> bool:
        return any(
            self.known[each].used.get(unit, 0) + self.known[each].held.get(unit, 0) + costs.get(unit, 0) > limit
            for each in self.up(id)
            for unit, limit in self.known[each].limits.items()
            if unit in costs
        )

    def too_soon(self, id: str) -> bool:
        """Whether a rate on the way up does not let a call begin now; a second each, `burst` at once."""
        limited = [each for each in map(self.known.get, self.up(id)) if each is not None and "rate" in each.limits]
        return any(max(each.refilled, self.now) + 1 - self.now > each.limits["rate"]["burst"] for each in limited)

    def answer_to_a_call(self, id: str, costs: dict[str, int]) -> str:
        if self.too_soon(id):
            return "busy"
        if self.short(id, costs):
            return "no_budget"
        return "busy" if self.short(id, {"concurrent": 1}) else "ok"

    def begin(self, id: str) -> None:
        for each in map(self.known.get, self.up(id)):
            if each is not None and "rate" in each.limits:
                each.refilled = max(each.refilled, self.now) + 1

    def banned(self, id: str, ban: str) -> bool:
        return any(each.rules.get(ban, False) for each in self.links(id))

    def empty(self, id: str, rules: dict[str, Any]) -> bool:
        every = (rules, *(link.rules for link in self.links(id)))
        named = [set(each["colours"]) for each in every if "colours" in each]
        return bool(named) and not set.intersection(*named)

    # Choices

    def sometimes(self, chance: float) -> bool:
        return self.random.random() < chance

    def somebody_and(self, type: str | None = None) -> tuple[str, str]:
        """Mostly a live capability and its holder; sometimes any capability, or somebody who does not hold it."""
        ids = [id for id in self.known if type in (None, self.known[id].type)]
        live = [id for id in ids if not self.dead(id)]
        among = live if live and self.sometimes(0.9) else ids
        id = among[int(len(among) * max(self.random.random(), self.random.random()))]  # rather a later, deeper one
        holder = self.known[id].holder
        return (self.random.choice(PEOPLE) if self.sometimes(0.05) else holder), id

    def rules(self) -> dict[str, Any]:
        rules: dict[str, Any] = {}
        if self.sometimes(0.1):
            rules[self.random.choice(["no_delegate", "no_give"])] = True
        if self.sometimes(0.5):
            rules["max_size"] = self.random.randint(1, 4)
        if self.sometimes(0.3):
            rules["colours"] = self.random.sample(COLOURS, self.random.choice([1, 2, 2, 2]))
        return rules

    def limits(self) -> dict[str, Any]:
        limits: dict[str, Any] = {}
        if self.sometimes(0.05):
            limits["concurrent"] = self.random.randint(1, 3)
        if self.sometimes(0.05):
            limits["rate"] = {"per_s": 1, "burst": self.random.randint(1, 3)}
        if self.sometimes(0.2):
            limits["compute"] = self.random.randint(1, 20)
        if self.sometimes(0.2):
            limits["uses"] = self.random.randint(1, 6)
        return limits

    # What can happen

    def expect(self, expected: str, what: Any, attempt: Callable[[], T]) -> T | None:
        answer, result = answer_of(attempt)
        self.log.append((what, answer))
        assert answer == expected, self.log
        return result

    def delegate(self) -> None:
        person, parent = self.somebody_and()
        rules = self.rules() if self.known[parent].type == "toy" else {}
        limits, expires = self.limits(), self.now + self.random.randint(1, 9) if self.sometimes(0.1) else None
        held = self.expect(
            self.handing_on(person, parent, rules),
            ("delegate", person, parent, rules, limits, expires),
            lambda: self.kernel.delegate(person, parent, Terms(rules, limits, expires=expires)),
        )
        if held is not None:
            self.known[held.id] = Known(person, held.type, [parent], True, rules, expires, limits)

    def handing_on(self, person: str, parent: str, rules: dict[str, Any], *bans: str) -> str:
        """What comes of making a child with these rules, where ``bans`` forbid it too."""
        if self.dead(parent) or self.known[parent].holder != person:
            return "no_such_capability"
        if any(self.banned(parent, ban) for ban in (*bans, "no_delegate")):
            return "denied"
        return "empty_authority" if self.empty(parent, rules) else "ok"

    def share(self) -> None:
        person, parent = self.somebody_and("toy")
        to, rules, limits = self.random.choice(PEOPLE), self.rules(), self.limits()
        held = self.expect(
            self.handing_on(person, parent, rules, "no_give"),
            ("share", person, parent, to, rules, limits),
            lambda: self.kernel.share(person, parent, to, Terms(rules, limits)),
        )
        if held is not None:
            self.known[held.id] = Known(to, held.type, [parent], True, rules, None, limits)

    def give(self) -> None:
        person, id = self.somebody_and()
        to = self.random.choice(PEOPLE)
        gone = self.dead(id) or self.known[id].holder != person
        expected = "no_such_capability" if gone else "denied" if self.banned(id, "no_give") else "ok"
        self.expect(expected, ("give", person, id, to), lambda: self.kernel.give(person, id, to))
        if expected == "ok":
            self.known[id].holder = to

    def drop(self) -> None:
        person, id = self.somebody_and()
        gone = self.dead(id) or self.known[id].holder != person
        self.expect("no_such_capability" if gone else "ok", ("drop", person, id), lambda: self.kernel.drop(person, id))
        if not gone:
            self.known[id].revoked = True

    def export(self) -> None:
        person, parent = self.somebody_and("toy")
        rules, limits, times = self.rules(), self.limits(), self.random.choice([None, 1, 2])
        made = self.expect(
            self.handing_on(person, parent, rules, "no_give"),
            ("export", person, parent, rules, limits, times),
            lambda: self.kernel.export(person, parent, Terms(rules, limits), redemptions=times),
        )
        if made is not None:
            held, token = made
            self.known[held.id] = Known(person, held.type, [parent], True, rules, None, limits)
            self.links_made[token] = (held.id, times)

    def redeem(self) -> None:
        person, token = self.random.choice(PEOPLE), self.random.choice(["mk_unknown", *self.links_made])
        id, times = self.links_made.get(token, ("", 0))
        expected = "no_such_capability" if times == 0 or self.dead(id) else "ok"
        held = self.expect(expected, ("redeem", person, id), lambda: self.kernel.redeem(person, token))
        if held is not None:
            self.links_made[token] = (id, None if times is None else times - 1)
            self.known[held.id] = Known(person, held.type, [id], True, {}, None, {})

    def mint(self) -> None:
        person, authority = self.somebody_and(MINT if self.sometimes(0.9) else None)
        rules, limits = self.rules(), self.limits()
        gone = self.dead(authority) or self.known[authority].holder != person
        if gone or self.known[authority].type != MINT:
            expected = "no_such_capability" if gone else "denied"
        else:
            expected = self.answer_to_a_call(authority, {"uses": 1})
        held = self.expect(
            expected,
            ("mint", person, authority, rules, limits),
            lambda: self.kernel.mint(person, authority, "toy", Terms(rules, limits)),
        )
        if held is not None:
            self.known[held.id] = Known(person, "toy", [authority], False, rules, None, limits)
            self.begin(authority)
            for payer in self.up(authority):
                self.known[payer].used["uses"] = self.known[payer].used.get("uses", 0) + 1

    def revoke(self) -> None:
        person, id = self.somebody_and()
        if not self.known[id].above and self.sometimes(0.8):
            return
        right = not self.dead(id) and any(self.known[each].holder == person for each in self.up(id))
        before = self.living()
        count = self.expect(
            "ok" if right else "no_such_capability", ("revoke", person, id), lambda: self.kernel.revoke(person, id)
        )
        if count is not None:
            self.known[id].revoked = True
            assert count == len(before - self.living()), self.log
            assert {held.id for name in PEOPLE for held in self.kernel.held(name)} == self.living(), self.log
            for name in PEOPLE:
                given = {id for id in self.living() if self.known[id].holder != name and self.rests_on(id, name)}
                assert {held.id for held in self.kernel.given(name)} == given, self.log

    def call(self) -> None:
        person, id = self.somebody_and("toy" if self.sometimes(0.9) else None)
        toy = self.known[id].type == "toy"
        asked = {"max_size": self.random.randint(1, 4), "colours": self.random.choice(COLOURS)} if toy else {}
        costs = {"compute": self.random.randint(1, 5), "uses": 1}
        if self.dead(id) or self.known[id].holder != person:
            expected = "no_such_capability"
        elif toy and self.forbidden(id, asked):
            expected = "denied"
        else:
            expected = self.answer_to_a_call(id, costs)
        charges = {"compute": costs["compute"] * MEGA, "uses": 1}
        admission = self.expect(
            expected,
            ("call", person, id, asked, costs),
            lambda: self.kernel.calls.admit(person, id, "play" if toy else "mint", asked, charges),
        )
        if admission is not None:
            self.running[admission.id] = (admission, list(self.up(id)))
            self.begin(id)
            for payer in self.up(id):
                for unit, amount in {**costs, "concurrent": 1}.items():
                    self.known[payer].held[unit] = self.known[payer].held.get(unit, 0) + amount

    def settle(self) -> None:
        if not self.running:
            return
        admission, _ = self.random.choice(list(self.running.values()))
        spent = self.random.randint(0, admission.charges["compute"] // MEGA)
        # A call ends with its capability, and with its principal's holding it.
        dead = self.dead(admission.cap) or self.known[admission.cap].holder != admission.principal
        assert self.kernel.calls.is_live(admission) != dead, self.log
        self.expect(
            "no_such_capability" if dead else "ok",
            ("settle", admission.cap, spent),
            lambda: self.kernel.calls.settle(admission, {"compute": spent * MEGA}),
        )
        if not dead:
            self.end(admission, {"compute": spent, "uses": 1})

    def release(self) -> None:
        if self.running:
            admission, _ = self.random.choice(list(self.running.values()))
            self.kernel.calls.release(admission)
            self.log.append(("release", admission.cap))
            self.end(admission, {})

    def crash(self) -> None:
        self.log.append("crash")
        self.start()
        assert self.kernel.calls.recover() == len(self.running), self.log
        for admission, _ in list(self.running.values()):
            self.end(admission, {})

    def tick(self) -> None:
        self.log.append("tick")
        self.now += self.random.randint(1, 3)

    def end(self, admission: Admission, spent: dict[str, int]) -> None:
        _, payers = self.running.pop(admission.id)
        reserved = {"compute": admission.charges["compute"] // MEGA, "uses": 1, "concurrent": 1}
        for payer in payers:
            for unit, amount in reserved.items():
                self.known[payer].held[unit] -= amount
                self.known[payer].used[unit] = self.known[payer].used.get(unit, 0) + spent.get(unit, 0)

    # What always holds

    def check_accounts(self) -> None:
        """Each is within its limit, as the model says, and what it reserved is the sum over running calls."""
        with self.database.read() as tx:
            rows = tx.execute(ACCOUNTS).all()
        for row in rows:
            known, scale = self.known[row.cap], MEGA if row.unit == "compute" else 1
            assert row.reserved + row.spent <= row.limit == known.limits[row.unit] * scale, self.log
            assert row.reserved == row.running == known.held.get(row.unit, 0) * scale, self.log
            assert row.spent == known.used.get(row.unit, 0) * scale, self.log
        assert len(rows) == sum(len(each.limits.keys() - {"rate"}) for each in self.known.values()), self.log


def check_history(database: Database, seed: int) -> None:
    """Let one history happen in an emptied database. Where they differ, AssertionError tells all that happened."""
    with database.write() as tx:
        for table in reversed(metadata.sorted_tables):
            tx.execute(table.delete())
    history = History(database, seed)
    for _ in range(STEPS):
        history.step()
    assert history.kernel.audit_broken_at() is None


@settings(max_examples=300, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])  # a seed has no parts
@given(seed=st.integers(0, 2**32))
def test_the_kernel_and_the_model_agree_on_every_history(migrated: Database, seed: int) -> None:
    check_history(migrated, seed)
