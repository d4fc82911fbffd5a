"""Addresses of pictures: the blake3 of the bytes, and a key that only those who were shown the picture know."""

import hmac
from collections.abc import Callable

from blake3 import blake3
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from mintaka.server.tokens import Tokens
from mintaka.storage.blobs import Blobs
from mintaka.storage.errors import StorageFailed

POLICY = "default-src 'none'; sandbox"
"""Content-Security-Policy of pictures: whatever is in the bytes, nothing of it runs."""

MEDIA_TYPES = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}


class Assets:
    """The kept pictures as HTTP serves them.

    ``secret`` is what their keys are made with; ``owns(principal, asset)`` tells whose a picture is.
    """

    def __init__(self, blobs: Blobs, secret: bytes, tokens: Tokens, owns: Callable[[str, str], bool]) -> None:
        self._blobs = blobs
        self._secret = blake3(secret, derive_key_context="mintaka 2026 addresses of assets").digest()
        self._tokens = tokens
        self._owns = owns

    def url(self, asset: str, format: str = "png") -> str:
        """The address of a picture, from ``/`` on."""
        return f"/assets/{asset}.{format}?key={self._key(asset)}"

    def read(self, asset: str) -> bytes:
        """The picture's bytes. Raises `StorageFailed`."""
        return self._blobs.read(asset)

    def respond(self, request: Request, asset: str, extension: str) -> Response:
        """The picture, for who has its key or the token of whose it is; all others hear that there is none."""
        media_type = MEDIA_TYPES.get(extension)
        if media_type is None or not self._permits(request, asset):
            return _none()
        etag = f'"{asset}"'
        headers = {
            "etag": etag,
            "cache-control": "private, max-age=31536000, immutable",
            "content-security-policy": POLICY,
        }
        if request.headers.get("if-none-match") == etag:
            return Response(status_code=304, headers=headers)
        try:
            return Response(self._blobs.read(asset), media_type=media_type, headers=headers)
        except StorageFailed:
            return _none()

    def _permits(self, request: Request, asset: str) -> bool:
        key = request.query_params.get("key", "")
        if hmac.compare_digest(key.encode(), self._key(asset).encode()):
            return True
        principal = bearer(request, self._tokens)
        return principal is not None and self._owns(principal, asset)

    def _key(self, asset: str) -> str:
        return blake3(asset.encode(), key=self._secret).hexdigest(length=16)


def bearer(request: Request, tokens: Tokens) -> str | None:
    """The principal whose token the request carries. Raises `Fault` (busy) as `Tokens.sign_in` does."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return None
    return tokens.principal(token.strip(), request.client.host if request.client is not None else "")


def _none() -> Response:
    return PlainTextResponse("No such picture.\n", 404)
