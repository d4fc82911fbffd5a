"""Secrets that are told once and kept as hashes: tokens to sign in with, and share links.

A secret is 256 random bits, so a plain hash of it is enough, and a database that leaks tells none.
"""

from base64 import urlsafe_b64encode
from collections.abc import Callable

from blake3 import blake3


def new_secret(prefix: str, token_bytes: Callable[[int], bytes]) -> str:
    """A new secret; its ``prefix`` lets people, and scanners for leaked secrets, know what they see."""
    return prefix + urlsafe_b64encode(token_bytes(32)).rstrip(b"=").decode()


def hashed(secret: str) -> bytes:
    """What is kept of a secret."""
    return blake3(secret.encode("utf-8", "surrogatepass")).digest()
