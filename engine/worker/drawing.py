"""The story of one drawing, told from beginning to end; it runs in a greenlet of its own and parks where it waits."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import diffusers
import torch

from mintaka.engine import receipt, schedulers, sizing
from mintaka.engine.messages import MODEL, Files, controlnet_role
from mintaka.engine.requests import Controlled, Drawing, OnStep, Picture, Step
from mintaka.engine.schedulers import Scheduler
from mintaka.engine.words import vocabulary_notes
from mintaka.engine.worker import finishing, planning, preview, proxy
from mintaka.engine.worker.loading import Loaded, Shelf
from mintaka.engine.worker.planning import Plan
from mintaka.engine.worker.stepping import Lane, aside


def draw(request: Drawing, files: Files, shelf: Shelf, on_step: OnStep) -> list[Picture]:
    """Draw ``request`` with the model in ``files``. Raises EngineError and what is below it."""
    loaded = aside(partial(shelf.get, files[MODEL], request.model), Lane.LOAD)
    if isinstance(request, Controlled):
        nets = [(files[controlnet_role(i)], each.controlnet) for i, each in enumerate(request.controls)]
        controlnets = tuple(aside(partial(shelf.controlnet, path, name), Lane.LOAD) for path, name in nets)
        loaded = replace(loaded, controlnets=controlnets)
    with loaded.adapters.modules(request.loras, files) as modules:
        return _draw(request, loaded, modules, on_step)


def _draw(request: Drawing, loaded: Loaded, modules: Mapping[str, Any], on_step: OnStep) -> list[Picture]:
    planned = planning.plan(request, loaded)
    sizes = planned.sizes
    chosen = schedulers.find(name) if (name := request.scheduler or loaded.info.scheduler) else None
    scheduler = make_scheduler(loaded.base.scheduler, chosen, request.seed)
    pipeline = proxy.twin(loaded.pipeline(planned.task), {**modules, **planned.modules}, scheduler)
    notes = (
        *vocabulary_notes(loaded.info, request.prompt),
        *length_notes(pipeline, request.prompt),
        *second_prompt_notes(pipeline, request),
        *planned.notes,
        *sizes.notes,
    )
    images = pipeline(
        prompt=request.prompt,
        negative_prompt=request.negative_prompt,
        num_inference_steps=request.steps,
        guidance_scale=request.guidance_scale,
        num_images_per_prompt=request.batch,
        generator=[torch.Generator("cpu").manual_seed(request.seed + i) for i in range(request.batch)],
        output_type="pt",
        callback_on_step_end=_step_callback(request, loaded, scheduler, sizes, on_step),
        **size_arguments(pipeline, sizes.drawn),
        **second_prompts(pipeline, request),
        **planned.arguments,
    ).images
    label = chosen.label if chosen is not None else type(scheduler).__name__
    return aside(partial(_finish, request, loaded, label, planned, notes, images), Lane.FINISH)


def size_arguments(pipeline: Any, size: tuple[int, int]) -> dict[str, int]:
    """``size`` for a pipeline that is told it; some take that of the picture they are given."""
    taken = inspect.signature(type(pipeline).__call__).parameters
    return {name: side for name, side in zip(("width", "height"), size, strict=True) if name in taken}


def second_prompts(pipeline: Any, request: Drawing) -> dict[str, str]:
    """The second prompts for a pipeline that has a second text encoder to read them."""
    given = {"prompt_2": request.prompt_2, "negative_prompt_2": request.negative_prompt_2}
    taken = inspect.signature(type(pipeline).__call__).parameters
    return {name: text for name, text in given.items() if text and name in taken}


def second_prompt_notes(pipeline: Any, request: Drawing) -> tuple[str, ...]:
    """A note when there is a second prompt and nothing to read it."""
    if (
        not (request.prompt_2 or request.negative_prompt_2)
        or "prompt_2" in inspect.signature(type(pipeline).__call__).parameters
    ):
        return ()
    return ("the model has one text encoder; the second prompt was left out",)


def make_scheduler(base: Any, chosen: Scheduler | None, seed: int) -> Any:
    """A scheduler for one request alone, from the configuration of the model's own; ``None`` chooses that one.

    ``seed`` is for classes that draw noise of their own, past the pipeline's generator and from the one of the process.
    """
    if chosen is None:
        return type(base).from_config(base.config)
    own_noise = {} if chosen.seeded is None else {chosen.seeded: seed}
    return getattr(diffusers, chosen.class_name).from_config(base.config, **chosen.options, **own_noise)


def length_notes(pipeline: Any, prompt: str) -> tuple[str, ...]:
    """A note when the prompt is longer than the model reads; its end then has no effect."""
    tokenizer = pipeline.tokenizer
    limit: int = tokenizer.model_max_length
    if len(tokenizer(prompt, verbose=False).input_ids) <= limit:
        return ()
    return (f"the model reads {limit} tokens of a prompt; the end of this one was left out",)


def _step_callback(
    request: Drawing, loaded: Loaded, scheduler: Any, sizes: sizing.SizePlan, on_step: OnStep
) -> Callable[..., dict[str, Any]]:
    rgb = loaded.info.latent_rgb
    clean = preview.CleanLatents(scheduler) if request.previews and rgb is not None else None

    def step_done(pipeline: Any, index: int, _timestep: Any, _tensors: dict[str, Any]) -> dict[str, Any]:
        picture = None
        step, steps = index + 1, pipeline.num_timesteps
        if clean is not None and rgb is not None and clean.latest is not None and preview.wanted(step, steps):
            picture = aside(partial(preview.render, clean.latest, rgb, sizes.drawn), Lane.QUICK)
        on_step(Step(step, steps, picture))
        return {}

    return step_done


def _finish(
    request: Drawing,
    loaded: Loaded,
    scheduler: str,
    planned: Plan,
    notes: tuple[str, ...],
    images: torch.Tensor,
) -> list[Picture]:
    model = receipt.Model(loaded.info.id, loaded.digest)
    pictures = []
    for i, drawn in enumerate(finishing.finish(images, planned.sizes, loaded.upscaler)):
        image, seed = planned.finish(drawn), request.seed + i
        chunks = receipt.text_chunks(request, seed, model, scheduler, planned.sizes, notes, image.size)
        pictures.append(Picture(finishing.png(image, chunks), *image.size, seed, notes))
    return pictures
