"""Requests that wait for the same module share a run of it, and none of them notices."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import contextmanager
from threading import Thread
from typing import Any

import diffusers
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from mintaka.engine.worker import proxy, stepping
from mintaka.engine.worker.forwards import Entry, Forward, Merger
from mintaka.engine.worker.row_limit import RowLimit, RowLimits
from mintaka.engine.worker.stepping import SteppingLoop, Ticket
from mintaka.engine.worker.trees import PLAIN, Reading, merge, split
from tests.engine.conftest import STARTER

SCHEDULERS: Sequence[tuple[str, dict[str, Any]]] = [
    ("DDIMScheduler", {}),
    ("EulerDiscreteScheduler", {"use_karras_sigmas": True}),
    ("EulerAncestralDiscreteScheduler", {}),
    ("DPMSolverMultistepScheduler", {}),
    ("DPMSolverMultistepScheduler", {"algorithm_type": "sde-dpmsolver++"}),
    ("UniPCMultistepScheduler", {}),
    ("HeunDiscreteScheduler", {}),
    ("DDPMScheduler", {}),
    ("LCMScheduler", {}),
    ("PNDMScheduler", {}),
    ("DEISMultistepScheduler", {}),
    ("KDPM2AncestralDiscreteScheduler", {}),
]


ROUNDING = 5e-5
"""What another order of sums comes to after some steps, relative to the largest latent; wrong rows make 1e-2."""


class NoLimit(RowLimits):
    """As many rows as there are: what is measured here is not time."""

    def of(self, kind: object) -> RowLimit:
        limit = RowLimit()
        for rows in (1, 2, 4, 8, 16, 32, 64):
            for _ in range(5):
                limit.record(rows, 1.0)
        return limit


@contextmanager
def looping(loop: SteppingLoop | None = None) -> Iterator[SteppingLoop]:
    loop = loop or SteppingLoop(limits=NoLimit())
    thread = Thread(target=loop.run)
    thread.start()
    try:
        yield loop
    finally:
        loop.stop()
        thread.join()


def at_once(loop: SteppingLoop, works: Sequence[Callable[[], Any]]) -> list[Any]:
    """Run ``works`` as requests that all begin before the first module runs; their results, or what they raised."""
    futures: list[Future[Any]] = [Future() for _ in works]

    def begin_all() -> None:
        for number, (work, future) in enumerate(zip(works, futures, strict=True), start=1):

            def ended(result: object, error: BaseException | None, future: "Future[Any]" = future) -> None:
                future.set_result(result if error is None else error)

            loop.submit(Ticket(number, work, ended))

    gate = Forward.of(Entry.of(Gate(begin_all), "__call__", PLAIN), (torch.zeros(1),), {})
    loop.submit(Ticket(0, lambda: stepping.call(gate, 0), lambda result, error: None))
    assert not wait(futures, timeout=60).not_done
    return [future.result() for future in futures]


class Gate(nn.Module):
    """Does something while everybody waits."""

    def __init__(self, work: Callable[[], object]) -> None:
        super().__init__()
        self._work = work

    def forward(self, sample: Tensor) -> object:
        return self._work()


@pytest.fixture(scope="module")
def pipeline() -> Any:
    loaded = diffusers.StableDiffusionPipeline.from_pretrained(STARTER, dtype=torch.float32)
    loaded.set_progress_bar_config(disable=True)
    return loaded


def draw(pipeline: Any, number: int, scheduler: tuple[str, dict[str, Any]], **changes: Any) -> Callable[[], Tensor]:
    """A request of its own prompt, seed, number of steps, guidance and scheduler."""
    kind, options = scheduler
    arguments = {
        "prompt": ["a red circle", "a yellow star at night", "a blue house left of a green tree"][number % 3],
        "width": 64,
        "height": 64,
        "num_inference_steps": 2 + number % 3,
        "guidance_scale": [1.0, 1.75, 4.0][number % 3],
        "num_images_per_prompt": 1 + (number == 1),
        "output_type": "latent",
    } | changes

    def work() -> Tensor:
        scheduler = getattr(diffusers, kind).from_config(pipeline.scheduler.config, **options)
        own = proxy.twin(pipeline, proxy.proxies(pipeline), scheduler)
        generators = [torch.Generator().manual_seed(number + i) for i in range(arguments["num_images_per_prompt"])]
        with torch.inference_mode():
            images: Tensor = own(**arguments, generator=generators).images
        return images

    return work


def relative(first: Tensor, second: Tensor) -> float:
    return float((first - second).abs().max() / second.abs().max())


@pytest.mark.filterwarnings("ignore:__array_wrap__:DeprecationWarning")  # in diffusers' DEIS
def test_requests_of_every_scheduler_share_runs_and_get_what_they_would_get_alone(pipeline: Any) -> None:
    works = [draw(pipeline, number, scheduler) for number, scheduler in enumerate(SCHEDULERS)]
    alone = [work() for work in works]
    with looping() as loop:
        together = at_once(loop, works)
        tally = loop.tally
    for number, (one, other) in enumerate(zip(together, alone, strict=True)):
        assert relative(one, other) < ROUNDING, SCHEDULERS[number]
    # The longest request needs eight runs; the text of all prompts is one run for each of the two forms.
    assert tally.calls > 50
    assert tally.runs < 16


def test_the_comparison_fails_when_rows_are_given_to_the_wrong_request(
    pipeline: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    works = [draw(pipeline, number, scheduler) for number, scheduler in enumerate(SCHEDULERS[:3])]
    alone = [work() for work in works]
    run = Merger.run

    def permuted(merger: Merger, forwards: Sequence[Forward]) -> list[Any]:
        rows = [each.rows for each in forwards]
        results = run(merger, forwards)
        return results if len(set(rows)) > 1 else [results[-1], *results[:-1]]

    monkeypatch.setattr(Merger, "run", permuted)
    with looping() as loop:
        together = at_once(loop, works)
    assert (
        max(relative(one, other) for one, other in zip(together, alone, strict=True) if one.shape == other.shape) > 0.01
    )


def test_a_request_that_joins_later_shares_the_steps_that_are_left(pipeline: Any) -> None:
    first, second = draw(pipeline, 0, SCHEDULERS[0]), draw(pipeline, 3, SCHEDULERS[3])
    alone = [first(), second()]
    with looping() as loop:

        def later() -> Tensor:
            for _ in range(3):
                stepping.call(Forward.of(Entry.of(Gate(lambda: None), "__call__", PLAIN), (torch.zeros(1),), {}), 2)
            return second()

        together = at_once(loop, [first, later])
    assert [relative(*pair) < ROUNDING for pair in zip(together, alone, strict=True)] == [True, True]


class Doubling(nn.Module):
    """Doubles; refuses what is marked, and more than ``room`` rows."""

    def __init__(self, room: int = 1000) -> None:
        super().__init__()
        self.room = room
        self.sizes: list[int] = []

    def forward(self, sample: Tensor, other: Tensor | None = None) -> Tensor:
        self.sizes.append(len(sample))
        if len(sample) > self.room:
            raise torch.OutOfMemoryError("no room")
        if (sample == 13).any():
            raise ValueError("thirteen")
        return sample * 2


def doubled(module: nn.Module, value: float, **kwargs: Any) -> Callable[[], Tensor]:
    entry = Entry.of(module, "__call__", PLAIN)
    return lambda: stepping.call(Forward.of(entry, (torch.full((1, 2), value),), kwargs), 1)


def test_a_run_that_fails_fails_only_whose_fault_it_is() -> None:
    module = Doubling()
    with looping() as loop:
        results = at_once(loop, [doubled(module, value) for value in (1.0, 13.0, 3.0)])
    assert isinstance(results[1], ValueError)
    assert [float(results[i][0, 0]) for i in (0, 2)] == [2.0, 6.0]
    assert module.sizes == [3, 1, 1, 1]


def test_what_does_not_fit_together_is_run_in_halves() -> None:
    module = Doubling(room=2)
    with looping() as loop:
        results = at_once(loop, [doubled(module, float(value)) for value in range(5)])
    assert [float(each[0, 0]) for each in results] == [0.0, 2.0, 4.0, 6.0, 8.0]
    assert module.sizes == [5, 3, 2, 1, 2]


def test_what_is_shared_must_be_equal_for_calls_to_run_together() -> None:
    module = Doubling()
    table, same, other = torch.arange(3.0), torch.arange(3.0), torch.zeros(3)
    with looping() as loop:
        for _ in range(2):  # what was seen before is known again
            at_once(loop, [doubled(module, 1.0, other=each) for each in (table, same, other)])
    assert module.sizes == [2, 1, 2, 1]


@given(
    rows=st.lists(st.integers(1, 4), min_size=1, max_size=5),
    width=st.integers(1, 3),
    form=st.sampled_from(["tensor", "tuple", "dict", "list"]),
)
def test_merging_and_splitting_gives_everybody_his_own(rows: list[int], width: int, form: str) -> None:
    counter = itertools.count()
    leaves = [torch.tensor([[next(counter)] * width for _ in range(count)]) for count in rows]
    merged = merge(leaves)
    wrap: dict[str, Callable[[Tensor], Any]] = {
        "tensor": lambda tensor: tensor,
        "tuple": lambda tensor: (tensor, None),
        "dict": lambda tensor: {"sample": tensor},
        "list": lambda tensor: [tensor, tensor],
    }
    parts = split(wrap[form](merged), rows, has_lists=False)
    for part, leaf in zip(parts, leaves, strict=True):
        own = part if form == "tensor" else part["sample"] if form == "dict" else part[0]
        assert torch.equal(own, leaf)


def test_times_of_any_kind_are_one_number_a_row() -> None:
    entry = Entry.of(Timed(), "__call__", Reading())
    times: list[Any] = [7, 7.5, torch.tensor(3), torch.tensor([4.5]), torch.tensor([1, 2], dtype=torch.int64)]
    forwards = [Forward.of(entry, (torch.zeros(2, 1), time), {}) for time in times]
    assert len({each.key for each in forwards}) == 1
    results = Merger().run(forwards)
    assert [each.flatten().tolist() for each in results] == [[7, 7], [7.5, 7.5], [3, 3], [4.5, 4.5], [1, 2]]


class Timed(nn.Module):
    def forward(self, sample: Tensor, timestep: Tensor) -> Tensor:
        return sample + timestep[:, None]


def test_a_limit_grows_while_rows_get_no_dearer_and_stops_where_they_do() -> None:
    limit = RowLimit()
    assert limit.rows == 1
    seconds = {2: 0.2, 4: 0.38, 8: 0.72, 16: 1.7, 32: 3.4}
    tried = []
    for _ in range(60):
        rows = max(2, limit.rows)
        tried.append(rows)
        if limit.wants(rows):
            limit.record(rows, seconds[rows])
    assert sorted(set(tried)) == [2, 4, 8, 16]
    assert limit.rows == 8
    assert tried[-1] == 8


def test_one_run_beside_other_work_does_not_lower_the_limit() -> None:
    limit = RowLimit()
    for rows in (2, 4):
        for slow in (1, 9, 1, 9, 1):
            limit.record(rows, rows * 0.1 * slow)
    assert limit.rows == 8
