"""Embeddings as scripts use them: named in prompts, restricted, and only words to whoever may not use them."""

import json
from pathlib import Path
from typing import Any

import pytest

from mintaka.capabilities.metadata import Metadata


@pytest.fixture(autouse=True)
def embeddings(tmp_path: Path) -> None:
    folder = tmp_path / "models" / "embeddings"
    folder.mkdir(parents=True)
    for name in ("easynegative", "secret"):
        (folder / f"{name}.safetensors").write_bytes(b"not opened here")


async def test_what_any_of_the_prompts_names_comes_to_the_engine(world: Any) -> None:
    options = {"negative_prompt": "(EasyNegative:1.2), blurry"}
    image = await world.root().call(world.run(), "textToImage", ["a secret heart", options])
    assert world.engine.asked[-1].embeddings == ("easynegative", "secret")
    made = (await image.call(world.run(), "metadata", []))["made_with"]
    await world.root().call(world.run(), made["method"], made["args"])
    assert world.engine.asked[-1].embeddings == ("easynegative", "secret")
    await world.root().call(world.run(), "textToImage", ["secretly easy negative"])
    assert world.engine.asked[-1].embeddings == ()


@pytest.mark.parametrize(("allowed", "used"), [(["secret"], ("secret",)), (["easynegative"], ()), ([], ())])
async def test_what_is_not_allowed_is_only_a_word_and_not_told(world: Any, allowed: Any, used: Any) -> None:
    narrow = world.narrow(world.root(), {"allowed_embeddings": allowed})
    await narrow.call(world.run(), "textToImage", ["a secret heart"])
    assert world.engine.asked[-1].embeddings == used
    assert [each["name"] for each in await narrow.call(world.run(), "embeddings", [])] == allowed
    if "secret" not in allowed:
        assert "secret" not in json.dumps(Metadata(world.kernel.registry).document([narrow.describe()]))
