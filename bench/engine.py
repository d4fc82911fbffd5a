"""The engine beside the stock diffusers pipelines, in turns, in one run on one thread of a CPU.

    python bench/engine.py [rounds [parts]]

What is compared within this process is measured in processor time, the least of the rounds, so that other work on the
machine counts for little. With the starter model, and with half of Stable Diffusion 1.5 (random weights, a picture of
32 × 32 latents), which is far from a processor's caches.
"""

import asyncio
import functools
import io
import math
import os
import secrets
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future, wait
from contextlib import contextmanager
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from threading import Thread
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as in the worker

import torch

from mintaka.engine.worker import torchvision_operators

torchvision_operators.make_importable()
# What follows imports diffusers, which cannot be imported before.
import diffusers  # noqa: E402
import transformers  # noqa: E402

from mintaka.engine.models import ModelFolder  # noqa: E402
from mintaka.engine.models.info import read_model  # noqa: E402
from mintaka.engine.requests import TextToImage  # noqa: E402
from mintaka.engine.supervisor import Engine  # noqa: E402
from mintaka.engine.worker import memory, proxy  # noqa: E402
from mintaka.engine.worker.loading import load  # noqa: E402
from mintaka.engine.worker.stepping import SteppingLoop, Ticket  # noqa: E402

MODELS = Path(str(files("mintaka") / "models"))
PROMPT = "a red circle on a blue background"
AT_ONCE = 8
LONG, SHORT = 40, 4
CPU = torch.device("cpu")


def starter() -> Any:
    """The shipped model."""
    pipeline = diffusers.StableDiffusionPipeline.from_pretrained(MODELS / "starter", dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def half_of_sd(pipeline: Any) -> Any:
    """Half of Stable Diffusion 1.5's UNet, with the starter's VAE and text encoder."""
    torch.manual_seed(1)
    unet = diffusers.UNet2DConditionModel(
        sample_size=32,
        block_out_channels=(160, 320, 640, 640),
        attention_head_dim=8,
        cross_attention_dim=pipeline.text_encoder.config.hidden_size,
    ).eval()
    return diffusers.StableDiffusionPipeline(**{**pipeline.components, "unet": unet}, requires_safety_checker=False)


class Nothing(torch.nn.Module):
    """A UNet that computes nothing."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.config = config
        self.weight = torch.nn.Parameter(torch.zeros(1))

    @property
    def dtype(self) -> torch.dtype:
        """As the pipeline asks."""
        return torch.float32

    @property
    def device(self) -> torch.device:
        """As the pipeline asks."""
        return CPU

    def forward(self, sample: Any, timestep: Any, encoder_hidden_states: Any, **_others: Any) -> tuple[Any]:
        return (sample,)


def drawing(pipeline: Any, seeds: Sequence[int], side: int, steps: int, guidance: float = 4.5) -> Callable[[], Any]:
    """A picture of each seed by ``pipeline``, as the stock program draws them."""

    def draw() -> Any:
        own = pipeline
        own.scheduler = diffusers.DPMSolverMultistepScheduler.from_config(pipeline.scheduler.config)
        generators = [torch.Generator("cpu").manual_seed(seed) for seed in seeds]
        with torch.inference_mode():
            return own(
                PROMPT,
                width=side,
                height=side,
                num_inference_steps=steps,
                guidance_scale=guidance,
                num_images_per_prompt=len(seeds),
                generator=generators,
                output_type="pt",
            ).images

    return draw


@functools.cache
def proxies(pipeline: Any) -> Any:
    """What stands for the heavy modules in all requests: made once for a model."""
    return proxy.proxies(pipeline)


def proxied(pipeline: Any) -> Any:
    """``pipeline`` as a request of the engine has it."""
    return proxy.twin(pipeline, proxies(pipeline), pipeline.scheduler)


@contextmanager
def looping() -> Any:
    """A stepping loop on a thread of its own."""
    loop = SteppingLoop()
    thread = Thread(target=loop.run)
    thread.start()
    try:
        yield loop
    finally:
        loop.stop()
        thread.join()


def submitted(loop: SteppingLoop, number: int, work: Callable[[], Any]) -> "Future[float]":
    """Submit a request; what comes is the processor time at which it ended."""
    future: Future[float] = Future()

    def ended(_result: object, error: BaseException | None) -> None:
        if error is None:
            future.set_result(time.process_time())
        else:
            future.set_exception(error)

    loop.submit(Ticket(number, work, ended))
    return future


def together(loop: SteppingLoop, works: Sequence[Callable[[], Any]]) -> None:
    """Run requests at once."""
    futures = [submitted(loop, number, work) for number, work in enumerate(works, start=1)]
    wait(futures)
    for future in futures:
        future.result()


def by_turns(cases: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """The least processor time of each case, in turns."""
    least = dict.fromkeys(cases, math.inf)
    for case in cases.values():
        case()
    for _ in range(rounds):
        for name, case in cases.items():
            began = time.process_time()
            case()
            least[name] = min(least[name], time.process_time() - began)
    return least


def peak(work: Callable[[], object]) -> float:
    """MiB that ``work`` takes at its peak beyond what is held before, in a process forked for it."""
    ours, theirs = os.pipe()
    if os.fork() == 0:
        taken = memory.measuring(CPU)
        work()
        os.write(theirs, str((taken() or 0) / 1024**2).encode())
        os._exit(0)
    os.close(theirs)
    with open(ours, encoding="ascii") as told:
        held = float(told.read())
    os.wait()
    return held


def at_once(pipeline: Any, side: int, steps: int) -> Callable[[], None]:
    """Eight requests in a loop of their own, when nothing is known of how many rows pay."""

    def work() -> None:
        with looping() as loop:
            together(loop, [drawing(proxied(pipeline), [seed], side, steps) for seed in range(AT_ONCE)])

    return work


def compare(name: str, pipeline: Any, side: int, steps: int, rounds: int) -> None:
    """Eight at once, one after the other, and as one batch; one alone; and what they hold."""

    def one_by_one() -> None:
        for seed in range(AT_ONCE):
            drawing(pipeline, [seed], side, steps)()

    batch = drawing(pipeline, range(AT_ONCE), side, steps)
    print(f"\n{name}: {AT_ONCE} pictures of {side} × {side}, {steps} steps with guidance", flush=True)
    held = [peak(one_by_one), peak(at_once(pipeline, side, steps)), peak(batch)]
    with looping() as loop:

        def engine() -> None:
            together(loop, [drawing(proxied(pipeline), [seed], side, steps) for seed in range(AT_ONCE)])

        for _ in range(-(-12 // steps)):  # until the loop knows how many rows pay
            engine()
        cases: dict[str, Callable[[], object]] = {
            "stock, one after the other": one_by_one,
            "engine, at once": engine,
            "stock, one batch": batch,
        }
        taken = by_turns(cases, rounds)
        sequential = taken["stock, one after the other"]
        for (case, seconds), mib in zip(taken.items(), held, strict=True):
            print(f"  {case:30} {seconds:7.2f} s   {sequential / seconds:5.2f} × as fast   {mib:6.0f} MiB", flush=True)
        alone: dict[str, Callable[[], object]] = {
            "stock, alone": drawing(pipeline, [1], side, steps),
            "engine, alone": lambda: together(loop, [drawing(proxied(pipeline), [1], side, steps)]),
        }
        taken = by_turns(alone, 2 * rounds)
    for case, seconds in taken.items():
        print(f"  {case:30} {seconds:7.2f} s   {seconds / taken['stock, alone']:5.3f} × stock", flush=True)


def overhead(pipeline: Any, rounds: int) -> None:
    """What a call of a module costs more than the call itself."""
    empty = diffusers.StableDiffusionPipeline(
        **{**pipeline.components, "unet": Nothing(pipeline.unet.config)}, requires_safety_checker=False
    )
    empty.set_progress_bar_config(disable=True)
    steps = 50
    with looping() as loop:
        cases: dict[str, Callable[[], object]] = {
            "stock": lambda: [drawing(empty, [seed], 64, steps)() for seed in range(AT_ONCE)],
            "alone": lambda: [together(loop, [drawing(proxied(empty), [seed], 64, steps)]) for seed in range(AT_ONCE)],
            "at once": lambda: together(loop, [drawing(proxied(empty), [seed], 64, steps) for seed in range(AT_ONCE)]),
        }
        taken = by_turns(cases, rounds)
    print("\nA call of a module that does nothing, beyond stock")
    for case in ("alone", "at once"):
        print(f"  {case:30} {(taken[case] - taken['stock']) / (AT_ONCE * steps) * 1000:7.3f} ms")


def latencies(pipeline: Any) -> None:
    """Short requests among long ones: how long they wait, and how long they would first come, first served.

    Time is the processor's of this process, which does nothing else; who comes when is drawn from it.
    """
    alone = {steps: by_turns({"": drawing(pipeline, [1], 64, steps, 1.0)}, 3)[""] for steps in (LONG, SHORT)}
    comes = [(0.0, LONG)] * 4 + [(alone[LONG] * (0.2 + 0.3 * number), SHORT) for number in range(12)]
    engine: list[float] = []
    with looping() as loop:
        together(loop, [drawing(proxied(pipeline), [seed], 64, SHORT, 1.0) for seed in range(AT_ONCE)])
        began, waiting = time.process_time(), []
        for number, (at, steps) in enumerate(comes, start=1):
            while time.process_time() - began < at and any(not each.done() for _, each in waiting):
                time.sleep(0.001)  # processor time passes while the loop's thread draws
            now = time.process_time()
            waiting.append((now, submitted(loop, number, drawing(proxied(pipeline), [number], 64, steps, 1.0))))
        engine = [future.result() - came for came, future in waiting[4:]]
    free, queued = 0.0, []
    for at, steps in comes:
        free = max(free, at) + alone[steps]
        queued.append(free - at)
    queued = queued[4:]
    print(f"\nA request of {SHORT} steps among four of {LONG}, which alone takes {alone[SHORT]:.2f} s")
    for case, times in (("engine", engine), ("first come, first served", queued)):
        print(f"  {case:30} p50 {statistics.median(times):6.2f} s   p99 {max(times):6.2f} s")


def loading(rounds: int) -> None:
    """From a folder to a pipeline that can draw."""
    cases: dict[str, Callable[[], object]] = {
        "stock": starter,
        "engine": lambda: load(read_model(MODELS / "starter"), "cpu"),
    }
    taken = by_turns(cases, rounds)
    print("\nLoading the starter model (the engine also reads its enlarger and what tells it apart)")
    for case, seconds in taken.items():
        print(f"  {case:30} {seconds:7.3f} s   {seconds / taken['stock']:5.2f} × stock")


async def through_the_worker(pipeline: Any, rounds: int) -> None:
    """With the worker's process, progress at every step and a PNG; in time that passes."""
    engine = Engine(ModelFolder([MODELS]), threads=1, token_bytes=secrets.token_bytes)
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

    async def stock() -> None:
        [image] = drawing(pipeline, [1], 64, 20)()
        pixels = (image.permute(1, 2, 0) * 255).round().clamp(0, 255).to(torch.uint8).numpy()
        from PIL import Image

        Image.fromarray(pixels).save(io.BytesIO(), "PNG")

    cases: dict[str, Callable[[], Awaitable[object]]] = {
        "stock, in this process": stock,
        "64 × 64": lambda: draw(native),
        "64 × 64 with previews": lambda: draw(replace(native, previews=True)),
        "256 × 256": lambda: draw(replace(native, width=256, height=256)),
        "1024 × 1024": lambda: draw(replace(native, width=1024, height=1024)),
    }
    least = dict.fromkeys(cases, math.inf)
    for turn in range(rounds + 1):
        for name, case in cases.items():
            began = time.perf_counter()
            await case()
            least[name] = min(least[name], time.perf_counter() - began) if turn else math.inf
    print("\nThrough the worker's process, starter model, 20 steps, in time that passes")
    for name, seconds in least.items():
        print(f"  {name:30} {seconds:7.2f} s   {seconds / least['stock, in this process']:5.2f} × stock")
    await engine.close()


def half(pipeline: Any, rounds: int) -> None:
    """Half of Stable Diffusion 1.5."""
    large = half_of_sd(pipeline)
    large.set_progress_bar_config(disable=True)
    compare("Half of SD 1.5", large, 128, 2, rounds)


PARTS: dict[str, Callable[[Any, int], object]] = {
    "starter": lambda pipeline, rounds: compare("Starter", pipeline, 64, 20, rounds),
    "half": half,
    "overhead": overhead,
    "latencies": lambda pipeline, rounds: latencies(pipeline),
    "loading": lambda pipeline, rounds: loading(rounds),
    "worker": lambda pipeline, rounds: asyncio.run(through_the_worker(pipeline, rounds)),
}


def main() -> None:
    """Print all parts, or those that are named."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    torch.set_num_threads(1)
    diffusers.utils.logging.disable_progress_bar()
    transformers.utils.logging.disable_progress_bar()
    pipeline = starter()
    for part in sys.argv[2:] or PARTS:
        PARTS[part](pipeline, rounds)


if __name__ == "__main__":
    main()
