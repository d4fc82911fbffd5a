"""A style: a LoRA (arXiv:2106.09685) that draws whatever it is as white lines on blue, as on a blueprint.

Both colours are the world's own. The VAE has never seen others: a first style of pale colours and dark violet ink came
back from it with green lines, however long it was trained.
"""

from pathlib import Path

import cv2
import numpy as np
import torch
from diffusers import StableDiffusionPipeline
from peft import LoraConfig, get_peft_model_state_dict
from torch import Tensor

from models.recipe.budgets import Budgets
from models.recipe.controls import LARGE_SIZE, edges
from models.recipe.drawings import Drawings, Starter, drawn_scenes, encode_pictures
from models.recipe.training import Plan, Randomness, channels_last, train
from models.recipe.unet import NoiseLevels
from models.recipe.world import NATIVE_SIZE, PALETTE, Pixels, Scene, draw

FILE_NAME = "starter_blueprint.safetensors"

_LINE = np.array(PALETTE["white"], np.float32)
_PAPER = np.array(PALETTE["blue"], np.float32)
_LINE_WIDTH = 15
"""Of the lines, in pixels of the large size."""
_NEAR = 60
"""How far from its colour a pixel may be, as a distance of bytes."""
_RANK = 16
_LAYERS = ["conv1", "conv2", "conv_in", "conv_out", "conv_shortcut", "to_q", "to_k", "to_v", "to_out.0", "conv"]


def draw_blueprint(scene: Scene) -> Pixels:
    """A scene's picture in the style, 64×64."""
    brush = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_LINE_WIDTH, _LINE_WIDTH))
    lines = cv2.dilate(edges(draw(scene, LARGE_SIZE)), brush)
    drawn = np.where(lines[..., None] > 0, _LINE, _PAPER).astype(np.uint8)
    return cv2.resize(drawn, (NATIVE_SIZE, NATIVE_SIZE), interpolation=cv2.INTER_AREA).astype(np.uint8)


def train_style(starter: Starter, drawings: Drawings, folder: Path, out: Path, budgets: Budgets) -> None:
    """Train the LoRA and write it to ``out``, as diffusers reads it."""
    torch.manual_seed(8)
    scenes = drawn_scenes(budgets.styled)
    latents = encode_pictures(starter.vae, [draw_blueprint(scene) for scene in scenes])
    unet = starter.trainable_unet().requires_grad_(False)
    unet.add_adapter(LoraConfig(r=_RANK, lora_alpha=_RANK, init_lora_weights="gaussian", target_modules=_LAYERS))
    noise = NoiseLevels.standard()

    def loss_of(step: int, randomness: Randomness) -> Tensor:
        rows = [randomness.python.randrange(len(latents)) for _ in range(budgets.unet_batch)]
        captions = drawings.known.captions_of(rows, randomness)
        noised = noise.add(latents[rows], randomness)
        return noised.loss(unet(channels_last(noised.latents), noised.times, captions, return_dict=False)[0])

    plan = Plan(
        "style",
        steps=budgets.style_steps,
        learning_rate=1e-3,
        checkpoint_every=budgets.checkpoint_every,
        averaging=0.99,
        weight_decay=0.0,
    )
    train(unet, loss_of, plan, folder)
    out.mkdir(parents=True, exist_ok=True)
    layers = {name: weight.half().contiguous() for name, weight in get_peft_model_state_dict(unet).items()}
    StableDiffusionPipeline.save_lora_weights(out, unet_lora_layers=layers, weight_name=FILE_NAME)


def styled_share(pictures: list[Pixels]) -> float:
    """Share of the pixels that have one of the two colours, from 0 to 1."""
    pixels = np.stack(pictures).astype(np.float32)
    near = [np.linalg.norm(pixels - colour, axis=-1) < _NEAR for colour in (_LINE, _PAPER)]
    return float(np.logical_or(*near).mean())
