"""Pictures drawn by a real worker with the starter model's weights."""

import asyncio
import io
import json
from collections.abc import Callable
from contextlib import suppress

import numpy as np
import pytest
from PIL import Image

from mintaka.engine.errors import DeadlineExceeded, EngineError, NoSuchModel, Unsupported
from mintaka.engine.keeper import WorkerState
from mintaka.engine.models import BadModel
from mintaka.engine.requests import Picture, Step, TextToImage
from mintaka.engine.schedulers import SCHEDULERS
from mintaka.engine.supervisor import Engine

pytestmark = pytest.mark.asyncio(loop_scope="session")

Ask = Callable[..., TextToImage]


def unseen(step: Step) -> None:
    """For a test that does not look at the steps."""


def pixels(picture: Picture) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(picture.data)).convert("RGB"))


async def test_the_shipped_starter_model_draws_at_its_own_defaults(engine: Engine, ask: Ask) -> None:
    [picture] = await engine.run(ask(model="starter", width=256, height=256), unseen)
    image = Image.open(io.BytesIO(picture.data))
    assert (image.format, image.mode, image.size) == ("PNG", "RGB", (256, 256))
    assert (picture.width, picture.height, picture.seed) == (256, 256, 7)
    assert len(np.unique(pixels(picture))) > 50


@pytest.mark.parametrize("size", [(64, 64), (200, 120), (40, 300)])
async def test_a_picture_has_exactly_the_asked_size(engine: Engine, ask: Ask, size: tuple[int, int]) -> None:
    [picture] = await engine.run(ask(width=size[0], height=size[1]), unseen)
    assert Image.open(io.BytesIO(picture.data)).size == size


async def test_a_picture_tells_how_it_was_made(engine: Engine, ask: Ask) -> None:
    request = ask(prompt="a red dragon", negative_prompt="blue", scheduler="Euler a", width=96, height=96)
    [picture] = await engine.run(request, unseen)
    text = Image.open(io.BytesIO(picture.data)).text  # type: ignore[attr-defined]
    record = json.loads(text["mintaka"])
    assert record["prompt"] == "a red dragon"
    assert record["seed"] == 7
    assert record["drawn"] == [64, 64]
    assert record["scheduler"] == "Euler a"
    first, negative, facts = text["parameters"].split("\n")
    assert (first, negative) == ("a red dragon", "Negative prompt: blue")
    assert facts.startswith("Steps: 2, Sampler: Euler a, CFG scale: 4.5, Seed: 7, Size: 96x96, Model hash: ")
    assert record["model_blake3"][:10] in facts
    assert picture.notes == (
        "the tiny model does not know “dragon”; it draws circle and star, in red or blue",
        "drawn at 64 × 64, resampled to 96 × 96 without an upscaler",
    )
    assert tuple(record["notes"]) == picture.notes


async def test_the_same_request_gives_the_same_bytes_and_another_seed_gives_others(engine: Engine, ask: Ask) -> None:
    [first] = await engine.run(ask(), unseen)
    [again] = await engine.run(ask(id="other"), unseen)
    [other] = await engine.run(ask(seed=8), unseen)
    assert first.data == again.data
    assert not np.array_equal(pixels(first), pixels(other))


async def test_picture_i_of_a_batch_is_the_picture_of_seed_plus_i(engine: Engine, ask: Ask) -> None:
    batch = await engine.run(ask(batch=2), unseen)
    [second] = await engine.run(ask(seed=8), unseen)
    assert [picture.seed for picture in batch] == [7, 8]
    assert np.abs(pixels(batch[1]).astype(int) - pixels(second)).max() <= 1  # rows of a batch round differently


async def test_every_step_is_told_once_and_in_order(engine: Engine, ask: Ask) -> None:
    steps: list[Step] = []
    await engine.run(ask(steps=4), steps.append)
    assert [(step.step, step.steps, step.preview) for step in steps] == [(i, 4, None) for i in (1, 2, 3, 4)]


async def test_previews_are_small_pictures_of_the_asked_aspect(engine: Engine, ask: Ask) -> None:
    steps: list[Step] = []
    await engine.run(ask(steps=4, previews=True, width=200, height=100), steps.append)
    previews = [step.preview for step in steps]
    assert previews[-1] is None
    for preview in previews[:-1]:
        assert preview is not None
        image = Image.open(io.BytesIO(preview))
        assert image.format == "WEBP"
        assert max(image.size) <= 128
        assert image.width > image.height


async def test_an_upscaler_of_the_model_enlarges_and_is_mentioned(engine: Engine, ask: Ask) -> None:
    [small] = await engine.run(ask(), unseen)
    [large] = await engine.run(ask(model="enlarging", width=256, height=256), unseen)
    assert large.notes == ("drawn at 64 × 64, enlarged to 256 × 256 by the model's own upscaler",)
    # The upscaler of the test is one of zeros, and so repeats each pixel.
    assert np.array_equal(pixels(large), pixels(small).repeat(4, axis=0).repeat(4, axis=1))


async def test_the_end_of_a_prompt_longer_than_the_text_encoder_reads_at_once_is_seen(engine: Engine, ask: Ask) -> None:
    [one], [other] = [await engine.run(ask(prompt="a red circle, " * 25 + end), unseen) for end in ("", "a blue star")]
    assert one.notes == ()
    assert np.abs(pixels(one).astype(int) - pixels(other)).max() > 20


async def test_the_further_the_weight_of_a_word_is_from_one_the_more_it_changes(engine: Engine, ask: Ask) -> None:
    async def drawn(prompt: str) -> np.ndarray:
        [picture] = await engine.run(ask(prompt=prompt, steps=4), unseen)
        return pixels(picture).astype(float)

    plain = await drawn("a red circle")
    assert np.array_equal(await drawn("a (red:1) circle"), plain)
    for weights in ((1.2, 1.6, 2.4), (0.8, 0.4, -0.4)):
        little, some, much = [np.abs(await drawn(f"a (red:{each}) circle") - plain).mean() for each in weights]
        assert 0 < little < some < much, weights


async def test_a_word_is_taught_to_one_request_alone_and_the_receipt_names_it(engine: Engine, ask: Ask) -> None:
    said = "a red (taught:1.2) circle"
    [plain], [taught] = await asyncio.gather(
        *(engine.run(ask(prompt=said, embeddings=names), unseen) for names in ((), ("taught",)))
    )
    assert np.abs(pixels(plain).astype(int) - pixels(taught)).max() > 5
    text = Image.open(io.BytesIO(taught.data)).text  # type: ignore[attr-defined]
    assert json.loads(text["mintaka"])["embeddings"] == ["taught"]
    assert any("does not know “taught”" in note for note in plain.notes)
    assert taught.notes == ()
    with pytest.raises(Unsupported, match="no embedding called “nothing”"):
        await engine.run(ask(embeddings=("nothing",)), unseen)


async def test_layers_can_be_skipped_as_many_as_there_are_and_the_receipt_says_so(engine: Engine, ask: Ask) -> None:
    [none], [one] = [await engine.run(ask(clip_skip=skip), unseen) for skip in (0, 1)]
    assert np.abs(pixels(none).astype(int) - pixels(one)).max() > 5
    text = Image.open(io.BytesIO(one.data)).text  # type: ignore[attr-defined]
    assert json.loads(text["mintaka"])["clip_skip"] == 1
    assert "Clip skip: 2," in text["parameters"]  # as A1111 counts
    for wrong in (3, 32, -1):
        with pytest.raises(Unsupported, match=r"clip_skip.* out of range"):
            await engine.run(ask(clip_skip=wrong), unseen)


@pytest.mark.parametrize("name", SCHEDULERS)
async def test_every_scheduler_of_the_table_draws(engine: Engine, ask: Ask, name: str) -> None:
    steps: list[Step] = []
    [picture] = await engine.run(ask(scheduler=name), steps.append)
    assert pixels(picture).std() > 1
    assert [step.step for step in steps] == list(range(1, steps[-1].steps + 1))


async def test_a_scheduler_with_noise_of_its_own_keeps_to_the_seed(engine: Engine, ask: Ask) -> None:
    first, other, again = [await engine.run(ask(scheduler="dpmpp_sde", seed=seed), unseen) for seed in (1, 2, 1)]
    assert first == again
    assert first != other


async def test_two_requests_at_once_advance_in_turn(engine: Engine, ask: Ask) -> None:
    seen: list[str] = []
    first_runs = asyncio.Event()

    def on_step(_: Step) -> None:
        seen.append("a")
        first_runs.set()

    first = asyncio.create_task(engine.run(ask(steps=200), on_step))
    await first_runs.wait()
    await engine.run(ask(steps=6), lambda step: seen.append("b"))
    first.cancel()
    with suppress(asyncio.CancelledError):
        await first
    # Scheduling is the worker's own: while both are there, each step of one is followed by one of the other.
    assert "babababab" in "".join(seen)


async def test_a_cancelled_request_stops_and_the_next_one_runs(engine: Engine, ask: Ask) -> None:
    stepping = asyncio.Event()
    steps: list[Step] = []

    def on_step(step: Step) -> None:
        steps.append(step)
        stepping.set()

    task = asyncio.create_task(engine.run(ask(steps=1000), on_step))
    await stepping.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    told = len(steps)
    await engine.run(ask(), unseen)
    assert engine.status().in_flight == 0  # the worker has let go of it, or it would have 900 steps to go
    assert len(steps) == told


async def test_what_on_step_raises_stops_only_that_request(engine: Engine, ask: Ask) -> None:
    def refuse(step: Step) -> None:
        raise LookupError("enough")

    with pytest.raises(LookupError, match="enough"):
        await engine.run(ask(steps=1000), refuse)
    await engine.run(ask(), unseen)
    assert engine.status().in_flight == 0


async def test_a_request_that_fails_leaves_its_neighbour_as_it_was(engine: Engine, ask: Ask) -> None:
    [alone] = await engine.run(ask(steps=6), unseen)
    [beside], not_a_number, too_many_steps = await asyncio.gather(
        engine.run(ask(steps=6), unseen),
        engine.run(ask(model="spoilt"), unseen),
        engine.run(ask(scheduler="lcm", steps=60), unseen),
        return_exceptions=True,
    )  # type: ignore[misc]
    assert beside.data == alone.data
    assert isinstance(not_a_number, EngineError)
    assert "not-a-number" in not_a_number.message
    assert isinstance(too_many_steps, EngineError)
    assert "the server's log says more" in too_many_steps.message


async def test_a_deadline_ends_only_its_own_request(engine: Engine, ask: Ask) -> None:
    with pytest.raises(DeadlineExceeded, match="time limit"):
        await engine.run(ask(steps=1000, deadline_s=0.0), unseen)
    assert await engine.run(ask(), unseen)


async def test_weights_in_a_pickle_are_refused_unopened(engine: Engine, ask: Ask) -> None:
    with pytest.raises(BadModel, match=r"pickled/unet/diffusion_pytorch_model\.bin is a pickle"):
        await engine.run(ask(model="pickled"), unseen)


async def test_a_model_that_cannot_be_loaded_says_so_without_details_of_the_machine(engine: Engine, ask: Ask) -> None:
    with pytest.raises(EngineError, match=r"broken cannot be loaded \(\w+\); the server's log says more") as caught:
        await engine.run(ask(model="broken"), unseen)
    assert "/" not in caught.value.message


async def test_a_map_to_colours_that_does_not_fit_the_latents_is_named(engine: Engine, ask: Ask) -> None:
    with pytest.raises(BadModel, match=r"colourless/mintaka\.json: `latent_rgb` has 1 rows; .* have 4 channels"):
        await engine.run(ask(model="colourless"), unseen)


async def test_an_unknown_model_is_refused_with_the_nearest_name(engine: Engine, ask: Ask) -> None:
    with pytest.raises(NoSuchModel, match="did you mean starter"):
        await engine.run(ask(model="startre"), unseen)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"scheduler": "eulre"}, "did you mean euler"),
        ({"steps": 0}, "0 denoising steps"),
        ({"batch": 65}, "a batch of 65"),
        ({"guidance_scale": float("nan")}, "guidance scale of nan"),
        ({"seed": -1}, "the seed -1"),
        ({"width": 4}, "4 × 64"),
        ({"prompt": "half a pair: \ud83d"}, "cannot be sent"),
    ],
)
async def test_what_no_model_can_do_is_refused_in_words(
    engine: Engine, ask: Ask, changes: dict[str, object], said: str
) -> None:
    with pytest.raises(Unsupported, match=said):
        await engine.run(ask(**changes), unseen)
    assert engine.status().in_flight == 0


async def test_the_status_tells_what_is_loaded(engine: Engine, ask: Ask) -> None:
    await engine.run(ask(), unseen)
    [status] = engine.status().workers
    assert status.state is WorkerState.READY
    assert status.pid is not None
    assert status.crashes == 0
