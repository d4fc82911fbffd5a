"""From the bytes of a picture that came with a request to its pixels."""

import io
import warnings

from PIL import Image

from mintaka.engine.errors import BadImage
from mintaka.engine.headers import Header, read_header

UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What brings a picture of each of Exif's orientations upright."""


def decode(data: bytes) -> Image.Image:
    """The picture in ``data``, upright: RGBA where any of it is transparent, RGB where nothing is.

    Raises BadImage for what is broken or over the limits of `mintaka.engine.headers`, MemoryError where there is too
    little.
    """
    header = read_header(data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's doubts about what it reads help nobody here
            image = _upright(_read(data, header), header)
            return _colours(image)
    except BadImage:
        raise
    except MemoryError:
        raise
    except Exception as error:  # decoders raise whatever they like
        raise BadImage("the picture is broken: it cannot be decoded", hint="save it anew") from error


def _read(data: bytes, header: Header) -> Image.Image:
    image = Image.open(io.BytesIO(data), formats=[header.format])
    stored = image.size if header.orientation < 5 else image.size[::-1]
    if stored != (header.width, header.height):
        raise BadImage("the picture is broken: it is not of the size it says", hint="save it anew")
    image.load()
    return image


def _upright(image: Image.Image, header: Header) -> Image.Image:
    turn = UPRIGHT.get(header.orientation)
    return image if turn is None else image.transpose(turn)


def _colours(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16 bit grey, which Pillow would clip
        image = image.point(lambda value: value / 256).convert("L")
    if not image.has_transparency_data:
        return image.convert("RGB")
    clear = image.convert("RGBA")
    opaque = clear.getchannel("A").histogram()[255] == clear.width * clear.height
    return clear.convert("RGB") if opaque else clear
