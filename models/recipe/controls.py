"""Control images, and ControlNets (arXiv:2302.05543) that make the starter follow them.

A control image is white on black, 64×64: the edges of a picture (Canny's, as OpenCV finds them) or a scribble, which is
what a hand would make of the same outlines: thick, unsteady, and with gaps.
"""

import inspect
import random
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
from diffusers import ControlNetModel
from torch import Tensor, nn

from models.recipe.budgets import Budgets
from models.recipe.drawings import Drawings, Starter, drawn_scenes
from models.recipe.training import Plan, Randomness, channels_last, train, weights_channels_last
from models.recipe.unet import NoiseLevels
from models.recipe.world import NATIVE_SIZE, Pixels, Scene, draw

Lines = npt.NDArray[np.uint8]
"""A control image: uint8 ``[height, width]``, white lines on black."""

LARGE_SIZE = 4 * NATIVE_SIZE
"""Side at which a scribble is drawn, and at which half of the edges are found: people bring large pictures."""

LOW, HIGH = 60, 140
"""Canny's thresholds for drawn pictures; a tenth of what separates the palest neighbours of the palette."""

_VARIANTS = 2
_EMPTY_SHARE = 0.3
"""Share of captions left empty: the more, the more is asked of the lines."""
_WOBBLE = 5.0
"""Pixels at the large size that a hand strays from an outline at most."""
_CONDITIONING = (16, 32, 96)
"""Widths of the layers that read the control image; two halvings lead from 64 pixels to 16×16 latents."""


def edges(picture: Pixels, low: int = LOW, high: int = HIGH) -> Lines:
    """Canny's edges of a picture, one pixel wide (https://doi.org/10.1109/TPAMI.1986.4767851)."""
    grey = np.asarray([cv2.Canny(np.ascontiguousarray(picture[..., channel]), low, high) for channel in range(3)])
    found: Lines = grey.max(0)
    return found


def canny_of(scene: Scene, generator: random.Random) -> Lines:
    """The edges of a scene's picture, found at its own size or at four times that and reduced."""
    low = generator.randint(40, 100)
    if generator.random() < 0.5:
        return edges(draw(scene), low, 2 * low)
    return _reduce(edges(draw(scene, LARGE_SIZE), low, 2 * low))


def scribble_of(scene: Scene, generator: random.Random, *, gaps: bool = True) -> Lines:
    """The outlines of a scene as a hand would draw them."""
    outlines = edges(draw(scene, LARGE_SIZE))
    unsteady = _stray(outlines, generator)
    if gaps:
        for _ in range(generator.randint(0, 3)):
            x, y = (generator.randrange(LARGE_SIZE) for _ in range(2))
            cv2.circle(unsteady, (x, y), generator.randint(4, 14), 0, -1)
    width = generator.randint(5, 11)
    brush = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width))
    return _reduce(cv2.dilate(unsteady, brush).astype(np.uint8))


KINDS: dict[str, Callable[[Scene, random.Random], Lines]] = {"canny": canny_of, "scribble": scribble_of}


def write_controls(kind: str, folder: Path, count: int) -> None:
    """Make the control images of all drawings, in some variants each."""
    generator = random.Random(kind)
    lines = np.empty((count, _VARIANTS, NATIVE_SIZE, NATIVE_SIZE), np.uint8)
    for row, scene in enumerate(drawn_scenes(count)):
        for variant in range(_VARIANTS):
            lines[row, variant] = KINDS[kind](scene, generator)
    np.save(folder / f"{kind}.npy", lines)


def new_controlnet(starter: Starter) -> nn.Module:
    """A ControlNet that knows what the UNet's way down knows and changes nothing yet."""
    wanted = set(inspect.signature(ControlNetModel.__init__).parameters) - {"self"}
    shared = {name: value for name, value in starter.unet.config.items() if name in wanted}
    controlnet: nn.Module = ControlNetModel(**shared, conditioning_embedding_out_channels=_CONDITIONING)
    controlnet.load_state_dict(starter.unet.state_dict(), strict=False)
    return weights_channels_last(controlnet)


def train_controlnet(
    kind: str, starter: Starter, drawings: Drawings, folder: Path, budgets: Budgets, *, after: nn.Module | None = None
) -> nn.Module:
    """Train a ControlNet of one kind and return it; ``after`` is one of another kind to go on from."""
    torch.manual_seed(5)
    controlnet = new_controlnet(starter)
    steps = budgets.controlnet_steps
    if after is not None:
        controlnet.load_state_dict(after.state_dict())
        steps //= 2
    lines = np.load(folder / f"{kind}.npy", mmap_mode="r")
    noise = NoiseLevels.standard()

    def loss_of(step: int, randomness: Randomness) -> Tensor:
        rows = drawings.known.choose(budgets.unet_batch, randomness)
        captions = drawings.known.captions_of(rows, randomness, _EMPTY_SHARE)
        noised = noise.add(drawings.known.latents_of(rows), randomness)
        control = conditioning([lines[row, randomness.python.randrange(_VARIANTS)] for row in rows])
        latents = channels_last(noised.latents)
        down, middle = controlnet(latents, noised.times, captions, control, return_dict=False)
        predicted = starter.unet(
            latents,
            noised.times,
            captions,
            down_block_additional_residuals=down,
            mid_block_additional_residual=middle,
            return_dict=False,
        )[0]
        return noised.loss(predicted)

    plan = Plan(
        kind,
        steps=steps,
        learning_rate=6e-4,
        checkpoint_every=budgets.checkpoint_every,
        averaging=0.995,
    )
    train(controlnet, loss_of, plan, folder)
    return controlnet


def conditioning(lines: list[Lines]) -> Tensor:
    """Control images as a ControlNet reads them: float32 ``[batch, 3, 64, 64]`` from 0 to 1."""
    grey = torch.from_numpy(np.stack(lines)).float() / 255
    return channels_last(grey[:, None].expand(-1, 3, -1, -1))


def agreement(result: Pixels, control: Lines, tolerance: int) -> float:
    """F1 of a picture's edges and the lines of its control image, from 0 to 1.

    An edge is right when a line is within ``tolerance`` pixels, and a line is found when an edge is (the measure of
    boundary detection, https://doi.org/10.1109/TPAMI.2004.1273918, without its one-to-one matching).
    """
    found, wanted = edges(result) > 0, control > 127
    if not found.any() or not wanted.any():
        return float(found.any() == wanted.any())
    near = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * tolerance + 1,) * 2)
    precision = (cv2.dilate(wanted.astype(np.uint8), near)[found] > 0).mean()
    recall = (cv2.dilate(found.astype(np.uint8), near)[wanted] > 0).mean()
    return float(2 * precision * recall / max(precision + recall, 1e-9))


def _stray(outlines: Lines, generator: random.Random) -> Lines:
    """Bend a picture of lines by a smooth field of displacements."""
    coarse = np.array([generator.uniform(-1, 1) for _ in range(2 * 6 * 6)], np.float32).reshape(6, 6, 2)
    field = cv2.resize(coarse, outlines.shape, interpolation=cv2.INTER_CUBIC) * generator.uniform(0, _WOBBLE)
    rows, columns = np.mgrid[: outlines.shape[0], : outlines.shape[1]].astype(np.float32)
    thick = cv2.dilate(outlines, np.ones((3, 3), np.uint8))
    return cv2.remap(thick, columns + field[..., 0], rows + field[..., 1], cv2.INTER_NEAREST).astype(np.uint8)


def _reduce(lines: Lines) -> Lines:
    """From the large size to the model's, by area, and bright enough that a line one pixel wide is still seen."""
    small = cv2.resize(lines, (NATIVE_SIZE, NATIVE_SIZE), interpolation=cv2.INTER_AREA).astype(np.float32)
    clear: Lines = np.clip(small * 2, 0, 255).astype(np.uint8)
    return clear
