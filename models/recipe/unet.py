"""The denoiser: a small UNet of Stable Diffusion's kind, trained with v-prediction (arXiv:2202.00512)."""

from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import DDPMScheduler, UNet2DConditionModel
from torch import Tensor, nn

from models.recipe.budgets import Budgets
from models.recipe.latents import TrainingSet
from models.recipe.text import WIDTH
from models.recipe.training import Plan, Randomness, channels_last, train, weights_channels_last
from models.recipe.vae import LATENT_CHANNELS, LATENT_SIZE

NOISE: dict[str, int | float | str | bool] = {
    "num_train_timesteps": 1000,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "beta_end": 0.02,
    "prediction_type": "v_prediction",
    # Latents here are not bounded by one: clipping them turns DDIM's pictures into mush.
    "clip_sample": False,
}
"""Stable Diffusion's noise schedule, which every scheduler of diffusers takes."""

_SNR_CAP = 5.0
"""Signal-to-noise ratio beyond which a noise level counts less, as in min-SNR weighting (arXiv:2303.09556)."""


def new_unet() -> nn.Module:
    """An untrained UNet.

    Attention is slow on a CPU and stands at 4×4 only, at the end of the way down and in the middle. The captions'
    pooled hidden states also shift and scale every residual block: what shall be drawn is known from the first on.
    """
    unet: nn.Module = UNet2DConditionModel(
        sample_size=LATENT_SIZE,
        in_channels=LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        down_block_types=("DownBlock2D", "DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("UpBlock2D", "UpBlock2D", "UpBlock2D"),
        block_out_channels=(64, 96, 128),
        layers_per_block=1,
        cross_attention_dim=WIDTH,
        addition_embed_type="text",
        addition_embed_type_num_heads=4,
        attention_head_dim=4,
        norm_num_groups=16,
        resnet_time_scale_shift="scale_shift",
        use_linear_projection=True,
    )
    return weights_channels_last(unet)


@dataclass(frozen=True, slots=True)
class Noised:
    """A batch of latents with noise on them, and what a model should say of it."""

    latents: Tensor
    times: Tensor
    """int64 ``[batch]``, from 0 (hardly any noise) to 999 (hardly anything else)."""
    velocity: Tensor
    """What v-prediction predicts: float32, shaped as the latents."""
    weights: Tensor
    """float32 ``[batch]``, how much each row counts."""

    def loss(self, predicted: Tensor) -> Tensor:
        """Weighted mean squared error of predicted velocities, a scalar."""
        loss: Tensor = (self.weights * (predicted - self.velocity).pow(2).mean((1, 2, 3))).mean()
        return loss


@dataclass(frozen=True, slots=True)
class NoiseLevels:
    """Signal left at each of the thousand noise levels."""

    kept: Tensor
    """float32 ``[1000]``: the squared share of the signal, diffusers' ``alphas_cumprod``."""

    @classmethod
    def standard(cls) -> "NoiseLevels":
        """Those of :data:`NOISE`."""
        return cls(DDPMScheduler(**NOISE).alphas_cumprod)

    def add(self, latents: Tensor, randomness: Randomness) -> Noised:
        """Put noise of random levels on latents."""
        size = len(latents)
        # One time of each stratum: every batch sees all noise levels alike.
        spread = (torch.arange(size) + torch.rand(size, generator=randomness.torch)) / size
        times = (spread * len(self.kept)).long()
        signal = self.signal(times)
        noise = torch.randn(latents.shape, generator=randomness.torch)
        noisy = signal.sqrt() * latents + (1 - signal).sqrt() * noise
        velocity = signal.sqrt() * noise - (1 - signal).sqrt() * latents
        # The low noise levels, where only edges are left to decide, count less; the high ones place things.
        ratio = self.kept / (1 - self.kept)
        weights = (_SNR_CAP / (ratio + 1)).clamp(max=1)
        return Noised(noisy, times, velocity, weights[times])

    def signal(self, times: Tensor) -> Tensor:
        """The squared share of the signal at each time, ``[batch, 1, 1, 1]``."""
        return self.kept[times].view(-1, 1, 1, 1)


def train_unet(data: TrainingSet, folder: Path, budgets: Budgets) -> nn.Module:
    """Train the UNet and return it with its averaged weights."""
    torch.manual_seed(2)
    unet = new_unet()
    noise = NoiseLevels.standard()

    def loss_of(step: int, randomness: Randomness) -> Tensor:
        latents, captions = data.batch(budgets.unet_batch, randomness)
        noised = noise.add(latents, randomness)
        return noised.loss(unet(channels_last(noised.latents), noised.times, captions, return_dict=False)[0])

    plan = Plan(
        "unet",
        steps=budgets.unet_steps,
        learning_rate=1e-3,
        checkpoint_every=budgets.checkpoint_every,
        averaging=0.998,
    )
    train(unet, loss_of, plan, folder)
    return unet
