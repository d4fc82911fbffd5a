"""Pictures that a call is given: in which forms, who may give them, and their bytes.

A call gives an image value, the id of an asset, a data URL, bare base64, or what the server answered for an image:
``{asset}`` or ``{image}``. An image value is in the script's hands already; of an asset that is only named, the caller
must be the owner. Nothing is decoded in this process: the first bytes tell the size (`mintaka.engine.headers`).
"""

import asyncio
import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from blake3 import blake3

from mintaka.capabilities.failures import told
from mintaka.capabilities.images import Image, ImageArgument
from mintaka.capabilities.use import Use
from mintaka.engine.headers import MAX_BYTES, read_header
from mintaka.runtime.errors import HostFault
from mintaka.storage.blobs import NAME, Blobs

DATA_URL = re.compile(r"data:[\w.+-]*/?[\w.+-]*(?:;[\w.+=-]+)*,", re.ASCII)
"""The head of a data URL (RFC 2397)."""

HINT = "give an image, the id of an asset of yours, a data URL or base64 of a PNG, JPEG or WebP"


@dataclass(frozen=True, slots=True)
class Source:
    """A picture that was given: its encoded bytes, and what they say of themselves."""

    asset: str
    """The name of the bytes: blake3, 64 hex digits; of an asset that is its id."""
    data: bytes
    width: int
    """In pixels, as it is shown. So is ``height``."""
    height: int

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.width, self.height


class Sources:
    """Reads the pictures that calls are given."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs

    async def read(self, use: Use, picture: ImageArgument, name: str) -> Source:
        """The picture given as argument ``name``.

        Raises HostFault: ``bad_image`` for what is no picture, too large or somebody else's; ``storage_error`` where
        the disk fails.
        """
        given = picture.given
        if isinstance(given, Image):
            return await asyncio.to_thread(self._kept, given.asset)
        if NAME.fullmatch(given):
            if not use.kernel.owns(use.held.holder, given):
                raise HostFault(
                    f"`{name}` names no picture of yours", kind="bad_image", hint=HINT, data={"argument": name}
                )
            return await asyncio.to_thread(self._kept, given)
        return await asyncio.to_thread(_sent, given, name)

    def _kept(self, asset: str) -> Source:
        with told():
            data = self._blobs.read(asset)
            header = read_header(data)
        return Source(asset, data, header.width, header.height)


def _sent(text: str, name: str) -> Source:
    data = decoded(text, name)
    with told():
        header = read_header(data)
    return Source(blake3(data).hexdigest(), data, header.width, header.height)


def decoded(text: str, name: str) -> bytes:
    """The bytes of a data URL or of base64. Raises HostFault ``bad_image``; ``name`` is what was given so."""
    if text.startswith("data:"):
        head = DATA_URL.match(text[:200])
        if head is None or not head.group().endswith(";base64,"):
            raise _unreadable(name, "is no data URL in base64")
        text = text[head.end() :]
    if len(text) > MAX_BYTES // 3 * 4 + 4:
        raise _unreadable(name, f"has more than the {MAX_BYTES} bytes that are taken")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise _unreadable(name, "is neither an id of an asset nor base64") from None


def _unreadable(name: str, why: str) -> HostFault:
    facts: Mapping[str, Any] = {"argument": name}
    return HostFault(f"`{name}` {why}", kind="bad_image", hint=HINT, data=facts)
