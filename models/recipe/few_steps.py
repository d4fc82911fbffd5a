"""A model of few steps: the starter distilled, so that four steps without guidance do what twenty with it do.

Progressive distillation (arXiv:2202.00512) in one go, with guidance as in arXiv:2210.03142: one step of the student is
what `SUBSTEPS` steps of DDIM (arXiv:2010.02502) by the guided teacher come to. One guidance scale is taught, the
starter's own, so the student needs neither guidance nor an embedding of it. Distilling for consistency with itself
(arXiv:2310.04378) was tried first: within the same time it drifted away from every picture.
"""

from pathlib import Path

import torch
from torch import Tensor, nn

from models.recipe.budgets import Budgets
from models.recipe.drawings import Drawings, Starter
from models.recipe.folder import GUIDANCE_SCALE
from models.recipe.training import Plan, Randomness, channels_last, train
from models.recipe.unet import NoiseLevels

STEPS = 4
"""Of the student, at the levels of DDIM with ``timestep_spacing="trailing"``."""

SUBSTEPS = 4
"""Of the teacher within one of the student's."""


def train_few_steps(starter: Starter, drawings: Drawings, folder: Path, budgets: Budgets) -> nn.Module:
    """Distil the starter's UNet and return the student."""
    torch.manual_seed(7)
    student: nn.Module = starter.trainable_unet()
    noise = NoiseLevels.standard()
    stride = len(noise.kept) // STEPS // SUBSTEPS

    def kept(times: Tensor) -> Tensor:
        """The share of the signal; all of it before the first level."""
        return torch.where(times.view(-1, 1, 1, 1) < 0, 1.0, noise.signal(times.clamp(min=0)))

    def guided(latents: Tensor, times: Tensor, captions: Tensor, empty: Tensor) -> Tensor:
        """What the teacher takes the velocity to be."""
        both = channels_last(latents.repeat(2, 1, 1, 1)), times.repeat(2), torch.cat([empty, captions])
        without, following = starter.unet(*both, return_dict=False)[0].float().chunk(2)
        velocity: Tensor = without + GUIDANCE_SCALE * (following - without)
        return velocity

    def loss_of(step: int, randomness: Randomness) -> Tensor:
        size = budgets.unet_batch
        rows = drawings.known.choose(size, randomness)
        captions = drawings.known.captions_of(rows, randomness, 0.0)
        latents = drawings.known.latents_of(rows)
        begin = (torch.arange(size) % STEPS + 1) * stride * SUBSTEPS - 1
        signal = kept(begin)
        drawn = torch.randn(latents.shape, generator=randomness.torch)
        noisy = signal.sqrt() * latents + (1 - signal).sqrt() * drawn
        with torch.no_grad():
            empty = drawings.known.captions_of(rows, randomness, 1.0)
            reached, times = noisy, begin
            for _ in range(SUBSTEPS):
                now, after = kept(times), kept(times - stride)
                velocity = guided(reached, times, captions, empty)
                clean = now.sqrt() * reached - (1 - now).sqrt() * velocity
                left = (1 - now).sqrt() * reached + now.sqrt() * velocity
                reached, times = after.sqrt() * clean + (1 - after).sqrt() * left, times - stride
            # The velocity with which one step leads from the same beginning to the same end.
            end = kept(times)
            share = ((1 - end) / (1 - signal)).sqrt()
            clean = (reached - share * noisy) / (end.sqrt() - share * signal.sqrt())
            target = (signal.sqrt() * noisy - clean) / (1 - signal).sqrt()
        said: Tensor = student(channels_last(noisy), begin, captions, return_dict=False)[0].float()
        loss: Tensor = (said - target).pow(2).mean()
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
