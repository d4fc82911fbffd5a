"""A text that is no script is told so at the place, with what to do."""

import pytest

from mintaka.lang.diagnostics import Code, SyntaxFault
from mintaka.lang.limits import MAX_DEPTH, MAX_NODES
from mintaka.lang.parser import parse
from mintaka.lang.tree import from_json


def rendered(source: str) -> str:
    with pytest.raises(SyntaxFault) as caught:
        parse(source)
    return "\n".join(diagnostic.render(source) for diagnostic in caught.value.diagnostics)


def test_a_missing_bracket_is_reported_where_it_was_opened() -> None:
    assert rendered("(let x 1)\n(log (str.concat x\n") == (
        "(log (str.concat x\n"
        "     ^\n"
        "error: This `(` is never closed.\n"
        "Add `))` at the end of line 2. The `(` of line 2, column 1 is open, too.      [syntax, line 2]"
    )


def test_a_bracket_of_another_kind_names_the_one_it_does_not_close() -> None:
    told = rendered("(log [1 2)\n3)")
    assert "`)` does not close the `[` of line 1, column 6" in told
    assert "Write `]` here" in told


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (")", "closes nothing"),
        ('(log "cat)', "string is never closed"),
        ("{:width}", "`width` has no value"),
        ("{1 2}", "A key of an object"),
        ("(log :width)", "The key `:width` stands in an object"),
        ("{:a :b}", "`:b` stands in an object"),
        ("(: 1)", "written :name"),
        ("#x", "`#` cannot stand here"),
        ("(+ 1 1a)", "neither a number nor a name"),
        ("image.width", '(obj.get image "width")'),
        ("()", "A call names an op"),
        ("(log '", "never closed"),
        ("'", "a form is missing"),
        ("' #_x", "nothing to quote"),
        (r'(log "\q")', "an escape JSON does not know"),
        (r'(log "\ud800")', "an escape JSON does not know"),
        ("(obj.new (f))", "takes pairs"),
        ("1e999", "greater than any"),
        ("'('a)", "a quote within it"),
        ("'{:a :b}", "A key like this"),
    ],
)
def test_what_is_wrong_is_said_in_words(source: str, words: str) -> None:
    assert words in rendered(source)


def test_several_mistakes_are_told_at_once() -> None:
    with pytest.raises(SyntaxFault) as caught:
        parse("(log 1a)\n(log image.width)\n()")
    assert [diagnostic.span.line for diagnostic in caught.value.diagnostics] == [1, 2, 3]


def test_text_nested_too_deeply_is_refused_and_not_recursed_into() -> None:
    deep = 20_000
    with pytest.raises(SyntaxFault) as caught:
        parse("(not " * deep + "true" + ")" * deep)
    assert caught.value.diagnostics[0].code is Code.SIZE


def test_text_with_too_many_nodes_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(SyntaxFault) as caught:
        parse("x " * (MAX_NODES + 1))
    assert caught.value.diagnostics[0].code is Code.SIZE


def test_text_as_deep_as_allowed_is_parsed() -> None:
    source = "(not " * MAX_DEPTH + "true" + ")" * MAX_DEPTH
    assert parse(source)


def test_json_nested_too_deeply_is_refused() -> None:
    script: object = True
    for _ in range(MAX_DEPTH + 1):
        script = ["not", script]
    with pytest.raises(SyntaxFault) as caught:
        from_json(script)
    assert caught.value.diagnostics[0].code is Code.SIZE


def test_json_with_too_many_nodes_is_refused() -> None:
    with pytest.raises(SyntaxFault) as caught:
        from_json(["std.quote", [0] * MAX_NODES])
    assert caught.value.diagnostics[0].code is Code.SIZE


@pytest.mark.parametrize(
    "script", [[], [1, 2], [["std.log", 1]], ["std.log", float("inf")], ["std.log", "\ud800"], ["std.log", object()]]
)
def test_what_is_no_json_form_is_refused(script: object) -> None:
    with pytest.raises(SyntaxFault):
        from_json(script)


def test_a_fault_in_a_json_form_has_the_path_to_it() -> None:
    with pytest.raises(SyntaxFault) as caught:
        from_json(["std.seq", 1, ["std.log", []]])
    assert caught.value.diagnostics[0].span.path == (2, 1)
