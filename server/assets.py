"""Addresses of pictures: the blake3 of the bytes, and a key that only those who were shown the picture know."""

import asyncio
import hmac
import re
from collections.abc import Callable, Mapping

from blake3 import blake3
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from mintaka.server.tokens import Tokens
from mintaka.storage.blobs import Blobs
from mintaka.storage.errors import StorageFailed

POLICY = "default-src 'none'; sandbox"
"""Content-Security-Policy of pictures: whatever is in the bytes, nothing of it runs."""

MEDIA_TYPES = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}
"""The formats of pictures, by the ending of their address."""

RANGE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})", re.ASCII)
"""One range; where several are asked for, all is answered, as RFC 9110 allows."""


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

    async def respond(self, request: Request, asset: str, extension: str) -> Response:
        """The picture, for who has its key or the token of whose it is; all others hear that there is none."""
        media_type = MEDIA_TYPES.get(extension)
        if media_type is None or not await asyncio.to_thread(self._permits, request, asset):
            return _none()
        try:
            return await self.content(request, asset, media_type)
        except StorageFailed:
            return _none()

    async def content(self, request: Request, asset: str, media_type: str) -> Response:
        """The bytes of a picture, or the range of them that is asked for. Raises `StorageFailed`."""
        etag = f'"{asset}"'
        headers = {
            "etag": etag,
            "cache-control": "private, max-age=31536000, immutable",
            "content-security-policy": POLICY,
            "accept-ranges": "bytes",
        }
        if known(request, etag):
            return Response(status_code=304, headers=headers)
        return _ranged(request, await asyncio.to_thread(self._blobs.read, asset), media_type, headers)

    def _permits(self, request: Request, asset: str) -> bool:
        key = request.query_params.get("key", "")
        if hmac.compare_digest(key.encode(), self._key(asset).encode()):
            return True
        principal = bearer(request, self._tokens)
        return principal is not None and self._owns(principal, asset)

    def _key(self, asset: str) -> str:
        return blake3(asset.encode(), key=self._secret).hexdigest(length=16)


def bearer_token(request: Request) -> str | None:
    """The token in ``Authorization: Bearer …``, if there is one."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def bearer(request: Request, tokens: Tokens) -> str | None:
    """The principal whose token the request carries. Raises `Fault` (busy) as `Tokens.sign_in` does."""
    token = bearer_token(request)
    if token is None:
        return None
    return tokens.principal(token, request.client.host if request.client is not None else "")


def known(request: Request, etag: str) -> bool:
    """Whether who asks has it already (``If-None-Match``)."""
    asked = request.headers.get("if-none-match", "")
    return any(each.strip().removeprefix("W/") in (etag, "*") for each in asked.split(","))


def _ranged(request: Request, data: bytes, media_type: str, headers: Mapping[str, str]) -> Response:
    """The range of ``data`` that is asked for (RFC 9110, section 14); all of it where none is, or several are."""
    asked = RANGE.fullmatch(request.headers.get("range", "").strip())
    fresh = request.headers.get("if-range", headers["etag"]) == headers["etag"]
    if asked is None or not fresh or asked.group() == "bytes=-":
        return Response(data, media_type=media_type, headers=headers)
    first, last = asked.groups()
    begin = int(first) if first else max(0, len(data) - int(last))
    end = min(len(data), int(last) + 1) if first and last else len(data)
    if first and last and int(last) < int(first):
        return Response(data, media_type=media_type, headers=headers)
    if begin >= len(data):
        return Response(status_code=416, headers={**headers, "content-range": f"bytes */{len(data)}"})
    more = {**headers, "content-range": f"bytes {begin}-{end - 1}/{len(data)}"}
    return Response(data[begin:end], 206, more, media_type)


def _none() -> Response:
    return PlainTextResponse("No such picture.\n", 404)
