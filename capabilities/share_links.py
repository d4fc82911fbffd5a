"""Share links: tokens that can be sent to somebody, each standing for a capability that waits to be redeemed."""

from collections.abc import Callable

from sqlalchemy import Connection, insert, or_, update

from mintaka.capabilities.chain import no_such_capability
from mintaka.capabilities.secrets import hashed, new_secret
from mintaka.storage.schema import share_link

PREFIX = "mk_"
"""What the tokens of share links begin with."""


def make(tx: Connection, cap: str, token_bytes: Callable[[int], bytes], redemptions: int | None) -> str:
    """Keep a new link to capability ``cap``, which can be redeemed so often (None: without end); its token."""
    token = token_of(token_bytes(32))
    tx.execute(insert(share_link).values(hash=hashed(token), cap=cap, redemptions=redemptions))
    return token


def token_of(secret: bytes) -> str:
    """The token that is made of 32 secret bytes."""
    return new_secret(PREFIX, lambda _: secret)


def take(tx: Connection, token: str) -> str:
    """Redeem a token once: the capability it stands for. Raises HostFault ``no_such_capability``."""
    found = tx.execute(
        update(share_link)
        .where(share_link.c.hash == hashed(token))
        .where(or_(share_link.c.redemptions.is_(None), share_link.c.redemptions > 0))
        .values(redemptions=share_link.c.redemptions - 1)
        .returning(share_link.c.cap)
    ).scalar()
    if found is None:
        raise no_such_capability()
    cap: str = found
    return cap
