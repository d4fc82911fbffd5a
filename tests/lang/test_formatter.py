"""Formatting changes the white space of a script and nothing else, and has nothing to change the second time."""

from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mintaka.lang.diagnostics import SyntaxFault
from mintaka.lang.formatter import format_source
from mintaka.lang.layout import WIDTH
from mintaka.lang.parser import parse
from mintaka.lang.printer import print_tree
from mintaka.lang.tree import Node
from tests.strategies import TREES, reflowed, words

GOLDEN = Path(__file__).parents[1] / "golden" / "format"
EXAMPLES = Path(__file__).parents[2] / "examples"


@given(TREES, st.randoms(use_true_random=False))
def test_only_white_space_changes_and_only_once(tree: Node, rng: Random) -> None:
    source = reflowed(print_tree(tree), rng)
    assert parse(source) == tree
    formatted = format_source(source)
    assert words(formatted) == words(source)
    assert parse(formatted) == tree
    assert format_source(formatted) == formatted


@given(TREES)
def test_what_is_printed_is_formatted(tree: Node) -> None:
    printed = print_tree(tree)
    assert format_source(printed) == printed + "\n"


@pytest.mark.parametrize("source", sorted(GOLDEN.glob("*.in.mtk")), ids=lambda path: path.name.partition(".")[0])
def test_a_script_is_formatted_as_its_golden_file_is(source: Path) -> None:
    expected = source.with_name(source.name.replace(".in.", ".out.")).read_text("utf-8")
    formatted = format_source(source.read_text("utf-8"))
    assert formatted == expected
    assert format_source(expected) == expected
    assert all(len(line) <= WIDTH for line in expected.splitlines())


@pytest.mark.parametrize(
    "example", sorted((Path(__file__).parents[2] / "examples").glob("*.mtk")), ids=lambda p: p.stem
)
def test_the_examples_are_formatted(example: Path) -> None:
    source = example.read_text("utf-8")
    assert format_source(source) == source


def test_a_text_of_nothing_is_formatted_to_nothing() -> None:
    assert format_source(" \n , \n") == ""
    assert format_source("\n\n; only a comment   \n\n") == "; only a comment\n"


def test_lines_that_end_as_on_windows_end_as_elsewhere() -> None:
    assert format_source("(log 1) ; one\r\n\r\n(log 2)\r\n") == "(log 1)  ; one\n\n(log 2)\n"


def test_a_text_that_is_no_script_is_not_formatted() -> None:
    with pytest.raises(SyntaxFault):
        format_source("(log 1")
    with pytest.raises(SyntaxFault):
        format_source("(log 1a)")
