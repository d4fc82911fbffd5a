"""Who there is, and what they sign in with."""

from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import text

from mintaka.capabilities.kernel import Kernel
from mintaka.capabilities.minting import Mint
from mintaka.capabilities.principals import PrincipalKind, Principals
from mintaka.capabilities.registry import Registry
from mintaka.capabilities.terms import Terms
from mintaka.runtime.errors import HostFault
from mintaka.storage.database import Database
from tests.capabilities.conftest import Clock


@pytest.fixture
def principals(world: Any) -> Principals:
    return Principals(world.database, clock=world.clock, token_bytes=world.random.randbytes)


def test_a_token_signs_its_principal_in_until_it_expires(world: Any, principals: Principals) -> None:
    principals.create("bob", PrincipalKind.USER)
    _, secret = principals.issue("bob", "laptop", expires=world.clock.now + 60)
    found = principals.token(secret)
    assert found is not None
    assert (found.principal, found.name) == ("bob", "laptop")
    world.clock.now += 60
    assert principals.token(secret) is None
    assert "laptop" not in [each.name for each in principals.tokens()]


def test_a_tokens_last_use_is_noted_to_the_minute(world: Any, principals: Principals) -> None:
    principals.create("cid", PrincipalKind.SERVICE)
    made, secret = principals.issue("cid", "bot")

    def last_used() -> float | None:
        return next(each.last_used for each in principals.tokens() if each.id == made.id)

    assert last_used() is None
    principals.token(secret)
    first = last_used()
    assert first == world.clock.now
    world.clock.now += 59
    principals.token(secret)
    assert last_used() == first
    world.clock.now += 1
    principals.token(secret)
    assert last_used() == world.clock.now


def test_a_revoked_token_signs_nobody_in(principals: Principals) -> None:
    principals.create("dot", PrincipalKind.USER)
    made, secret = principals.issue("dot", "phone")
    _, other = principals.issue("dot", "tablet")
    assert principals.revoke_token(made.id) == made
    assert principals.token(secret) is None
    assert principals.token(other) is not None
    with pytest.raises(HostFault, match="there is no token"):
        principals.revoke_token(made.id)


def test_what_is_kept_of_secrets_tells_none(world: Any, principals: Principals) -> None:
    principals.create("eve", PrincipalKind.USER)
    _, secret = principals.issue("eve", "laptop")
    _, link = world.kernel.export("ann", world.root().id)
    with world.database.read() as tx:
        for table in ("token", "share_link"):
            kept = tx.execute(text(f"SELECT hash FROM {table}")).scalars().all()
            assert all(len(each) == 32 for each in kept)
            assert secret.encode() not in kept
            assert link.encode() not in kept


def test_whoever_opens_a_link_becomes_a_guest_with_a_name_nobody_guesses_and_a_token_that_lasts_as_long(
    world: Any, principals: Principals
) -> None:
    made, link = world.kernel.export("ann", world.root().id, Terms({"max_width": 64}, expires=world.clock.now + 9))
    names = set()
    for _ in range(3):
        held, token, secret = world.kernel.open_link(link)
        assert (held.parent, held.restrictions.get("max_width")) == (made.id, 64)
        assert (token.principal, token.expires) == (held.holder, made.expires)
        signed = principals.token(secret)
        assert signed is not None
        assert signed.principal == held.holder
        names.add(held.holder)
    assert len(names) == 3
    assert all(len(name) == len("guest-") + 16 for name in names)
    assert {each.name for each in principals.everybody() if each.kind is PrincipalKind.GUEST} == names


def test_a_link_that_gives_nothing_leaves_no_trace(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'links.db'}")
    clock = Clock()
    kernel = Kernel(database, Registry([Mint()]), clock=clock, token_bytes=Random(1).randbytes, key=b"k" * 32)
    [root] = kernel.bootstrap("ann")
    _, used_up = kernel.export("ann", root.id, redemptions=1)
    kernel.open_link(used_up)
    gone, taken_back = kernel.export("ann", root.id)
    kernel.revoke("ann", gone.id)
    _, expired = kernel.export("ann", root.id, Terms(expires=clock.now + 1))
    clock.now += 1
    before = database.version()
    for link in ("mk_unknown", "", used_up, taken_back, expired):
        with pytest.raises(HostFault, match="no such capability"):
            kernel.open_link(link)
    assert database.version() == before
    database.close()


def test_a_guest_is_made_with_all_that_is_theirs_or_not_at_all(
    world: Any, principals: Principals, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, link = world.kernel.export("ann", world.root().id, redemptions=1)
    with monkeypatch.context() as broken:
        broken.setattr("mintaka.capabilities.kernel.issue", lambda *told: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            world.kernel.open_link(link)
    assert [each.kind for each in principals.everybody()] == [PrincipalKind.OWNER]
    assert world.kernel.open_link(link)[0].type == "diffusers.generate"


def test_a_name_that_is_taken_cannot_be_taken_again(principals: Principals) -> None:
    principals.create("flo", PrincipalKind.USER)
    with pytest.raises(HostFault, match="there is a `flo` already"):
        principals.create("flo", PrincipalKind.SERVICE)
    with pytest.raises(HostFault, match="nobody is called `gus`"):
        principals.issue("gus", "laptop")
