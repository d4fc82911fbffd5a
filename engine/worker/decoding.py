"""The pictures of a request as images; they were decoded before (`mintaka.engine.uploads`). Runs on a side thread."""

from pathlib import Path

from PIL import Image, ImageOps

from mintaka.engine.pixels import Pixels

PAPER = (255, 255, 255)
"""What shows where a picture is transparent."""


def decode(data: bytes) -> Image.Image:
    """The picture that ``data`` in a request stands for, upright: RGBA where any of it is transparent, else RGB."""
    pixels = Pixels.from_bytes(data)
    return Image.frombytes(pixels.mode, (pixels.width, pixels.height), Path(pixels.path).read_bytes())


def on_paper(image: Image.Image) -> Image.Image:
    """``image`` as RGB, on white where it is transparent."""
    if image.mode != "RGBA":
        return image
    paper = Image.new("RGBA", image.size, (*PAPER, 255))
    paper.alpha_composite(image)
    return paper.convert("RGB")


def as_mask(image: Image.Image) -> Image.Image:
    """What ``image`` masks (mode L, 255 = repaint): its alpha where any of it is transparent, else its brightness."""
    return image.getchannel("A") if image.mode == "RGBA" else ImageOps.grayscale(image)
