"""Pictures that come with requests: what they say of themselves, what is refused, and what they become."""

import io
import struct
import zlib
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mintaka.engine import headers
from mintaka.engine.decoder import reading
from mintaka.engine.errors import BadImage
from mintaka.engine.headers import Header, read_header
from mintaka.engine.worker import decoding


def saved(image: Image.Image, format: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def gradient(width: int, height: int) -> Image.Image:
    y, x = np.mgrid[:height, :width]
    return Image.fromarray(np.stack([x % 256, y % 256, (x + y) % 256], axis=-1).astype(np.uint8))


def chunk(kind: bytes, data: bytes = b"") -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_that_says(width: int, height: int) -> bytes:
    ihdr = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return headers.PNG + chunk(b"IHDR", ihdr) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND")


@pytest.mark.parametrize(
    ("format", "options"),
    [("PNG", {}), ("JPEG", {}), ("JPEG", {"progressive": True}), ("WEBP", {}), ("WEBP", {"lossless": True})],
)
def test_a_picture_says_its_format_and_size(format: str, options: dict[str, object]) -> None:
    assert read_header(saved(gradient(37, 21), format, **options)) == Header(format, 37, 21)


def test_a_webp_with_transparency_says_its_size() -> None:
    assert read_header(saved(Image.new("RGBA", (300, 200), (1, 2, 3, 4)), "WEBP")) == Header("WEBP", 300, 200)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_photograph_is_read_upright(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    upright = Image.new("RGB", (32, 16), "white")
    upright.paste("black", (0, 0, 8, 8))
    turn = {1: None, 2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}[orientation]
    stored = upright if turn is None else upright.transpose(Image.Transpose(turn))
    data = saved(stored, "JPEG", exif=exif, quality=95)
    header = read_header(data)
    assert (header.width, header.height, header.orientation) == (32, 16, orientation)
    shown = np.asarray(reading.decode(data).convert("L")).astype(int)
    assert shown.shape == (16, 32)
    assert shown[2, 2] < 60
    assert shown[12, 28] > 200


def test_pictures_of_every_mode_become_rgb_or_rgba() -> None:
    clear = Image.new("RGBA", (8, 8), (200, 0, 0, 0))
    clear.paste((0, 100, 0, 255), (0, 0, 4, 8))
    assert reading.decode(saved(clear, "PNG")).mode == "RGBA"
    assert decoding.on_paper(reading.decode(saved(clear, "PNG"))).getpixel((6, 0)) == (255, 255, 255)
    assert reading.decode(saved(Image.new("RGBA", (8, 8), (1, 2, 3, 255)), "PNG")).mode == "RGB"
    for mode in ("L", "1", "P", "LA", "CMYK", "I;16"):
        grey = Image.fromarray(np.full((8, 8), 0x8000, np.uint16)) if mode == "I;16" else gradient(8, 8).convert(mode)
        decoded = reading.decode(saved(grey, "JPEG" if mode == "CMYK" else "PNG"))
        assert decoded.mode == "RGB"
    assert decoded.getpixel((0, 0)) == (128, 128, 128)


def test_a_mask_is_its_transparency_or_else_its_brightness() -> None:
    painted = Image.new("RGBA", (4, 4), (0, 0, 0, 0))
    painted.paste((255, 0, 0, 255), (0, 0, 2, 4))
    assert np.asarray(decoding.as_mask(painted))[0].tolist() == [255, 255, 0, 0]
    plain = Image.new("RGB", (4, 4), "black")
    plain.paste("white", (0, 0, 2, 4))
    assert np.asarray(decoding.as_mask(plain))[0].tolist() == [255, 255, 0, 0]


ANIMATION = saved(gradient(8, 8), "WEBP", save_all=True, append_images=[gradient(8, 8).rotate(90)], duration=100)
ANIMATED_PNG = saved(gradient(8, 8), "PNG", save_all=True, append_images=[gradient(8, 8).rotate(90)], duration=100)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "no picture; pictures are PNG, JPEG or WebP"),
        (b"GIF89a" + bytes(100), "no picture"),
        (b"<svg/>", "no picture"),
        (headers.PNG, "ends before it says its size"),
        (b"\xff\xd8\xff\xe0", "ends before it says its size"),
        (b"\xff\xd8" + b"\xff\xd9", "ends before it says its size"),
        (b"\xff\xd8" + b"\xff\xfe\x00\x02" * 5000, "too many parts"),
        (b"\xff\xd8" + b"\xff" * 100_000, "too many parts"),
        (headers.PNG + chunk(b"IHDR", bytes(13)) + chunk(b"tEXt") * 5000, "too many parts"),
        (b"RIFF\0\0\0\0WEBPVP8X", "ends before it says its size"),
        (b"RIFF\0\0\0\0WEBPnope", "a WebP begins with its size"),
        (headers.PNG + chunk(b"nope", bytes(13)), "a PNG begins with its size"),
        (ANIMATION, "is an animation"),
        (ANIMATED_PNG, "is an animation"),
        (png_that_says(0, 10), "is 0 × 10"),
        (png_that_says(16384, 16384), "is 16384 × 16384; it may have 33554432 pixels"),
        (png_that_says(100_000, 1), "and sides of 16384"),
        (bytes(headers.MAX_BYTES + 1), "bytes; at most"),
    ],
)
def test_what_is_no_small_still_picture_is_refused_by_its_first_bytes(data: bytes, said: str) -> None:
    with pytest.raises(BadImage, match=said):
        read_header(data)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
def test_a_picture_that_breaks_off_is_refused(format: str) -> None:
    data = saved(gradient(64, 64), format)
    with pytest.raises(BadImage, match="broken"):
        reading.decode(data[: len(data) // 2])


def test_a_picture_that_decodes_to_another_size_than_it_says_is_refused() -> None:
    large = saved(Image.new("RGBA", (200, 200), (0, 0, 0, 9)), "WEBP")
    lying = large[:24] + bytes([7, 0, 0, 7, 0, 0]) + large[30:]
    with pytest.raises(BadImage, match="broken"):
        reading.decode(lying)


@given(
    st.binary(max_size=200)
    | st.builds(
        lambda head, rest: head + rest,
        st.sampled_from(
            [
                headers.PNG + chunk(b"IHDR", bytes(13)),
                b"\xff\xd8",
                b"RIFF\0\0\0\0WEBPVP8L",
                b"RIFF\0\0\0\0WEBPVP8X",
                b"\xff\xd8\xff\xe1\x00\x40Exif\0\0II*\0",
            ]
        ),
        st.binary(max_size=200),
    )
)
def test_any_bytes_are_read_or_refused_in_words(data: bytes) -> None:
    with suppress(BadImage):
        header = read_header(data)
        assert 1 <= header.width <= headers.MAX_SIDE
        assert 1 <= header.height <= headers.MAX_SIDE
