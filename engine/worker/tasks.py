"""The pipelines of one family for one set of weights: from words, from a picture, into a mask."""

from enum import Enum
from typing import Any

import diffusers

from mintaka.engine.errors import Unsupported
from mintaka.engine.models.info import ModelInfo


class Task(Enum):
    """What a pipeline is for; the value is the diffusers class that finds the family's own."""

    TEXT_TO_IMAGE = "AutoPipelineForText2Image"
    IMAGE_TO_IMAGE = "AutoPipelineForImage2Image"
    INPAINTING = "AutoPipelineForInpainting"


WORDS = {
    Task.TEXT_TO_IMAGE: "draw from words alone",
    Task.IMAGE_TO_IMAGE: "draw over a picture",
    Task.INPAINTING: "repaint parts of a picture",
}


def pipeline_for(task: Task, base: Any, info: ModelInfo, controlnet: Any = None) -> Any:
    """The pipeline for ``task`` over the very modules of ``base``: nothing is loaded or copied.

    With a ``controlnet`` it is one that is steered, and has no ControlNet itself: each request brings its own.
    Raises Unsupported where diffusers has none for the family, or the model was made for something else.
    """
    if task is not Task.INPAINTING and reads_masks(base):
        raise Unsupported(
            f"the model {info.id} repaints parts of pictures and cannot {WORDS[task]}", hint="choose another model"
        )
    try:
        steered = {} if controlnet is None else {"controlnet": controlnet}
        pipeline = getattr(diffusers, task.value).from_pipe(base, **steered)
    except ValueError as error:
        by = "" if controlnet is None else " steered by a ControlNet"
        raise Unsupported(
            f"a model of the family of {info.id} cannot {WORDS[task]}{by}", hint="choose another model"
        ) from error
    if controlnet is not None:
        # Past the pipeline's own __setattr__; else the first ControlNet would stay in memory as long as the model.
        pipeline.__dict__["controlnet"] = None
    return pipeline


def reads_masks(pipeline: Any) -> bool:
    """Whether the model was made for inpainting: its denoiser takes the mask and what it leaves beside the latents."""
    denoiser = getattr(pipeline, "unet", None)
    return denoiser is not None and denoiser.config.in_channels > pipeline.vae.config.latent_channels
