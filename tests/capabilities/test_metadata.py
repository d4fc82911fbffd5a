import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mintaka.capabilities.images import Image
from mintaka.capabilities.metadata import Metadata


def metadata(world: Any, *caps: Any) -> list[dict[str, Any]]:
    return Metadata(world.kernel.registry).listing([cap.describe() for cap in caps])


def fields(told: dict[str, Any], method: str = "textToImage") -> dict[str, dict[str, Any]]:
    found = next(each for each in told["methods"] if each["name"] == method)
    return {each["name"]: each for each in found["parameters"][-1]["fields"]}


async def test_it_has_the_shape_clients_read(world: Any) -> None:
    told = metadata(world, world.root("sys.mint"), world.root())
    assert json.loads(json.dumps(told)) == told
    assert [each["type"] for each in told] == ["sys.mint", "diffusers.generate"]
    for each in told:
        assert all(isinstance(each[key], str) and each[key] for key in ("type", "label", "description"))
        for method in each["methods"]:
            assert all(isinstance(method[key], str) and method[key] for key in ("name", "label", "description"))
            assert isinstance(method["returnType"], str)
            assert method["effects"] in ("pure", "reads", "writes", "gpu")
            for parameter in method["parameters"]:
                assert parameter["type"] in ("string", "number", "boolean", "list", "object", "image")
                assert parameter["name"]
                assert parameter["description"]
    generate = told[1]
    assert {each["name"]: each["returnType"] for each in generate["methods"]} == {
        "textToImage": "image",
        "generate": "image",
        "imageToImage": "image",
        "models": "list",
        "schedulers": "list",
        "loras": "list",
        "embeddings": "list",
        "estimate": "object",
    }
    prompt, options = generate["methods"][0]["parameters"]
    assert (prompt["name"], prompt["type"], "optional" in prompt) == ("prompt", "string", False)
    assert (options["name"], options["type"], options["optional"]) == ("options", "object", True)


async def test_an_option_tells_its_range_unit_choices_and_default(world: Any) -> None:
    told = fields(metadata(world, world.root())[0])
    assert told["width"] == {
        "name": "width",
        "alias": "width",
        "label": "Width",
        "type": "number",
        "description": "Of the finished picture; left out, it is that of the picture given or the model's usual one.",
        "optional": True,
        "default": 256,
        "unit": "px",
        "minimum": 8,
        "maximum": 4096,
        "soft_range": [64, 1024],
        "widget": "slider",
        "order": 0,
        "phase": "size",
    }
    over = fields(metadata(world, world.root())[0], "imageToImage")
    assert over["width"]["default"] is None
    assert over["strength"]["default"] == 0.8
    assert told["model_id"]["choices"] == ["alpha", "beta"]
    assert told["num_inference_steps"]["alias"] == "numInferenceSteps"
    assert told["negative_prompt"]["default"] == ""


async def test_it_is_narrowed_to_the_capability_in_hand(world: Any) -> None:
    narrow = world.narrow(
        world.root(),
        {
            "allowed_models": ["beta", "gamma"],
            "max_width": 48,
            "max_steps": 5,
            "seed": [10, 20],
            "no_preview": True,
            "allowed_schedulers": ["ddim"],
            "methods": ["textToImage"],
        },
        {"compute": 3},
    )
    [told] = metadata(world, narrow)
    assert [each["name"] for each in told["methods"]] == ["textToImage"]
    option = fields(told)
    assert (option["model_id"]["choices"], option["model_id"]["default"]) == (["beta"], "beta")
    assert (option["width"]["maximum"], option["width"]["default"]) == (48, 48)
    assert (option["num_inference_steps"]["maximum"], option["num_inference_steps"]["default"]) == (5, 5)
    assert (option["seed"]["minimum"], option["seed"]["maximum"]) == (10, 20)
    assert (option["previews"]["choices"], option["previews"]["default"]) == ([False], False)
    assert (option["scheduler"]["choices"], option["scheduler"]["default"]) == (["ddim"], "ddim")
    assert told["left"] == {"compute": 3}
    assert told["restrictions"]["max_width"] == 48


async def test_of_several_capabilities_of_a_type_the_first_is_told(world: Any) -> None:
    top = world.root()
    told = metadata(world, world.narrow(top, {"max_width": 64}), top)
    assert len(told) == 1
    assert told[0]["restrictions"] == {"max_width": 64}


async def test_where_no_model_may_be_used_there_is_no_example_and_nothing_to_choose(world: Any) -> None:
    [told] = metadata(world, world.narrow(world.root(), {"allowed_models": ["gamma"]}))
    assert all(each["examples"] == [] for each in told["methods"])
    assert fields(told)["model_id"]["choices"] == []


restrictions = st.fixed_dictionaries(
    {},
    optional={
        "max_width": st.integers(8, 400),
        "max_height": st.integers(8, 400),
        "max_steps": st.integers(1, 30),
        "max_batch": st.integers(1, 3),
        "max_compute": st.floats(1, 3),
        "seed": st.tuples(st.integers(0, 99), st.integers(100, 200)).map(list),
        "allowed_models": st.sampled_from([["alpha"], ["beta"], ["beta", "gamma"]]),
        "allowed_schedulers": st.sampled_from([["ddim"], ["Euler a", "dpmpp_2m"]]),
        "default_model": st.sampled_from(["alpha", "beta"]),
        "no_preview": st.just(True),
    },
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(restrictions=restrictions, data=st.data())
async def test_whatever_it_offers_is_accepted(world: Any, restrictions: dict[str, object], data: st.DataObject) -> None:
    """Each option alone, at either end of its range, at any of its choices, or at its default."""
    cap = world.narrow(world.root(), restrictions)
    option = data.draw(st.sampled_from(list(fields(metadata(world, cap)[0]).values())))
    offered = [option[key] for key in ("minimum", "maximum", "default") if key in option]
    offered += [each for each in option.get("choices", []) if isinstance(each, str)]
    given = {option["name"]: data.draw(st.sampled_from(offered)) if offered else None}
    if option["name"] == "max_compute":
        given = {}
    told = await cap.call(world.run(), "estimate", ["textToImage", ["a", given]])
    assert told["allowed"], (given, told)


async def test_an_example_keeps_to_the_restrictions(world: Any) -> None:
    cap = world.narrow(world.root(), {"max_width": 32, "seed": [30, 40]})
    [example] = next(each for each in metadata(world, cap)[0]["methods"] if each["name"] == "textToImage")["examples"]
    assert (
        example == '(let draw (get-capability "diffusers.generate"))\n(draw.textToImage "a large red heart" {:seed 30})'
    )
    assert isinstance(await cap.call(world.run(), "textToImage", ["a large red heart", {"seed": 30}]), Image)
