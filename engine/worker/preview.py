"""What a picture will be, seen from the middle of its making.

The latents of a step still carry noise; what the model believes them to be without it (the prediction of x0) is what a
person wants to see. Callbacks of pipelines never give it, so it is taken where the scheduler works it out. A linear map
then gives colours: for the starter model in under a millisecond, WebP and all, where its VAE takes fifteen.
"""

import functools
import io
from typing import Any

import numpy as np
import torch
from PIL import Image

from mintaka.engine.models.families import LatentRgb

MOST = 8
"""Previews made of one picture, at most."""

LONGER_SIDE = 128
QUALITY = 70

CLEAN_OUTPUTS = ("dpmsolver++", "sde-dpmsolver++")
"""Algorithms of multistep solvers that keep x0 in ``model_outputs``."""


def wanted(step: int, steps: int) -> bool:
    """Whether ``step`` of ``steps`` (from 1) is one to show: evenly spread, never the last (the picture itself)."""
    every = max(1, -(-steps // MOST))
    return step < steps and step % every == 0


class CleanLatents:
    """Watches a request's own scheduler and keeps its latest prediction of the latents without noise.

    ``latest`` is n × channels × height × width, or ``None`` before the first step and with the few schedulers that
    never work it out (PNDM, DEIS).
    """

    def __init__(self, scheduler: Any) -> None:
        self.latest: torch.Tensor | None = None
        self._scheduler = scheduler
        self._flows = type(scheduler).__name__.startswith("FlowMatch")
        original = scheduler.step

        # Pipelines look at the signature of `step` to see whether it takes eta and a generator.
        @functools.wraps(original)
        def step(*args: Any, return_dict: bool = True, **kwargs: Any) -> Any:
            output = original(*args, return_dict=True, **kwargs)
            self.latest = self._find(output)
            if self.latest is None and self._flows:
                # What is predicted is the way from what is clean to the noise, and it has been gone for ``sigma``.
                predicted, _, sample = args[:3]
                sigma = scheduler.sigmas[scheduler.step_index - 1]
                self.latest = sample - sigma * predicted
            return output if return_dict else output.to_tuple()

        scheduler.step = step

    def _find(self, output: Any) -> torch.Tensor | None:
        for name in ("pred_original_sample", "denoised"):
            if (found := getattr(output, name, None)) is not None:
                return torch.as_tensor(found)
        config = self._scheduler.config
        if config.get("algorithm_type") in CLEAN_OUTPUTS or config.get("predict_x0"):
            return next((each for each in reversed(self._scheduler.model_outputs) if each is not None), None)
        return None


def unpacked(latents: torch.Tensor, pipeline: Any, drawn: tuple[int, int]) -> torch.Tensor:
    """``latents`` as n × channels × height × width, of a pipeline that lays patches of them in a row."""
    if latents.dim() != 3:  # n × patches × numbers
        return latents
    found = torch.as_tensor(pipeline._unpack_latents(latents, drawn[1], drawn[0], pipeline.vae_scale_factor))
    return found[:, :, 0] if found.dim() == 5 else found  # the VAE of videos has a frame


def render(latents: torch.Tensor, rgb: LatentRgb, drawn: tuple[int, int]) -> bytes:
    """The first of ``latents`` as a WebP of the aspect of ``drawn``, at most `LONGER_SIDE` pixels long."""
    pixels = latents[0].float().cpu().permute(1, 2, 0) @ torch.tensor(rgb.matrix) + torch.tensor(rgb.bias)
    colours = (pixels.clamp(0.0, 1.0) * 255).round().to(torch.uint8).numpy()
    scale = min(1.0, LONGER_SIDE / max(drawn))
    size = (max(1, round(drawn[0] * scale)), max(1, round(drawn[1] * scale)))
    image = Image.fromarray(np.ascontiguousarray(colours)).resize(size, Image.Resampling.BICUBIC)
    out = io.BytesIO()
    image.save(out, "WEBP", quality=QUALITY, method=0)
    return out.getvalue()
