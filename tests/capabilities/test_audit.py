"""The audit log tells everything that was done, and shows when somebody changed it."""

from typing import Any

import pytest
from sqlalchemy import delete, select, update

from mintaka.capabilities.audit import Deed
from mintaka.capabilities.kernel import Kernel
from mintaka.capabilities.terms import Terms
from mintaka.runtime.errors import HostFault
from mintaka.storage.schema import audit_head, event


def busy_day(world: Any) -> tuple[str, Any]:
    """Some of everything; the token of a link, and a capability."""
    kernel: Kernel = world.kernel
    kernel.introduce("bob")
    root = world.root().id
    child = kernel.delegate("ann", root, Terms({"max_width": 64}, {"uses": 5}))
    kernel.give("ann", kernel.delegate("ann", child.id).id, "bob")
    shared = kernel.share("ann", child.id, "bob")
    exported, token = kernel.export("ann", child.id)
    redeemed = kernel.redeem("bob", token)
    kernel.mint("ann", world.root("sys.mint").id, "diffusers.generate")
    kernel.calls.settle(kernel.calls.admit("bob", redeemed.id, "textToImage", {}, {"uses": 1}), {})
    kernel.calls.release(kernel.calls.admit("ann", child.id, "textToImage", {}, {"uses": 1}))
    kernel.calls.admit("ann", child.id, "textToImage", {}, {"uses": 1})
    kernel.calls.recover()
    kernel.revoke("ann", exported.id)
    return token, shared


def test_everything_that_was_done_is_told_in_order(world: Any) -> None:
    _, shared = busy_day(world)
    told = world.kernel.audit()
    assert [each.seq for each in told] == list(range(1, len(told) + 1))
    assert [each.deed for each in told if each.deed is not Deed.ROOTED] == [
        Deed.DELEGATED, Deed.DELEGATED, Deed.GIVEN, Deed.SHARED, Deed.EXPORTED, Deed.REDEEMED, Deed.MINTED, Deed.USED,
        Deed.FAILED, Deed.LOST, Deed.REVOKED,
    ]  # fmt: skip
    [share] = [each for each in told if each.deed is Deed.SHARED]
    assert (share.actor, share.cap, share.data["to"]) == ("ann", shared.id, "bob")
    by_bob = [each for each in told if each.deed is Deed.USED and each.actor == "bob"]
    assert [(each.data["method"], each.data["spent"]) for each in by_bob] == [("textToImage", {"uses": 1})]
    assert world.kernel.audit(after=told[2].seq, count=2) == told[3:5]


def test_what_was_written_is_found_whole_also_by_the_next_program(world: Any) -> None:
    assert world.kernel.audit_broken_at() is None
    busy_day(world)
    assert world.kernel.audit_broken_at() is None


def test_no_token_and_no_hash_of_one_is_in_it(world: Any) -> None:
    token, _ = busy_day(world)
    with world.database.read() as tx:
        text = str(tx.execute(select(event)).all())
    assert token not in text
    assert "mk_" not in text


@pytest.mark.parametrize(
    ("tamper", "found_at"),
    [
        (lambda: update(event).where(event.c.seq == 4).values(actor="bob"), 4),
        (lambda: update(event).where(event.c.seq == 5).values(data='{"of":"another"}'), 5),
        (lambda: update(event).where(event.c.seq == 3).values(at=0.0), 3),
        (lambda: delete(event).where(event.c.seq == 6), 6),
        (lambda: delete(event).where(event.c.seq == 1), 1),
        (lambda: delete(event).where(event.c.seq >= 10), 10),
        (lambda: update(event).where(event.c.seq == 2).values(hash=bytes(32)), 2),
    ],
    ids=["actor", "data", "time", "one taken out", "the first taken out", "the end cut off", "hash"],
)
def test_tampering_is_found_where_it_was_done(world: Any, tamper: Any, found_at: int) -> None:
    busy_day(world)
    with world.database.write() as tx:
        tx.execute(tamper())
    assert world.kernel.audit_broken_at() == found_at


def test_what_failed_leaves_no_entry(world: Any) -> None:
    busy_day(world)
    before = world.kernel.audit()
    for attempt in (
        lambda: world.kernel.delegate("bob", world.root().id),
        lambda: world.kernel.share("ann", world.root().id, "nobody"),
        lambda: world.kernel.redeem("bob", "mk_nothing"),
    ):
        with pytest.raises(HostFault):
            attempt()
    assert world.kernel.audit() == before
    with world.database.read() as tx:
        assert tx.execute(select(audit_head.c.seq)).scalar_one() == len(before)
