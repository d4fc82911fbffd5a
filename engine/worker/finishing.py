"""From the pipeline's tensors to finished PNG files; runs on a side thread."""

import io
from collections.abc import Mapping

import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from mintaka.engine.errors import EngineError
from mintaka.engine.sizing import SizePlan
from mintaka.engine.worker.upscaling import Upscaler

COMPRESSION = 4
"""zlib's level: a third faster than its default, for a file a seventh larger (a drawn picture of 1024 × 1024)."""


def finish(images: torch.Tensor, sizes: SizePlan, upscaler: Upscaler | None) -> list[Image.Image]:
    """``images`` (n × 3 × height × width, 0..1) as pictures of exactly the finished size.

    Raises EngineError when one of them holds what is not a number.
    """
    check_numbers(images)
    if sizes.factor is not None and upscaler is not None:
        images = upscaler(images)
    return [_fit(each, sizes) for each in as_images(images)]


def check_numbers(images: torch.Tensor) -> None:
    """Raise EngineError when one of ``images`` holds what is not a number."""
    if not torch.isfinite(images).all():
        raise EngineError(
            "the picture came out as not-a-number, not as colours",
            hint="try a lower guidance scale, another scheduler or another seed",
        )


def as_images(images: torch.Tensor) -> list[Image.Image]:
    """``images`` (n × 3 × height × width, 0..1) in 8 bits a colour."""
    colours = (images.float().cpu().permute(0, 2, 3, 1) * 255).round().clamp(0, 255).to(torch.uint8).numpy()
    return [Image.fromarray(each) for each in colours]


def png(image: Image.Image, chunks: Mapping[str, str]) -> bytes:
    """``image`` as a PNG with text ``chunks``: plain ones where Latin-1 suffices, since older readers stop there."""
    info = PngInfo()
    for key, text in chunks.items():
        info.add_text(key, text)
    out = io.BytesIO()
    image.save(out, "PNG", pnginfo=info, compress_level=COMPRESSION)
    return out.getvalue()


def _fit(image: Image.Image, sizes: SizePlan) -> Image.Image:
    if image.size == sizes.finished:
        return image
    return image.resize(sizes.finished, Image.Resampling.LANCZOS, box=sizes.box(image.size))
