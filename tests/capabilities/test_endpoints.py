"""Endpoints in the hands of scripts: whose authority they have, what crosses, and that they are called once."""

import random
from collections.abc import Sequence
from typing import Any

import pytest

from mintaka import stdlib
from mintaka.capabilities import ops as capability_ops
from mintaka.capabilities.diffusion.generate import Generate
from mintaka.capabilities.effects import KeptEffects
from mintaka.capabilities.endpoints import publishing
from mintaka.capabilities.endpoints.calling import Call
from mintaka.capabilities.endpoints.publishing import Granted
from mintaka.capabilities.endpoints.space import CALL, EndpointSpace
from mintaka.capabilities.grant import Grant
from mintaka.capabilities.kernel import Kernel
from mintaka.capabilities.minting import Mint
from mintaka.capabilities.references import References
from mintaka.capabilities.registry import Registry
from mintaka.capabilities.terms import Terms
from mintaka.capabilities.value import CapabilityValue
from mintaka.lang.checker import analyse
from mintaka.lang.parser import parse
from mintaka.library.endpoints import Endpoints
from mintaka.runtime.budget import Budget
from mintaka.runtime.compiler import compile_tree
from mintaka.runtime.errors import ScriptError
from mintaka.runtime.execute import execute
from mintaka.runtime.journal import MemoryJournal, Row
from mintaka.runtime.ops import OpTable
from mintaka.runtime.powers import Powers
from mintaka.server.capability_types import checkable
from mintaka.storage.schema import endpoint as endpoints

OPS = OpTable.of(*stdlib.modules, capability_ops)
KEY = bytes(range(32))
DRAW = '(params (prompt string "a cat")) (let draw (get-capability "diffusers.generate")) (draw.textToImage prompt)'


class Market:
    """Ann, who publishes, and ben, who calls."""

    def __init__(self, world: Any, models: Any) -> None:
        self.clock, self.engine = world.clock, world.engine
        self.space = EndpointSpace(
            world.database,
            Endpoints(world.database),
            world.blobs,
            lambda program: compile_tree(parse(program), OPS),
            KEY,
        )
        registry = Registry([Mint(), Generate(world.engine, models, world.blobs), Call(self.space)])
        self.types = checkable(registry)
        self.kernel = Kernel(
            world.database, registry, clock=world.clock, token_bytes=random.Random(3).randbytes, key=KEY
        )
        self.kernel.bootstrap("ann")
        self.kernel.introduce("ben")

    def publish(self, name: str, source: str, granted: Sequence[Granted] | None = None, owner: str = "ann") -> Any:
        needs = analyse(parse(source), OPS.signatures, capabilities=self.types).needs
        return publishing.publish(
            self.space, self.kernel, owner, name, source, needs, granted=granted, description="", now=self.clock()
        )

    def share(self, *names: str, limits: Any = None) -> Any:
        root = self.kernel.root("ann", CALL)
        return self.kernel.share("ann", root, "ben", Terms({"endpoints": list(names)}, limits))

    async def run(self, who: str, source: str, *args: Any, rows: Sequence[Row] | None = None) -> Any:
        """Run a script; durable, and gone on with from ``rows`` of its journal, where they are given."""
        ids = [each.id for each in self.kernel.held(who)]
        effects = None if rows is None else KeptEffects(self.space.database, "j_1", key=KEY)
        self.journal = None if rows is None else MemoryJournal("j_1", rows)
        self.told: list[Any] = []
        powers = Powers(
            self.clock,
            random.Random(1),
            lambda kind, data: self.told.append((kind, data)),
            {Grant: Grant(self.kernel, who, ids, effects)},
        )
        program = compile_tree(parse(f'(let call (get-capability "endpoint.call")) {source}'), OPS)
        codec = References(self.kernel, who, "j_1", key=KEY)
        run = execute(program, args=args, budget=Budget(), powers=powers, journal=self.journal, codec=codec)
        return (await run).value

    async def fails(self, who: str, source: str, *args: Any) -> ScriptError:
        with pytest.raises(ScriptError) as caught:
            await self.run(who, source, *args)
        return caught.value

    def left(self, id: str) -> Any:
        return self.kernel.describe("ben", id).left


@pytest.fixture
def market(world: Any, models: Any) -> Market:
    return Market(world, models)


async def test_an_endpoint_draws_with_what_its_publisher_granted_and_the_picture_is_the_callers(market: Market) -> None:
    draw = next(each for each in market.kernel.held("ann") if each.type == "diffusers.generate")
    made = market.publish("cat", DRAW, [Granted(draw.id, Terms({"max_steps": 5}, {"uses": 1}))])
    held = market.share("cat", limits={"uses": 3})
    picture = await market.run("ben", '(call.call "cat" {:prompt "a dog"})')
    assert market.engine.asked[0].steps == 5
    assert market.engine.asked[0].prompt == "a dog"
    assert picture.made_with == {}
    assert market.kernel.owns("ben", picture.asset)
    assert market.left(held.id) == {"uses": 2}
    assert market.kernel.describe("ann", made.grant[0]).left == {"uses": 0}
    # What the publisher granted is spent: the call fails, and takes no use of the caller's.
    assert (await market.fails("ben", '(call.call "cat")')).kind == "no_budget"
    assert market.left(held.id) == {"uses": 2}


async def test_a_caller_gets_no_capability_of_the_publishers_by_result_error_or_lookup(market: Market) -> None:
    market.publish(
        "leak",
        '(params (how (choice "give" "throw" "function" "list"))) (let draw (get-capability '
        '"diffusers.generate")) (if (== how "give") draw (if (== how "throw") (throw draw) (if (== how "function") '
        "(lambda [] draw) [{:a draw}])))",
    )
    market.publish("look", '(params (x int 0)) (has-capability "endpoint.call")')
    market.share("leak", "look")
    for how in ("give", "throw", "list"):
        assert (await market.fails("ben", f'(call.call "leak" {{:how "{how}"}})')).kind == "denied"
    assert (await market.fails("ben", '(call.call "leak" {:how "function"})')).kind == "type"
    # It cannot reach what its caller holds either, nor be handed it.
    assert await market.run("ben", '(call.call "look")') is False
    assert (await market.fails("ben", '(call.call "look" {:x call})')).kind == "invalid_params"
    assert await market.run("ben", '(has-capability "diffusers.generate")') is False


async def test_only_what_is_named_is_reached_and_nobody_elses_of_that_name(market: Market) -> None:
    market.publish("one", "1")
    market.publish("two", "2")
    market.publish("one", "3", owner="ben")
    shared = market.share("one")
    assert await market.run("ben", '[(call.call "one")]') == [3]  # ben's own comes first in ben's own grant
    reached = {(each.owner, each.name) for each, _ in market.space.callable(market.kernel.held("ben"))}
    assert reached == {("ben", "one"), ("ann", "one")}
    of_ann = f'(let hers (get-capability "endpoint.call" {{:id "{shared.id}"}})) '
    assert await market.run("ben", f'{of_ann} (hers.call "one")') == 1
    assert (await market.fails("ben", f'{of_ann} (hers.call "two")')).kind == "denied"
    assert (await market.fails("ben", f'{of_ann} (hers.describe "two")')).kind == "denied"
    market.kernel.revoke("ann", shared.id)
    assert (await market.fails("ben", f'{of_ann} (hers.call "one")')).kind == "method_not_found"  # of null


async def test_a_capability_of_another_type_calls_none(market: Market) -> None:
    market.publish("cat", "1")
    draw = next(each for each in market.kernel.held("ann") if each.type == "diffusers.generate")
    shared = market.kernel.share("ann", draw.id, "ben")
    passed_off = CapabilityValue(market.kernel, "ben", shared.id, CALL)
    assert (
        await market.fails("ben", '(let posed (std.arg 0)) (posed.call "cat")', passed_off)
    ).kind == "no_such_capability"


async def test_one_that_may_not_be_handed_on_serves_no_endpoint(market: Market) -> None:
    draw = next(each for each in market.kernel.held("ann") if each.type == "diffusers.generate")
    market.kernel.share("ann", draw.id, "ben", Terms({"no_give": True}))
    with pytest.raises(ScriptError) as refused:
        market.publish("cat", DRAW, owner="ben")
    assert refused.value.kind == "denied"


async def test_a_program_that_was_changed_in_the_database_is_not_run(market: Market) -> None:
    market.publish("cat", "1")
    with market.space.database.write() as tx:
        tx.execute(endpoints.update().values(program="2"))
    assert (await market.fails("ann", '(call.call "cat")')).kind == "storage_error"
    [(changed, _)] = market.space.callable(market.kernel.held("ann"))
    assert "changed" in market.space.described(changed)["unavailable"]


async def test_calls_at_the_same_time_are_counted_until_they_end(market: Market) -> None:
    market.publish("cat", DRAW)
    market.share("cat", limits={"concurrent": 1})
    at_once = '(par.map [1 2] (lambda [x] (try (typeof (call.call "cat")) error error)))'
    told = await market.run("ben", at_once)
    assert "image" in told
    assert any("1 at a time" in str(each) for each in told)
    again = await market.run("ben", '[(typeof (call.call "cat")) (typeof (call.call "cat"))]')
    assert again == ["image", "image"]


async def test_a_durable_run_cut_off_anywhere_calls_an_endpoint_once(market: Market) -> None:
    market.publish("cat", DRAW)
    held = market.share("cat", limits={"uses": 2})
    source = '(let a (call.call "cat" {:prompt "a"})) [(obj.get a "asset") (try (call.call "cat" {:prompt 1}) e "no")]'
    value = await market.run("ben", source, rows=())
    assert market.journal is not None
    rows, drawn = list(market.journal.read()), len(market.engine.asked)
    assert value[1] == "no"
    assert market.left(held.id) == {"uses": 1}
    for cut in range(1, len(rows)):
        assert await market.run("ben", source, rows=rows[:cut]) == value
    assert market.left(held.id) == {"uses": 1}
    assert drawn <= len(market.engine.asked) <= drawn + 2
    market.publish("cat", "5")  # a resumed run goes on with the version it began with
    assert await market.run("ben", source, rows=rows) == value
