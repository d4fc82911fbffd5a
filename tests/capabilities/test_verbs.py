"""Verbs of entities: whose authority they have, how they run, and what they schedule."""

import pytest

from mintaka.capabilities.entities.space import CONTROL, CREATE
from mintaka.runtime.budget import Budget
from mintaka.runtime.errors import ScriptError
from tests.capabilities.town import START, Town, lamp

# Whose authority


async def test_a_verb_acts_with_what_its_entity_keeps_and_not_with_what_its_caller_or_its_owner_holds(
    town: Town,
) -> None:
    id = await lamp(
        town,
        bare='(has-capability "diffusers.generate")',
        kept='[(has-capability "diffusers.generate") (typeof (obj.get (std.this) "draw"))]',
    )
    assert await town.run("ann", f'[(has-capability "diffusers.generate") (call {id} "bare")]') == [True, False]
    await town.run("ann", f'(control.update {id} {{:draw (get-capability "diffusers.generate")}})')
    assert await town.run("ann", f'(call {id} "kept")') == [True, "capability"]


async def test_a_deputy_does_not_lend_its_callers_its_own_authority(town: Town) -> None:
    """Ann's tool reads any entity it is told the number of. Ben tells it the number of Ann's diary."""
    diary = await town.run("ann", '(create.create {:name "diary" :text "secret"})')
    tool = await lamp(town, read='(obj.get (entity (arg 0)) "text")', given='(obj.get (arg 0) "name")')
    town.share("ben", CONTROL, {"entities": [tool], "methods": ["call"]})
    refused = await town.fails("ben", f'(call {tool} "read" {diary})')
    assert refused.kind == "no_such_capability"
    assert refused.message == (await town.fails("ben", f'(call {tool} "read" 4711)')).message
    assert (await town.fails("ann", f'(call {tool} "read" {diary})')).kind == "no_such_capability"  # nor for herself
    assert await town.run("ann", f'(call {tool} "given" (entity {diary}))') == "diary"


async def test_a_verb_has_of_its_callers_what_it_was_handed_and_only_for_the_call(town: Town) -> None:
    id = await lamp(
        town,
        use="(typeof (delegate (arg 0) {:max_steps 2}))",
        share='(share-capability (arg 0) "eve")',
        give='(give-capability (arg 0) "ann")',
        export="(export-capability (arg 0))",
        revoke="(revoke-capability (arg 0))",
        keep='(schedule "use" [(arg 0)] 0)',
    )
    town.share("ben", CONTROL, {"entities": [id], "methods": ["call", "read"]})
    draw = town.share("ben", "diffusers.generate")
    assert await town.run("ben", f'(call {id} "use" (arg 0))', draw) == "capability"
    assert [each.id for each in town.kernel.held("ben") if each.type == "diffusers.generate"] == [draw.id]
    for verb in ("share", "give", "export", "revoke", "keep"):
        assert (await town.fails("ben", f'(call {id} "{verb}" (arg 0))', draw)).kind == "denied"
    assert town.kernel.describe("ben", draw.id)
    assert not town.kernel.held("eve")


async def test_what_an_entity_keeps_is_seen_by_its_own_verbs_alone(town: Town) -> None:
    id = await lamp(town, mine='(typeof (obj.get (std.this) "draw"))', me="(std.this)", throw="(throw (std.this))")
    await town.run("ann", f'(control.update {id} {{:draw (get-capability "diffusers.generate")}})')
    child = await town.run("ann", f"(create.create {{:prototype_id {id}}})")
    seen = f"""
    [(obj.get (entity {id}) "draw") (call {id} "mine") (obj.get (call {id} "me") "draw")
     (obj.get (try (call {id} "throw") e e) "draw") (call {child} "mine") (obj.get (entity {child}) "draw")]
    """
    assert await town.run("ann", seen) == [None, "capability", None, None, "null", None]


async def test_a_verb_returns_no_capability_of_its_owners_to_somebody_else(town: Town) -> None:
    give = '(get-capability "diffusers.generate")'
    id = await lamp(town, give=give, wrap=f"[{{:a {give}}}]", throw=f"(throw {give})")
    await town.run("ann", f'(control.update {id} {{:draw (get-capability "diffusers.generate")}})')
    town.share("ben", CONTROL, {"entities": [id]})
    for verb in ("give", "wrap", "throw"):
        assert (await town.fails("ben", f'(call {id} "{verb}")')).kind == "denied"
    assert await town.run("ann", f'(typeof (call {id} "give"))') == "capability"


async def test_what_an_entity_keeps_dies_when_it_is_taken_back(town: Town) -> None:
    id = await lamp(town, has='(has-capability "diffusers.generate")')
    made = await town.run(
        "ann",
        f"""(let few (delegate (get-capability "diffusers.generate") {{:max_steps 2}}))
            (control.update {id} {{:draw few}}) [few (call {id} "has")]""",
    )
    assert made[1] is True
    assert await town.run("ann", f'(call {id} "has")') is True  # what is kept outlives the run that made it
    town.kernel.revoke("ann", made[0].id)
    assert await town.run("ann", f'(call {id} "has")') is False


async def test_an_entity_keeps_nothing_that_its_owner_does_not_hold(town: Town) -> None:
    id = await lamp(town)
    town.share("ben", CONTROL, {"entities": [id]})
    draw = town.share("ben", "diffusers.generate")
    assert (await town.fails("ben", f"(control.update {id} {{:draw (arg 0)}})", draw)).kind == "denied"


async def test_a_verb_makes_entities_with_a_lent_capability_for_its_caller(town: Town) -> None:
    id = await lamp(town, make='(let create (arg 0)) (create.create {:name "made"})')
    town.share("ben", CONTROL, {"entities": [id]})
    create = town.share("ben", CREATE)
    made = await town.run("ben", f'(call {id} "make" (arg 0))', create)
    assert town.space.entities.get(made).owner == "ben"


async def test_a_verb_reaches_what_it_made_and_no_other_entity_of_its_owners(town: Town) -> None:
    id = await lamp(
        town, make='(let create (get-capability "sys.create")) (obj.get (entity (create.create {:a 7})) "a")'
    )
    await town.run("ann", f"(control.update {id} {{:create create}})")
    assert await town.run("ann", f'(call {id} "make")') == 7
    other = await lamp(town, peep="(entity (arg 0))")
    source = f'(let new (create.create {{}})) (entity new) (call {other} "peep" new)'
    assert (await town.fails("ann", source)).kind == "no_such_capability"


async def test_this_and_caller_are_the_entity_and_whose_verb_called_it(town: Town) -> None:
    inner = await lamp(town, me='[(obj.get (std.this) "id") (std.caller) (std.args)]')
    outer = await lamp(town, ask='(call (arg 0) "me" 1 2)')
    this, caller, args = await town.run("ann", f'(call {outer} "ask" (entity {inner}))')
    assert (this, caller.id, args) == (inner, outer, [1, 2])
    assert await town.run("ann", f'(call {inner} "me")') == [inner, None, []]


async def test_a_verb_does_not_learn_which_entity_of_somebody_elses_called_it(town: Town) -> None:
    hers = await lamp(town, me="(std.caller)")
    town.share("ben", CONTROL, {"entities": [hers]})
    town.share("ben", CREATE)
    his = await lamp(town, "ben", ask='(call (arg 0) "me")')
    assert await town.run("ben", f'(call {his} "ask" (entity {hers}))') is None


# Running verbs


async def test_values_cross_as_copies_and_functions_not_at_all(town: Town) -> None:
    id = await lamp(town, change="(list.push (arg 0) 9) (arg 0)", give="(lambda [] 1)")
    assert await town.run("ann", f'(let l [1]) [(call {id} "change" l) l]') == [[1, 9], [1]]
    assert (await town.fails("ann", f'(call {id} "change" (lambda [] 1))')).kind == "type"
    assert (await town.fails("ann", f'(call {id} "give")')).kind == "type"


async def test_an_endless_verb_is_stopped_on_its_callers_budget(town: Town) -> None:
    id = await lamp(
        town, spin="(while true null)", bounce='(call (std.this) "bounce")', work="(for i (list.range 0 500) i)"
    )
    with pytest.raises(ScriptError) as spent:
        await town.outcome("ann", f'(try (call {id} "spin") e 1)', budget=Budget(fuel=50_000))
    assert spent.value.kind == "fuel"
    with pytest.raises(ScriptError) as deep:
        await town.outcome("ann", f'(try (call {id} "bounce") e 1)')
    assert deep.value.kind == "depth"
    alone = (await town.outcome("ann", f'(call {id} "work")')).used.fuel
    twice = (await town.outcome("ann", f'(call {id} "work") (call {id} "work")')).used.fuel
    assert alone > 500
    assert twice > 2 * alone - 100


async def test_a_verb_uses_its_callers_memory_and_calls(town: Town) -> None:
    id = await lamp(town, fill="(let l []) (while true (list.push l (list.range 0 1000)))")
    with pytest.raises(ScriptError) as full:
        await town.outcome("ann", f'(call {id} "fill")', budget=Budget(memory=1 << 20))
    assert full.value.kind == "memory"
    with pytest.raises(ScriptError) as most:
        await town.outcome("ann", f'(call {id} "a") (call {id} "a")', budget=Budget(calls=1))
    assert most.value.kind == "method_not_found"
    id = await lamp(town, a="1")
    with pytest.raises(ScriptError) as most:
        await town.outcome("ann", f'(call {id} "a") (call {id} "a")', budget=Budget(calls=1))
    assert most.value.kind == "no_budget"


async def test_an_error_in_a_verb_is_an_error_of_the_call(town: Town) -> None:
    id = await lamp(town, fail='\n\n(throw {:why "no oil"})', wrong="(+ 1 (arg 0))")
    error = await town.fails("ann", f'\n(call {id} "fail")')
    assert (error.kind, error.op, error.data["line_within"]) == ("thrown", "call", 3)
    assert error.line == len(START.splitlines()) + 2
    assert await town.run("ann", f'(try (call {id} "fail") e (obj.get e "why"))') == "no oil"
    assert (await town.fails("ann", f'(call {id} "wrong" "x")')).kind == "type"
    near = await town.fails("ann", f'(call {id} "fial")')
    assert near.message == f"entity {id} has no verb `fial` — did you mean `fail`?"


async def test_a_verb_that_waits_and_one_that_works_on_many_things_at_once(town: Town) -> None:
    id = await lamp(
        town, double="(* 2 (arg 0))", all='(let me (std.this)) (par.map (arg 0) (lambda [n] (call me "double" n)))'
    )
    assert await town.run("ann", f'(call {id} "all" [1 2 3])') == [2, 4, 6]
    assert await town.run("ann", f'(par.map [4 5] (lambda [n] (call {id} "double" n)))') == [8, 10]


async def test_a_timeout_around_a_call_holds_within_it(town: Town) -> None:
    id = await lamp(town, spin="(while true null)")
    refused = await town.fails("ann", f'(with-timeout 0 (call {id} "spin"))')
    assert refused.kind == "deadline"


async def test_what_a_verb_sends_is_told_to_whom_it_runs_for(town: Town) -> None:
    id = await lamp(town, say='(send "message" (str.concat "hello " (arg 0)))')
    await town.run("ann", f'(call {id} "say" "you")')
    assert town.events == [("log", {"text": "hello you", "type": "message"})]


async def test_verbs_can_be_listed_read_and_taken_away(town: Town) -> None:
    id = await lamp(town, b="1", a="2")
    assert await town.run("ann", f"(verbs {id})") == [{"name": "a", "entity_id": id}, {"name": "b", "entity_id": id}]
    assert await town.run("ann", f'(get-verb {id} "a")') == {"name": "a", "entity_id": id, "source": "2"}
    assert await town.run(
        "ann", f'[(control.removeVerb {id} "a") (control.removeVerb {id} "a") (get-verb {id} "a")]'
    ) == [
        True,
        False,
        None,
    ]
    assert (await town.fails("ann", f'(control.setVerb {id} "" "1")')).kind == "invalid_params"
    assert (await town.fails("ann", f'(control.setVerb {id} "a" (arg 0))', " " * 70_000)).kind == "limit"


# Scheduling


async def test_a_verb_schedules_verbs_of_its_own_entity(town: Town) -> None:
    id = await lamp(
        town,
        tick='(schedule "tick" [1 {:a (arg 0)}] 5000)',
        wrong='(schedule "tock" [] 0)',
        soon='(schedule "tick" [] 0)',
    )
    await town.run("ann", f'(call {id} "tick" 2) (call {id} "soon")')
    now = town.clock()
    assert [(each.verb, each.args, each.due - now) for each in town.space.agenda.of(id)] == [
        ("tick", "[]", 1.0),
        ("tick", '[1,{"a":2}]', 5.0),
    ]
    assert (await town.fails("ann", f'(call {id} "wrong")')).kind == "method_not_found"
    assert (await town.fails("ann", '(schedule "tick" [] 0)')).kind == "invalid_params"


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        ('(schedule "a" [] -1)', "invalid_params"),
        ('(schedule "a" [] (/ 0 0))', "invalid_params"),
        (f'(schedule "a" ["{"x" * 5000}"] 1)', "limit"),
        ('(schedule "a" [(lambda [] 1)] 1)', "type"),
    ],
)
async def test_what_cannot_be_scheduled_is_refused(town: Town, call: str, kind: str) -> None:
    id = await lamp(town, a=call)
    assert (await town.fails("ann", f'(call {id} "a")')).kind == kind
    assert town.space.agenda.next() is None
