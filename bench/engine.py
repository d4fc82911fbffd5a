"""Seconds a picture: the engine beside the stock diffusers pipeline called directly, in turns, in one run.

    python bench/engine.py [rounds] [threads]

The starter model, 20 steps with guidance. The engine's figures include its process boundary, progress at every step and
the PNG; the stock pipeline's include the PNG.
"""

import asyncio
import io
import os
import secrets
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as in the worker

from mintaka.engine.models import ModelFolder
from mintaka.engine.requests import TextToImage
from mintaka.engine.supervisor import Engine

MODELS = Path(str(files("mintaka") / "models"))
PROMPT = "a red circle on a blue background"
AT_ONCE = 4


def stock_pipeline(threads: int | None) -> Callable[[], None]:
    import torch

    from mintaka.engine.worker import torchvision_operators

    torchvision_operators.make_importable()
    import diffusers

    if threads is not None:
        torch.set_num_threads(threads)
    pipeline: Any = diffusers.StableDiffusionPipeline.from_pretrained(MODELS / "starter", dtype=torch.float32)
    pipeline.scheduler = diffusers.DPMSolverMultistepScheduler.from_config(pipeline.scheduler.config)
    pipeline.set_progress_bar_config(disable=True)

    def draw() -> None:
        generator = torch.Generator("cpu").manual_seed(1)
        [image] = pipeline(
            PROMPT, width=64, height=64, num_inference_steps=20, guidance_scale=4.5, generator=generator
        ).images
        image.save(io.BytesIO(), "PNG")

    return draw


async def seconds(work: Callable[[], Awaitable[object]]) -> float:
    start = time.perf_counter()
    await work()
    return time.perf_counter() - start


async def measure(rounds: int, threads: int | None) -> None:
    engine = Engine(ModelFolder([MODELS]), threads=threads, log=print, token_bytes=secrets.token_bytes)
    native = TextToImage(
        id="bench",
        model="starter",
        prompt=PROMPT,
        width=64,
        height=64,
        steps=20,
        guidance_scale=4.5,
        seed=1,
        previews=False,
    )

    async def draw(request: TextToImage) -> None:
        await engine.run(request, lambda step: None)

    async def draw_at_once() -> None:
        await asyncio.gather(*(draw(replace(native, seed=seed)) for seed in range(AT_ONCE)))

    print(f"start to first picture        {await seconds(lambda: draw(native)):7.3f} s")
    stock = stock_pipeline(threads)

    async def draw_stock() -> None:
        stock()

    cases: dict[str, Callable[[], Awaitable[object]]] = {
        "stock, 64 × 64": draw_stock,
        "engine, 64 × 64": lambda: draw(native),
        "engine, with previews": lambda: draw(replace(native, previews=True)),
        "engine, 256 × 256": lambda: draw(replace(native, width=256, height=256)),
        "engine, 1024 × 1024": lambda: draw(replace(native, width=1024, height=1024)),
        f"engine, {AT_ONCE} at once, each": draw_at_once,
    }
    for case in cases.values():
        await case()
    taken: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, case in cases.items():
            taken[name].append(await seconds(case) / (AT_ONCE if case is draw_at_once else 1))
    baseline = taken["stock, 64 × 64"]
    for name, times in taken.items():
        ratio = statistics.median(mine / its for mine, its in zip(times, baseline, strict=True))
        print(f"{name:28}  {statistics.median(times):7.3f} s   {ratio:5.2f} × stock")
    memory = engine.status().memory
    if memory is not None:
        print(f"worker's memory               {memory / 1024**2:7.0f} MiB")
    await engine.close()


if __name__ == "__main__":
    arguments = [int(argument) for argument in sys.argv[1:]]
    asyncio.run(measure(arguments[0] if arguments else 9, arguments[1] if len(arguments) > 1 else None))
