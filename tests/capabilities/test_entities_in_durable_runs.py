"""Durable runs with entities, cut off after every entry of their journal: they end the same, and make nothing twice."""

import random
from collections.abc import Sequence
from typing import Any

from mintaka.capabilities.effects import KeptEffects
from mintaka.capabilities.entities.space import CONTROL, EntitySpace
from mintaka.capabilities.entities.value import entity_kind
from mintaka.capabilities.grant import Grant
from mintaka.capabilities.references import References
from mintaka.lang.parser import parse
from mintaka.runtime.budget import Budget
from mintaka.runtime.compiler import compile_tree
from mintaka.runtime.execute import execute
from mintaka.runtime.journal import MemoryJournal, Row
from mintaka.runtime.powers import Powers
from tests.capabilities.town import OPS, START, Town, lamp

RUN = "j_1"
KEY = bytes(range(32))


async def durable(town: Town, who: str, source: str, rows: Sequence[Row] = ()) -> tuple[Any, list[Row]]:
    """A durable run, gone on with from what a journal holds: its value, and the journal then."""
    effects = KeptEffects(town.space.database, RUN, key=KEY)
    grant = Grant(town.kernel, who, [each.id for each in town.kernel.held(who)], effects)
    codec = References(town.kernel, who, RUN, key=KEY, kinds=[entity_kind(town.space, town.kernel)])
    journal = MemoryJournal(RUN, rows)
    powers = Powers(town.clock, random.Random(1), hosts={Grant: grant, EntitySpace: town.space})
    program = compile_tree(parse(START + source), OPS)
    outcome = await execute(program, budget=Budget(), powers=powers, journal=journal, codec=codec)
    return outcome.value, list(journal.read())


async def test_a_run_that_was_cut_off_anywhere_makes_and_changes_every_entity_once(town: Town) -> None:
    tool = await lamp(
        town, make='(let create (get-capability "sys.create")) (create.create {:by (obj.get (std.this) "id")})'
    )
    await town.run("ann", f"(control.update {tool} {{:create create}})")
    source = f"""
    (let id (create.create {{:count 1}}))
    (control.update id {{:count (+ 1 (obj.get (entity id) "count"))}})
    (control.setVerb id "later" "(schedule \\"later\\" [] 5000)")
    (call id "later")
    [id (call {tool} "make") (obj.get (entity id) "count")]
    """
    value, rows = await durable(town, "ann", source)
    made = town.space.entities.of("ann")
    assert made == [tool, *value[:2]]
    assert value[2] == 2
    for cut in range(1, len(rows)):
        assert (await durable(town, "ann", source, rows[:cut]))[0] == value
    assert town.space.entities.of("ann") == made
    assert len(town.space.agenda.of(value[0])) == 1


async def test_a_resumed_run_goes_the_way_it_went_though_a_verb_was_rewritten(town: Town) -> None:
    id = await lamp(town, shine='(str.concat (obj.get (std.this) "name") "!")')
    source = f'(let it (entity {id})) [(it.shine) (obj.get it "name")]'
    value, rows = await durable(town, "ann", source)
    assert value == ["lamp!", "lamp"]
    await town.run("ann", f'(control.setVerb {id} "shine" "1") (control.update {id} {{:name "new"}})')
    assert (await durable(town, "ann", source, rows))[0] == value


async def test_a_verb_of_somebody_elses_runs_with_what_it_keeps_in_a_durable_run_too(town: Town) -> None:
    id = await lamp(
        town, can='(let draw (get-capability "diffusers.generate")) (typeof (delegate draw {:max_steps 2}))'
    )
    await town.run("ann", f'(control.update {id} {{:draw (get-capability "diffusers.generate")}})')
    town.share("ben", CONTROL, {"entities": [id]}, {"uses": 1})
    value, rows = await durable(town, "ben", f'(call {id} "can")')
    assert value == "capability"
    for cut in range(1, len(rows)):
        assert (await durable(town, "ben", f'(call {id} "can")', rows[:cut]))[0] == value
