"""A picture that has been decoded: plain pixels in a file, and the few bytes that stand for it in a request.

Nothing has to be parsed to read it, so a decoder that was taken over can hand on odd colours and nothing else.
"""

import json
from dataclasses import asdict, dataclass
from typing import Literal

CHANNELS = {"RGB": 3, "RGBA": 4}


@dataclass(frozen=True, slots=True)
class Pixels:
    """Rows of pixels from the top, 8 bits a channel, in the file ``path``, which lives as long as its request."""

    path: str
    mode: Literal["RGB", "RGBA"]
    """RGBA where any of it is transparent."""
    width: int
    height: int
    digest: str
    """SHA-256 of the encoded picture that it was, hexadecimal."""

    @property
    def size(self) -> int:
        """Bytes in the file."""
        return self.width * self.height * CHANNELS[self.mode]

    def to_bytes(self) -> bytes:
        """What stands for the picture in a request to a worker."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Pixels":
        """The other way."""
        return cls(**json.loads(data))
