"""Between pictures as bytes and tensors."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from models.recipe.training import channels_last
from models.recipe.world import Pixels


def to_tensor(pictures: Sequence[Pixels]) -> Tensor:
    """Bytes to float32 ``[batch, 3, height, width]`` from -1 to 1, channels last in memory."""
    stacked = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2)
    return channels_last(stacked.float() / 127.5 - 1)


def to_pixels(batch: Tensor) -> list[Pixels]:
    """Tensors from -1 to 1 back to bytes."""
    array = ((batch.detach().clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1).contiguous().numpy()
    return list(array)


def psnr(first: Tensor, second: Tensor) -> float:
    """Peak signal-to-noise ratio in dB of pictures from -1 to 1, averaged over the batch; the second is clamped."""
    error = (first - second.clamp(-1, 1)).pow(2).mean((1, 2, 3))
    return float((10 * torch.log10(4 / error.clamp_min(1e-10))).mean())


def save_sheet(rows: Sequence[Sequence[Pixels]], path: Path, *, enlarge: int = 1, gap: int = 2) -> None:
    """Save pictures of one size as a table of equally long rows, each enlarged by whole pixels."""
    height, width = (side * enlarge + gap for side in rows[0][0].shape[:2])
    sheet = Image.new("RGB", (len(rows[0]) * width + gap, len(rows) * height + gap), "white")
    for row, pictures in enumerate(rows):
        for column, picture in enumerate(pictures):
            tile = Image.fromarray(picture).resize((width - gap, height - gap), Image.Resampling.NEAREST)
            sheet.paste(tile, (column * width + gap, row * height + gap))
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path, optimize=True)
