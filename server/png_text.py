"""The texts in a PNG, read without decoding any of its pixels.

PNG (W3C, third edition), sections 11.3.3.2 to 11.3.3.4: ``tEXt``, ``zTXt`` and ``iTXt``.
"""

import struct
import zlib
from collections.abc import Iterator

SIGNATURE = b"\x89PNG\r\n\x1a\n"

MOST_CHUNKS = 4096
MOST_BYTES = 1 << 20
"""Bytes of all texts together; what is beyond is left out."""


def texts(data: bytes) -> dict[str, str]:
    """Every text by its keyword, as far as it can be read; nothing for what is no PNG."""
    found: dict[str, str] = {}
    left = MOST_BYTES
    for kind, content in _chunks(data):
        text = _text(kind, content, left) if kind in (b"tEXt", b"zTXt", b"iTXt") else None
        if text is not None:
            found[text[0]] = text[1]
            left -= len(text[1])
    return found


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(SIGNATURE) if data.startswith(SIGNATURE) else len(data)
    for _ in range(MOST_CHUNKS):
        if at + 12 > len(data):
            return
        length, kind = struct.unpack_from(">I4s", data, at)
        yield kind, data[at + 8 : at + 8 + length]
        at += 12 + length


def _text(kind: bytes, content: bytes, most: int) -> tuple[str, str] | None:
    keyword, found, rest = content.partition(b"\0")
    if not found or most <= 0:
        return None
    try:
        if kind == b"tEXt":
            return keyword.decode("latin-1"), rest[:most].decode("latin-1")
        if kind == b"zTXt":
            return keyword.decode("latin-1"), _inflated(rest[1:], most).decode("latin-1")
        compressed, rest = rest[:1] == b"\1", rest[2:]
        _language, _, rest = rest.partition(b"\0")
        _translated, _, rest = rest.partition(b"\0")
        plain = _inflated(rest, most) if compressed else rest[:most]
        return keyword.decode("latin-1"), plain.decode("utf-8", "replace")
    except zlib.error:
        return None


def _inflated(data: bytes, most: int) -> bytes:
    return zlib.decompressobj().decompress(data, most)
