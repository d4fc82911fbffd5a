"""The safety checker that some models ship: it looks at finished pictures, and what it finds unfit comes out black.

The pipelines could run it themselves, on the thread that all requests share and on what is drawn before it is enlarged
and pasted back; here it looks at what would be handed out, on a side thread.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image

from mintaka.engine.errors import Unsupported

BLACKENED = "the model's safety checker found the picture unfit, so it is black; another seed or prompt may do"


def check_present(pipeline: Any, model: str) -> None:
    """Raise Unsupported where ``pipeline`` has no safety checker."""
    if getattr(pipeline, "safety_checker", None) is None or getattr(pipeline, "feature_extractor", None) is None:
        raise Unsupported(
            f"the model {model} ships no safety checker, and one is required", hint="choose another model"
        )


def unfit(pipeline: Any, pictures: Sequence[Image.Image]) -> list[bool]:
    """Which of ``pictures`` the safety checker of ``pipeline`` finds unfit."""
    checker = pipeline.safety_checker
    weights = next(checker.parameters())
    seen = pipeline.feature_extractor([each.convert("RGB") for each in pictures], return_tensors="pt").pixel_values
    dummies = [np.zeros((1, 1, 3), np.float32) for _ in pictures]  # it blackens what it is given
    with torch.no_grad():
        _, found = checker(clip_input=seen.to(weights.device, weights.dtype), images=dummies)
    return [bool(each) for each in found]


def black(picture: Image.Image) -> Image.Image:
    """A picture as large as ``picture`` in which there is nothing."""
    return Image.new("RGB", picture.size)
