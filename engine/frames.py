"""Messages between the supervisor and a worker as bytes: four bytes of length, big-endian, then one msgpack map.

No input or output happens here: `encode` gives bytes to send, `Decoder` takes bytes as they come. Pictures travel as
raw binary inside the map.
"""

import struct
from collections.abc import Iterator
from typing import Any, cast

import msgpack  # type: ignore[import-untyped]

LENGTH = struct.Struct(">I")

LIMIT = 256 * 1024 * 1024
"""Largest message in bytes, either way: a batch of large pictures fits, a runaway length does not."""

Message = dict[str, Any]
"""A msgpack map with text keys; ``kind`` says what it is."""


class FrameError(ValueError):
    """The bytes are not a message of ours; the connection they came from cannot be trusted any further."""


def encode(message: Message, limit: int = LIMIT) -> bytes:
    """The frame that carries ``message``.

    Raises FrameError when it is larger than ``limit`` or holds what msgpack cannot carry (a lone surrogate, say).
    """
    try:
        body = cast(bytes, msgpack.packb(message, use_bin_type=True))
    except (TypeError, ValueError, OverflowError) as error:
        raise FrameError(f"this message cannot be sent: {error}") from error
    if len(body) > limit:
        raise FrameError(f"a message of {len(body)} bytes is over the limit of {limit}")
    return LENGTH.pack(len(body)) + body


class Decoder:
    """Cuts a stream of bytes into messages, however the stream was split on its way."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Message]:
        """Take the next ``data`` of the stream and yield every message now complete.

        Raises FrameError as soon as a length over the limit is announced, before its body is kept, and on a body
        that is not a map.
        """
        self._buffer += data
        while len(self._buffer) >= LENGTH.size:
            (length,) = LENGTH.unpack_from(self._buffer)
            if length > self._limit:
                raise FrameError(f"a message of {length} bytes is announced; the limit is {self._limit}")
            end = LENGTH.size + length
            if len(self._buffer) < end:
                return
            body = bytes(self._buffer[LENGTH.size : end])
            del self._buffer[:end]
            yield self._unpack(body)

    @property
    def pending(self) -> int:
        """Bytes kept of a message that is not complete yet."""
        return len(self._buffer)

    def _unpack(self, body: bytes) -> Message:
        try:
            message = msgpack.unpackb(body, raw=False, strict_map_key=True)
        except (ValueError, msgpack.exceptions.UnpackException) as error:
            raise FrameError(f"this is not a message: {error}") from error
        if not isinstance(message, dict):
            raise FrameError(f"a message is a map, not {type(message).__name__}")
        return message
