"""Pictures in the terminal itself: which way is found out, and what is written."""

import base64
import io
import re
import sys
from random import Random

import pytest
from PIL import Image

from mintaka.server.command.inline import Way, drawn, way_of


def png(size, colours, mode="PNG"):
    image = Image.new("RGB", size)
    image.putdata(colours)
    out = io.BytesIO()
    image.save(out, mode)
    return out.getvalue()


@pytest.mark.parametrize(
    ("environment", "way"),
    [
        ({"TERM": "xterm-kitty", "COLORTERM": "truecolor"}, Way.KITTY),
        ({"KITTY_WINDOW_ID": "1", "TMUX": "/tmp/t", "COLORTERM": "truecolor"}, Way.BLOCKS),
        ({"TERM_PROGRAM": "iTerm.app"}, Way.ITERM2),
        ({"TERM": "foot"}, Way.SIXEL),
        ({"TERM": "xterm-256color", "COLORTERM": "24bit"}, Way.BLOCKS),
        ({"TERM": "xterm-256color", "COLORTERM": "24bit", "NO_COLOR": "1"}, Way.NONE),
        ({"TERM": "dumb"}, Way.NONE),
        ({"TERM": "xterm-kitty", "MINTAKA_PICTURES": "none"}, Way.NONE),
    ],
)
def test_the_way_is_found_out_by_what_the_terminal_says_of_itself(environment, way):
    assert way_of(environment) is way


def test_kitty_gets_a_png_in_chunks_whatever_the_picture_was():
    noise = Random(1)
    colours = [(noise.randrange(256), noise.randrange(256), noise.randrange(256)) for _ in range(4096)]
    for format in ("PNG", "JPEG"):
        picture = png((64, 64), colours, format)
        parts = re.findall("\x1b_G([^;]*);([^\x1b]*)\x1b\\\\", drawn(picture, Way.KITTY, 80))
        assert len(parts) > 1
        assert [about for about, _ in parts] == ["f=100,a=T,m=1", *["m=1"] * (len(parts) - 2), "m=0"]
        assert all(len(chunk) <= 4096 for _, chunk in parts)
        sent = base64.b64decode("".join(chunk for _, chunk in parts))
        assert sent == picture or format == "JPEG"
        assert Image.open(io.BytesIO(sent)).size == (64, 64)


def test_iterm2_gets_the_file_as_it_is():
    picture = png((1, 1), [(1, 2, 3)])
    written = f"\x1b]1337;File=inline=1;size={len(picture)}:{base64.b64encode(picture).decode()}\x07"
    assert drawn(picture, Way.ITERM2, 80) == written


def test_half_blocks_show_two_rows_a_line():
    red, blue = (255, 0, 0), (0, 0, 255)
    written = drawn(png((2, 2), [red, red, blue, blue]), Way.BLOCKS, 2)
    assert written == "\x1b[38;2;255;0;0;48;2;0;0;255m▀" * 2 + "\x1b[0m"


def test_sixels_draw_each_colour_of_six_rows_in_turn():
    red, blue = (255, 0, 0), (0, 0, 255)
    written = drawn(png((4, 7), [red] * 4 + [blue] * 24), Way.SIXEL, 80)
    assert written.startswith('\x1bP0;1q"1;1;4;7#')
    colours = {rgb: number for number, rgb in re.findall(r"#(\d+);2;(\d+;\d+;\d+)", written)}
    assert set(colours) == {"100;0;0", "0;0;100"}
    # The first row is red, bit 0 of six; the five below and the seventh are blue.
    assert f"#{colours['100;0;0']}!4@" in written
    assert f"#{colours['0;0;100']}!4}}" in written
    assert written.endswith(f"#{colours['0;0;100']}!4@-\x1b\\")


def test_what_takes_pillow_shows_nothing_without_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    assert drawn(b"no matter", Way.BLOCKS, 80) == ""
