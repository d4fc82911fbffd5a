"""A text that cannot be read is checked all the same, as far as what is found is certain."""

import random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mintaka.lang.checker import check
from mintaka.lang.diagnostics import Diagnostic, SyntaxFault
from mintaka.lang.doubts import all_wrong
from mintaka.lang.kinds import Kind, kinds
from mintaka.lang.parser import parse
from mintaka.lang.printer import print_tree
from mintaka.lang.signatures import Argument, Signature
from tests.strategies import TREES

TEXT, NUMBER = kinds(Kind.STRING), kinds(Kind.NUMBER)
SIGNATURES = {
    each.name: each
    for each in (
        Signature("+", 0, None, (Argument("value", NUMBER),), NUMBER),
        Signature("std.log", 1, None),
        Signature("str.upper", 1, 1, (Argument("text", TEXT),), TEXT),
        Signature("list.new", 0, None, (), kinds(Kind.LIST)),
    )
}


def wrong(source: str) -> list[Diagnostic]:
    try:
        return check(parse(source), SIGNATURES)
    except SyntaxFault as fault:
        return all_wrong(source, fault, SIGNATURES)


def told(source: str) -> list[tuple[int, str]]:
    return [(each.span.line, each.code.value) for each in wrong(source)]


@pytest.mark.parametrize(
    ("source", "found"),
    [
        # The forms before and behind the broken one are checked as usual.
        (
            '(str.upper 1)\n(log "a"\n(str.upper 1 2)\n(lgo 1)',
            [(1, "type"), (2, "syntax"), (3, "arity"), (4, "unknown_op")],
        ),
        # In the broken one the name of an op that there is not.
        ("(log (str.uper\n  1)", [(1, "syntax"), (1, "unknown_op")]),
        # A word that is none disturbs no other form.
        ('(str.upper 1) (log 1a)', [(1, "type"), (1, "syntax")]),
        ('(str.upper "\\q")\n(str.upper count)', [(1, "syntax"), (2, "unbound")]),
    ],
)  # fmt: skip
def test_everything_that_is_certain_is_told_at_once(source: str, found: list[tuple[int, str]]) -> None:
    assert told(source) == found


@pytest.mark.parametrize(
    "source",
    [
        "(str.upper (log 1) 2",  # perhaps `2` belongs to the log
        '(if (+ 1 2))\n "yes" "no")',  # the bracket that is too many may be the first one
        "(for x [1 2]\n  (log x))\n  (break))",  # it may have been meant to stand in the loop
        '(let name "ann)\n(log name)',  # a name that is bound in what was lost
        "(let (later 1)\n(log later)",  # the bracket that is too many makes no op of it
        '(log see (str.uper 1)")',  # it may stand in a text
        "(let twice 1) (define half [n (/ n 2))\n(half twice)",
        "(let x: 1)\n(log x)",
        '(log "a) (define later [] 1)\n(later)',
        '(let n 1)\n(log "a) (set n "text")\n(str.upper n)',  # what it is bound to may have changed there
        '(str.upper "a" :loud)',  # one mistake, not two
        '(let kept 5)\n(log "x) kept',  # whether it is read cannot be known
        "(return 1)\n(log 2",
    ],
)
def test_what_may_be_a_consequence_of_the_syntax_is_not_told(source: str) -> None:
    assert {code for _, code in told(source)} == {"syntax"}


def test_warnings_and_errors_keep_their_order_of_places() -> None:
    found = wrong('(log (lgo 1)\n(str.upper 1)\n(log "b"')
    assert [each.span.line for each in found] == sorted(each.span.line for each in found)


@given(TREES, st.randoms(use_true_random=False))
def test_a_broken_bracket_or_quote_makes_nothing_else_wrong(tree, dice: random.Random) -> None:
    """Whatever is told beside the syntax was wrong before."""
    source = print_tree(tree)
    places = [at for at, char in enumerate(source) if char in '()[]{}"']
    assume(places)
    at = dice.choice(places)
    damaged = source[:at] + dice.choice(["", "(", ")", "]", '"', source[at] * 2]) + source[at + 1 :]
    before = {(each.code, each.message) for each in wrong(source)}
    try:
        parse(damaged)
    except SyntaxFault as fault:
        after = all_wrong(damaged, fault, SIGNATURES)
        new = [each for each in after if each not in fault.diagnostics and (each.code, each.message) not in before]
        assert new == [], (source, damaged)
