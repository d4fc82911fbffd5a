"""How long each stage trains, in steps and samples; the full budgets made the model in ``models/starter``."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Budgets:
    """Everything that trades time for quality; a core with bfloat16 units takes about three hours for it all."""

    vae_steps: int = 5000
    vae_batch: int = 16
    text_steps: int = 4000
    text_batch: int = 64
    judge_steps: int = 1500
    judge_batch: int = 64
    pictures: int = 48_000
    """Pictures drawn and encoded once for the UNet's training."""
    captions_per_picture: int = 2
    unet_steps: int = 15_000
    unet_batch: int = 32
    decoder_steps: int = 1200
    decoder_batch: int = 8
    upscaler_steps: int = 1000
    upscaler_batch: int = 8
    drawings: int = 16_000
    """Pictures drawn and encoded once for everything that is added to the finished starter."""
    controlnet_steps: int = 2500
    """Of the first ControlNet, half of it for one that goes on from another; batches as the UNet's, as below."""
    inpainting_steps: int = 2000
    few_steps_steps: int = 900
    style_steps: int = 800
    styled: int = 3000
    """Pictures drawn in the style."""
    evaluated_prompts: int = 200
    """Prompts of each kind in the evaluation."""
    checkpoint_every: int = 250
    """Steps between two checkpoints of a training."""


FULL = Budgets()

QUICK = Budgets(
    vae_steps=12,
    vae_batch=4,
    text_steps=12,
    text_batch=16,
    judge_steps=12,
    judge_batch=16,
    pictures=256,
    captions_per_picture=1,
    unet_steps=12,
    unet_batch=8,
    decoder_steps=8,
    decoder_batch=2,
    upscaler_steps=8,
    upscaler_batch=2,
    drawings=64,
    controlnet_steps=8,
    inpainting_steps=8,
    few_steps_steps=8,
    style_steps=8,
    styled=32,
    evaluated_prompts=8,
    checkpoint_every=8,
)
"""Runs every stage within two minutes; the result draws nothing."""
