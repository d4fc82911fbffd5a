"""The inpainting UNet: it also reads the mask and the latents of the picture without what is masked, nine channels.

The layout is Stable Diffusion inpainting's, which diffusers' ``StableDiffusionInpaintPipeline`` feeds.
"""

import random
from pathlib import Path

import numpy as np
import torch
from diffusers import UNet2DConditionModel
from PIL import Image, ImageDraw
from torch import Tensor, nn

from models.recipe.budgets import Budgets
from models.recipe.drawings import Drawings, Starter
from models.recipe.training import Plan, Randomness, channels_last, train, weights_channels_last
from models.recipe.unet import NoiseLevels
from models.recipe.vae import LATENT_CHANNELS, REDUCTION, encode
from models.recipe.world import NATIVE_SIZE

_WHOLE_SHARE = 0.1
"""Share of masks that cover the whole picture, so that nothing the starter could draw is forgotten."""
_INSIDE_WEIGHT = 3.0
"""How much more the masked part counts: what is outside can be copied."""


def new_inpainting_unet(starter: Starter) -> nn.Module:
    """The starter's UNet with five more channels to read, which it does not heed yet."""
    config = dict(starter.unet.config) | {"in_channels": 2 * LATENT_CHANNELS + 1}
    unet: nn.Module = UNet2DConditionModel.from_config(config)
    weights = dict(starter.unet.state_dict())
    known = weights["conv_in.weight"]
    weights["conv_in.weight"] = torch.zeros(known.shape[0], config["in_channels"], *known.shape[2:])
    weights["conv_in.weight"][:, :LATENT_CHANNELS] = known
    unet.load_state_dict(weights)
    return weights_channels_last(unet)


def sample_mask(generator: random.Random) -> Image.Image:
    """A random mask, ``L``, 64×64: white is to be painted anew. A box, an ellipse, strokes, one side, or everything."""
    mask = Image.new("L", (NATIVE_SIZE, NATIVE_SIZE), 0)
    brush = ImageDraw.Draw(mask)
    chance = generator.random()
    if chance < _WHOLE_SHARE:
        return Image.new("L", mask.size, 255)
    if chance < 0.45:
        brush.rectangle(_box(generator), fill=255)
    elif chance < 0.65:
        brush.ellipse(_box(generator), fill=255)
    elif chance < 0.85:
        points = [(generator.randrange(NATIVE_SIZE), generator.randrange(NATIVE_SIZE)) for _ in range(4)]
        brush.line(points, fill=255, width=generator.randint(6, 18), joint="curve")
    else:
        cut = generator.randint(12, NATIVE_SIZE - 12)
        last = NATIVE_SIZE - 1
        brush.rectangle(
            generator.choice([(0, 0, cut, last), (cut, 0, last, last), (0, 0, last, cut), (0, cut, last, last)]),
            fill=255,
        )
    return mask


def train_inpainting_unet(starter: Starter, drawings: Drawings, folder: Path, budgets: Budgets) -> nn.Module:
    """Train the inpainting UNet and return it."""
    torch.manual_seed(6)
    unet = new_inpainting_unet(starter)
    noise = NoiseLevels.standard()

    def loss_of(step: int, randomness: Randomness) -> Tensor:
        rows = drawings.known.choose(budgets.unet_batch, randomness)
        captions = drawings.known.captions_of(rows, randomness)
        noised = noise.add(drawings.known.latents_of(rows), randomness)
        masks = np.stack([np.asarray(sample_mask(randomness.python)) for _ in rows])
        mask = (torch.from_numpy(masks)[:, None] > 127).float()
        with torch.no_grad():
            kept = encode(starter.vae, channels_last(drawings.pictures(rows) * (1 - mask))).float()
        # As the pipeline does it: the nearest pixel of each block, not its mean.
        small = nn.functional.interpolate(mask, scale_factor=1 / REDUCTION)
        predicted = unet(
            channels_last(torch.cat([noised.latents, small, kept], 1)), noised.times, captions, return_dict=False
        )[0]
        heed = 1 + (_INSIDE_WEIGHT - 1) * small
        error = (predicted - noised.velocity).pow(2) * heed / heed.mean((2, 3), keepdim=True)
        loss: Tensor = (noised.weights * error.mean((1, 2, 3))).mean()
        return loss

    plan = Plan(
        "inpainting",
        steps=budgets.inpainting_steps,
        learning_rate=5e-4,
        checkpoint_every=budgets.checkpoint_every,
        averaging=0.995,
    )
    train(unet, loss_of, plan, folder)
    return unet


def _box(generator: random.Random) -> tuple[int, int, int, int]:
    width, height = (generator.randint(14, 48) for _ in range(2))
    left, top = generator.randint(-6, NATIVE_SIZE - width + 6), generator.randint(-6, NATIVE_SIZE - height + 6)
    return left, top, left + width, top + height
