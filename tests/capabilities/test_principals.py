"""Who there is, and what they sign in with."""

from typing import Any

import pytest
from sqlalchemy import text

from mintaka.capabilities.principals import PrincipalKind, Principals
from mintaka.runtime.errors import HostFault


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


def test_guests_have_names_that_nobody_guesses(principals: Principals) -> None:
    names = {principals.create_guest().name for _ in range(3)}
    assert len(names) == 3
    assert all(len(name) == len("guest-") + 16 for name in names)


def test_a_name_that_is_taken_cannot_be_taken_again(principals: Principals) -> None:
    principals.create("flo", PrincipalKind.USER)
    with pytest.raises(HostFault, match="there is a `flo` already"):
        principals.create("flo", PrincipalKind.SERVICE)
    with pytest.raises(HostFault, match="nobody is called `gus`"):
        principals.issue("gus", "laptop")
