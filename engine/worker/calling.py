"""What a stock pipeline is called with: of all that a request says, what the signature of its ``__call__`` takes.

Pipelines of diffusers differ in little more. Where guidance is made of two runs by an argument of another name
(``true_cfg_scale``), and what a pipeline leaves out, is told here too.
"""

import inspect
from collections.abc import Mapping
from typing import Any

from mintaka.engine.requests import Drawing


def taken(pipeline: Any) -> frozenset[str]:
    """Names of the arguments that ``pipeline`` takes."""
    return frozenset(inspect.signature(type(pipeline).__call__).parameters)


def fitting(pipeline: Any, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Those of ``arguments`` that ``pipeline`` takes."""
    names = taken(pipeline)
    return {name: value for name, value in arguments.items() if name in names}


def sizes(size: tuple[int, int]) -> dict[str, int]:
    """How a pipeline is told which ``size`` to draw; some take that of the picture they are given."""
    # An editing model brings any size to an area of its own, if not told that this is it.
    return {"width": size[0], "height": size[1], "max_area": size[0] * size[1]}


def guidance(pipeline: Any, scale: float, negative_prompt: str) -> dict[str, Any]:
    """How a pipeline is told the guidance ``scale``: one that the model reads itself, or that weighs two runs of it.

    A model that reads it has learned what two runs would give, and is not run twice.
    """
    if "true_cfg_scale" not in taken(pipeline):
        return {"guidance_scale": scale, "negative_prompt": negative_prompt}
    if pipeline.transformer.config.get("guidance_embeds"):
        return {"guidance_scale": scale}
    return {"true_cfg_scale": scale, "negative_prompt": negative_prompt}


def second_prompts(pipeline: Any, request: Drawing) -> dict[str, str]:
    """The second prompts for a pipeline that has a second text encoder to read them."""
    given = {"prompt_2": request.prompt_2, "negative_prompt_2": request.negative_prompt_2}
    return fitting(pipeline, {name: text for name, text in given.items() if text})


def left_out(pipeline: Any, request: Drawing, arguments: Mapping[str, Any]) -> tuple[str, ...]:
    """Notes on what the request says and the pipeline, called with ``arguments``, does not read."""
    notes = []
    names = taken(pipeline)
    if (request.prompt_2 or request.negative_prompt_2) and "prompt_2" not in names:
        notes.append("the model has one text encoder; the second prompt was left out")
    if request.negative_prompt and "negative_prompt" not in arguments:
        notes.append("the model reads no negative prompt; it was left out")
    if hasattr(request, "strength") and "strength" not in names:
        notes.append("the model looks at the picture and draws it anew, so the strength was left out")
    return tuple(notes)
