import pytest

from mintaka.lang.parameters import parameter
from mintaka.server.errors import Fault, Kind
from mintaka.server.parameters import bind, describe

DECLARED = [
    parameter(["prompt", "string", "a cat", "What to draw"]),
    parameter(["steps", ["int", 1, 50], 20]),
    parameter(["strength", ["number", 0, 1], 0.5]),
    parameter(["style", ["choice", "day", "night"], "day"]),
    parameter(["seed", "int"]),
]


def test_what_is_left_out_is_the_default():
    assert bind(DECLARED, {"seed": 7}) == {"prompt": "a cat", "steps": 20, "strength": 0.5, "style": "day", "seed": 7}


def test_what_is_given_counts():
    given = {"prompt": "a dog", "steps": 50.0, "strength": 1, "style": "night", "seed": -1}
    assert bind(DECLARED, given) == given
    assert type(bind(DECLARED, given)["steps"]) is int


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "needs its parameter `seed`: a whole number"),
        ({"seed": "7"}, "`seed` is a whole number"),
        ({"seed": True}, "`seed` is a whole number"),
        ({"seed": 1.5}, "`seed` is a whole number"),
        ({"seed": 1, "steps": 51}, "`steps` is a whole number from 1 to 50"),
        ({"seed": 1, "strength": -0.1}, "`strength` is a number from 0 to 1"),
        ({"seed": 1, "style": "dusk"}, "`style` is one of day, night"),
        ({"seed": 1, "prompt": None}, "`prompt` is a text"),
        ({"seed": 1, "promt": "x"}, "no parameter `promt`; did you mean `prompt`?"),
        ({"seed": 1, "zzz": "x"}, "It takes prompt, seed, steps, strength, style"),
    ],
)
def test_what_does_not_fit_is_named(given, said):
    with pytest.raises(Fault) as refused:
        bind(DECLARED, given)
    assert refused.value.kind is Kind.INVALID_PARAMS
    assert said in refused.value.message


@pytest.mark.parametrize(
    ("type", "right", "wrong"),
    [
        ("any", object(), None),
        ("boolean", True, 1),
        ("list", [1], {}),
        ("object", {}, []),
        ("number", 1.5, True),
        ("image", None, "data:image/png;base64,"),
    ],
)
def test_each_type_takes_its_own_values(type, right, wrong):
    wanted = [parameter(["x", type])]
    if right is not None:
        assert bind(wanted, {"x": right}) == {"x": right}
    if wrong is not None:
        with pytest.raises(Fault):
            bind(wanted, {"x": wrong})


def test_a_form_can_be_made_of_the_description():
    told = {each["name"]: each for each in describe(DECLARED)}
    assert told["steps"]["minimum"] == 1
    assert told["steps"]["maximum"] == 50
    assert told["style"]["choices"] == ["day", "night"]
    assert told["seed"]["required"] is True
    assert told["prompt"]["description"] == "What to draw"
