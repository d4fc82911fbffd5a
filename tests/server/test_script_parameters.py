from mintaka.lang.parser import parse
from mintaka.server.parameters import declared, describe

SOURCE = """
(params (prompt string "a cat" "What to draw")
        (steps (int 1 50) 20)
        (style (choice "day" "night") "day")
        (seed int))
seed
"""


def test_a_form_can_be_made_of_what_a_script_declares():
    told = describe(declared(parse(SOURCE)))
    assert [each["name"] for each in told] == ["prompt", "steps", "style", "seed"]
    prompt, steps, style, seed = told
    assert (prompt["type"], prompt["default"], prompt["description"]) == ("string", "a cat", "What to draw")
    assert (steps["minimum"], steps["maximum"], steps["required"]) == (1, 50, False)
    assert style["choices"] == ["day", "night"]
    assert seed["required"] is True


def test_a_script_without_parameters_declares_none():
    assert describe(declared(parse("(+ 1 2)"))) == []
