from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, update

from mintaka.capabilities.chains import seal
from mintaka.capabilities.kernel import Kernel
from mintaka.capabilities.ledger import Published
from mintaka.capabilities.limits import MEGA, Limits
from mintaka.capabilities.minting import Mint
from mintaka.capabilities.registry import Registry
from mintaka.capabilities.rows import MAX_DEPTH
from mintaka.capabilities.terms import Terms
from mintaka.runtime.errors import HostFault
from mintaka.storage.database import Database
from mintaka.storage.schema import account, cap, charge

GENERATE = "diffusers.generate"


def admit(world: Any, id: str) -> Any:
    return world.kernel.calls.admit("ann", id, "textToImage", {}, {"uses": 1})


def kind_of(refused: Any) -> str:
    with pytest.raises(HostFault) as caught:
        refused()
    return caught.value.kind


def root(world: Any, type: str = GENERATE, holder: str = "ann") -> str:
    return world.root(type, holder).id


def test_the_owner_gets_one_root_of_each_type_and_no_second_when_the_server_starts_again(world: Any) -> None:
    first = world.kernel.bootstrap("ann")
    drawing = ["controlnet.generate", GENERATE, "diffusers.inpaint", "diffusers.upscale"]
    assert sorted(each.type for each in first) == [*drawing, "sys.mint"]
    assert {each.id for each in world.kernel.bootstrap("ann")} == {each.id for each in first}
    assert all(each.restrictions.to_json() == {} and each.left == {} for each in first)


def test_somebody_who_was_only_introduced_holds_nothing(world: Any) -> None:
    world.kernel.introduce("bob")
    world.kernel.introduce("bob")
    assert world.kernel.held("bob") == []


def test_a_child_permits_only_what_every_link_above_it_permits(world: Any) -> None:
    top = root(world)
    middle = world.kernel.delegate("ann", top, Terms({"max_width": 512, "allowed_models": ["alpha", "beta"]}))
    leaf = world.kernel.delegate("ann", middle.id, Terms({"max_width": 1024, "max_steps": 5}))
    assert leaf.restrictions.to_json() == {"allowed_models": ["alpha", "beta"], "max_steps": 5, "max_width": 512}
    world.kernel.permit("ann", leaf.id, {"max_width": 512})
    assert kind_of(lambda: world.kernel.permit("ann", leaf.id, {"max_width": 513})) == "denied"
    assert kind_of(lambda: world.kernel.permit("ann", leaf.id, {"allowed_models": "gamma"})) == "denied"


def test_narrowing_twice_is_narrowing_once_by_both(world: Any) -> None:
    top = root(world)
    first, second = {"max_width": 300, "seed": [0, 50]}, {"max_width": 200, "seed": [40, 90]}
    twice = world.kernel.delegate("ann", world.kernel.delegate("ann", top, Terms(first)).id, Terms(second))
    rules = world.kernel.registry.get(GENERATE).restrictions
    both = rules.parse(first, of=GENERATE).meet(rules.parse(second, of=GENERATE))
    once = world.kernel.delegate("ann", top, Terms(both.to_json()))
    assert twice.restrictions == once.restrictions


def test_a_delegation_that_could_do_nothing_is_refused(world: Any) -> None:
    narrow = world.kernel.delegate("ann", root(world), Terms({"allowed_models": ["alpha"]}))
    assert (
        kind_of(lambda: world.kernel.delegate("ann", narrow.id, Terms({"allowed_models": ["beta"]})))
        == "empty_authority"
    )


def test_what_may_not_be_handed_on_is_not(world: Any) -> None:
    bound = world.kernel.delegate("ann", root(world), Terms({"no_delegate": True}))
    assert kind_of(lambda: world.kernel.delegate("ann", bound.id)) == "denied"


def test_a_chain_has_an_end(world: Any) -> None:
    id = root(world)
    for _ in range(MAX_DEPTH):
        id = world.kernel.delegate("ann", id).id
    assert kind_of(lambda: world.kernel.delegate("ann", id)) == "limit"


@pytest.mark.parametrize(
    "limits", [{"compute": 0}, {"compute": "5"}, {"uses": 1.5}, {"uses": True}, {"bytes": 0}, [], ""]
)
def test_limits_that_make_no_sense_are_refused(world: Any, limits: object) -> None:
    top = root(world)
    assert kind_of(lambda: world.kernel.delegate("ann", top, Terms({}, limits))) == "invalid_params"


@pytest.mark.parametrize("restrictions", [[], "", 0, False, "max_width"])
def test_restrictions_that_are_no_object_never_mean_none(world: Any, restrictions: object) -> None:
    assert kind_of(lambda: world.kernel.delegate("ann", root(world), Terms(restrictions))) == "invalid_params"


def test_unknown_foreign_revoked_and_expired_are_one_answer(world: Any) -> None:
    top = root(world)
    foreign = root(world, holder="bob")
    revoked = world.kernel.delegate("ann", top).id
    world.kernel.revoke("ann", revoked)
    expired = world.kernel.delegate("ann", top, Terms(expires=world.clock.now + 5)).id
    world.clock.now += 5
    answers = []
    for id in ("c_unknown", foreign, revoked, expired):
        for attempt in (
            lambda id=id: world.kernel.describe("ann", id),
            lambda id=id: world.kernel.delegate("ann", id),
            lambda id=id: world.kernel.calls.admit("ann", id, "textToImage", {}, {}),
            lambda id=id: world.kernel.permit("ann", id, {}),
            lambda id=id: world.kernel.revoke("ann", id),
            lambda id=id: world.kernel.mint("ann", id, GENERATE),
        ):
            with pytest.raises(HostFault) as caught:
                attempt()
            answers.append((caught.value.kind, caught.value.message, caught.value.hint, dict(caught.value.data)))
    assert len(set(map(repr, answers))) == 1
    assert answers[0][0] == "no_such_capability"


def test_revoking_ends_everything_below_and_nothing_beside(world: Any) -> None:
    top = root(world)
    left, right = world.kernel.delegate("ann", top), world.kernel.delegate("ann", top)
    below = world.kernel.delegate("ann", world.kernel.delegate("ann", left.id).id)
    assert world.kernel.revoke("ann", left.id) == 3
    assert kind_of(lambda: world.kernel.describe("ann", below.id)) == "no_such_capability"
    assert world.kernel.describe("ann", right.id).id == right.id
    assert kind_of(lambda: world.kernel.revoke("ann", left.id)) == "no_such_capability"


def test_whoever_holds_something_above_may_revoke_and_a_stranger_may_not(world: Any) -> None:
    child = world.kernel.delegate("ann", root(world)).id
    world.kernel.bootstrap("bob")
    hand_over(world, child, "bob")
    assert kind_of(lambda: world.kernel.describe("ann", child)) == "no_such_capability"
    grandchild = world.kernel.delegate("bob", child).id
    world.kernel.introduce("eve")
    assert kind_of(lambda: world.kernel.revoke("eve", grandchild)) == "no_such_capability"
    assert world.kernel.revoke("ann", grandchild) == 1
    assert world.kernel.revoke("ann", child) == 1


def hand_over(world: Any, id: str, holder: str) -> None:
    """Give a capability to somebody else, sealed as the kernel itself would."""
    with world.database.write() as tx:
        row = dict(tx.execute(select(cap).where(cap.c.id == id)).mappings().one()) | {"holder": holder}
        tx.execute(update(cap).where(cap.c.id == id).values(holder=holder, mac=seal(bytes(range(32)), row, Limits())))


def test_minting_makes_what_the_namespace_covers_and_dies_with_its_authority(world: Any) -> None:
    authority = world.kernel.delegate("ann", root(world, "sys.mint"), Terms({"namespace": "diffusers"}))
    minted = world.kernel.mint("ann", authority.id, GENERATE, Terms({"max_width": 64}, {"uses": 1}, label="small"))
    assert (minted.parent, minted.mint, minted.label) == (None, authority.id, "small")
    assert minted.restrictions.to_json() == {"max_width": 64}
    assert world.kernel.revoke("ann", authority.id) == 2
    assert kind_of(lambda: world.kernel.describe("ann", minted.id)) == "no_such_capability"


def test_minting_is_refused_beyond_the_namespace_without_a_mint_and_of_a_mint(world: Any) -> None:
    power, draw = root(world, "sys.mint"), root(world)
    elsewhere = world.kernel.delegate("ann", power, Terms({"namespace": "net"}))
    assert kind_of(lambda: world.kernel.mint("ann", elsewhere.id, GENERATE)) == "denied"
    assert kind_of(lambda: world.kernel.mint("ann", draw, GENERATE)) == "denied"
    assert kind_of(lambda: world.kernel.mint("ann", power, "sys.mint")) == "denied"
    assert kind_of(lambda: world.kernel.mint("ann", power, "diffusers.generat")) == "invalid_params"


def test_two_children_of_one_budget_spend_it_together(world: Any) -> None:
    parent = world.kernel.delegate("ann", root(world), Terms({}, {"compute": 10}))
    children = [world.kernel.delegate("ann", parent.id, Terms({}, {"compute": 10})).id for _ in range(2)]
    first = world.kernel.calls.admit("ann", children[0], "textToImage", {}, {"compute": 6 * MEGA})
    with pytest.raises(HostFault, match="costs 6 megapixel-steps, and 4 are left") as caught:
        world.kernel.calls.admit("ann", children[1], "textToImage", {}, {"compute": 6 * MEGA})
    assert caught.value.kind == "no_budget"
    assert caught.value.data == {"unit": "compute", "cost": 6, "left": 4, "raised_by": "ann"}
    world.kernel.calls.settle(first, {"compute": 5 * MEGA})
    second = world.kernel.calls.admit("ann", children[1], "textToImage", {}, {"compute": 5 * MEGA})
    world.kernel.calls.settle(second, {})
    assert world.kernel.describe("ann", parent.id).to_json()["used"] == {"compute": 10}
    assert world.kernel.describe("ann", children[0]).to_json()["left"] == {"compute": 0}


def test_what_an_authority_minted_pays_into_its_accounts_too(world: Any) -> None:
    authority = world.kernel.delegate("ann", root(world, "sys.mint"), Terms({}, {"uses": 2}))
    minted = world.kernel.mint("ann", authority.id, GENERATE)
    world.kernel.calls.settle(world.kernel.calls.admit("ann", minted.id, "textToImage", {}, {"uses": 1}), {})
    assert kind_of(lambda: world.kernel.calls.admit("ann", minted.id, "textToImage", {}, {"uses": 1})) == "no_budget"
    assert kind_of(lambda: world.kernel.mint("ann", authority.id, GENERATE)) == "no_budget"


def test_a_refused_call_reserves_nothing_anywhere(world: Any) -> None:
    rich = world.kernel.delegate("ann", root(world), Terms({}, {"compute": 10, "uses": 5}))
    poor = world.kernel.delegate("ann", rich.id, Terms({}, {"compute": 1}))
    costs = {"uses": 1, "compute": 2 * MEGA}
    assert kind_of(lambda: world.kernel.calls.admit("ann", poor.id, "textToImage", {}, costs)) == "no_budget"
    assert world.kernel.describe("ann", rich.id).to_json()["used"] == {"compute": 0, "uses": 0}


def test_a_method_that_is_not_allowed_is_not_admitted(world: Any) -> None:
    lists = world.kernel.delegate("ann", root(world), Terms({"methods": ["models"]}))
    assert kind_of(lambda: world.kernel.calls.admit("ann", lists.id, "textToImage", {}, {})) == "denied"


def test_a_call_ends_once(world: Any) -> None:
    limited = world.kernel.delegate("ann", root(world), Terms({}, {"uses": 3}))
    admission = world.kernel.calls.admit("ann", limited.id, "textToImage", {}, {"uses": 1})
    world.kernel.calls.settle(admission, {})
    with pytest.raises(ValueError, match="already ended"):
        world.kernel.calls.release(admission)
    assert world.kernel.describe("ann", limited.id).to_json()["used"] == {"uses": 1}


def test_a_call_cannot_spend_more_than_it_reserved(world: Any) -> None:
    limited = world.kernel.delegate("ann", root(world), Terms({}, {"compute": 3}))
    admission = world.kernel.calls.admit("ann", limited.id, "textToImage", {}, {"compute": MEGA})
    with pytest.raises(ValueError, match="cannot spend"):
        world.kernel.calls.settle(admission, {"compute": 2 * MEGA})
    world.kernel.calls.release(admission)


def test_what_was_revoked_while_it_ran_publishes_nothing(world: Any) -> None:
    child = world.kernel.delegate("ann", root(world), Terms({}, {"uses": 1}))
    admission = world.kernel.calls.admit("ann", child.id, "textToImage", {}, {"uses": 1})
    assert world.kernel.calls.is_live(admission)
    world.kernel.revoke("ann", child.id)
    assert not world.kernel.calls.is_live(admission)
    picture = Published("a" * 64, "image/png", 8, 8)
    assert kind_of(lambda: world.kernel.calls.settle(admission, {}, [picture])) == "no_such_capability"
    assert not world.kernel.owns("ann", "a" * 64)
    world.kernel.calls.release(admission)


def test_a_published_result_is_its_principals_and_nobody_elses(world: Any) -> None:
    admission = world.kernel.calls.admit("ann", root(world), "textToImage", {}, {})
    world.kernel.calls.settle(admission, {}, [Published("a" * 64, "image/png", 8, 8)])
    assert world.kernel.owns("ann", "a" * 64)
    assert not world.kernel.owns("bob", "a" * 64)
    assert not world.kernel.owns("ann", "b" * 64)


def test_a_crash_gives_back_what_was_reserved_and_keeps_what_was_spent(tmp_path: Path) -> None:
    bits = Random(3)

    def kernel(database: Database) -> Kernel:
        return Kernel(database, Registry([Mint()]), clock=lambda: 5.0, token_bytes=bits.randbytes, key=b"k" * 32)

    url = f"sqlite:///{tmp_path / 'mintaka.db'}"
    first = Database(url)
    before = kernel(first)
    limited = before.delegate("ann", before.bootstrap("ann")[0].id, Terms({}, {"uses": 5}))
    before.calls.settle(before.calls.admit("ann", limited.id, "mint", {}, {"uses": 1}), {})
    for _ in range(3):
        before.calls.admit("ann", limited.id, "mint", {}, {"uses": 1})
    first.close()
    second = Database(url)
    after = kernel(second)
    assert after.calls.recover() == 3
    assert after.calls.recover() == 0
    assert [(each.reserved, each.spent) for each in after.describe("ann", limited.id).accounts] == [(0, 1)]
    second.close()


EDITS = {
    "own": update(cap).where(cap.c.parent.is_not(None)).values(own="{}"),
    "issuer": update(cap).where(cap.c.parent.is_not(None)).values(holder="ann", issuer="bob"),
    "parent": update(cap).where(cap.c.parent.is_not(None)).values(parent=None),
    "expires": update(cap).where(cap.c.parent.is_not(None)).values(expires=9e12),
    "depth": update(cap).where(cap.c.parent.is_not(None)).values(depth=0),
    "mac": update(cap).where(cap.c.parent.is_not(None)).values(mac=b"0" * 32),
    "limit": update(account).values(limit=10**15),
    "account": delete(account),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_a_row_that_was_edited_is_dead_and_never_wider(world: Any, edit: Any) -> None:
    narrow = world.kernel.delegate("ann", root(world), Terms({"max_width": 64}, {"compute": 5}, expires=2e6))
    world.kernel.bootstrap("bob")
    with world.database.write() as tx:
        tx.execute(edit)
    assert kind_of(lambda: world.kernel.describe("ann", narrow.id)) == "no_such_capability"
    assert narrow.id not in {each.id for each in world.kernel.held("ann")}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_a_row_that_is_edited_after_it_was_read_is_dead_too(world: Any, edit: Any) -> None:
    narrow = world.kernel.delegate("ann", root(world), Terms({"max_width": 64}, {"compute": 5}, expires=2e6))
    world.kernel.bootstrap("bob")
    assert world.kernel.describe("ann", narrow.id).id == narrow.id
    with world.database.write() as tx:
        tx.execute(edit)
    assert kind_of(lambda: world.kernel.describe("ann", narrow.id)) == "no_such_capability"


@pytest.mark.parametrize(
    "facts",
    [
        {"own": '{"max_dreams":1}'},
        {"own": '{"allowed_models":["beta"]}'},
        {"type": "dreams.generate", "own": "{}"},
    ],
    ids=["an unknown restriction", "nothing permitted", "an unknown type"],
)
def test_a_row_of_another_version_that_makes_no_sense_here_is_dead(world: Any, facts: dict[str, str]) -> None:
    parent = world.narrow(world.root(), {"allowed_models": ["alpha"]}).id
    row = {
        "id": "c_other", "parent": parent, "mint": None, "type": GENERATE, "holder": "ann", "issuer": "ann",
        "depth": 2, "created": 0.0, "expires": None, **facts,
    }  # fmt: skip
    with world.database.write() as tx:
        tx.execute(insert(cap).values(**row, mac=seal(bytes(range(32)), row, Limits())))
    assert kind_of(lambda: world.kernel.describe("ann", "c_other")) == "no_such_capability"


def test_everything_but_what_a_restart_takes_back_anyway_waits_for_the_disk(world: Any) -> None:
    waited = []
    write = world.database.write

    def watched(*, flushed: bool = True) -> Any:
        waited.append(flushed)
        return write(flushed=flushed)

    world.kernel._database = world.kernel.calls._database = SimpleNamespace(write=watched)
    top = root(world)
    child = world.kernel.delegate("ann", top)
    call, failing = admit(world, child.id), admit(world, child.id)
    world.kernel.calls.settle(call, {})
    world.kernel.calls.release(failing)
    world.kernel.revoke("ann", child.id)
    #                  root, delegate, admit, admit, settle, release, revoke
    assert waited == [True, True, False, False, True, False, True]


def test_another_key_makes_every_capability_dead(world: Any) -> None:
    top = root(world)
    other = Kernel(
        world.database, world.kernel.registry, clock=world.clock, token_bytes=Random(1).randbytes, key=b"x" * 32
    )
    assert kind_of(lambda: other.describe("ann", top)) == "no_such_capability"


def test_released_calls_leave_a_record_of_what_they_held(world: Any) -> None:
    limited = world.kernel.delegate("ann", root(world), Terms({}, {"uses": 1}))
    for _ in range(3):
        world.kernel.calls.release(world.kernel.calls.admit("ann", limited.id, "textToImage", {}, {"uses": 1}))
    with world.database.read() as tx:
        assert len(tx.execute(select(charge)).all()) == 3
    assert world.kernel.describe("ann", limited.id).left == {"uses": 1}


def test_only_so_many_calls_run_at_once_under_the_whole_chain(world: Any) -> None:
    wide = world.kernel.delegate("ann", root(world), Terms({}, {"concurrent": 2}))
    narrow = world.kernel.delegate("ann", wide.id, Terms({}, {"concurrent": 1}))
    first = admit(world, narrow.id)
    assert kind_of(lambda: admit(world, narrow.id)) == "busy"
    second = admit(world, wide.id)
    assert kind_of(lambda: admit(world, wide.id)) == "busy"
    world.kernel.calls.settle(first, {})
    world.kernel.calls.release(second)
    assert world.kernel.describe("ann", narrow.id).left == {"concurrent": 1}
    assert admit(world, narrow.id) is not None


def test_calls_come_no_more_often_than_every_rate_of_the_chain_lets_them(world: Any) -> None:
    wide = world.kernel.delegate("ann", root(world), Terms({}, {"rate": {"per_s": 0.5, "burst": 2}}))
    narrow = world.kernel.delegate("ann", wide.id, Terms({}, {"rate": {"per_s": 10}}))
    admit(world, narrow.id)
    assert kind_of(lambda: admit(world, narrow.id)) == "busy"
    world.clock.now += 0.1
    admit(world, narrow.id)
    with pytest.raises(HostFault) as caught:
        admit(world, wide.id)
    assert caught.value.data["retry_after_ms"] == 1900
    world.clock.now += 1.9
    admit(world, wide.id)
    assert wide.to_json()["limits"] == {"rate": {"burst": 2, "per_s": 0.5}}


@pytest.mark.parametrize(
    "limits",
    [
        {"concurrent": 0}, {"concurrent": 1.5}, {"concurrent": True}, {"rate": 1}, {"rate": {}}, {"rate": {"per_s": 0}},
        {"rate": {"per_s": 1, "burst": 0}}, {"rate": {"per_s": 1, "burst": 1.5}}, {"rate": {"per_s": 1, "each": 2}},
        {"uses": float("nan")}, {"compute": 1e300}, {"compute": "5"}, {"speed": 1}, [],
    ],
    ids=str,
)  # fmt: skip
def test_limits_that_are_none_are_refused(world: Any, limits: object) -> None:
    assert kind_of(lambda: world.kernel.delegate("ann", root(world), Terms({}, limits))) == "invalid_params"
