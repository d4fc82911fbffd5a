"""A refusal says who can raise what refused, and nothing that its reader could not know."""

from random import Random
from typing import Any

import pytest

from mintaka.capabilities.limits import MEGA
from mintaka.capabilities.terms import Terms
from mintaka.runtime.errors import HostFault

PEOPLE = ("ann", "bob", "cid", "dot", "eve")


def refusal(world: Any, holder: str, id: str, asked: Any = None, mega: int = 1) -> HostFault:
    with pytest.raises(HostFault) as caught:
        world.kernel.calls.admit(holder, id, "textToImage", asked or {}, {"compute": mega * MEGA})
    return caught.value


def everything_told(fault: HostFault) -> str:
    return f"{fault.message} {fault.hint} {fault.data}"


@pytest.fixture
def top(world: Any) -> str:
    """Ann's own, beside three others who hold nothing yet."""
    for name in PEOPLE[1:]:
        world.kernel.introduce(name)
    id: str = world.root().id
    return id


def test_whoever_set_themself_a_limit_is_told_so_with_what_they_called_it(world: Any, top: str) -> None:
    small = world.kernel.delegate("ann", top, Terms({"max_width": 64}, {"compute": 5}, label="small"))
    leaf = world.kernel.delegate("ann", small.id)
    dear = refusal(world, "ann", leaf.id, mega=6)
    assert dear.message == "this costs 6 megapixel-steps, and 5 are left; you set that yourself, on “small”"
    assert dear.hint == ("ask for a smaller picture, fewer steps or a smaller batch, or use what you made it from")
    assert dear.data == {"unit": "compute", "cost": 6, "left": 5, "raised_by": "ann"}
    wide = refusal(world, "ann", leaf.id, {"max_width": 65})
    assert wide.message.endswith("65 px was asked for; you set that yourself, on “small”")
    assert wide.data["raised_by"] == "ann"


def test_whoever_was_given_a_limit_is_told_who_gave_it(world: Any, top: str) -> None:
    given = world.kernel.share("ann", top, "bob", Terms({"max_width": 64}, {"compute": 5, "uses": 1}, label="for Bob"))
    dear, wide = refusal(world, "bob", given.id, mega=6), refusal(world, "bob", given.id, {"max_width": 65})
    assert dear.message.endswith("and 5 are left; ann can raise that")
    assert dear.hint.endswith("or ask ann for more")
    assert (dear.data["raised_by"], wide.data["raised_by"]) == ("ann", "ann")
    assert wide.message.endswith("; ann can raise that")


def test_a_limit_further_up_is_told_as_that_of_whom_one_has_it_from(world: Any, top: str) -> None:
    bobs = world.kernel.share("ann", top, "bob", Terms({"max_width": 64}, {"compute": 5}, label="secret plan"))
    cids = world.kernel.share("bob", bobs.id, "cid", Terms({}, {"compute": 9}))
    own = world.kernel.delegate("cid", cids.id, Terms({}, {"compute": 8}, label="mine"))
    for fault in (refusal(world, "cid", own.id, mega=6), refusal(world, "cid", own.id, {"max_width": 65})):
        assert fault.data["raised_by"] == "bob"
        for hidden in ("ann", "secret plan", bobs.id, cids.id, top):
            assert hidden not in everything_told(fault)


def test_of_several_limits_the_one_that_has_the_least_left_is_told_of(world: Any, top: str) -> None:
    bobs = world.kernel.share("ann", top, "bob", Terms({}, {"compute": 3}))
    tight = world.kernel.delegate("bob", bobs.id, Terms({}, {"compute": 2}))
    loose = world.kernel.delegate("bob", bobs.id, Terms({}, {"compute": 4}))
    assert refusal(world, "bob", tight.id, mega=6).data["raised_by"] == "bob"
    assert refusal(world, "bob", loose.id, mega=6).data["raised_by"] == "ann"


def test_what_was_minted_pays_where_its_authority_does_and_says_who_limited_that(world: Any, top: str) -> None:
    power = world.kernel.share("ann", world.root("sys.mint").id, "bob", Terms({}, {"compute": 1}))
    minted = world.kernel.mint("bob", power.id, "diffusers.generate", Terms({"max_width": 64}))
    assert refusal(world, "bob", minted.id, mega=2).data["raised_by"] == "ann"
    assert refusal(world, "bob", minted.id, {"max_width": 65}).data["raised_by"] == "bob"


@pytest.mark.parametrize("seed", range(20))
def test_nobody_is_named_but_the_holder_and_whom_they_have_it_from(world: Any, top: str, seed: int) -> None:
    chances = Random(seed)
    links, holders = [top], ["ann"]
    for number in range(8):
        terms = Terms(
            {"max_width": chances.randint(60, 70)} if chances.random() < 0.5 else {},
            {"compute": chances.randint(1, 9)} if chances.random() < 0.5 else {},
            label=f"label-{number}",
        )
        to = chances.choice([holders[-1], *PEOPLE])
        links.append(world.kernel.share(holders[-1], links[-1], to, terms).id)
        holders.append(to)
    holder = holders[-1]
    giver = next((name for name in reversed(holders) if name != holder), holder)
    for asked, mega in (({}, 100), ({"max_width": 100}, 1)):
        try:
            world.kernel.calls.admit(holder, links[-1], "textToImage", asked, {"compute": mega * MEGA})
        except HostFault as fault:
            told = everything_told(fault)
            assert [name for name in PEOPLE if name in told and name not in (holder, giver)] == []
            shown = [number for number in range(8) if f"label-{number}" in told]
            assert all(holders[number] == holder for number in shown)
            assert not any(id in told for id in links)
