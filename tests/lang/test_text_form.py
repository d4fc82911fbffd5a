"""What the text form means, seen in the JSON form of the same script."""

import pytest

from mintaka.lang.layout import WIDTH
from mintaka.lang.parser import parse
from mintaka.lang.printer import print_tree
from mintaka.lang.tree import Call, Span, to_json


@pytest.mark.parametrize(
    ("source", "script"),
    [
        ("(+ 1 -2.5e3)", ["+", 1, -2500]),
        ('(log "a\\n\\u00e9" true false null) ; a comment', ["std.log", "a\né", True, False, None]),
        ("(let x 1) x", ["std.seq", ["std.let", "x", 1], ["std.var", "x"]]),
        ("", ["std.seq"]),
        ("[1, 2, [3]]", ["list.new", 1, 2, ["list.new", 3]]),
        ('{:width 128 "a key" x}', ["obj.new", ["width", 128], ["a key", ["std.var", "x"]]]),
        ('\'(a "b" [1 {:k v}])', ["std.quote", ["a", "b", [1, {"k": "v"}]]]),
        ("'{:a (f)}", {"a": ["f"]}),
        ("(quote 5)", ["std.quote", 5]),
        ("(log #_(f 1) 2)", ["std.log", 2]),
        ('(get-capability "x")', ["get_capability", "x"]),
        ("(with-timeout 2 (log 1))", ["std.with_timeout", 2, ["std.log", 1]]),
        ("(lambda [x y] (- x y))", ["std.lambda", ["x", "y"], ["-", ["std.var", "x"], ["std.var", "y"]]]),
        ("((lambda [x] x) 1)", ["std.apply", ["std.lambda", ["x"], ["std.var", "x"]], 1]),
        ('("any op" 1)', ["any op", 1]),
        (
            '(params (prompt string "a cat" "What to draw") (steps (int 1 50) 20))',
            ["std.params", ["prompt", "string", "a cat", "What to draw"], ["steps", ["int", 1, 50], 20]],
        ),
    ],
)
def test_a_text_is_the_script_that_its_json_form_is(source: str, script: object) -> None:
    assert to_json(parse(source)) == script


def test_a_head_that_is_a_variable_is_applied() -> None:
    assert to_json(parse("(let f 1) (f 2)"))[2] == ["std.apply", ["std.var", "f"], 2]  # type: ignore[index]


def test_a_dotted_head_that_begins_with_a_variable_calls_a_method() -> None:
    called = to_json(parse('(let draw 1) (draw.textToImage "a cat")'))[2]  # type: ignore[index]
    assert called == ["std.call_method", ["std.var", "draw"], "textToImage", "a cat"]


def test_the_ops_of_the_language_are_found_even_where_a_variable_has_their_first_name() -> None:
    assert to_json(parse("(let list [1]) (list.len list)"))[2] == ["list.len", ["std.var", "list"]]  # type: ignore[index]


def test_a_variable_may_have_the_short_name_of_an_op_but_no_form_is_shadowed() -> None:
    assert to_json(parse("(let log 1) (log 2)"))[2] == ["std.apply", ["std.var", "log"], 2]  # type: ignore[index]
    assert to_json(parse("(let if 1) (if 2 3)"))[2] == ["std.if", 2, 3]  # type: ignore[index]


def test_every_node_knows_where_it_stands() -> None:
    tree = parse("(let x\n  (+ 1 20))")
    assert isinstance(tree, Call)
    assert tree.span == Span(1, 1, 2, 12)
    assert tree.head == Span(1, 2, 1, 5)
    assert tree.args[1].span == Span(2, 3, 2, 11)


def test_long_calls_are_broken_into_indented_lines() -> None:
    source = (
        "(let picture (draw.picture " + " ".join(f'"{word * 10}"' for word in "abcdefgh") + " {:width 128 :height 64}))"
    )
    printed = print_tree(parse(source))
    assert all(len(line) <= WIDTH for line in printed.splitlines())
    assert printed.splitlines()[0] == "(let picture"
    assert parse(printed) == parse(source)


def test_several_forms_at_the_top_are_printed_one_a_line() -> None:
    assert print_tree(parse("(let x 1)(log x)")) == "(let x 1)\n(log x)"


def test_comments_may_hold_brackets_and_quotes() -> None:
    assert to_json(parse('; ( [ { "\n1')) == 1
