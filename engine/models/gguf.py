"""The header of a GGUF file: the names and forms of its tensors, whatever they are quantised to.

Format: github.com/ggml-org/ggml, docs/gguf.md, versions 2 and 3, little-endian.
"""

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

MAGIC = b"GGUF"
VERSIONS = (2, 3)

SCALARS = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
"""Bytes of a value of metadata by its type."""
STRING = 8
ARRAY = 9

MOST = 1 << 20
"""Tensors, values of metadata and items of a list, at most; and bytes of a name of a tensor."""
MOST_DIMENSIONS = 4


def read_gguf(file: Path) -> Mapping[str, tuple[int, ...]]:
    """The form of each tensor in ``file`` by its name, as torch has it. Raises ValueError, OSError."""
    with file.open("rb") as stream:
        if stream.read(4) != MAGIC or _number(stream, 4) not in VERSIONS:
            raise ValueError("no GGUF of version 2 or 3")
        tensors, values = _count(stream), _count(stream)
        for _ in range(values):
            _skip(stream, _count(stream))
            _skip_value(stream, _number(stream, 4))
        return dict(_tensor(stream) for _ in range(tensors))


def _tensor(stream: BinaryIO) -> tuple[str, tuple[int, ...]]:
    name = _exactly(stream, _count(stream)).decode()
    dimensions = _number(stream, 4)
    if dimensions > MOST_DIMENSIONS:
        raise ValueError("too many dimensions")
    sides = [_number(stream, 8) for _ in range(dimensions)]
    _skip(stream, 4 + 8)  # its type, and where it lies
    return name, tuple(reversed(sides))  # the fastest comes first in the file


def _skip_value(stream: BinaryIO, kind: int) -> None:
    if kind == STRING:
        _skip(stream, _number(stream, 8))
    elif kind == ARRAY:
        item, count = _number(stream, 4), _count(stream)
        if item in SCALARS:
            _skip(stream, SCALARS[item] * count)
        else:
            for _ in range(count):
                _skip_value(stream, item)
    else:
        _skip(stream, SCALARS[kind])


def _count(stream: BinaryIO) -> int:
    count = _number(stream, 8)
    if count > MOST:
        raise ValueError("too many of something")
    return count


def _number(stream: BinaryIO, size: int) -> int:
    number: int = struct.unpack("<I" if size == 4 else "<Q", _exactly(stream, size))[0]
    return number


def _skip(stream: BinaryIO, size: int) -> None:
    stream.seek(size, 1)


def _exactly(stream: BinaryIO, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise ValueError("cut off")
    return data
