"""A text that is no script is told so at the place, with what to do, and of everything that is wrong with it."""

from random import Random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mintaka.lang.diagnostics import Code, SyntaxFault
from mintaka.lang.limits import MAX_DEPTH, MAX_NODES
from mintaka.lang.parser import parse
from mintaka.lang.printer import print_tree
from mintaka.lang.reader import read, tokens
from mintaka.lang.recovery import MAX_PROBLEMS
from mintaka.lang.tree import Node, from_json
from tests.strategies import TREES, reflowed


def told(source: str) -> list[tuple[int, int, str]]:
    """Line, column and message of all that is wrong with a text."""
    with pytest.raises(SyntaxFault) as caught:
        parse(source)
    return [(found.span.line, found.span.column, found.message) for found in caught.value.diagnostics]


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
        ("'", "A form is missing at the end"),
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


@pytest.mark.parametrize(
    ("source", "places"),
    [
        ("(define f [n]\n  (if (< n 2\n    n\n    (+ 1 n)))\n(log (f 3))", [(2, 7)]),
        ("(define f [n]\n  (+ n 1)\n(define g [n]\n  (* n 2)\n(log 1)", [(1, 1), (3, 1)]),
        ("(for n [1 2 3]\n  (log {:a 1 :b n)\n  (log n))", [(2, 8)]),
        ("(let a [1 2)\n(let b 3)", [(1, 8)]),
        ("(let a\n[1 2]))) (log a)", [(2, 7)]),
        ("[1 2) 3]", [(1, 5)]),
        ('(log "a)\n(log "b")\n(log 1a)', [(1, 6), (3, 6)]),
        ('(log "hello (world)\n(log 2)', [(1, 6)]),
        ("# no comment (\n(log 1))", [(1, 1), (2, 8)]),
        ("(log ')\n(f #_)\n'", [(1, 6), (2, 4), (3, 1)]),
        ("(let x 1\n(let y 2)", [(1, 1)]),
        ("(let x 1)) (let y 2))\n(let z 3", [(1, 10), (1, 21), (2, 1)]),
        ('(log "two\nlines" 1a)', [(2, 8)]),
        ('(log "two\nlines \\q")', [(2, 7)]),
        ('(log "half a \ud800 character"\n 1)', [(1, 14)]),
        ("(let x 1)\n(obj.new 1 (f))", [(2, 12)]),
        ("(log 1\n; (comments do not count\n     2", [(1, 1)]),
    ],
)
def test_every_mistake_is_told_once_at_its_place(source: str, places: list[tuple[int, int]]) -> None:
    assert [(line, column) for line, column, _ in told(source)] == places


@given(TREES, st.randoms(use_true_random=False))
def test_a_bracket_left_out_of_a_laid_out_script_is_one_mistake(tree: Node, rng: Random) -> None:
    source = print_tree(tree)
    closers = [token.start_pos or 0 for token in tokens(source) if token.type.startswith("CLOSE")]
    assume(closers)
    at = rng.choice(closers)
    assert len(read(source[:at] + source[at + 1 :]).problems) == 1


@given(TREES, st.randoms(use_true_random=False), st.text("()[]{}'\"#_:;x1 \n\\", max_size=6))
def test_any_damage_is_either_a_script_or_told_within_the_text(tree: Node, rng: Random, damage: str) -> None:
    source = reflowed(print_tree(tree), rng)
    at = rng.randrange(len(source) + 1)
    damaged = source[:at] + damage + source[at + rng.randrange(4) :]
    try:
        parse(damaged)
    except SyntaxFault as fault:
        lines = damaged.split("\n")
        for found in fault.diagnostics:
            assert 1 <= found.span.line <= len(lines)
            assert 1 <= found.span.column <= len(lines[found.span.line - 1]) + 1


@pytest.mark.parametrize(
    "piece",
    [
        *[
            "(",
            ")",
            "'",
            "#_",
            '"',
            '\\"',
            '"\n\\',
            "[)",
            "([)]",
            "([{",
            "# ",
            "#\n",
            ": ",
            "(')",
            "1a ",
            "''x ",
            "{:a ",
        ],
        "[\n(",
        "1a",
    ],
)
def test_a_hostile_text_is_refused_in_few_words(piece: str) -> None:
    mistakes = told(piece * (16_384 // len(piece)) + "'")
    assert 1 <= len(mistakes) <= MAX_PROBLEMS
    assert all(len(message) < 200 for _, _, message in mistakes)


def test_several_mistakes_are_told_at_once() -> None:
    with pytest.raises(SyntaxFault) as caught:
        parse("(log 1a)\n(log image.width)\n()")
    assert [diagnostic.span.line for diagnostic in caught.value.diagnostics] == [1, 2, 3]


def test_text_nested_too_deeply_is_refused_and_not_recursed_into() -> None:
    deep = 20_000
    with pytest.raises(SyntaxFault) as caught:
        parse("(not " * deep + "true" + ")" * deep)
    assert caught.value.diagnostics[0].code is Code.SIZE


def test_text_with_far_too_many_words_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(SyntaxFault) as caught:
        parse("x " * (2 * MAX_NODES + 1))
    assert caught.value.diagnostics[0].code is Code.SIZE


def test_text_is_held_to_the_bounds_of_the_json_form() -> None:
    with pytest.raises(SyntaxFault) as caught:
        parse("x " * (MAX_NODES // 2))  # two nodes each, and the sequence
    assert caught.value.diagnostics[0].code is Code.SIZE
    with pytest.raises(SyntaxFault) as caught:
        parse("{:k " * (MAX_DEPTH - 1) + "1" + "}" * (MAX_DEPTH - 1))  # two levels each
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
