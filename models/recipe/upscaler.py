"""The enlargers: from 64 pixels to 256, and to 128, in an architecture spandrel reads from its file alone.

``SRVGGNetCompact`` of Real-ESRGAN (https://github.com/xinntao/Real-ESRGAN, BSD-3-Clause) adds what it has learned to
the nearest neighbours of its input. It learns from the drawn pictures at both sizes, and half of the time from small
ones that went through the VAE, so that it also takes away what the VAE leaves on edges.
"""

import random
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812
from safetensors.torch import save_file
from spandrel import ModelLoader
from spandrel.architectures.Compact import Compact
from torch import Tensor, nn

from models.recipe.budgets import Budgets
from models.recipe.pictures import psnr, to_pixels, to_tensor
from models.recipe.training import Plan, Randomness, train, weights_channels_last
from models.recipe.vae import decode, encode
from models.recipe.world import NATIVE_SIZE, Pixels, Scene, draw, sample_scene

FACTOR = 4
"""How much the enlarger that comes inside the starter enlarges."""
LARGE_SIZE = NATIVE_SIZE * FACTOR

_PRELU_SLOPE = 0.25
_CROP = 40
"""Side in small pixels of the squares it learns from."""


def file_name(factor: int) -> str:
    """Name of the file with the weights."""
    return f"starter_x{factor}.safetensors"


def new_upscaler(factor: int) -> nn.Module:
    """An untrained enlarger, which adds next to nothing to the nearest neighbours yet.

    torch's own initial weights let the signal die out within a few layers, and such a network hardly learns.
    """
    upscaler: nn.Module = Compact(num_in_ch=3, num_out_ch=3, num_feat=32, num_conv=6, upscale=factor, act_type="prelu")
    convolutions = [module for module in upscaler.modules() if isinstance(module, nn.Conv2d)]
    for convolution in convolutions:
        nn.init.kaiming_normal_(convolution.weight, a=_PRELU_SLOPE)
        assert convolution.bias is not None
        nn.init.zeros_(convolution.bias)
    with torch.no_grad():
        convolutions[-1].weight *= 0.1
    return weights_channels_last(upscaler)


def train_upscaler(vae: nn.Module, folder: Path, budgets: Budgets, factor: int = FACTOR) -> nn.Module:
    """Train the enlarger of one factor and return it; prints its PSNR beside that of bicubic interpolation."""
    torch.manual_seed(4)
    upscaler = new_upscaler(factor)

    def loss_of(step: int, randomness: Randomness) -> Tensor:
        generator = randomness.python
        scenes = [sample_scene(generator) for _ in range(budgets.upscaler_batch)]
        large = to_tensor([draw(scene, NATIVE_SIZE * factor) for scene in scenes])
        small = reduce(large, factor)
        if step % 2:
            small = through_vae(vae, small)
        top, left = (generator.randrange(NATIVE_SIZE - _CROP + 1) for _ in range(2))
        small = small[..., top : top + _CROP, left : left + _CROP]
        inside = (slice(top * factor, (top + _CROP) * factor), slice(left * factor, (left + _CROP) * factor))
        error = enlarge(upscaler, small) - large[..., inside[0], inside[1]]
        return error.abs().mean() + 2 * error.pow(2).mean()

    plan = Plan(
        f"upscaler_x{factor}",
        steps=budgets.upscaler_steps,
        learning_rate=2e-3,
        checkpoint_every=budgets.checkpoint_every,
        averaging=0.99,
        weight_decay=0.0,
    )
    train(upscaler, loss_of, plan, folder)
    learned, bicubic = compare_with_bicubic(upscaler, factor)
    print(f"upscaler ×{factor}: {learned:.2f} dB on held-out pictures, bicubic {bicubic:.2f} dB")
    return upscaler


def save_upscaler(upscaler: nn.Module, folder: Path, factor: int = FACTOR) -> None:
    """Write the weights in half precision."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: tensor.half().contiguous() for name, tensor in upscaler.state_dict().items()}
    save_file(weights, folder / file_name(factor))


def load_upscaler(folder: Path, factor: int = FACTOR) -> nn.Module:
    """Load the enlarger through spandrel, as the engine does; float32 on the CPU."""
    described = ModelLoader("cpu").load_from_file(folder / file_name(factor))
    upscaler: nn.Module = described.model.float().eval()
    return weights_channels_last(upscaler)


def reduce(large: Tensor, factor: int) -> Tensor:
    """Average ``[batch, 3, factor × h, factor × w]`` down to ``[batch, 3, h, w]``, in whole bytes."""
    small = F.avg_pool2d(large, factor)
    return ((small + 1) * 127.5).round() / 127.5 - 1


@torch.no_grad()
def through_vae(vae: nn.Module, pictures: Tensor) -> Tensor:
    """Pictures as the model would make them at best."""
    return decode(vae, encode(vae, pictures)).clamp(-1, 1)


def enlarge(upscaler: nn.Module, small: Tensor) -> Tensor:
    """Pictures from -1 to 1, as much wider and higher as was learned; the network itself works from 0 to 1."""
    large: Tensor = upscaler((small + 1) / 2) * 2 - 1
    return large


@torch.no_grad()
def enlarge_pixels(upscaler: nn.Module, pictures: list[Pixels]) -> list[Pixels]:
    """Enlarge pictures."""
    return to_pixels(enlarge(upscaler, to_tensor(pictures)))


@torch.no_grad()
def compare_with_bicubic(upscaler: nn.Module, factor: int = FACTOR, count: int = 48) -> tuple[float, float]:
    """PSNR in dB of the enlarger and of bicubic interpolation on held-out drawn pictures."""
    generator = random.Random(888)
    scenes: list[Scene] = [sample_scene(generator, held_out=True) for _ in range(count)]
    large = to_tensor([draw(scene, NATIVE_SIZE * factor) for scene in scenes])
    small = reduce(large, factor)
    bicubic = F.interpolate(small, scale_factor=factor, mode="bicubic", align_corners=False)
    return psnr(large, enlarge(upscaler, small)), psnr(large, bicubic)
