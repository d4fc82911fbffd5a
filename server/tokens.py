"""Who a token belongs to: the owner's, which is a file of the data folder, or one of those kept as hashes."""

import hmac
from dataclasses import dataclass

from mintaka.capabilities.principals import OWNER, Principals
from mintaka.capabilities.secrets import hashed

WRONG_TOKEN_DELAY_S = 0.1
"""Wait after the first wrong token of a connection; doubles with each further one."""
WRONG_TOKEN_DELAY_MAX_S = 2.0
WRONG_TOKENS_MAX = 8
"""A connection that was wrong so often is closed."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who a token signs in, and the token's id; None for the owner's."""

    principal: str
    token: str | None


class Tokens:
    """The tokens that are valid right now."""

    def __init__(self, owner: str, principals: Principals) -> None:
        self._owner = hashed(owner)
        self._principals = principals

    def sign_in(self, token: str) -> SignedIn | None:
        """Whose token it is, or ``None``."""
        if hmac.compare_digest(hashed(token), self._owner):
            return SignedIn(OWNER, None)
        found = self._principals.token(token)
        return SignedIn(found.principal, found.id) if found else None

    def principal(self, token: str) -> str | None:
        """The principal whose token it is, or ``None``."""
        signed = self.sign_in(token)
        return signed.principal if signed else None


def delay_after(wrong: int) -> float:
    """Seconds to wait before answering the ``wrong``-th wrong token of a connection."""
    return float(min(WRONG_TOKEN_DELAY_S * 2 ** (wrong - 1), WRONG_TOKEN_DELAY_MAX_S))
