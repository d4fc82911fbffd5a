"""Regions as scripts write them: in pixels or fractions, and paid for."""

from typing import Any

import pytest

from mintaka.engine.requests import Region
from mintaka.runtime.errors import HostFault


async def draw(world: Any, cap: Any, **options: object) -> Any:
    given = {"width": 64, "height": 32, "num_inference_steps": 2, **options}
    return await cap.call(world.run(), "textToImage", ["a meadow", given])


async def test_boxes_are_in_fractions_or_in_pixels_and_come_to_the_engine(world: Any) -> None:
    regions = [{"prompt": "a cat", "box": [0, 0, 0.5, 1]}, {"prompt": "a dog", "box": [32, 0, 32, 16], "weight": 0.5}]
    image = await draw(world, world.root(), regions=regions)
    wanted = (Region("a cat", 0, 0, 0.5, 1), Region("a dog", 0.5, 0, 0.5, 0.5, 0.5))
    assert world.engine.asked[-1].regions == wanted
    made = (await image.call(world.run(), "metadata", []))["made_with"]
    await world.root().call(world.run(), made["method"], made["args"])
    assert world.engine.asked[-1].regions == wanted


async def test_each_adds_half_of_the_price(world: Any) -> None:
    for count, cost in ((0, 4096), (1, 6144), (2, 8192)):
        options = {"width": 64, "height": 32, "num_inference_steps": 2}
        regions = [{"prompt": "a cat", "box": [0, 0, 1, 1]}] * count
        call = ["a meadow", {**options, "regions": regions}]
        told = await world.root().call(world.run(), "estimate", ["textToImage", call])
        assert told["megapixel_steps"] == cost / 1e6


async def test_steps_that_are_left_open_are_fewer_where_regions_make_them_dearer(world: Any) -> None:
    cap = world.narrow(world.root(), {"max_compute": 64 * 64 * 10 / 1e6})
    for regions, steps in ([], 10), ([{"prompt": "a cat", "box": [0, 0, 1, 1]}] * 2, 5):
        options = {"width": 64, "height": 64, "regions": regions}
        await cap.call(world.run(), "textToImage", ["a meadow", options])
        assert world.engine.asked[-1].steps == steps


@pytest.mark.parametrize(
    ("region", "why"),
    [
        ({"prompt": "a cat"}, "a prompt, a box and a weight"),
        ({"box": [0, 0, 1, 1]}, "a prompt, a box and a weight"),
        ({"prompt": "a cat", "box": [0, 0, 1]}, "a prompt, a box and a weight"),
        ({"prompt": "a cat", "box": [0, 0, 1, "1"]}, "a prompt, a box and a weight"),
        ({"prompt": "a cat", "box": [0, 0, 1, 1], "mask": 1}, "a prompt, a box and a weight"),
        ({"prompt": "a cat", "box": [0.5, 0, 0.6, 1]}, "does not lie in the picture of 64 × 32"),
        ({"prompt": "a cat", "box": [40, 0, 32, 8]}, "does not lie in the picture of 64 × 32"),
        ({"prompt": "a cat", "box": [0, 0, 0, 1]}, "does not lie in the picture of 64 × 32"),
        ({"prompt": "a cat", "box": [0, 0, 1, 1], "weight": 2}, "not between 0 and 1"),
        ("a cat", "a prompt, a box and a weight"),
    ],
)
async def test_what_is_no_region_is_refused_with_the_form(world: Any, region: object, why: str) -> None:
    with pytest.raises(HostFault, match=why) as caught:
        await draw(world, world.root(), regions=[region])
    assert (caught.value.kind, caught.value.data) == ("invalid_params", {"option": "regions"})
    assert world.engine.asked == []
