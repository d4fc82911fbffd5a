"""Who a token belongs to.

Tokens are kept and compared as hashes, in constant time, and every token is compared with every known one, so that the
time an answer takes says nothing about either.
"""

import hashlib
import hmac
from collections.abc import Mapping

WRONG_TOKEN_DELAY_S = 0.1
"""Wait after the first wrong token of a connection; doubles with each further one."""
WRONG_TOKEN_DELAY_MAX_S = 2.0
WRONG_TOKENS_MAX = 8
"""A connection that was wrong so often is closed."""


class Tokens:
    """The known tokens, by principal."""

    def __init__(self, tokens: Mapping[str, str]) -> None:
        self._known = tuple((_digest(token), principal) for token, principal in tokens.items())

    def principal(self, token: str) -> str | None:
        """Whose token it is, or ``None``."""
        digest = _digest(token)
        found: str | None = None
        for known, principal in self._known:
            if hmac.compare_digest(known, digest):
                found = principal
        return found


def delay_after(wrong: int) -> float:
    """Seconds to wait before answering the ``wrong``-th wrong token of a connection."""
    return float(min(WRONG_TOKEN_DELAY_S * 2 ** (wrong - 1), WRONG_TOKEN_DELAY_MAX_S))


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
