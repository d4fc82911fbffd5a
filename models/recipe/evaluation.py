"""Asks the finished folder for pictures and has the judge look at them."""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import torch
from diffusers import StableDiffusionPipeline

from models.recipe.captions import describe, with_fillers
from models.recipe.folder import GUIDANCE_SCALE, STEPS
from models.recipe.judge import Judge, Verdict, judge_pictures
from models.recipe.world import Pixels, Scene, sample_scene

_BATCH = 20
_EVALUATED = 99
_SETTING = 7_000
"""Seeds of the prompts that figures are given for, and of those that settings are chosen with."""

GUIDANCE_SCALES = (1.5, 1.75, 2.0, 3.0)

SCHEDULERS = (
    "DPMSolverMultistepScheduler",
    "DPMSolverSinglestepScheduler",
    "DDIMScheduler",
    "DDPMScheduler",
    "DEISMultistepScheduler",
    "EulerDiscreteScheduler",
    "EulerAncestralDiscreteScheduler",
    "HeunDiscreteScheduler",
    "KDPM2DiscreteScheduler",
    "KDPM2AncestralDiscreteScheduler",
    "LCMScheduler",
    "PNDMScheduler",
    "UniPCMultistepScheduler",
)
"""Schedulers of diffusers that Stable Diffusion is used with and that need no further package."""


@dataclass(frozen=True, slots=True)
class Series:
    """One kind of prompts to evaluate: with words without meaning, or with combinations training never showed."""

    title: str
    pair: bool
    fillers: bool = False

    def prompts(self, count: int, *, seed: int = _EVALUATED) -> tuple[list[Scene], list[str]]:
        """Scenes and their captions, the same in every run with the same ``seed``."""
        generator = random.Random(seed + self.pair)
        scenes = [sample_scene(generator, held_out=not self.fillers, pair=self.pair) for _ in range(count)]
        captions = [describe(scene, generator, complete=True) for scene in scenes]
        if self.fillers:
            captions = [with_fillers(caption, generator) for caption in captions]
        return scenes, captions


SERIES = (
    Series("one object, combination never seen", pair=False),
    Series("two objects, with a combination never seen", pair=True),
    Series("one object, combination seen, and words without meaning", pair=False, fillers=True),
    Series("two objects, combinations seen, and words without meaning", pair=True, fillers=True),
)


def load_pipeline(folder: Path) -> Any:
    """The stock pipeline in single precision, without progress bars."""
    pipeline = StableDiffusionPipeline.from_pretrained(folder).to(torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def generate(
    pipeline: Any, prompts: Sequence[str], *, guidance: float = GUIDANCE_SCALE, steps: int = STEPS, seed: int = 0
) -> list[Pixels]:
    """One 64×64 picture for each prompt."""
    pictures: list[Pixels] = []
    for start in range(0, len(prompts), _BATCH):
        result = pipeline(
            list(prompts[start : start + _BATCH]),
            num_inference_steps=steps,
            guidance_scale=guidance,
            generator=torch.Generator().manual_seed(seed + start),
        )
        pictures += [np.asarray(picture) for picture in result.images]
    return pictures


def evaluate(pipeline: Any, judge: Judge, series: Series, count: int, **options: Any) -> Verdict:
    """Judge ``count`` pictures of one series; ``options`` go to :func:`generate`."""
    scenes, captions = series.prompts(count)
    return judge_pictures(judge, generate(pipeline, captions, **options), scenes)


def evaluate_guidance(pipeline: Any, judge: Judge, count: int) -> dict[float, tuple[float, float]]:
    """Guidance scale → share of single objects and of pairs with everything right, on prompts kept for this choice."""
    shares = {}
    for scale in GUIDANCE_SCALES:
        right = []
        for series in SERIES[:2]:
            scenes, captions = series.prompts(count, seed=_SETTING)
            verdict = judge_pictures(judge, generate(pipeline, captions, guidance=scale), scenes)
            right.append(float(verdict.everything.float().mean()))
        shares[scale] = (right[0], right[1])
    return shares


def evaluate_schedulers(pipeline: Any, judge: Judge, count: int) -> dict[str, float]:
    """Share of single objects with everything right under each scheduler."""
    usual, shares = pipeline.scheduler, {}
    for name in SCHEDULERS:
        pipeline.scheduler = getattr(diffusers, name).from_config(usual.config)
        shares[name] = float(evaluate(pipeline, judge, SERIES[0], count).everything.float().mean())
    pipeline.scheduler = usual
    return shares


def seconds_a_picture(pipeline: Any, prompt: str, repeats: int = 5) -> float:
    """Wall-clock seconds of one picture, the middle of some."""
    taken = []
    for _ in range(repeats):
        began = time.perf_counter()
        generate(pipeline, [prompt])
        taken.append(time.perf_counter() - began)
    return sorted(taken)[repeats // 2]
