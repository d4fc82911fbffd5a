"""What an encoded picture says of itself in its first bytes, read without decoding any of it.

A decoder can be made to work for seconds and to fill gigabytes by a file of a few hundred kilobytes: one WebP of 291 kB
took 12.9 s and 2.5 GB. So what a picture claims to be is read first, here, by nothing but looking at bytes, and what is
too large, animated or of another kind never reaches a decoder; what does is decoded in a process that is confined to
less (`mintaka.engine.uploads`).

Formats: PNG (W3C, third edition), JPEG (ITU-T T.81; orientation from Exif 2.32), WebP (RFC 9649).
"""

import struct
from dataclasses import dataclass

from mintaka.engine.errors import BadImage

MAX_BYTES = 64 * 1024 * 1024
"""Largest encoded picture."""

MAX_PIXELS = 2**25
"""Most pixels of one: 33.5 million, a photograph of 8192 × 4096."""

MAX_SIDE = 16384
"""Longest side in pixels."""

MAX_PARTS = 4096
"""Parts of a file (chunks, segments) looked at before its size is found; real files have a few dozen."""

PNG = b"\x89PNG\r\n\x1a\n"
FORMATS = "PNG, JPEG or WebP"

TURNED = (5, 6, 7, 8)
"""Orientations of Exif in which width and height change places."""

_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_BARE_MARKERS = frozenset({0x01, *range(0xD0, 0xD8)})
_SCAN_OR_END = frozenset({0xD9, 0xDA})


@dataclass(frozen=True, slots=True)
class Header:
    """A picture as its first bytes describe it."""

    format: str
    """``PNG``, ``JPEG`` or ``WEBP``."""
    width: int
    """In pixels, as it is shown: turned where its orientation says so. So is ``height``."""
    height: int
    orientation: int = 1
    """Exif's number, 1 to 8; only cameras' JPEGs are ever turned."""


def read_header(data: bytes) -> Header:
    """What ``data`` says of itself. Raises BadImage for what is no picture, broken, animated or too large."""
    if len(data) > MAX_BYTES:
        raise BadImage(
            f"the picture has {len(data)} bytes; at most {MAX_BYTES} are taken", hint="save it smaller, as JPEG or WebP"
        )
    try:
        header = _read(data)
    except (struct.error, IndexError):
        raise _broken("it ends before it says its size") from None
    if not (1 <= header.width <= MAX_SIDE and 1 <= header.height <= MAX_SIDE) or (
        header.width * header.height > MAX_PIXELS
    ):
        raise BadImage(
            f"the picture is {header.width} × {header.height}; it may have {MAX_PIXELS} pixels and sides of {MAX_SIDE}",
            hint="make it smaller",
        )
    return header


def _read(data: bytes) -> Header:
    if data.startswith(PNG):
        return _png(data)
    if data.startswith(b"\xff\xd8"):
        return _jpeg(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _webp(data)
    raise BadImage(f"this is no picture; pictures are {FORMATS}", hint=f"save it as {FORMATS}")


def _png(data: bytes) -> Header:
    kind, width, height = struct.unpack_from(">4sII", data, 12)
    if kind != b"IHDR":
        raise _broken("a PNG begins with its size")
    at = len(PNG)
    for _ in range(MAX_PARTS):  # chunks up to the first that holds pixels; `acTL` before it means an animation
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind == b"acTL":
            raise _animated()
        if kind in (b"IDAT", b"IEND"):
            return Header("PNG", width, height)
        at += 12 + length
    raise _broken("it has too many parts before its pixels")


def _jpeg(data: bytes) -> Header:
    at, orientation = 2, 1
    for _ in range(MAX_PARTS):
        if data[at] != 0xFF:
            raise _broken("its parts do not follow one another")
        marker = data[at + 1]
        if marker == 0xFF or marker in _BARE_MARKERS:  # padding, and markers that are nothing but themselves
            at += 1 if marker == 0xFF else 2
            continue
        if marker in _SCAN_OR_END:
            raise _broken("it ends before it says its size")
        at += 2
        (length,) = struct.unpack_from(">H", data, at)
        if length < 2:  # the length counts its own two bytes
            raise _broken("its parts do not follow one another")
        if marker in _START_OF_FRAME:
            height, width = struct.unpack_from(">HH", data, at + 3)
            if orientation in TURNED:
                width, height = height, width
            return Header("JPEG", width, height, orientation)
        if marker == 0xE1 and orientation == 1:
            orientation = _exif_orientation(data[at + 2 : at + length])
        at += length
    raise _broken("it has too many parts before its pixels")


def _exif_orientation(segment: bytes) -> int:
    """The orientation in a JPEG's Exif segment; 1 where it says none, or nonsense."""
    if not segment.startswith(b"Exif\0\0"):
        return 1
    tiff = segment[6:]
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None:
        return 1
    try:
        (at,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, at)
        for entry in range(count):
            tag, kind, _values, value = struct.unpack_from(f"{order}HHIH", tiff, at + 2 + 12 * entry)
            if tag == 0x0112 and kind == 3 and 1 <= value <= 8:
                return int(value)
    except struct.error:
        return 1
    return 1


def _webp(data: bytes) -> Header:
    kind = data[12:16]
    if kind == b"VP8X":
        flags = data[20]
        if flags & 0b10:
            raise _animated()
        width = 1 + int.from_bytes(data[24:27], "little")
        height = 1 + int.from_bytes(data[27:30], "little")
        if len(data) < 30:
            raise IndexError
        return Header("WEBP", width, height)
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return Header("WEBP", 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return Header("WEBP", width & 0x3FFF, height & 0x3FFF)
    raise _broken("a WebP begins with its size")


def _broken(how: str) -> BadImage:
    return BadImage(f"the picture is broken: {how}", hint="save it anew")


def _animated() -> BadImage:
    return BadImage("the picture is an animation; one still picture is taken", hint="save one of its frames")
