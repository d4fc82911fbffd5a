"""The denoiser: a small UNet of Stable Diffusion's kind, trained with v-prediction (arXiv:2202.00512)."""

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


def train_unet(data: TrainingSet, folder: Path, budgets: Budgets) -> nn.Module:
    """Train the UNet and return it with its averaged weights."""
    torch.manual_seed(2)
    unet = new_unet()
    kept: Tensor = DDPMScheduler(**NOISE).alphas_cumprod
    ratio = kept / (1 - kept)
    # The low noise levels, where only edges are left to decide, count less; the high ones place things and count fully.
    weights = (_SNR_CAP / (ratio + 1)).clamp(max=1)

    def loss_of(step: int, randomness: Randomness) -> Tensor:
        size = budgets.unet_batch
        latents, captions = data.batch(size, randomness)
        # One time of each stratum: every batch sees all noise levels alike.
        spread = (torch.arange(size) + torch.rand(size, generator=randomness.torch)) / size
        times = (spread * len(kept)).long()
        signal = kept[times].view(-1, 1, 1, 1)
        noise = torch.randn(latents.shape, generator=randomness.torch)
        noisy = signal.sqrt() * latents + (1 - signal).sqrt() * noise
        velocity = signal.sqrt() * noise - (1 - signal).sqrt() * latents
        predicted = unet(channels_last(noisy), times, captions, return_dict=False)[0]
        loss: Tensor = (weights[times] * (predicted - velocity).pow(2).mean((1, 2, 3))).mean()
        return loss

    plan = Plan(
        "unet",
        steps=budgets.unet_steps,
        learning_rate=1e-3,
        checkpoint_every=budgets.checkpoint_every,
        averaging=0.998,
    )
    train(unet, loss_of, plan, folder)
    return unet
