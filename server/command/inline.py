"""Pictures in the terminal itself: by the graphics of kitty, iTerm2 and sixel, or as half blocks in 24 bits of colour.

Kitty: https://sw.kovidgoyal.net/kitty/graphics-protocol/ · iTerm2: https://iterm2.com/documentation-images.html ·
sixel: DEC STD 070, chapter 9.
"""

import base64
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

    from mintaka.server.command.show import SavedPicture

SETTING = "MINTAKA_PICTURES"
"""The variable that says which way, where it is not found out rightly: one of `Way`."""

MOST_COLUMNS = 64
"""Width of a picture in half blocks."""

MOST_PIXELS = 256
"""Width and height of a picture in sixels."""

COLOURS = 64
"""Colours of a picture in sixels."""

CHUNK = 4096
"""Characters of base64 that kitty takes at a time."""


class Way(StrEnum):
    """How a terminal shows pictures."""

    KITTY = "kitty"
    ITERM2 = "iterm2"
    SIXEL = "sixel"
    BLOCKS = "blocks"
    NONE = "none"


def way_of(environment: Mapping[str, str]) -> Way:
    """How the terminal shows pictures that these variables tell of."""
    said = environment.get(SETTING, "")
    if said in tuple(Way):
        return Way(said)
    term, program = environment.get("TERM", ""), environment.get("TERM_PROGRAM", "")
    within = "TMUX" in environment or term.startswith(("screen", "tmux"))  # they pass no graphics on
    if not within and ("KITTY_WINDOW_ID" in environment or term in ("xterm-kitty", "xterm-ghostty")):
        return Way.KITTY
    if not within and program in ("iTerm.app", "WezTerm", "mintty"):
        return Way.ITERM2
    if not within and ("sixel" in term or term.startswith(("foot", "mlterm", "yaft"))):
        return Way.SIXEL
    if environment.get("COLORTERM") in ("truecolor", "24bit") and "NO_COLOR" not in environment:
        return Way.BLOCKS
    return Way.NONE


def inline(saved: "Sequence[SavedPicture]") -> str:
    """What shows these pictures where standard output is a terminal that can, else nothing."""
    way = way_of(os.environ) if sys.stdout.isatty() else Way.NONE
    if way is Way.NONE or not saved:
        return ""
    columns = os.get_terminal_size(sys.stdout.fileno()).columns
    return "".join(f"{drawn(each.image.data, way, columns)}\n" for each in saved)


def drawn(picture: bytes, way: Way, columns: int) -> str:
    """What shows an encoded picture; nothing where it takes Pillow, which is not installed."""
    if way is Way.ITERM2:
        return f"\x1b]1337;File=inline=1;size={len(picture)}:{base64.b64encode(picture).decode()}\x07"
    if way is Way.NONE:
        return ""
    try:
        return _drawn(picture, way, columns)
    except ModuleNotFoundError:
        return ""


def _drawn(picture: bytes, way: Way, columns: int) -> str:
    from io import BytesIO

    from PIL import Image

    with Image.open(BytesIO(picture)) as opened:
        if way is Way.KITTY and opened.format == "PNG":
            return _kitty(picture)
        image = opened.convert("RGB")
    if way is Way.KITTY:
        png = BytesIO()
        image.save(png, "PNG")
        return _kitty(png.getvalue())
    if way is Way.SIXEL:
        image.thumbnail((MOST_PIXELS, MOST_PIXELS))
        return "".join(_sixels(image.quantize(COLOURS)))
    width = max(1, min(columns, MOST_COLUMNS))
    height = max(2, round(width * image.height / image.width / 2) * 2)
    return "\n".join(_blocks(image.resize((width, height))))


def _kitty(png: bytes) -> str:
    text = base64.b64encode(png).decode()
    chunks = [text[start : start + CHUNK] for start in range(0, len(text), CHUNK)]
    parts = []
    for place, chunk in enumerate(chunks):
        about = "f=100,a=T," if place == 0 else ""
        parts.append(f"\x1b_G{about}m={int(place < len(chunks) - 1)};{chunk}\x1b\\")
    return "".join(parts)


def _blocks(image: "Image") -> Iterator[str]:
    """Lines of upper half blocks: the colour of the sign is the upper pixel, that behind it the lower one."""
    pixels = image.tobytes()
    row = 3 * image.width
    for top in range(0, image.height, 2):
        line = []
        for left in range(0, row, 3):
            upper, lower = top * row + left, (top + 1) * row + left
            ink, paper = (";".join(map(str, pixels[at : at + 3])) for at in (upper, lower))
            line.append(f"\x1b[38;2;{ink};48;2;{paper}m▀")
        yield "".join(line) + "\x1b[0m"


def _sixels(image: "Image") -> Iterator[str]:
    """A picture with a palette: its colours in per cent, then bands of six rows, each colour of a band in turn."""
    width, height = image.size
    palette, pixels = image.getpalette() or [], image.tobytes()
    yield f'\x1bP0;1q"1;1;{width};{height}'
    for colour in sorted(set(pixels)):
        red, green, blue = (round(part * 100 / 255) for part in palette[3 * colour : 3 * colour + 3])
        yield f"#{colour};2;{red};{green};{blue}"
    for top in range(0, height, 6):
        bands: dict[int, bytearray] = {}
        for row in range(min(6, height - top)):
            start = (top + row) * width
            for column, colour in enumerate(pixels[start : start + width]):
                bands.setdefault(colour, bytearray(width))[column] |= 1 << row
        yield "$".join(f"#{colour}{_repeated(band)}" for colour, band in bands.items())
        yield "-"
    yield "\x1b\\"


def _repeated(band: bytearray) -> str:
    signs = []
    for bits, run in groupby(band):
        count = sum(1 for _ in run)
        signs.append(f"!{count}{chr(63 + bits)}" if count > 3 else chr(63 + bits) * count)
    return "".join(signs)
