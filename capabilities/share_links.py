"""Share links: tokens that can be sent to somebody, each standing for a capability that waits to be redeemed.

A token is 256 random bits, and only its hash is kept: whoever reads the database learns no token from it.
"""

from base64 import urlsafe_b64encode
from collections.abc import Callable

from blake3 import blake3
from sqlalchemy import Connection, insert, or_, update

from mintaka.capabilities.chain import no_such_capability
from mintaka.storage.schema import share_link

PREFIX = "mk_"
"""What tokens begin with, so that a person, or a scanner for leaked secrets, knows one when seeing it."""


def make(tx: Connection, cap: str, token_bytes: Callable[[int], bytes], redemptions: int | None) -> str:
    """Keep a new link to capability ``cap``, which can be redeemed so often (None: without end); its token."""
    token = PREFIX + urlsafe_b64encode(token_bytes(32)).rstrip(b"=").decode()
    tx.execute(insert(share_link).values(hash=_hash(token), cap=cap, redemptions=redemptions))
    return token


def take(tx: Connection, token: str) -> str:
    """Redeem a token once: the capability it stands for. Raises HostFault ``no_such_capability``."""
    found = tx.execute(
        update(share_link)
        .where(share_link.c.hash == _hash(token))
        .where(or_(share_link.c.redemptions.is_(None), share_link.c.redemptions > 0))
        .values(redemptions=share_link.c.redemptions - 1)
        .returning(share_link.c.cap)
    ).scalar()
    if found is None:
        raise no_such_capability()
    cap: str = found
    return cap


def _hash(token: str) -> bytes:
    return blake3(token.encode("utf-8", "surrogatepass")).digest()
