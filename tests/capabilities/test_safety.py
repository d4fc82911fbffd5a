"""A capability that requires a safety checker: pictures nobody has looked at are not to be had from it."""

import json
from pathlib import Path
from typing import Any

import pytest

from mintaka.runtime.errors import HostFault
from tests.capabilities.conftest import write_model


@pytest.fixture(autouse=True)
def watched(tmp_path: Path) -> None:
    write_model(tmp_path / "models", "watched")
    index = {"_class_name": "StableDiffusionPipeline", "safety_checker": ["stable_diffusion", "Checker"]}
    (tmp_path / "models" / "watched" / "model_index.json").write_text(json.dumps(index))


@pytest.fixture
def careful(world: Any) -> Any:
    return world.narrow(world.root(), {"require_safety_checker": True})


async def test_a_model_that_has_one_is_drawn_with_and_nothing_is_shown_before(world: Any, careful: Any) -> None:
    await careful.call(world.run(), "textToImage", ["a heart", {"num_inference_steps": 2}])
    asked = world.engine.asked[-1]
    assert (asked.model, asked.check_safety, asked.previews) == ("watched", True, False)
    assert [kind for kind, _ in world.events] == ["progress", "progress", "asset"]
    await world.root().call(world.run(), "textToImage", ["a heart", {"model_id": "watched"}])
    assert (world.engine.asked[-1].check_safety, world.engine.asked[-1].previews) == (False, True)


async def test_a_model_that_has_none_is_refused(world: Any, careful: Any) -> None:
    with pytest.raises(HostFault, match="the model alpha has no safety checker") as caught:
        await careful.call(world.run(), "textToImage", ["a heart", {"model_id": "alpha"}])
    assert caught.value.kind == "unsupported"
    assert world.engine.asked == []
    only = world.narrow(careful, {"allowed_models": ["alpha"]})
    with pytest.raises(HostFault):
        await only.call(world.run(), "textToImage", ["a heart"])
    assert world.engine.asked == []
