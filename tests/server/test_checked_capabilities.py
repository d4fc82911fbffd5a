"""Scripts are checked against the capability types of the server before anything runs."""

import json
from pathlib import Path

import pytest

from mintaka.capabilities import types
from mintaka.lang.diagnostics import Severity
from mintaka.lang.kinds import Kind
from mintaka.server.capability_types import checkable
from mintaka.server.errors import Fault
from mintaka.server.faults import rejected
from mintaka.server.scripts import Checked, Source, check, op_table

ROOT = Path(__file__).resolve().parents[2]
OPS, CAPABILITIES = op_table(), checkable(types.declared())
DRAW = '(let draw (get-capability "diffusers.generate")) '


def checked(source: str) -> Checked:
    return check(Source(source), OPS, CAPABILITIES)


def fault(source: str) -> Fault:
    return rejected(checked(source).errors)


async def test_the_types_known_without_a_server_are_those_of_the_server(server):
    from mintaka.client import connect

    async with connect(server.url, server.token) as mintaka:
        told = await mintaka.call("get_capability_metadata", {})
    assert {each["type"] for each in told} == set(CAPABILITIES.types)
    for each in told:
        known = CAPABILITIES.types[each["type"]]
        assert {method["name"] for method in each["methods"]} == set(known)
        for method in each["methods"]:
            fields = method["parameters"][-1].get("fields", []) if method["parameters"] else []
            spelled = {name for field in fields for name in (field["name"], field["alias"])}
            assert spelled == set(known[method["name"]].options)


@pytest.mark.parametrize(
    ("call", "kind", "hint"),
    [
        ("(draw.textToImge 1)", "method_not_found", "Did you mean `textToImage`?"),
        ('(draw.textToImage "a cat" {:widht 8})', "invalid_params", "Did you mean `width`?"),
        ('(draw.textToImage "a cat" {:num_inference_step 8})', "invalid_params", "Did you mean `num_inference_steps`?"),
        ("(draw.textToImage)", "arity", None),
        ("(draw.textToImage 5)", "type", None),
        ('(draw.textToImage "a cat" {:width "wide"})', "type", None),
        ('(draw.textToImage "a cat" [1])', "type", None),
        ('(let it (draw.textToImage "a cat")) (it.resise 8)', "method_not_found", "Did you mean `resize`?"),
        ('(let it (draw.textToImage "a cat")) (let other (it.invert)) (other.crop 1)', "arity", None),
        (
            '(let it (draw.textToImage "a cat")) (it.pad 1 1 1 1 {:colour ""})',
            "invalid_params",
            "Did you mean `color`?",
        ),
        ('(let it (draw.textToImage "a cat")) (it.composite "b")', "type", None),
    ],
)
def test_a_call_that_no_capability_would_take_is_refused_as_it_would_be_when_run(call, kind, hint):
    refused = fault(DRAW + call)
    assert (refused.kind, refused.hint) == (kind, hint)


@pytest.mark.parametrize(
    "call",
    [
        '(draw.textToImage "a cat" {:num_inference_steps null :numInferenceSteps 4 :seed null})',
        "(draw.textToImage (arg 0) (arg 1))",
        "(draw.models)",
        '(call-method (arg 0) "anything" {:at "all"})',
        "(let other (arg 0)) (other.textToImage {:widht 1})",
        "(set draw (arg 0)) (draw.textToImage {:widht 1})",
    ],
)
def test_what_may_be_right_is_let_through(call):
    assert checked(DRAW + call).errors == []


def test_a_narrowed_capability_is_of_the_same_type():
    refused = fault(DRAW + '(let less (delegate draw {:max_pixels 65536})) (less.textToImage "a cat" {:widht 8})')
    assert refused.kind == "invalid_params"


@pytest.mark.parametrize(
    "narrowing",
    [
        "(delegate draw {:max_widht 64})",
        '(share-capability draw "ben" {:max_widht 64})',
        "(export-capability draw {:max_widht 64})",
        '(mint (get-capability "sys.mint") "diffusers.generate" {:max_widht 64})',
    ],
)
def test_a_restriction_that_the_type_does_not_have_is_told_with_the_near_name(narrowing):
    refused = fault(DRAW + narrowing)
    assert (refused.kind, refused.hint) == ("invalid_params", "Did you mean `max_width`?")
    assert refused.message == "`diffusers.generate` has no restriction `max_widht`."


@pytest.mark.parametrize(
    ("call", "hint"),
    [
        ('(fs.read "a.txt")', 'That is a type of capability: (let cap (get-capability "fs.read")), then (cap.list …).'),
        (
            '(fs.read.list "a")',
            'That is a method of a capability: (let cap (get-capability "fs.read")), then (cap.list …).',
        ),
    ],
)
def test_a_type_or_method_in_place_of_an_op_is_told_how_to_be_used(call, hint):
    assert fault(call).hint == hint


def test_an_unknown_type_of_capability_is_a_warning_since_looking_it_up_gives_null():
    (warning,) = checked('(log (get-capability "diffuser.generate"))').diagnostics
    assert (warning.code, warning.severity) == ("unknown_capability", Severity.WARNING)
    assert warning.hint == "Did you mean `diffusers.generate`?"


def test_an_option_in_both_spellings_is_given_twice():
    (error,) = checked(DRAW + '(draw.textToImage "a cat" {:batch 1 :modelId "a" :model_id "b"})').errors
    assert error.code == "duplicate"


def test_a_mistake_in_what_is_tried_is_a_warning_and_runs():
    told = checked(DRAW + '(try (draw.textToImage "a cat" {:widht 8}) e e)')
    assert told.errors == []
    assert [each.code for each in told.diagnostics] == ["unknown_option"]


def test_what_a_script_needs_and_gives_is_told_as_json():
    source = DRAW + '(let picture (draw.textToImage "a cat")) (draw.models) (log (get-capability (arg 0))) picture'
    told = json.loads(json.dumps(checked(source).to_json()))
    assert told["ok"] is True
    assert [(each["type"], each["methods"]) for each in told["capabilities"]] == [
        ("diffusers.generate", ["textToImage", "models"]),
        (None, []),
    ]
    assert told["capabilities"][0]["line"] == 1
    assert {"name": "picture", "type": "list | image"} in told["variables"]
    assert told["result"] == "list | image"


def test_a_script_that_cannot_be_read_has_diagnostics_only():
    told = checked("(+ 1").to_json()
    assert told["ok"] is False
    assert (told["capabilities"], told["variables"], told["result"]) == ([], [], "any")


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.mtk")), ids=lambda path: path.name)
def test_an_example_gives_no_cause_for_complaint(path):
    assert checked(path.read_text()).diagnostics == []


def test_methods_say_what_they_give():
    mint = CAPABILITIES.types["sys.mint"]["mint"]
    assert mint.signature.returns == {Kind.CAPABILITY}
