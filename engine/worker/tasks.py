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


def pipeline_for(task: Task, base: Any, info: ModelInfo) -> Any:
    """The pipeline for ``task`` over the very modules of ``base``: nothing is loaded or copied.

    Raises Unsupported where diffusers has none for the family, or the model was made for something else.
    """
    if task is not Task.INPAINTING and reads_masks(base):
        raise Unsupported(
            f"the model {info.id} repaints parts of pictures and cannot {WORDS[task]}", hint="choose another model"
        )
    try:
        return getattr(diffusers, task.value).from_pipe(base)
    except ValueError as error:
        raise Unsupported(
            f"a model of the family of {info.id} cannot {WORDS[task]}", hint="choose another model"
        ) from error


def reads_masks(pipeline: Any) -> bool:
    """Whether the model was made for inpainting: its denoiser takes the mask and what it leaves beside the latents."""
    denoiser = getattr(pipeline, "unet", None)
    return denoiser is not None and denoiser.config.in_channels > pipeline.vae.config.latent_channels
