"""The pipelines of one family for one set of weights: from words, from a picture, into a mask."""

from collections.abc import Mapping
from typing import Any

import diffusers

from mintaka.engine.errors import Unsupported
from mintaka.engine.models.abilities import CAN, check_task
from mintaka.engine.models.families import Task
from mintaka.engine.models.info import ModelInfo

AUTO: Mapping[Task, str] = {
    Task.TEXT_TO_IMAGE: "AutoPipelineForText2Image",
    Task.IMAGE_TO_IMAGE: "AutoPipelineForImage2Image",
    Task.INPAINTING: "AutoPipelineForInpainting",
}
"""The classes of diffusers that find a family's own."""


def pipeline_for(task: Task, base: Any, info: ModelInfo, controlnet: Any = None) -> Any:
    """The pipeline for ``task`` over the very modules of ``base``: nothing is loaded or copied.

    With a ``controlnet`` it is one that is steered, and has no ControlNet itself: each request brings its own.
    Raises Unsupported where diffusers has none for the family, or the model was made for something else.
    """
    check_task(task, info)
    if task in info.kin.itself and controlnet is None:
        return base
    try:
        steered = {} if controlnet is None else {"controlnet": controlnet}
        pipeline = getattr(diffusers, AUTO[task]).from_pipe(base, **steered)
    except ValueError as error:
        by = "" if controlnet is None else " steered by a ControlNet"
        raise Unsupported(
            f"a model of the family of {info.id} cannot {CAN[task]}{by}", hint="choose another model"
        ) from error
    if controlnet is not None:
        # Past the pipeline's own __setattr__; else the first ControlNet would stay in memory as long as the model.
        pipeline.__dict__["controlnet"] = None
    return pipeline
