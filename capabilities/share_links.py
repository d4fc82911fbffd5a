"""Share links: tokens that can be sent to somebody, each standing for a capability that waits to be redeemed."""

from collections.abc import Callable

from sqlalchemy import Connection, insert, or_, select, update

from mintaka.capabilities.chain import no_such_capability
from mintaka.capabilities.secrets import hashed, new_secret
from mintaka.runtime.errors import HostFault
from mintaka.storage.schema import share_link

PREFIX = "mk_"
"""What the tokens of share links begin with."""


def make(tx: Connection, cap: str, token_bytes: Callable[[int], bytes], redemptions: int | None) -> str:
    """Keep a new link to capability ``cap``, which can be redeemed so often (None: without end); its token.

    Raises HostFault ``invalid_params`` for a number below 1.
    """
    if redemptions is not None and redemptions < 1:
        raise HostFault(
            "a link can be redeemed once or more",
            kind="invalid_params",
            hint="leave it out for any number of times",
        )
    token = token_of(token_bytes(32))
    tx.execute(insert(share_link).values(hash=hashed(token), cap=cap, redemptions=redemptions))
    return token


def token_of(secret: bytes) -> str:
    """The token that is made of 32 secret bytes."""
    return new_secret(PREFIX, lambda _: secret)


def find(tx: Connection, token: str) -> str:
    """The capability that a token stands for, if it can still be redeemed. Raises HostFault ``no_such_capability``."""
    left = or_(share_link.c.redemptions.is_(None), share_link.c.redemptions > 0)
    found: str | None = tx.execute(select(share_link.c.cap).where(share_link.c.hash == hashed(token), left)).scalar()
    if found is None:
        raise no_such_capability()
    return found


def redeemed(tx: Connection, token: str) -> None:
    """Count that a token was redeemed once more; in the transaction in which it was found."""
    tx.execute(
        update(share_link).where(share_link.c.hash == hashed(token)).values(redemptions=share_link.c.redemptions - 1)
    )
