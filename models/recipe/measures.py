"""Figures of what is added to the starter, each on scenes that training never showed."""

import dataclasses
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from diffusers import (
    ControlNetModel,
    StableDiffusionControlNetPipeline,
    StableDiffusionInpaintPipeline,
)
from PIL import Image

from models.recipe.captions import describe
from models.recipe.controls import KINDS, Lines, agreement, canny_of, scribble_of
from models.recipe.evaluation import SERIES, evaluate, generate, load_pipeline
from models.recipe.folder import GUIDANCE_SCALE, STEPS
from models.recipe.judge import Judge, judge_pictures
from models.recipe.shapes import OBJECTS
from models.recipe.style import FILE_NAME, draw_blueprint, styled_share
from models.recipe.world import NATIVE_SIZE, Pixels, Scene, Thing, draw, sample_scene

_BATCH = 20
_SEED = 5_000
_AWAY = 6
FEW_STEPS = (2, 3, 4)

TOLERANCE = {"canny": 1, "scribble": 2}
"""Pixels of 64 that an edge may lie beside its line: a scribble's lines are thick and unsteady."""


@dataclasses.dataclass(frozen=True, slots=True)
class Control:
    """How well pictures follow their control images."""

    agreement: float
    """Mean F1 of edges and lines, from 0 to 1."""
    moved: float
    """The same where the lines were moved away from where the prompt puts things."""
    without: float
    """That for pictures of the same prompts made without the control image."""
    everything: float
    """Share of pictures in which the judge sees all that the prompt says."""


@dataclasses.dataclass(frozen=True, slots=True)
class Repainted:
    """How well a masked object is replaced by another."""

    everything: float
    """Share of pictures in which the judge sees the new object, and all else as it was."""
    outside_db: float
    """PSNR outside the mask before anything is pasted back, in dB."""


def control_examples(kind: str, count: int) -> list[tuple[Scene, str, Lines]]:
    """Held-out scenes, what they show, and their control images; scribbles are whole."""
    generator = random.Random(_SEED)
    scenes = [sample_scene(generator, held_out=True) for _ in range(count)]
    captions = [describe(scene, generator, complete=True) for scene in scenes]
    lines = [
        canny_of(scene, generator) if kind == "canny" else scribble_of(scene, generator, gaps=False) for scene in scenes
    ]
    return list(zip(scenes, captions, lines, strict=True))


def follow(starter: Path, controlnet: Path, examples: list[tuple[Scene, str, Lines]]) -> list[Pixels]:
    """Pictures of the captions made after their control images."""
    parts = load_pipeline(starter).components
    net = ControlNetModel.from_pretrained(controlnet, dtype=torch.float32)
    pipeline: Any = StableDiffusionControlNetPipeline(**parts, controlnet=net, requires_safety_checker=False)
    pipeline.set_progress_bar_config(disable=True)
    pictures: list[Pixels] = []
    for start, batch in _batches(examples):
        result = pipeline(
            [caption for _, caption, _ in batch],
            image=[Image.fromarray(lines).convert("RGB") for _, _, lines in batch],
            num_inference_steps=STEPS,
            guidance_scale=GUIDANCE_SCALE,
            generator=torch.Generator().manual_seed(start),
        )
        pictures += [np.asarray(picture) for picture in result.images]
    return pictures


def moved(examples: list[tuple[Scene, str, Lines]]) -> list[tuple[Scene, str, Lines]]:
    """The same with lines `_AWAY` pixels to the left or right of where the prompt puts things."""
    sides = np.resize([_AWAY, -_AWAY], len(examples))
    return [
        (scene, caption, np.roll(lines, side, axis=1))
        for (scene, caption, lines), side in zip(examples, sides, strict=True)
    ]


def lines_wanted(kind: str, examples: list[tuple[Scene, str, Lines]]) -> list[Lines]:
    """Where edges are to be: on the lines of the control images, in the middle of thick ones."""
    return [_spine(lines) if kind == "scribble" else lines for _, _, lines in examples]


def measure_control(kind: str, starter: Path, controlnet: Path, judge: Judge, count: int) -> Control:
    """Judge one of :data:`models.recipe.controls.KINDS`."""
    assert kind in KINDS
    examples = control_examples(kind, count)
    followed = follow(starter, controlnet, examples)
    elsewhere = moved(examples)
    free = generate(load_pipeline(starter), [caption for _, caption, _ in examples])
    wanted, tolerance = lines_wanted(kind, elsewhere), TOLERANCE[kind]
    return Control(
        agreement=_mean_agreement(followed, lines_wanted(kind, examples), tolerance),
        moved=_mean_agreement(follow(starter, controlnet, elsewhere), wanted, tolerance),
        without=_mean_agreement(free, wanted, tolerance),
        everything=_share(judge_pictures(judge, followed, [scene for scene, _, _ in examples]).everything),
    )


def repainting_examples(count: int) -> list[tuple[Scene, Scene, str, Lines]]:
    """Scenes with one object, the same with another, what that shows, and a mask over both objects."""
    generator = random.Random(_SEED + 1)
    examples: list[tuple[Scene, Scene, str, Lines]] = []
    while len(examples) < count:
        before = sample_scene(generator, pair=False)
        shape = generator.choice([name for name in OBJECTS if name != before.things[0].shape])
        after = dataclasses.replace(before, things=(Thing(shape, before.things[0].colour),))
        changed: Lines = (draw(before) != draw(after)).any(-1).astype(np.uint8)
        x, y, width, height = cv2.boundingRect(changed)
        mask = np.zeros((NATIVE_SIZE, NATIVE_SIZE), np.uint8)
        mask[max(0, y - 5) : y + height + 5, max(0, x - 5) : x + width + 5] = 255
        examples.append((before, after, describe(after, generator, complete=True), mask))
    return examples


def repaint(inpainting: Path, examples: list[tuple[Scene, Scene, str, Lines]]) -> list[Pixels]:
    """The scenes with what is masked painted anew, nothing pasted back."""
    pipeline: Any = StableDiffusionInpaintPipeline.from_pretrained(inpainting, dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    pictures: list[Pixels] = []
    for start, batch in _batches(examples):
        result = pipeline(
            [caption for _, _, caption, _ in batch],
            image=[Image.fromarray(draw(before)) for before, _, _, _ in batch],
            mask_image=[Image.fromarray(mask) for _, _, _, mask in batch],
            height=NATIVE_SIZE,
            width=NATIVE_SIZE,
            strength=1.0,
            num_inference_steps=STEPS,
            guidance_scale=GUIDANCE_SCALE,
            generator=torch.Generator().manual_seed(start),
        )
        pictures += [np.asarray(picture) for picture in result.images]
    return pictures


def measure_inpainting(inpainting: Path, judge: Judge, count: int) -> Repainted:
    """Replace objects by others and judge the result."""
    examples = repainting_examples(count)
    pictures = repaint(inpainting, examples)
    verdict = judge_pictures(judge, pictures, [after for _, after, _, _ in examples])
    errors = [
        ((picture.astype(float) - draw(before)) / 255)[mask == 0] ** 2
        for picture, (before, _, _, mask) in zip(pictures, examples, strict=True)
    ]
    decibels = [10 * np.log10(1 / max(float(error.mean()), 1e-10)) for error in errors]
    return Repainted(_share(verdict.everything), float(np.mean(decibels)))


def measure_few_steps(folder: Path, judge: Judge, count: int) -> dict[int, tuple[float, float]]:
    """Steps → shares of single objects with the right shape, and with everything right, without guidance."""
    pipeline = load_pipeline(folder)
    verdicts = {steps: evaluate(pipeline, judge, SERIES[0], count, guidance=1.0, steps=steps) for steps in FEW_STEPS}
    return {steps: (_share(verdict.shape), _share(verdict.everything)) for steps, verdict in verdicts.items()}


def styled(starter: Path, lora: Path, prompts: list[str], weight: float = 1.0) -> list[Pixels]:
    """Pictures in the style."""
    pipeline = load_pipeline(starter)
    pipeline.load_lora_weights(lora, weight_name=FILE_NAME, adapter_name="style")
    pipeline.set_adapters(["style"], adapter_weights=[weight])
    return generate(pipeline, prompts)


def measure_style(starter: Path, lora: Path, count: int) -> tuple[float, float, float]:
    """Share of the style's colours without it, with it, and in pictures drawn in it."""
    generator = random.Random(_SEED + 2)
    scenes = [sample_scene(generator, held_out=True) for _ in range(count)]
    prompts = [describe(scene, generator, complete=True) for scene in scenes]
    return (
        styled_share(generate(load_pipeline(starter), prompts)),
        styled_share(styled(starter, lora, prompts)),
        styled_share([draw_blueprint(scene) for scene in scenes]),
    )


def _mean_agreement(pictures: list[Pixels], lines: list[Lines], tolerance: int) -> float:
    return float(np.mean([agreement(*pair, tolerance) for pair in zip(pictures, lines, strict=True)]))


def _spine(scribble: Lines) -> Lines:
    """The middle of thick lines: what of them is left when their own outline is worn away to one pixel."""
    left, spine = (scribble > 127).astype(np.uint8), np.zeros_like(scribble)
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    while left.any():
        opened = cv2.morphologyEx(left, cv2.MORPH_OPEN, cross)
        spine[(left > 0) & (opened == 0)] = 255
        left = cv2.erode(left, cross).astype(np.uint8)
    return spine


def _share(right: torch.Tensor) -> float:
    return float(right.float().mean())


def _batches(examples: list[Any]) -> Iterator[tuple[int, list[Any]]]:
    for start in range(0, len(examples), _BATCH):
        yield start, examples[start : start + _BATCH]
