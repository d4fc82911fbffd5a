"""The autoencoder: 64×64 pixels to 4×16×16 latents and back.

An ``AutoencoderKL`` of diffusers (arXiv:2112.10752) without attention, small enough for a CPU. It is trained on drawn
pictures with a reconstruction loss of values and of differences between neighbouring pixels, which keeps edges crisp.
"""

import random
from pathlib import Path

import torch
from diffusers import AutoencoderKL
from torch import Tensor, nn

from models.recipe.budgets import Budgets
from models.recipe.pictures import psnr, save_sheet, to_pixels, to_tensor
from models.recipe.training import Plan, Randomness, train, weights_channels_last
from models.recipe.world import NATIVE_SIZE, Pixels, draw, sample_scene

LATENT_CHANNELS = 4
REDUCTION = 4
"""Pixels of a picture's side to one of the latents."""
LATENT_SIZE = NATIVE_SIZE // REDUCTION

_KL_WEIGHT = 3e-5
_CORRELATION_WEIGHT = 0.02
_LATENT_NOISE = 0.03
_NO_NOISE = -30.0
"""Logarithm of a variance as small as diffusers takes it."""
_WHOLE_FROM = 0.6
"""Share of the training after which whole pictures are shown instead of quarters."""


def new_vae() -> nn.Module:
    """An untrained autoencoder."""
    vae: nn.Module = AutoencoderKL(
        in_channels=3,
        out_channels=3,
        latent_channels=LATENT_CHANNELS,
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=(24, 48, 64),
        layers_per_block=1,
        norm_num_groups=8,
        sample_size=NATIVE_SIZE,
        mid_block_add_attention=False,
        # The latents get unit variance by fold_statistics, so nothing is left to scale.
        scaling_factor=1.0,
        force_upcast=False,
    )
    return weights_channels_last(vae)


def encode(vae: nn.Module, pictures: Tensor) -> Tensor:
    """The mean of the latents' distribution: ``[batch, 3, 64, 64]`` to ``[batch, 4, 16, 16]``, float32."""
    mean: Tensor = vae.encode(pictures).latent_dist.mean  # type: ignore[operator]
    return mean


def decode(vae: nn.Module, latents: Tensor) -> Tensor:
    """Latents ``[batch, 4, h, w]`` to pictures ``[batch, 3, 4h, 4w]``."""
    pictures: Tensor = vae.decode(latents).sample  # type: ignore[operator]
    return pictures


def train_vae(folder: Path, budgets: Budgets) -> nn.Module:
    """Train the autoencoder and return it; prints the PSNR on pictures it has not seen."""
    torch.manual_seed(0)
    vae = new_vae()

    def loss_of(step: int, randomness: Randomness) -> Tensor:
        whole = step >= budgets.vae_steps * _WHOLE_FROM
        count = max(1, budgets.vae_batch // 2) if whole else budgets.vae_batch
        drawn = [draw(sample_scene(randomness.python)) for _ in range(count)]
        pictures = to_tensor(drawn if whole else [_quarter(picture, randomness.python) for picture in drawn])
        distribution = vae.encode(pictures).latent_dist  # type: ignore[operator]
        mean, log_variance = distribution.mean.float(), distribution.logvar.float()
        noise = torch.randn(mean.shape, generator=randomness.torch)
        decoded = decode(vae, mean + noise * torch.exp(0.5 * log_variance))
        divergence = 0.5 * (mean.pow(2) + log_variance.exp() - 1 - log_variance).mean()
        loss: Tensor = (
            _reconstruction_loss(decoded, pictures) + _KL_WEIGHT * divergence + _CORRELATION_WEIGHT * _correlation(mean)
        )
        return loss

    plan = Plan(
        "vae",
        steps=budgets.vae_steps,
        learning_rate=2e-3,
        checkpoint_every=budgets.checkpoint_every,
        averaging=0.995,
        weight_decay=1e-4,
        betas=(0.9, 0.98),
    )
    train(vae, loss_of, plan, folder)
    print(f"vae: {held_out_psnr(vae):.2f} dB on held-out pictures")
    return vae


def refine_decoder(vae: nn.Module, folder: Path, budgets: Budgets) -> None:
    """Go on training the decoder alone, on whole pictures: crisper, and the latents stay what the UNet has learned."""
    decoder = nn.ModuleList([vae.get_submodule("post_quant_conv"), vae.get_submodule("decoder")])

    def loss_of(step: int, randomness: Randomness) -> Tensor:
        pictures = to_tensor([draw(sample_scene(randomness.python)) for _ in range(budgets.decoder_batch)])
        with torch.no_grad():
            latents = encode(vae, pictures)
        # Latents from the UNet are never quite those of a picture.
        latents = latents + _LATENT_NOISE * torch.randn(latents.shape, generator=randomness.torch)
        return _reconstruction_loss(decode(vae, latents), pictures)

    plan = Plan(
        "decoder",
        steps=budgets.decoder_steps,
        learning_rate=1e-3,
        checkpoint_every=budgets.checkpoint_every,
        averaging=0.995,
        weight_decay=1e-4,
        betas=(0.9, 0.98),
    )
    train(decoder, loss_of, plan, folder)
    print(f"decoder: {held_out_psnr(vae):.2f} dB on held-out pictures")


@torch.no_grad()
def held_out_psnr(vae: nn.Module, count: int = 128, sheet: Path | None = None) -> float:
    """PSNR in dB over pictures whose object × colour combinations training never showed."""
    generator = random.Random(777)
    drawn = [draw(sample_scene(generator, held_out=True)) for _ in range(count)]
    pictures = to_tensor(drawn)
    decoded = torch.cat([decode(vae, encode(vae, batch)) for batch in torch.split(pictures, 32)])
    if sheet is not None:
        restored = to_pixels(decoded)
        save_sheet([drawn[:12], restored[:12], drawn[12:24], restored[12:24]], sheet, enlarge=2)
    return psnr(pictures, decoded)


@torch.no_grad()
def fold_statistics(vae: nn.Module, mean: Tensor, whitening: Tensor) -> None:
    """Fold the latents' ``mean``, ``[4]``, and a ``whitening`` matrix, ``[4, 4]``, into the quantising convolutions.

    Pictures decode as before, and the latents the diffusion model sees have mean 0, variance 1 and no correlation.
    """
    encoder, decoder = vae.get_submodule("quant_conv"), vae.get_submodule("post_quant_conv")
    assert isinstance(encoder, nn.Conv2d)
    assert isinstance(decoder, nn.Conv2d)
    assert encoder.bias is not None
    assert decoder.bias is not None
    decoder.bias += decoder.weight[:, :, 0, 0] @ mean
    decoder.weight[:, :, 0, 0] = decoder.weight[:, :, 0, 0] @ torch.linalg.inv(whitening)
    # The first channels of the encoder's output are means, the others logarithms of variances.
    count = len(mean)
    encoder.weight[:count, :, 0, 0] = whitening @ encoder.weight[:count, :, 0, 0]
    encoder.bias[:count] = whitening @ (encoder.bias[:count] - mean)
    # Turned variances are not those of single channels any more: encoding gives the mean, with next to no noise.
    encoder.weight[count:] = 0
    encoder.bias[count:] = _NO_NOISE


def whitening_of(latents: Tensor) -> tuple[Tensor, Tensor]:
    """Mean ``[4]`` and whitening matrix ``[4, 4]`` of latents ``[batch, 4, h, w]``.

    An autoencoder's channels may be so correlated that colour hides in directions of hardly any variance, which the
    diffusion model's noise drowns first; equal variance in each channel does not help there. Of all whitening matrices
    this one (ZCA-cor, arXiv:1512.00809) changes the channels least.
    """
    values = latents.transpose(0, 1).flatten(1).double()
    deviation = values.std(1)
    eigenvalues, directions = torch.linalg.eigh(torch.corrcoef(values))
    unmixing = directions @ torch.diag(eigenvalues.rsqrt()) @ directions.T
    return values.mean(1).float(), (unmixing / deviation).float()


def _reconstruction_loss(decoded: Tensor, pictures: Tensor) -> Tensor:
    error = decoded - pictures
    horizontal = (error[..., 1:] - error[..., :-1]).abs().mean()
    vertical = (error[..., 1:, :] - error[..., :-1, :]).abs().mean()
    return error.abs().mean() + 2 * error.pow(2).mean() + 0.5 * (horizontal + vertical)


def _correlation(latents: Tensor) -> Tensor:
    """Mean square of the correlations between the channels of ``[batch, 4, h, w]``.

    Left alone, training puts three channels into nearly one line, with colour in what little sets them apart; whitening
    would then blow up what is mostly rounding.
    """
    correlations = torch.corrcoef(latents.transpose(0, 1).flatten(1))
    return (correlations - torch.eye(len(correlations))).pow(2).mean()


def _quarter(picture: Pixels, generator: random.Random) -> Pixels:
    """A random quarter, on the grid of the latents: four times the pictures in the same time, and mostly edges."""
    side = NATIVE_SIZE // 2
    top, left = (generator.randrange(0, side // REDUCTION + 1) * REDUCTION for _ in range(2))
    return picture[top : top + side, left : left + side]
