"""Pictures for tests that send some."""

import io

from PIL import Image


def picture(
    width: int = 64, height: int = 48, colour: str | tuple[int, ...] = "teal", mode: str = "RGB", format: str = "PNG"
) -> bytes:
    """The bytes of a picture of one colour."""
    return encoded(Image.new(mode, (width, height), colour), format)


def encoded(image: Image.Image, format: str = "PNG") -> bytes:
    """A picture's bytes."""
    file = io.BytesIO()
    image.save(file, format)
    return file.getvalue()


def opened(data: bytes) -> Image.Image:
    """A picture, decoded."""
    made = Image.open(io.BytesIO(data))
    made.load()
    return made
