"""Small work on pictures that the server does itself: thumbnails, and what other programs' clients mean by a mask.

No picture is decoded in this process, whoever it came from: its pixels come from a process that can do nothing else
(`mintaka.engine.uploads`). One is worked on at a time, for each may take a hundred megabytes.
"""

import asyncio
import io
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TypeVar

from PIL import Image, ImageOps

from mintaka.capabilities.failures import told
from mintaka.engine.headers import Header, read_header
from mintaka.engine.pixels import Pixels

Decoded = Callable[[bytes], AbstractAsyncContextManager[Pixels]]
"""Decodes an encoded picture: `mintaka.engine.supervisor.Engine.decoded`."""

Made = TypeVar("Made")


def header(data: bytes) -> Header:
    """What a picture says of itself. Raises HostFault ``bad_image``."""
    with told():
        return read_header(data)


class Pictures:
    """Works on encoded pictures."""

    def __init__(self, decoded: Decoded) -> None:
        self._decoded = decoded
        self._one = asyncio.Lock()

    async def thumbnail(self, data: bytes, side: int) -> bytes:
        """A picture made to fit into a square of ``side`` pixels, as WebP; never larger than it was.

        Raises BadImage.
        """

        def make(picture: Image.Image) -> bytes:
            picture.thumbnail((side, side), Image.Resampling.LANCZOS)
            return written(picture, "WEBP")

        return await self.work(data, make)

    async def transparent_as_mask(self, data: bytes) -> bytes | None:
        """What is transparent in a picture as a mask, white where it is; None where nothing is. Raises BadImage."""

        def make(picture: Image.Image) -> bytes | None:
            if picture.mode != "RGBA":
                return None
            return written(picture.getchannel("A").point(lambda alpha: 255 - alpha), "PNG")

        return await self.work(data, make)

    async def fitted(self, data: bytes, size: tuple[int, int], *, crop: bool) -> bytes:
        """A picture brought to a size, stretched, or cropped to its proportions first; as PNG. Raises BadImage."""

        def make(picture: Image.Image) -> bytes:
            usual = Image.Resampling.LANCZOS
            return written(ImageOps.fit(picture, size, usual) if crop else picture.resize(size, usual), "PNG")

        return await self.work(data, make)

    async def inverted(self, data: bytes) -> bytes:
        """A mask that marks what another does not, white: of one that is transparent anywhere by its opacity.

        Raises BadImage.
        """

        def make(picture: Image.Image) -> bytes:
            marked = picture.getchannel("A") if picture.mode == "RGBA" else picture.convert("L")
            return written(ImageOps.invert(marked), "PNG")

        return await self.work(data, make)

    async def encoded(self, data: bytes, format: str, quality: int) -> bytes:
        """A picture in another format, ``JPEG`` or ``WEBP``, with a quality of 1 to 100. Raises BadImage."""
        return await self.work(data, lambda picture: written(picture.convert("RGB"), format, quality))

    async def work(self, data: bytes, make: Callable[[Image.Image], Made]) -> Made:
        """What ``make`` makes, in a thread, of the decoded picture, RGB or RGBA. Raises BadImage."""

        def opened(pixels: Pixels) -> Made:
            plain = Path(pixels.path).read_bytes()
            return make(Image.frombytes(pixels.mode, (pixels.width, pixels.height), plain))

        async with self._one, self._decoded(data) as pixels:
            return await asyncio.to_thread(opened, pixels)


def written(picture: Image.Image, format: str, quality: int = 80) -> bytes:
    """A picture encoded as ``PNG``, ``JPEG`` or ``WEBP``."""
    file = io.BytesIO()
    picture.save(file, format, quality=quality)
    return file.getvalue()
