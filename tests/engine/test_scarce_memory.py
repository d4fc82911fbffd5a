"""When memory does not suffice: what is tried before a request is failed, and what it is then told."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import diffusers
import pytest
import torch
from torch import Tensor

from mintaka.engine.errors import DoesNotFit, OutOfDeviceMemory
from mintaka.engine.requests import TextToImage
from mintaka.engine.worker import proxy, stepping
from mintaka.engine.worker.failures import as_engine_error
from mintaka.engine.worker.row_limit import RowLimit
from mintaka.engine.worker.scarcity import Scarcity
from mintaka.engine.worker.stepping import SteppingLoop
from tests.engine.conftest import STARTER
from tests.engine.test_shared_runs import NoLimit, at_once, looping


@pytest.fixture(scope="module")
def pipeline() -> Any:
    loaded = diffusers.StableDiffusionPipeline.from_pretrained(STARTER, dtype=torch.float32)
    loaded.set_progress_bar_config(disable=True)
    return loaded


@contextmanager
def memory_for(module: torch.nn.Module, numbers: Callable[[], int]) -> Iterator[list[int]]:
    """Have runs of ``module`` on more than so many numbers fail as a device does; the sizes that were asked for."""
    asked: list[int] = []

    def refuse(_module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        first = args[0] if args else next(iter(kwargs.values()))
        asked.append(first.numel())
        if first.numel() > numbers():
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    hook = module.register_forward_pre_hook(refuse, with_kwargs=True)
    try:
        yield asked
    finally:
        hook.remove()


def drawn(pipeline: Any, notes: list[tuple[str, ...]], size: int = 64, batch: int = 1) -> Callable[[], Tensor]:
    """A request for pictures of this size, and what it is to be told."""

    def work() -> Tensor:
        scheduler = diffusers.DDIMScheduler.from_config(pipeline.scheduler.config)
        own = proxy.twin(pipeline, proxy.proxies(pipeline), scheduler)
        with torch.inference_mode():
            images: Tensor = own(
                "a red circle",
                width=size,
                height=size,
                num_inference_steps=2,
                num_images_per_prompt=batch,
                generator=[torch.Generator().manual_seed(i) for i in range(batch)],
                output_type="pt",
            ).images
        notes.append(stepping.notes())
        return images

    return work


class Remembered(NoLimit):
    """No limit but that of memory."""

    def __init__(self) -> None:
        super().__init__()
        self._known: dict[object, RowLimit] = {}

    def of(self, kind: object) -> RowLimit:
        return self._known.setdefault(kind, super().of(kind))


LATENTS = 4 * 16 * 16
"""Numbers in the latents of one picture of 64 × 64."""


def test_a_batch_that_does_not_fit_is_drawn_in_parts_and_is_the_same_picture(pipeline: Any) -> None:
    notes: list[tuple[str, ...]] = []
    with looping() as loop:
        [expected] = at_once(loop, [drawn(pipeline, notes, batch=3)])
    with memory_for(pipeline.unet, lambda: 2 * LATENTS) as asked, looping() as loop:
        [made] = at_once(loop, [drawn(pipeline, notes, batch=3)])
    assert torch.allclose(made, expected, atol=1e-4)
    assert max(asked) == 6 * LATENTS
    assert notes == [(), ("memory was short: pictures that could have been drawn at once were not",)]


def test_requests_that_do_not_fit_together_are_run_apart_from_then_on(pipeline: Any) -> None:
    loop = SteppingLoop(limits=Remembered())
    with memory_for(pipeline.unet, lambda: 4 * LATENTS) as asked, looping(loop) as loop:
        made = at_once(loop, [drawn(pipeline, []) for _ in range(4)])
        assert all(isinstance(each, Tensor) for each in made)
    assert [each for each in asked if each > 4 * LATENTS] == [8 * LATENTS]


def test_a_vae_that_does_not_fit_works_in_tiles_and_does_so_from_the_start_next_time(pipeline: Any) -> None:
    notes: list[tuple[str, ...]] = []
    with looping() as loop:
        [expected] = at_once(loop, [drawn(pipeline, notes, size=128)])
    with memory_for(pipeline.vae.decoder, lambda: LATENTS) as asked, looping() as loop:
        first, second = at_once(loop, [drawn(pipeline, notes, size=128), drawn(pipeline, notes, size=128)])
    assert asked.count(4 * LATENTS) == 1
    assert torch.equal(first, second)
    assert (first - expected).abs().mean() < 0.05
    assert notes[1:] == [("memory was short: the VAE worked in tiles of 64 px",)] * 2
    assert not pipeline.vae.use_tiling


def test_models_kept_for_others_are_let_go_before_a_request_is_failed(pipeline: Any) -> None:
    room = [LATENTS]
    asked_for: list[object] = []

    def let_go(module: object) -> bool:
        asked_for.append(module)
        room[0] = 8 * LATENTS
        return True

    loop = SteppingLoop(limits=NoLimit(), scarcity=Scarcity(let_go))
    with memory_for(pipeline.unet, lambda: room[0]), looping(loop) as loop:
        [made] = at_once(loop, [drawn(pipeline, [], size=128)])
    assert isinstance(made, Tensor)
    assert asked_for == [pipeline.unet]


def test_what_does_not_fit_is_told_which_size_would(pipeline: Any) -> None:
    with memory_for(pipeline.unet, lambda: 2 * LATENTS), looping() as loop:
        [small] = at_once(loop, [drawn(pipeline, [])])
        [error] = at_once(loop, [drawn(pipeline, [], size=192)])
    assert isinstance(small, Tensor)
    assert isinstance(error, DoesNotFit)
    request = TextToImage(id="test", model="tiny", prompt="", width=768, height=576, steps=1, guidance_scale=1, seed=1)
    told = as_engine_error(error, request)
    assert type(told) is OutOfDeviceMemory
    # 2 rows of 64 × 64 did, so 1 of 2 × 64 × 64 would: of 192 × 192 that is a share of 2/9.
    assert told.message == "the device has not enough memory for a picture of 768 × 576; 320 × 256 would fit"
    assert as_engine_error(DoesNotFit("too much")).hint == "ask for a smaller picture or a smaller batch"


def test_a_vae_that_leaves_the_range_of_half_precision_is_run_in_single_precision(pipeline: Any) -> None:
    vae = diffusers.AutoencoderKL.from_pretrained(STARTER / "vae", dtype=torch.float16)
    overflowing = vae.decoder.conv_in
    with torch.no_grad():
        overflowing.weight.mul_(1000)
        overflowing.bias.mul_(1000)
    before = overflowing.weight.clone()
    own = proxy.proxies(type("Pipeline", (), {"vae": vae})())["vae"]
    latents = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(1)).half() * 100
    with torch.inference_mode():
        assert not torch.isfinite(vae.decode(latents)[0]).all()
        pixels = own.decode(latents)[0]
    assert torch.isfinite(pixels).all()
    assert (pixels.dtype, vae.dtype) == (torch.float32, torch.float16)
    assert torch.equal(overflowing.weight, before)
