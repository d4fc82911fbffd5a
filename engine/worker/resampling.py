"""Pillow's filters by our names for them."""

from PIL import Image

from mintaka.engine.edits import Interpolation

FILTERS = {
    Interpolation.LANCZOS: Image.Resampling.LANCZOS,
    Interpolation.BICUBIC: Image.Resampling.BICUBIC,
    Interpolation.BILINEAR: Image.Resampling.BILINEAR,
    Interpolation.NEAREST: Image.Resampling.NEAREST,
    Interpolation.AREA: Image.Resampling.BOX,
}
