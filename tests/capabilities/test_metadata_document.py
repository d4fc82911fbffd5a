"""The document of `Metadata`: JSON Schemas for each capability in hand, what they share told once, a revision."""

import ast
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from mintaka.capabilities import types
from mintaka.capabilities.metadata import Metadata
from mintaka.capabilities.registry import Effect
from mintaka.capabilities.widgets import Phase, Widget


def document(world: Any, *caps: Any) -> dict[str, Any]:
    told = Metadata(world.kernel.registry).document([cap.describe() for cap in caps])
    assert json.loads(json.dumps(told)) == told
    return told


def described(told: dict[str, Any], place: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = told["types"][told["capabilities"][place]["as"]]
    return found


def method(told: dict[str, Any], name: str, place: int = 0) -> dict[str, Any]:
    return next(each for each in described(told, place)["methods"] if each["name"] == name)


def validator(told: dict[str, Any], name: str) -> Draft202012Validator:
    """Of the arguments of a method of the first capability."""
    whole = {"$defs": told["$defs"], "types": told["types"]}
    return Draft202012Validator({**whole, **method(told, name)["arguments"]})


def options(told: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = described(told)["options"]["GenerateOptions"]["properties"]
    return found


async def test_every_schema_in_it_is_one_of_json_schema_2020_12(world: Any) -> None:
    told = document(world, *(world.root(each.name) for each in world.kernel.registry))
    assert told["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    for found in told["types"].values():
        for each in (*found["options"].values(), *(each["arguments"] for each in found["methods"])):
            Draft202012Validator.check_schema(each)


async def test_arguments_are_checked_by_their_schema_as_the_capability_checks_them(world: Any) -> None:
    check = validator(document(world, world.narrow(world.root(), {"max_width": 64})), "textToImage")
    for fits in (["a cat"], ["a cat", {}], ["a cat", {"width": 64, "model_id": "beta", "guidance_scale": 1.5}]):
        check.validate(fits)
    for wrong in ([], [1], ["a", {"width": 72}], ["a", {"width": "8"}], ["a", {"model_id": "gamma"}], ["a", {"x": 1}]):
        assert not check.is_valid(wrong), wrong
    assert not check.is_valid(["a", {}, 1])


narrowing = st.fixed_dictionaries(
    {},
    optional={
        "max_width": st.integers(8, 400),
        "max_steps": st.integers(1, 30),
        "allowed_models": st.sampled_from([["alpha"], ["beta"], ["beta", "gamma"]]),
        "allowed_schedulers": st.sampled_from([["ddim"], ["Euler a", "dpmpp_2m"]]),
        "no_preview": st.just(True),
    },
)
asked = st.fixed_dictionaries(
    {},
    optional={
        "width": st.integers(0, 500),
        "num_inference_steps": st.integers(0, 40),
        "model_id": st.sampled_from(["alpha", "beta", "gamma"]),
        "scheduler": st.sampled_from(["ddim", "euler_a", "dpmpp_2m", "unipc"]),
        "previews": st.booleans(),
        "guidance_scale": st.one_of(st.integers(-1, 3), st.floats(-1, 200)),
    },
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(restrictions=narrowing, options=asked)
async def test_what_the_schema_takes_is_exactly_what_the_capability_takes(
    world: Any, restrictions: dict[str, object], options: dict[str, object]
) -> None:
    """For options that the schema can judge by themselves; budgets and areas are of several together."""
    cap = world.narrow(world.root(), restrictions)
    fits = validator(document(world, cap), "textToImage").is_valid(["a cat", options])
    try:
        allowed = (await cap.call(world.run(), "estimate", ["textToImage", ["a cat", options]]))["allowed"]
    except Exception:
        allowed = False
    assert fits == allowed


async def test_what_is_missing_or_narrower_says_why(world: Any) -> None:
    narrow = world.narrow(world.root(), {"methods": ["textToImage"], "max_width": 48, "no_preview": True})
    told = document(world, narrow)
    assert {each["method"]: each["why"] for each in described(told)["missing"]}["models"] == (
        "`methods` of this diffusers.generate allows only textToImage, and models was asked for"
    )
    assert options(told)["width"]["narrowed"] == {"by": "max_width", "why": "`max_width` allows at most 48 px"}
    assert options(told)["previews"]["narrowed"]["why"] == "`no_preview` forbids it"
    assert "narrowed" not in options(told)["height"]
    assert told["missing"] == [
        {"type": type, "label": label, "why": f"you hold no {type}; who holds one can share it"}
        for type, label in (
            ("sys.mint", "Mint capabilities"),
            ("diffusers.inpaint", "Repaint pictures"),
            ("diffusers.upscale", "Enlarge pictures"),
            ("controlnet.generate", "Steer pictures"),
        )
    ]


async def test_where_no_model_may_be_used_the_method_says_why_it_cannot_be_called(world: Any) -> None:
    told = document(world, world.narrow(world.root(), {"allowed_models": ["gamma"]}))
    assert "none of the models that may be used is there" in method(told, "textToImage")["unavailable"]
    assert "unavailable" not in method(told, "models")


async def test_a_soft_range_is_kept_within_the_hard_one(world: Any) -> None:
    assert options(document(world, world.root()))["width"]["soft_range"] == [64, 1024]
    assert options(document(world, world.narrow(world.root(), {"max_width": 512})))["width"]["soft_range"] == [64, 512]
    assert options(document(world, world.narrow(world.root(), {"max_width": 32})))["width"]["soft_range"] == [32, 32]


async def test_capabilities_that_accept_the_same_share_a_description_and_all_share_the_lists(world: Any) -> None:
    top = world.root()
    told = document(world, top, *(world.narrow(top, {"max_width": 64}) for _ in range(3)))
    assert [each["as"] == told["capabilities"][1]["as"] for each in told["capabilities"]] == [False, True, True, True]
    assert len(told["types"]) == 2
    assert '"beta"' not in json.dumps(told["types"])
    reference = options(told)["model_id"]["$ref"].removeprefix("#/$defs/")
    assert told["$defs"][reference] == {"enum": ["alpha", "beta"], "labels": {"alpha": "alpha", "beta": "beta"}}


async def test_who_may_use_one_model_does_not_learn_which_others_there_are(world: Any) -> None:
    narrow = world.narrow(world.root(), {"allowed_models": ["alpha"], "allowed_schedulers": ["ddim"]})
    told = document(world, narrow)
    assert told["$defs"] == {}
    assert "beta" not in json.dumps(told)


async def test_the_revision_is_that_of_the_content(world: Any, tmp_path: Any) -> None:
    def revision(*caps: Any) -> str:
        return Metadata(world.kernel.registry).revision([cap.describe() for cap in caps])

    top = world.root()
    paid = world.narrow(top, {"max_width": 64, "max_steps": 1}, {"uses": 5})
    before = revision(top, paid)
    assert document(world, top, paid)["schema_rev"] == before
    await paid.call(world.run(), "textToImage", ["a cat", {"seed": 1}])
    assert paid.describe().left["uses"] == 4
    assert revision(top, paid) == before
    assert revision(top) != before
    assert revision(top, world.narrow(top, {"max_width": 65})) != before
    (tmp_path / "models" / "gamma").mkdir()
    (tmp_path / "models" / "gamma" / "model_index.json").write_text('{"_class_name": "StableDiffusionPipeline"}')
    assert revision(top, paid) != before
    assert "gamma" in json.dumps(document(world, top)["$defs"])


async def test_the_cost_expression_gives_what_the_call_is_charged(world: Any) -> None:
    told = document(world, world.root())
    generate = method(told, "textToImage")
    assert generate["cost_unit"] == "pixel-steps"
    given = {"width": 64, "height": 32, "num_inference_steps": 3, "batch": 2}
    estimate = await world.root().call(world.run(), "estimate", ["textToImage", ["a cat", given]])
    assert eval(generate["cost"], {}, given) == estimate["megapixel_steps"] * 1_000_000


@pytest.mark.parametrize("kind", types.declared(), ids=lambda kind: kind.name)
def test_what_a_type_declares_for_editors_has_a_meaning(kind: Any) -> None:
    for each in kind.methods.values():
        model = each.signature.options
        fields = model.model_fields if model else {}
        named = {parameter.name for parameter in each.signature.parameters} | fields.keys() | {"result", "bytes"}
        if each.cost is not None:
            used = {node.id for node in ast.walk(ast.parse(each.cost, mode="eval")) if isinstance(node, ast.Name)}
            assert used <= named, each.name
        assert each.effects in Effect
        for field in fields.values():
            extra = field.json_schema_extra
            assert extra["widget"] is None or extra["widget"] in list(Widget)
            assert extra["phase"] is None or extra["phase"] in list(Phase)
            assert extra["narrowed_by"] is None or extra["narrowed_by"] in kind.restrictions.rules
            for other, values in (extra["visible_if"] or {}).items():
                chosen = fields[other].json_schema_extra["choices"]
                assert not isinstance(chosen, list) or set(values) <= set(chosen)
