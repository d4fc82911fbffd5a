"""Who a token belongs to: the owner's, which is a file of the data folder, or one of those kept as hashes."""

import hmac
from collections import OrderedDict
from dataclasses import dataclass

from mintaka.capabilities.principals import OWNER, Principals
from mintaka.capabilities.secrets import hashed
from mintaka.server.throttle import Throttle

WRONG_TOKEN_DELAY_S = 0.1
"""Wait after the first wrong token of a connection; doubles with each further one."""
WRONG_TOKEN_DELAY_MAX_S = 2.0
WRONG_TOKENS_MAX = 8
"""A connection that was wrong so often is closed."""

KNOWN = 4096
"""How many tokens that were right are remembered."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who a token signs in, and the token's id; None for the owner's."""

    principal: str
    token: str | None


class Tokens:
    """The tokens that are valid right now. Wrong ones count against where they come from."""

    def __init__(self, owner: str, principals: Principals, throttle: Throttle) -> None:
        self._owner = hashed(owner)
        self._principals = principals
        self._throttle = throttle
        self._known: OrderedDict[bytes, None] = OrderedDict()
        """Hashes of tokens that were right: they are looked at wherever they come from."""

    def sign_in(self, token: str, address: str) -> SignedIn | None:
        """Whose token it is that came from ``address``, or ``None``.

        Raises `Fault` (busy) where so many wrong ones came from there that one nobody knows is not looked at.
        """
        key = hashed(token)
        if hmac.compare_digest(key, self._owner):
            return SignedIn(OWNER, None)
        if key not in self._known:
            self._throttle.check(address)
        found = self._principals.token(token)
        if found is None:
            self._known.pop(key, None)
            self._throttle.wrong(address)
            return None
        self._known[key] = None
        if len(self._known) > KNOWN:
            self._known.popitem(last=False)
        return SignedIn(found.principal, found.id)

    def principal(self, token: str, address: str) -> str | None:
        """The principal whose token it is, or ``None``; otherwise as `sign_in`."""
        signed = self.sign_in(token, address)
        return signed.principal if signed else None


def delay_after(wrong: int) -> float:
    """Seconds to wait before answering the ``wrong``-th wrong token of a connection."""
    return float(min(WRONG_TOKEN_DELAY_S * 2 ** (wrong - 1), WRONG_TOKEN_DELAY_MAX_S))
