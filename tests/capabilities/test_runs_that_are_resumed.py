"""Durable runs with capabilities, killed at every point: they end the same, and nothing is done or paid twice."""

import asyncio
import contextlib
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import Connection, delete, func, select

from mintaka import stdlib
from mintaka.capabilities import ops as capability_ops
from mintaka.capabilities.audit import Deed
from mintaka.capabilities.effects import KeptEffects
from mintaka.capabilities.grant import Grant
from mintaka.capabilities.references import References
from mintaka.capabilities.terms import Terms
from mintaka.capabilities.value import CapabilityValue
from mintaka.lang.parser import parse
from mintaka.runtime.budget import Budget
from mintaka.runtime.compiler import compile_tree
from mintaka.runtime.errors import HostFault
from mintaka.runtime.execute import execute
from mintaka.runtime.journal import MemoryJournal, Row
from mintaka.runtime.ops import OpTable
from mintaka.runtime.powers import Powers
from mintaka.runtime.values import Value
from mintaka.storage.database import Database
from mintaka.storage.schema import account, asset, invocation, metadata
from tests.capabilities.conftest import World
from tests.runtime.worlds import Axe, Killed

OPS = OpTable.of(*stdlib.modules, capability_ops)
KEY = bytes(range(32))
RUN = "j_1"
SOURCE = """
(let draw (get-capability "diffusers.generate" {:label "paid"}))
(let few (delegate draw {:max_width 128} {:uses 5}))
(let bens (share-capability few "ben" {} {:uses 1}))
(let link (export-capability few))
(let part (redeem-capability link))
(let paint (lambda [seed] (few.textToImage "a" {:width 64 :height 64 :num_inference_steps 2 :seed seed})))
(let both (par.map [1 2] (lambda [seed] (obj.get (paint seed) "seed"))))
(let made (mint (get-capability "sys.mint") "diffusers.generate" {:max_steps 4}))
(let ended (revoke-capability made))
(let refused (try (made.estimate "textToImage" ["a"]) e "refused"))
(part.textToImage "b" {:width 64 :height 64 :num_inference_steps 1 :seed 9})
[both ended refused (has-capability "diffusers.generate") (typeof bens) few]
"""


class MortalDatabase(Database):
    """A database at which the process can be killed, before a transaction and after; a dead one writes nothing more."""

    def __init__(self, inner: Database, axe: Axe) -> None:
        self._inner, self._axe, self._depth = inner, axe, 0

    @contextlib.contextmanager
    def write(self) -> Iterator[Connection]:
        if self._depth == 0:
            self._axe.pass_()
        self._depth += 1
        try:
            with self._inner.write() as tx:
                yield tx
        finally:
            self._depth -= 1
        if self._depth == 0:
            self._axe.pass_()

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        with self._inner.read() as tx:
            yield tx


class Kept(MemoryJournal):
    """A journal that outlives the process."""

    def __init__(self, rows: list[Row], axe: Axe) -> None:
        super().__init__(RUN, rows)
        self._kept, self._axe = rows, axe

    def append(self, rows: Any) -> None:
        self._axe.pass_()
        super().append(rows)
        self._kept += rows
        self._axe.pass_()


@dataclass
class Ends:
    """What a run came to, and what it left in the database."""

    value: Value
    spent: dict[str, int]
    calls: int
    pictures: list[tuple[str, int]]
    deeds: list[str]


async def process(world: World, rows: list[Row], held: list[str], axe: Axe, source: str = SOURCE) -> Value:
    """One process that goes on with the run, and its end."""
    database = MortalDatabase(world.database, axe)
    world.kernel._database = database
    effects = KeptEffects(database, RUN, key=KEY)
    grant = Grant(world.kernel, "ann", held, effects)
    world.engine.before_step = lambda step: axe.pass_()
    outcome = await execute(
        compile_tree(parse(source), OPS),
        budget=Budget(),
        powers=Powers(world.clock, random.Random(), hosts={Grant: grant}),
        journal=Kept(rows, axe),
        codec=References(world.kernel, "ann", RUN, key=KEY),
    )
    value: Value = outcome.value
    with database.write():
        grant.end(value)
        world.kernel.calls.end_run(RUN)
        effects.forget()
    return value


def start(world: World) -> list[str]:
    paid = world.kernel.delegate(
        "ann", world.root().id, Terms(None, {"uses": 10, "compute": 1, "concurrent": 2}, "paid")
    )
    world.kernel.introduce("ben")
    return [paid.id, world.root("sys.mint").id]


def ends(world: World, held: list[str], value: Value) -> Ends:
    assert isinstance(value, list)
    with world.database.read() as tx:
        reserved = tx.execute(select(func.sum(account.c.reserved))).scalar()
        spent = {row.unit: row.spent for row in tx.execute(select(account).where(account.c.cap == held[0]))}
        calls = tx.execute(select(func.count()).where(invocation.c.state == "settled")).scalar()
        pictures = sorted((row.name, row.number) for row in tx.execute(select(asset)))
    assert reserved == 0
    deeds = [each.deed.value for each in world.kernel.audit() if each.deed not in (Deed.LOST, Deed.FAILED)]
    return Ends([*value[:-1], "few"], spent, calls or 0, pictures, sorted(deeds))


def cleared(world: World) -> None:
    with world.database.write() as tx:
        for table in reversed(metadata.sorted_tables):
            tx.execute(delete(table))


async def outlived(world: World, axes: list[Axe]) -> tuple[Ends, int]:
    """Begin the run, kill it where the axes fall, and go on with it to its end; how many of them fell."""
    database = world.database
    held, rows, fallen = start(world), [], 0
    for axe in axes:
        try:
            value = await process(world, rows, held, axe)
            break
        except Killed:
            fallen += 1
        finally:
            world.kernel._database = database
        world.kernel.calls.recover({RUN})
    return ends(world, held, value), fallen


async def test_killed_at_any_point_a_run_ends_the_same_and_does_and_pays_everything_once(world: World) -> None:
    expected, fallen = await outlived(world, [axe := Axe()])
    assert (fallen, expected.calls, len(expected.pictures)) == (0, 4, 3)
    assert expected.spent == {"uses": 3, "compute": 64 * 64 * 5, "concurrent": 0}
    points = axe.points
    assert points > 60
    for at in range(points):
        cleared(world)
        ended, fallen = await outlived(world, [Axe(at), Axe()])
        assert fallen == 1, at
        assert ended == expected, at


async def test_killed_again_and_again_it_still_does_everything_once(world: World) -> None:
    expected, _ = await outlived(world, [axe := Axe()])
    chances = random.Random(4)
    for _ in range(12):
        cleared(world)
        ended, _ = await outlived(world, [*(Axe(chances.randrange(axe.points)) for _ in range(4)), Axe()])
        assert ended == expected


def test_a_settled_call_is_not_paid_again(world: World) -> None:
    held = start(world)
    for spent in (1, 1):
        call = world.kernel.calls.admit("ann", held[0], "textToImage", {}, {"uses": 1, "compute": 500}, f"{RUN}/3#1")
        if not call.settled:
            world.kernel.calls.settle(call, {"compute": 400}, outcome='"kept"')
        assert world.kernel.describe("ann", held[0]).left["uses"] == 10 - spent
    assert (call.settled, call.outcome) == (True, '"kept"')
    assert world.kernel.calls.compute_spent(RUN) == 500
    assert world.kernel.calls.compute_spent("j_2") == 0


async def test_a_picture_that_had_been_paid_is_not_drawn_again(world: World) -> None:
    source = '(let draw (get-capability "diffusers.generate")) (obj.get (draw.textToImage "a" {:seed 3}) "asset")'
    held = start(world)
    axe = Axe()
    first = await process(world, [], held, axe, source)
    for at in range(axe.points):
        cleared(world)
        held, rows = start(world), list[Row]()
        with contextlib.suppress(Killed):
            await process(world, rows, held, Axe(at), source)
        world.kernel._database = world.database
        with world.database.read() as tx:
            settled = tx.execute(select(func.count()).where(invocation.c.state == "settled")).scalar()
        if settled and [row[1] for row in rows][-1] == "call":
            asked = len(world.engine.asked)
            world.kernel.calls.recover({RUN})
            assert await process(world, rows, held, Axe(), source) == first
            assert len(world.engine.asked) == asked
            return
    raise AssertionError("at no point a call was settled without its outcome being written")


async def test_what_a_lost_run_reserved_is_kept_for_it_and_given_back_where_it_ends_otherwise(world: World) -> None:
    held, _ = start(world), None
    call = world.kernel.calls.admit("ann", held[0], "textToImage", {}, {"uses": 1, "compute": 500}, f"{RUN}/3#1")
    assert world.kernel.calls.recover({RUN}) == 0
    again = world.kernel.calls.admit("ann", held[0], "textToImage", {}, {"uses": 1, "compute": 500}, f"{RUN}/3#1")
    assert again.id == call.id
    more = world.kernel.calls.admit("ann", held[0], "textToImage", {}, {"uses": 1, "compute": 900}, f"{RUN}/3#1")
    assert more.id != call.id
    with world.database.read() as tx:
        rows = tx.execute(select(account.c.unit, account.c.reserved).where(account.c.cap == held[0])).all()
    assert dict(map(tuple, rows)) == {"uses": 1, "compute": 900, "concurrent": 1}
    world.kernel.calls.end_run(RUN)
    assert world.kernel.describe("ann", held[0]).left["uses"] == 10
    later = world.kernel.calls.admit("ann", held[0], "textToImage", {}, {"uses": 1, "compute": 500}, f"{RUN}/3#1")
    assert later.id not in (call.id, more.id)


async def test_a_run_that_is_lost_for_good_leaves_nothing_reserved(world: World) -> None:
    held = start(world)
    world.kernel.calls.admit("ann", held[0], "textToImage", {}, {"uses": 1}, f"{RUN}/3#1")
    assert world.kernel.calls.recover() == 1
    assert world.kernel.describe("ann", held[0]).left["uses"] == 10


# What is kept of host values


def references(world: World, holder: str = "ann", run: str = RUN) -> References:
    return References(world.kernel, holder, run, key=KEY)


async def test_capabilities_and_pictures_come_back_as_they_were(world: World) -> None:
    codec = references(world)
    draw = world.root()
    again = codec.decode(json.loads(json.dumps(codec.encode(draw))))
    assert (again.id, again.holder, again.type) == (draw.id, "ann", draw.type)  # type: ignore[attr-defined]
    picture = (await asyncio.gather(draw.call(world.run(draw), "textToImage", ["a", {"width": 64, "height": 64}])))[0]
    assert codec.decode(json.loads(json.dumps(codec.encode(picture)))).to_json() == picture.to_json()  # type: ignore[attr-defined, union-attr, arg-type]


@pytest.mark.parametrize(
    "change",
    [
        lambda kept: {**kept, "of": {**kept["of"], "id": "c_other"}},
        lambda kept: {**kept, "of": {**kept["of"], "type": "sys.mint"}},
        lambda kept: {**kept, "seal": "0" * 32},
        lambda kept: {**kept, "kind": "image"},
        lambda kept: {**kept, "kind": "nothing"},
        lambda kept: {"of": kept["of"]},
        lambda kept: "c_other",
    ],
)
def test_what_was_changed_in_a_journal_gives_nobody_anything(world: World, change: Any) -> None:
    codec = references(world)
    with pytest.raises(HostFault, match="has been changed") as refused:
        codec.decode(change(codec.encode(world.root())))
    assert refused.value.kind == "storage_error"


def test_what_another_run_or_holder_wrote_is_refused(world: World) -> None:
    kept = references(world).encode(world.root())
    for other in (references(world, run="j_2"), references(world, holder="ben")):
        with pytest.raises(HostFault, match="has been changed"):
            other.decode(kept)


def test_what_a_run_was_lent_is_found_again_in_its_holders_hands(world: World) -> None:
    lent = world.root()
    codec = references(world, holder="ben")
    found = codec.decode(codec.encode(lent))
    assert isinstance(found, CapabilityValue)
    assert (found.holder, found.id, found.type) == (lent.holder, lent.id, lent.type)


def test_no_token_of_a_share_link_stands_in_what_is_kept(world: World) -> None:
    held, rows = start(world), []
    source = '(export-capability (get-capability "diffusers.generate"))'

    async def run() -> Value:
        outcome = await execute(
            compile_tree(parse(source), OPS),
            budget=Budget(),
            powers=Powers(
                world.clock,
                random.Random(),
                hosts={Grant: Grant(world.kernel, "ann", held, KeptEffects(world.database, RUN, key=KEY))},
            ),
            journal=Kept(rows, Axe()),
            codec=references(world),
        )
        return outcome.value

    token = asyncio.run(run())
    assert isinstance(token, str)
    assert token not in json.dumps(rows)
    assert asyncio.run(run()) == token
    world.kernel.introduce("ben")
    assert world.kernel.redeem("ben", token).holder == "ben"


def test_outcomes_are_kept_for_durable_runs_and_no_longer_than_these_run(world: World) -> None:
    held = start(world)

    def kept() -> list[str]:
        with world.database.read() as tx:
            return list(tx.execute(select(invocation.c.outcome).where(invocation.c.outcome.is_not(None))).scalars())

    for effect in (None, f"{RUN}/3#1", "j_10/3#1"):
        call = world.kernel.calls.admit("ann", held[0], "textToImage", {}, {"uses": 1}, effect)
        world.kernel.calls.settle(call, {}, outcome=f'"{effect}"')
    assert sorted(kept()) == [f'"{RUN}/3#1"', '"j_10/3#1"']
    world.kernel.calls.end_run(RUN)
    assert kept() == ['"j_10/3#1"']
