import asyncio
import errno
import io
import os
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from PIL import Image as Pillow

from mintaka.capabilities.images import Image
from mintaka.capabilities.urgency import Urgency
from mintaka.engine.errors import OutOfDeviceMemory, WorkerCrashed
from mintaka.runtime.errors import ArityError, HostFault, ScriptError, TypeFault

MPS = 1_000_000


async def refused(call: Any) -> ScriptError:
    with pytest.raises(ScriptError) as caught:
        await call
    return caught.value


async def draw(world: Any, cap: Any, prompt: str = "a red heart", method: str = "textToImage", **options: Any) -> Any:
    return await cap.call(world.run(), method, [prompt, options])


def left(cap: Any) -> dict[str, float]:
    return cap.describe().to_json()["left"]


async def test_a_prompt_becomes_a_kept_picture_of_the_models_usual_size(world: Any) -> None:
    image = await draw(world, world.root(), seed=3)
    assert isinstance(image, Image)
    assert (image.width, image.height, image.seed, image.format) == (256, 192, 3, "png")
    assert image.notes == ("drawn with a crayon",)
    picture = Pillow.open(io.BytesIO(world.blobs.read(image.asset)))
    assert picture.size == (256, 192)
    assert picture.getpixel((0, 0)) == (3, 0, 0)
    assert world.kernel.owns("ann", image.asset)


async def test_what_is_left_out_comes_from_the_model_and_what_is_said_stands(world: Any) -> None:
    await draw(world, world.root(), seed=1)
    await draw(
        world,
        world.root(),
        modelId="beta",
        width=64.0,
        height=32,
        numInferenceSteps=3,
        guidance_scale=2,
        negativePrompt="blue",
        seed=9,
        scheduler="DPM++ 2M Karras",
        batch=2,
        previews=False,
    )
    usual, said = world.engine.asked
    assert (usual.model, usual.width, usual.height, usual.steps, usual.guidance_scale) == ("alpha", 256, 192, 20, 4.5)
    assert (usual.scheduler, usual.negative_prompt, usual.batch, usual.previews) == ("dpmpp_2m", "", 1, True)
    assert (said.model, said.width, said.height, said.steps, said.guidance_scale) == ("beta", 64, 32, 3, 2)
    assert (said.scheduler, said.negative_prompt, said.batch, said.previews) == ("dpmpp_2m_karras", "blue", 2, False)
    assert said.seed == 9


async def test_generate_is_the_same_method_under_another_name(world: Any) -> None:
    first = await draw(world, world.root(), seed=4)
    second = await draw(world, world.root(), method="generate", seed=4)
    assert first.asset == second.asset


async def test_a_batch_is_a_list_with_seeds_that_count_up(world: Any) -> None:
    images = await draw(world, world.root(), batch=3, seed=7)
    assert [image.seed for image in images] == [7, 8, 9]
    assert len({image.asset for image in images}) == 3


async def test_a_seed_that_was_not_given_is_drawn_from_the_runs_randomness_and_told(world: Any) -> None:
    world.random.seed(5)
    first = await draw(world, world.root())
    world.random.seed(5)
    second = await draw(world, world.root())
    assert first.seed == second.seed == Random(5).randint(0, 2**32 - 1)


async def test_a_drawn_seed_lies_within_the_seeds_that_may_be_used(world: Any) -> None:
    cap = world.narrow(world.root(), {"seed": [40, 44]})
    for _ in range(5):
        images = await draw(world, cap, batch=4)
        assert 40 <= images[0].seed <= 41


async def test_metadata_makes_the_same_picture_again(world: Any) -> None:
    cap = world.root()
    image = (await draw(world, cap, batch=2))[1]
    told = await image.call(world.run(), "metadata", [])
    made = told["made_with"]
    assert made["type"] == "diffusers.generate"
    again = await cap.call(world.run(), made["method"], made["args"])
    assert again.asset == image.asset == told["asset"]


async def test_every_step_and_the_picture_are_told_to_whoever_watches(world: Any) -> None:
    image = await draw(world, world.root(), num_inference_steps=2)
    kinds = [kind for kind, _ in world.events]
    assert kinds == ["progress", "preview", "progress", "preview", "asset"]
    call = world.events[0][1]["call"]
    assert world.events[0][1] == {"call": call, "step": 1, "steps": 2, "fraction": 0.5, "memory": None}
    assert world.events[1][1] == {"call": call, "image": b"RIFF", "mime": "image/webp"}
    assert world.events[-1][1] == {"call": call, "asset": image.asset, "width": 256, "height": 192}


async def test_the_engine_is_told_whose_a_request_is_by_a_name_that_tells_nothing_and_how_urgent(world: Any) -> None:
    cap, run = world.root(), world.run()
    await draw(world, cap)
    run.powers = replace(run.powers, hosts={**run.powers.hosts, Urgency: Urgency(7)})
    await cap.call(run, "textToImage", ["a red circle"])
    usual, urgent = world.engine.asked
    assert (usual.priority, urgent.priority) == (0, 7)
    assert usual.line == urgent.line
    assert "ann" not in usual.line
    assert len(usual.line) == 16


async def test_pictures_drawn_at_the_same_time_are_told_apart(world: Any) -> None:
    for _ in range(2):
        await draw(world, world.root(), num_inference_steps=2)
    assert len({told["call"] for _, told in world.events}) == 2


@pytest.mark.parametrize(
    ("restrictions", "expected"),
    [
        ({"max_width": 128}, (128, 96)),
        ({"max_width": 128, "max_height": 128}, (128, 96)),
        ({"max_height": 100}, (128, 96)),
        ({"max_pixels": 12288}, (128, 96)),
        ({"max_width": 1024}, (256, 192)),
    ],
)
async def test_the_usual_size_is_brought_under_the_ceilings_in_its_proportions(
    world: Any, restrictions: object, expected: tuple[int, int]
) -> None:
    image = await draw(world, world.narrow(world.root(), restrictions))
    assert (image.width, image.height) == expected


async def test_a_side_left_open_keeps_under_the_ceilings_beside_the_side_that_was_said(world: Any) -> None:
    cap = world.narrow(world.root(), {"max_pixels": 10_000})
    image = await draw(world, cap, width=200)
    assert (image.width, image.height) == (200, 48)


async def test_other_defaults_are_brought_under_their_ceilings(world: Any) -> None:
    cap = world.narrow(
        world.root(),
        {"max_steps": 4, "allowed_schedulers": ["euler", "ddim"], "default_model": "beta", "no_preview": True},
    )
    await draw(world, cap)
    asked = world.engine.asked[-1]
    assert (asked.model, asked.steps, asked.scheduler, asked.previews) == ("beta", 4, "ddim", False)


@pytest.mark.parametrize(
    ("restrictions", "options", "named"),
    [
        ({"max_width": 128}, {"width": 136}, "max_width"),
        ({"max_height": 128}, {"height": 136}, "max_height"),
        ({"max_pixels": 4096}, {"width": 128, "height": 64}, "max_pixels"),
        ({"max_steps": 5}, {"num_inference_steps": 6}, "max_steps"),
        ({"max_batch": 1}, {"batch": 2}, "max_batch"),
        ({"max_compute": 0.5}, {"width": 128, "height": 100, "num_inference_steps": 40}, "max_compute"),
        ({"allowed_models": ["alpha"]}, {"model_id": "beta"}, "allowed_models"),
        ({"allowed_models": ["alpha"]}, {"model_id": "nothing"}, "allowed_models"),
        ({"allowed_schedulers": ["euler"]}, {"scheduler": "ddim"}, "allowed_schedulers"),
        ({"seed": [1, 5]}, {"seed": 5, "batch": 2}, "seed"),
        ({"no_preview": True}, {"previews": True}, "no_preview"),
        ({"methods": ["models"]}, {}, "methods"),
    ],
)
async def test_what_lies_above_a_ceiling_is_refused_by_name_and_never_drawn(
    world: Any, restrictions: object, options: dict[str, Any], named: str
) -> None:
    fault = await refused(draw(world, world.narrow(world.root(), restrictions), **options))
    assert (fault.kind, fault.data["restriction"]) == ("denied", named)
    assert world.engine.asked == []


async def test_what_one_call_may_cost_is_told_in_megapixel_steps(world: Any) -> None:
    cap = world.narrow(world.root(), {"max_compute": 0.5})
    fault = await refused(draw(world, cap, width=100, height=100, num_inference_steps=51))
    assert fault.message == (
        "`max_compute` of this diffusers.generate allows at most 0.5 megapixel-steps, "
        "and 0.51 megapixel-steps was asked for; you set that yourself"
    )
    assert fault.data == {"restriction": "max_compute", "asked": 0.51, "allowed": 0.5, "raised_by": "ann"}


@pytest.mark.parametrize(
    ("options", "drawn"),
    [
        ({}, (256, 192, 10, 1)),
        ({"num_inference_steps": 20}, (176, 136, 20, 1)),
        ({"batch": 4}, (256, 192, 2, 4)),
        ({"width": 512}, (512, 192, 5, 1)),
        ({"width": 512, "num_inference_steps": 20}, (512, 48, 20, 1)),
    ],
)
async def test_what_a_call_leaves_open_is_made_to_cost_no_more_than_one_call_may(
    world: Any, options: dict[str, Any], drawn: tuple[int, ...]
) -> None:
    cap = world.narrow(world.root(), {"max_compute": 0.5})
    await draw(world, cap, **options)
    [asked] = world.engine.asked
    assert (asked.width, asked.height, asked.steps, asked.batch) == drawn


@pytest.mark.parametrize(
    ("options", "kind", "words"),
    [
        (
            {"widht": 256},
            "invalid_params",
            "unknown option `widht` for diffusers.generate.textToImage — did you mean `w",
        ),
        ({"width": "256"}, "type", "option `width` of diffusers.generate.textToImage takes a whole number, not text"),
        ({"width": True}, "type", "takes a whole number, not true or false"),
        ({"width": 64.5}, "type", "takes a whole number, not a fraction"),
        ({"width": 0}, "invalid_params", "must be from 8 to 4096 px"),
        ({"width": -64}, "invalid_params", "must be from 8 to 4096 px"),
        ({"height": 5000}, "invalid_params", "must be from 8 to 4096 px"),
        ({"num_inference_steps": 0}, "invalid_params", "must be from 1 to 1000"),
        ({"guidance_scale": "7"}, "type", "takes a number, not text"),
        ({"guidance_scale": float("nan")}, "invalid_params", "must be from 0 to 100"),
        ({"seed": -1}, "invalid_params", "must be from 0"),
        ({"negative_prompt": "x" * 5000}, "invalid_params", "at most 4000 characters"),
        ({"negative_prompt": 5}, "type", "takes text, not a number"),
        ({"previews": 1}, "type", "takes true or false, not a number"),
        ({"seed": 1, "max_compute": 0.5}, "no_budget", "costs 0.98304 megapixel-steps, and `max_compute` allows 0.5"),
        ({"negativePrompt": "a", "negative_prompt": "b"}, "invalid_params", "given twice"),
        ({"model_id": "alpa"}, "no_such_model", "there is no model called “alpa” — did you mean alpha?"),
        ({"model_id": "zzz"}, "no_such_model", "there are alpha, beta"),
        ({"scheduler": "eulr"}, "unsupported", "euler"),
    ],
)
async def test_a_mistake_in_the_options_is_told_with_what_would_be_right(
    world: Any, options: dict[str, Any], kind: str, words: str
) -> None:
    fault = await refused(draw(world, world.root(), **options))
    assert fault.kind == kind
    assert words in fault.message
    assert world.engine.asked == []


@pytest.mark.parametrize(
    ("args", "error"),
    [
        ([], ArityError),
        (["a", {}, 3], ArityError),
        ([5], TypeFault),
        ([None], TypeFault),
        (["a", "b"], TypeFault),
        (["a", []], TypeFault),
    ],
)
async def test_wrong_arguments_are_told(world: Any, args: list[Any], error: type[ScriptError]) -> None:
    assert isinstance(await refused(world.root().call(world.run(), "textToImage", args)), error)


async def test_options_may_be_left_out_or_null(world: Any) -> None:
    for args in (["a"], ["a", None], ["a", {"seed": None, "model_id": None}]):
        assert isinstance(await world.root().call(world.run(), "textToImage", args), Image)


async def test_a_prompt_longer_than_any_model_reads_is_refused(world: Any) -> None:
    assert (await refused(draw(world, world.root(), "x" * 4001))).kind == "invalid_params"


async def test_an_unknown_method_is_told_with_the_near_name(world: Any) -> None:
    fault = await refused(world.root().call(world.run(), "textToImag", ["a"]))
    assert fault.kind == "method_not_found"
    assert "did you mean `textToImage`" in fault.message


async def test_where_no_allowed_model_is_installed_nothing_is_told_of_others(world: Any) -> None:
    cap = world.narrow(world.root(), {"allowed_models": ["gamma"]})
    for options in ({}, {"model_id": "gamma"}):
        fault = await refused(draw(world, cap, **options))
        assert fault.kind == "no_such_model"
        assert "alpha" not in fault.message + str(fault.hint) + str(fault.data)


async def test_a_default_model_that_was_narrowed_away_is_not_used(world: Any) -> None:
    cap = world.narrow(world.narrow(world.root(), {"default_model": "alpha"}), {"allowed_models": ["beta"]})
    await draw(world, cap)
    assert world.engine.asked[-1].model == "beta"


async def test_a_picture_is_paid_by_every_account_above(world: Any) -> None:
    parent = world.narrow(world.root(), None, {"compute": 2, "uses": 5})
    child = world.narrow(parent, None, {"compute": 1.5})
    await draw(world, child, width=100, height=100, num_inference_steps=50, batch=2)
    assert left(child) == {"compute": 0.5, "uses": 4}
    assert left(parent) == {"compute": 1, "uses": 4}
    fault = await refused(draw(world, child, width=100, height=100, num_inference_steps=60))
    assert (fault.kind, fault.data) == ("no_budget", {"unit": "compute", "cost": 0.6, "left": 0.5, "raised_by": "ann"})
    assert len(world.engine.asked) == 1


async def test_an_engine_that_fails_is_told_with_its_kind_and_costs_nothing(world: Any) -> None:
    cap = world.narrow(world.root(), None, {"compute": 5, "uses": 1})
    for error in (WorkerCrashed("it died; try again", hint="try again"), OutOfDeviceMemory("too large")):

        def fail(step: int, error: Exception = error) -> None:
            raise error

        world.engine.before_step = fail
        fault = await refused(draw(world, cap))
        assert (fault.kind, fault.message, fault.hint) == (error.kind, error.message, error.hint)
    assert left(cap) == {"compute": 5, "uses": 1}


async def test_a_full_disk_is_told_and_costs_nothing(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    cap = world.narrow(world.root(), None, {"uses": 1})
    monkeypatch.setattr(os, "fsync", full)
    assert (await refused(draw(world, cap))).kind == "storage_full"
    monkeypatch.undo()
    assert left(cap) == {"uses": 1}


async def test_a_cancelled_call_costs_nothing_and_publishes_nothing(world: Any) -> None:
    cap = world.narrow(world.root(), None, {"uses": 1})
    started = asyncio.Event()

    async def forever(request: Any, on_step: Any) -> Any:
        started.set()
        await asyncio.Event().wait()

    world.engine.run = forever
    task = asyncio.create_task(draw(world, cap))
    await started.wait()
    assert left(cap) == {"uses": 0}
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert left(cap) == {"uses": 1}


async def test_revoking_a_link_stops_its_running_call_at_the_next_step(world: Any) -> None:
    parent = world.narrow(world.root(), None, {"uses": 1})
    child = world.narrow(parent)
    steps: list[int] = []

    def revoke_at_the_third(step: int) -> None:
        steps.append(step)
        if step == 3:
            world.kernel.revoke("ann", child.id)

    world.engine.before_step = revoke_at_the_third
    assert (await refused(draw(world, child))).kind == "no_such_capability"
    assert steps == [1, 2, 3]
    assert left(parent) == {"uses": 1}
    assert "asset" not in [kind for kind, _ in world.events]


async def test_what_is_revoked_after_the_last_step_is_not_published(world: Any) -> None:
    child = world.narrow(world.root())
    real = world.engine.run

    async def late(request: Any, on_step: Any) -> Any:
        pictures = await real(request, on_step)
        world.kernel.revoke("ann", child.id)
        return pictures

    world.engine.run = late
    assert (await refused(draw(world, child))).kind == "no_such_capability"
    assert list(world.blobs.path("0" * 64).parent.parent.rglob("*")) == []


async def test_an_estimate_costs_nothing_and_says_what_the_call_would_meet(world: Any) -> None:
    cap = world.narrow(
        world.root(), {"max_width": 512, "methods": ["textToImage", "estimate"]}, {"compute": 1, "uses": 1}
    )

    async def estimate(method: str, *args: Any) -> Any:
        return await cap.call(world.run(), "estimate", [method, list(args)])

    assert await estimate("textToImage", "a") == {"megapixel_steps": 0.98304, "allowed": True, "why": None}
    small = {"width": 100, "height": 100, "num_inference_steps": 10}
    assert await estimate("textToImage", "a", small) == {"megapixel_steps": 0.1, "allowed": True, "why": None}
    wide = await estimate("textToImage", "a", {"width": 600})
    assert not wide["allowed"]
    assert "`max_width`" in wide["why"]
    dear = await estimate("textToImage", "a", {"batch": 2})
    assert (dear["megapixel_steps"], dear["allowed"]) == (1.96608, False)
    assert "1 are left" in dear["why"]
    own = await estimate("textToImage", "a", {"max_compute": 0.5})
    assert "`max_compute`" in own["why"]
    assert "no model" in (await estimate("textToImage", "a", {"model_id": "zzz"}))["why"]
    assert not (await estimate("generate", "a"))["allowed"]
    lists = await estimate("models")
    assert (lists["megapixel_steps"], lists["allowed"]) == (0, False)
    assert "`methods`" in lists["why"]
    assert (await estimate("estimate", "models", []))["allowed"]
    assert (await refused(estimate("textToImage", 5))).kind == "type"
    assert left(cap) == {"compute": 1, "uses": 1}
    await draw(world, cap)
    assert "0 are left" in (await estimate("textToImage", "a", {"width": 8, "height": 8}))["why"]


async def test_models_and_schedulers_are_those_that_may_be_used(world: Any) -> None:
    cap = world.narrow(world.root(), {"allowed_models": ["beta"], "allowed_schedulers": ["euler", "ddim"]})
    assert [each["id"] for each in await cap.call(world.run(), "models", [])] == ["beta"]
    assert [each["name"] for each in await cap.call(world.run(), "schedulers", [])] == ["ddim", "euler"]
    every = await world.root().call(world.run(), "models", [])
    assert [each["id"] for each in every] == ["alpha", "beta"]
    assert every[0]["width"] == 256


async def test_calls_at_the_same_time_cannot_overspend_together(world: Any) -> None:
    cap = world.narrow(world.root(), None, {"uses": 3})
    real = world.engine.run

    async def slowly(request: Any, on_step: Any) -> Any:
        await asyncio.sleep(0)
        return await real(request, on_step)

    world.engine.run = slowly
    done = await asyncio.gather(*(draw(world, cap) for _ in range(6)), return_exceptions=True)
    assert sum(isinstance(each, Image) for each in done) == 3
    assert {each.kind for each in done if isinstance(each, HostFault)} == {"no_budget"}


async def test_an_alias_is_permitted_where_the_model_it_stands_for_is(world: Any) -> None:
    await draw(world, world.narrow(world.root(), {"allowed_models": ["alpha"]}), model_id="others/alpha")
    assert [each.model for each in world.engine.asked] == ["alpha"]
    fault = await refused(
        draw(world, world.narrow(world.root(), {"allowed_models": ["beta"]}), model_id="others/alpha")
    )
    assert fault.kind == "denied"
    by_default = world.narrow(world.root(), {"default_model": "others/alpha", "allowed_models": ["alpha"]})
    await draw(world, by_default)
    assert [each.model for each in world.engine.asked] == ["alpha", "alpha"]
    hint = (await refused(draw(world, world.root(), model_id="zzz"))).hint
    assert "[model_aliases]" in (hint or "")
