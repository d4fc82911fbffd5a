"""The line of a mistake is shown so that a terminal shows what is there, and no more than a person looks at."""

from mintaka.lang.excerpts import LONGEST, excerpt
from mintaka.lang.spans import Span


def test_the_line_is_shown_with_carets_below_the_place() -> None:
    assert excerpt("one\n two three\n", Span(2, 6, 2, 11)) == (" two three", "     ^^^^^")


def test_what_goes_on_in_another_line_has_carets_to_the_end() -> None:
    assert excerpt("(log\n  1)", Span(1, 1, 2, 5)) == ("(log", "^^^^")


def test_only_line_feeds_end_lines_as_in_the_parser() -> None:
    assert excerpt('"a\u2028b\x0cc" x\r\ny', Span(1, 9, 1, 10)) == ('"a b c" x', "        ^")


def test_characters_that_would_move_the_cursor_are_replaced() -> None:
    assert excerpt("\x1b[2J\tx", Span(1, 6, 1, 7)) == ("�[2J x", "     ^")


def test_of_a_long_line_the_part_around_the_place_is_shown() -> None:
    line = "x" * 5_000 + "WRONG" + "y" * 5_000
    shown = excerpt(line, Span(1, 5_001, 1, 5_006))
    assert shown is not None
    text, carets = shown
    assert len(text) == LONGEST + 2
    assert text[carets.index("^") : len(carets)] == "WRONG"
    assert text[0] == text[-1] == "…"


def test_a_place_outside_the_source_has_no_line() -> None:
    assert excerpt("x", Span(2, 1, 2, 1)) is None
    assert excerpt("x", Span(path=(1,))) is None
    assert excerpt("", Span(1, 1, 1, 1)) is None
