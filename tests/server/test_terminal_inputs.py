import pytest
from hypothesis import given
from hypothesis import strategies as st

from mintaka.server.command.brackets import innermost_head, open_brackets
from mintaka.server.command.highlight import highlight


@pytest.mark.parametrize(
    ("text", "open"),
    [
        ("", 0),
        ("(+ 1 2)", 0),
        ("(+ 1 (f [2", 3),
        ('(log ")")', 0),
        ('(log "a', 2),
        (r'(log "\"(")', 0),
        ("(f ; )\n", 1),
        ("(f ; )\n)", 0),
        (")))", 0),
        ("{:a (b", 2),
    ],
)
def test_an_input_is_complete_when_every_bracket_is_closed(text, open):
    assert open_brackets(text) == open


@given(st.text())
def test_highlighting_loses_no_character(line):
    line = line.replace("\n", " ")
    assert "".join(part[1] for part in highlight(line)) == line


@pytest.mark.parametrize(
    ("text", "head"),
    [("", ""), ("(f [a {:b", "f"), ("(f (g) ", "f"), ('(f ")" (g ', "g"), ("[1 2", ""), ("(", ""), ("(f)", "")],
)
def test_the_cursor_is_among_the_arguments_of_the_innermost_open_call(text, head):
    assert innermost_head(text) == head
