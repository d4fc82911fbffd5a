"""The story of one drawing, told from beginning to end; it runs in a greenlet of its own and parks where it waits."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import diffusers
import torch

from mintaka.engine import prompts, receipt, schedulers
from mintaka.engine.messages import UPSCALER, Files, controlnet_role
from mintaka.engine.requests import Controlled, Drawing, OnStep, Picture, Step
from mintaka.engine.schedulers import Scheduler
from mintaka.engine.words import vocabulary_notes
from mintaka.engine.worker import calling, conditioning, finishing, planning, preview, proxy, regions, safety, stepping
from mintaka.engine.worker.loading import Loaded, Shelf
from mintaka.engine.worker.planning import Plan
from mintaka.engine.worker.stepping import Lane, aside

WATCHERS: Mapping[str, Any] = {"safety_checker": None}
"""What no pipeline is to run by itself; see `mintaka.engine.worker.safety`."""


def draw(request: Drawing, files: Files, shelf: Shelf, on_step: OnStep) -> list[Picture]:
    """Draw ``request`` with the model in ``files``. Raises EngineError and what is below it."""
    controls = request.controls if isinstance(request, Controlled) else ()
    nets = {controlnet_role(i): each.controlnet for i, each in enumerate(controls)}
    with shelf.holding(files, request.model, nets):
        return _draw_held(request, files, nets, shelf, on_step)


def _draw_held(request: Drawing, files: Files, nets: Mapping[str, str], shelf: Shelf, on_step: OnStep) -> list[Picture]:
    loaded = aside(partial(shelf.get, files, request.model), Lane.LOAD)
    controlnets = tuple(aside(partial(shelf.controlnet, files[role], name), Lane.LOAD) for role, name in nets.items())
    loaded = replace(loaded, controlnets=controlnets)
    if request.check_safety:
        safety.check_present(loaded.base, loaded.info.id)
    if UPSCALER in files:
        loaded = replace(loaded, upscaler=aside(partial(shelf.upscalers.get, files[UPSCALER]), Lane.LOAD))
    with loaded.adapters.modules(request.loras, files) as modules:
        return _draw(request, files, loaded, modules, on_step)


def _draw(request: Drawing, files: Files, loaded: Loaded, modules: Mapping[str, Any], on_step: OnStep) -> list[Picture]:
    planned = planning.plan(request, loaded)
    sizes = planned.sizes
    name = request.scheduler or loaded.info.scheduler
    chosen = schedulers.suited(schedulers.find(name), flow=loaded.info.kin.flow) if name else None
    scheduler = make_scheduler(loaded.base.scheduler, chosen, request.seed)
    pipeline = proxy.twin(loaded.pipeline(planned.task), {**modules, **planned.modules, **WATCHERS}, scheduler)
    words = conditioning.said(pipeline, request, loaded, files)
    if words.regions:
        parts = regions.parts(request.regions, words.regions, sizes)
        times = int(scheduler.config.num_train_timesteps)
        pipeline.__dict__["unet"] = regions.by_regions(pipeline.unet, parts, request.batch, times)
    texts = [request.prompt, *(each.prompt for each in request.regions)]
    notes = (
        *vocabulary_notes(loaded.info, " ".join(prompts.words(text, request.embeddings) for text in texts)),
        *words.notes,
        *planned.notes,
        *sizes.notes,
    )
    arguments = calling.fitting(
        pipeline,
        {
            "prompt": request.prompt,
            "num_inference_steps": request.steps,
            "num_images_per_prompt": request.batch,
            "generator": [torch.Generator("cpu").manual_seed(request.seed + i) for i in range(request.batch)],
            "output_type": "pt",
            "callback_on_step_end": _step_callback(request, loaded, scheduler, planned, on_step),
            **calling.guidance(pipeline, request.guidance_scale, request.negative_prompt),
            **calling.sizes(sizes.drawn),
            **calling.second_prompts(pipeline, request),
            **words.arguments,
            **planned.arguments,
        },
    )
    notes += calling.left_out(pipeline, request, arguments)
    images = planned.draw(pipeline, arguments)
    notes += stepping.notes()
    label = chosen.label if chosen is not None else type(scheduler).__name__
    return aside(partial(_finish, request, loaded, label, planned, notes, images), Lane.FINISH)


def make_scheduler(base: Any, chosen: Scheduler | None, seed: int) -> Any:
    """A scheduler for one request alone, from the configuration of the model's own; ``None`` chooses that one.

    ``seed`` is for classes that draw noise of their own, past the pipeline's generator and from the one of the process.
    """
    if chosen is None:
        return type(base).from_config(base.config)
    own_noise = {} if chosen.seeded is None else {chosen.seeded: seed}
    return getattr(diffusers, chosen.class_name).from_config(base.config, **chosen.options, **own_noise)


def _step_callback(
    request: Drawing, loaded: Loaded, scheduler: Any, planned: Plan, on_step: OnStep
) -> Callable[..., dict[str, Any]]:
    rgb, sizes = loaded.info.latent_rgb, planned.sizes
    # Of several runs each is a part of the picture, which shows nothing by itself.
    wanted = request.previews and not request.check_safety and rgb is not None and planned.runs == 1
    clean = preview.CleanLatents(scheduler) if wanted else None
    step = 0

    def step_done(pipeline: Any, _index: int, _timestep: Any, _tensors: dict[str, Any]) -> dict[str, Any]:
        nonlocal step
        picture = None
        step, steps = step + 1, pipeline.num_timesteps * planned.runs
        if clean is not None and rgb is not None and clean.latest is not None and preview.wanted(step, steps):
            latents = preview.unpacked(clean.latest, pipeline, sizes.drawn)
            picture = aside(partial(preview.render, latents, rgb, sizes.drawn), Lane.QUICK)
        on_step(Step(step, steps, picture))
        return {}

    return step_done


def _finish(
    request: Drawing,
    loaded: Loaded,
    scheduler: str,
    planned: Plan,
    notes: tuple[str, ...],
    tensors: torch.Tensor,
) -> list[Picture]:
    model = receipt.Model(loaded.info.id, loaded.digest)
    images = [planned.finish(each) for each in finishing.finish(tensors, planned.sizes, loaded.upscaler)]
    unfit = safety.unfit(loaded.base, images) if request.check_safety else [False] * len(images)
    pictures = []
    for i, (image, hidden) in enumerate(zip(images, unfit, strict=True)):
        seed, told = request.seed + i, notes
        if hidden:
            image, told = safety.black(image), (*notes, safety.BLACKENED)
        chunks = receipt.text_chunks(request, seed, model, scheduler, planned.sizes, told, image.size)
        pictures.append(Picture(finishing.png(image, chunks), *image.size, seed, told))
    return pictures
