"""A model of few steps: the starter distilled so that one to four steps without guidance do what twenty with it do.

Consistency distillation with guidance as in latent consistency models (arXiv:2310.04378): from a noisy picture the
student says at once what it says after the teacher has taken one step of DDIM (arXiv:2010.02502). One guidance scale is
taught, the starter's own, so the student needs neither guidance nor an embedding of it. Its own weights, held still,
are the target, as arXiv:2310.14189 found best.
"""

from pathlib import Path

import torch
from torch import Tensor, nn

from models.recipe.budgets import Budgets
from models.recipe.drawings import Drawings, Starter
from models.recipe.folder import GUIDANCE_SCALE
from models.recipe.training import Plan, Randomness, channels_last, train
from models.recipe.unet import NoiseLevels

STRIDE = 20
"""Noise levels of one step of the teacher; ``LCMScheduler``'s fifty original steps lie on the same levels."""

_HUBER = 0.03
"""Where the loss turns from squared to absolute, as a distance of latents of variance 1."""


def train_few_steps(starter: Starter, drawings: Drawings, folder: Path, budgets: Budgets) -> nn.Module:
    """Distil the starter's UNet and return the student."""
    torch.manual_seed(7)
    student: nn.Module = starter.trainable_unet()
    noise = NoiseLevels.standard()
    levels = len(noise.kept) // STRIDE

    def clean(unet: nn.Module, latents: Tensor, times: Tensor, captions: Tensor) -> Tensor:
        """What a UNet takes the picture without noise to be."""
        signal = noise.signal(times)
        velocity: Tensor = unet(channels_last(latents), times, captions, return_dict=False)[0].float()
        return signal.sqrt() * latents - (1 - signal).sqrt() * velocity

    def loss_of(step: int, randomness: Randomness) -> Tensor:
        size = budgets.unet_batch
        rows = drawings.known.choose(size, randomness)
        captions = drawings.known.captions_of(rows, randomness)
        latents = drawings.known.latents_of(rows)
        spread = (torch.arange(size) + torch.rand(size, generator=randomness.torch)) / size
        times = ((spread * levels).long() + 1) * STRIDE - 1
        signal = noise.signal(times)
        drawn = torch.randn(latents.shape, generator=randomness.torch)
        noisy = signal.sqrt() * latents + (1 - signal).sqrt() * drawn
        with torch.no_grad():
            empty = drawings.known.captions_of(rows, randomness, 1.0)
            both = clean(starter.unet, noisy.repeat(2, 1, 1, 1), times.repeat(2), torch.cat([empty, captions]))
            without, following = both.chunk(2)
            guided = without + GUIDANCE_SCALE * (following - without)
            earlier = (times - STRIDE).clamp(min=0)
            earlier_signal = noise.signal(earlier)
            left = (noisy - signal.sqrt() * guided) / (1 - signal).sqrt()
            stepped = earlier_signal.sqrt() * guided + (1 - earlier_signal).sqrt() * left
            # At the last level there is nothing left to say: the teacher's own picture is the target.
            last = (times == STRIDE - 1).view(-1, 1, 1, 1)
            target = torch.where(last, guided, clean(student, stepped, earlier, captions))
        error = clean(student, noisy, times, captions) - target
        loss: Tensor = ((error.pow(2) + _HUBER**2).sqrt() - _HUBER).mean()
        return loss

    plan = Plan(
        "few_steps",
        steps=budgets.few_steps_steps,
        learning_rate=3e-4,
        checkpoint_every=budgets.checkpoint_every,
        averaging=0.99,
    )
    train(student, loss_of, plan, folder)
    return student
