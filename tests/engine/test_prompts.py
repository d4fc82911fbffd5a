"""The notations of prompts: what each comes to, and laws of all of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mintaka.engine.prompts import DOWN, MAX_WEIGHT, UP, Piece, cut, named, parse
from mintaka.engine.prompts import words as words_beside

GOLDEN = [
    ("a red circle", [("a red circle", 1)]),
    ("", []),
    ("a (red) circle", [("a ", 1), ("red", 1.1), (" circle", 1)]),
    ("a ((red)) circle", [("a ", 1), ("red", 1.21), (" circle", 1)]),
    ("(red:1.3)", [("red", 1.3)]),
    ("(red: .5 ), (blue:0)", [("red", 0.5), (", ", 1), ("blue", 0)]),
    ("(red:-1)", [("red", -1)]),
    ("a [red] circle", [("a ", 1), ("red", 1 / 1.1), (" circle", 1)]),
    ("([red])", [("red", 1)]),
    ("(a (red:2) circle:1.5)", [("a ", 1.5), ("red", 3), (" circle", 1.5)]),
    ("(a: red)", [("a: red", 1.1)]),
    ("16:9", [("16:9", 1)]),
    (r"a \(red\) \[x\] \\ \:", [(r"a (red) [x] \ :", 1)]),
    (r"(red\:1.2)", [("red:1.2", 1.1)]),
    (r"(\(red\):1.2)", [("(red)", 1.2)]),
    (r"back\slash", [(r"back\slash", 1)]),
    ("red+", [("red", 1.1)]),
    ("a red++ circle", [("a ", 1), ("red", 1.21), (" circle", 1)]),
    ("red--, blue", [("red", 0.81), (", blue", 1)]),
    ("a dark-red+.", [("a ", 1), ("dark-red", 1.1), (".", 1)]),
    ("well-known a - b --ar", [("well-known a - b --ar", 1)]),
    (r"C\+\+", [("C++", 1)]),
    ("red+- blue", [("red+- blue", 1)]),
    ("(red circle)1.3", [("red circle", 1.3)]),
    ("(red circle)++", [("red circle", 1.21)]),
    ("(red circle)-, x", [("red circle", 0.9), (", x", 1)]),
    ("(red circle)0.5.", [("red circle", 0.5), (".", 1)]),
    ("(red:2)+", [("red", 2.2)]),
    ("(a red+ circle)2", [("a ", 2), ("red", 2.2), (" circle", 2)]),
    ("(8k)2d", [("8k", 1.1), ("2d", 1)]),
    ("(red+:1.2)", [("red", 1.32)]),
    ("()", []),
]


@pytest.mark.parametrize(("prompt", "pieces"), GOLDEN)
def test_each_notation_comes_to_words_and_weights(prompt: str, pieces: list[tuple[str, float]]) -> None:
    read = parse(prompt)
    assert read.notes == ()
    [part] = read.parts
    assert [piece.text for piece in part] == [text for text, _ in pieces]
    assert [piece.weight for piece in part] == pytest.approx([weight for _, weight in pieces])


def test_break_begins_a_part_wherever_it_stands() -> None:
    assert parse("red BREAK blue").parts == ((Piece("red"),), (Piece("blue"),))
    assert parse("(red BREAK blue:2)").parts == ((Piece("red", 2),), (Piece("blue", 2),))
    assert parse("BREAK\nred").parts == ((), (Piece("red"),))
    assert parse("BREAKING break").parts == ((Piece("BREAKING break"),),)


@pytest.mark.parametrize(
    ("prompt", "text", "note"),
    [
        ("a (red", "a (red", "the “(” at character 3 of a prompt is never closed"),
        ("a red) x", "a red) x", "the “)” at character 6 of a prompt closes nothing"),
        (r"\(a [red", r"(a [red", "the “[” at character 5 of a prompt is never closed"),
        ("(a [red) x]", "a [red x]", "the “[” at character 4 of a prompt is never closed"),
        ("[a:b:0.5]", "a:b:0.5", "the [ ] at character 1 of a prompt make it weigh less and nothing more"),
        ("(red:99)", "red", "weights may be -10 to 10; those beyond were brought there"),
    ],
)
def test_what_may_not_be_meant_is_noted_and_read_as_text(prompt: str, text: str, note: str) -> None:
    read = parse(prompt)
    assert read.text == text
    assert read.notes[0].startswith(note)


def test_a_prompt_of_nothing_but_brackets_is_read_at_once_and_not_noted_a_thousand_times() -> None:
    assert len(parse("[(" * 20_000 + ")" * 20_000).notes) <= 5
    assert parse("(" * 20_000 + "x" + ")" * 20_000).parts == ((Piece("x", MAX_WEIGHT),),)


def test_names_are_whole_words_in_any_case_and_the_longest_counts() -> None:
    names = ("easy", "Easy-Negative", "v1.5", "deep/b")
    assert list(cut("an EASY-negative easy, uneasy easy-going deep/b v1_5", names)) == [
        ("an ", None),
        ("EASY-negative", "Easy-Negative"),
        (" ", None),
        ("easy", "easy"),
        (", uneasy easy-going ", None),
        ("deep/b", "deep/b"),
        (" v1_5", None),
    ]
    assert named(["a (V1.5:1.2)", "easy-negative++ [x]"], names) == ("Easy-Negative", "v1.5")
    assert named(["anything"], ()) == ()
    assert words_beside("a (easy:2) \\(star", names) == "a   (star"


text = st.text(alphabet="ab \t1.:,()[]\\+-BREAK“”é\ue000", max_size=60)
words = st.text(alphabet="ab ,é", min_size=1, max_size=12)
weights = st.integers(-30, 30).map(lambda tenths: tenths / 10)


@given(text | st.text(max_size=60))
def test_any_text_is_read_and_nothing_is_added_to_it(prompt: str) -> None:
    read = parse(prompt)
    rest = iter(prompt)
    assert all(character in rest for part in read.parts for piece in part for character in piece.text)
    assert all(abs(piece.weight) <= MAX_WEIGHT and piece.text for part in read.parts for piece in part)


@given(words)
def test_plain_text_is_itself(prompt: str) -> None:
    assert parse(prompt).parts == ((Piece(prompt),),)


@given(text.filter(lambda each: "BREAK" not in each and "\ue000" not in each))
def test_whatever_is_escaped_is_itself(prompt: str) -> None:
    escaped = "".join(f"\\{each}" if each in r"()[]\+-:" else each for each in prompt)
    assert parse(escaped).text == prompt
    assert parse(escaped).is_plain


@given(words, weights, weights)
def test_weights_multiply(said: str, outer: float, inner: float) -> None:
    weight = max(-MAX_WEIGHT, min(MAX_WEIGHT, outer * inner))
    assert parse(f"(({said}:{inner}):{outer})").parts == ((Piece(said, pytest.approx(weight)),),)


@given(words, st.integers(1, 9))
def test_both_notations_say_the_same(said: str, times: int) -> None:
    def weight(prompt: str) -> float:
        [[piece]] = parse(prompt).parts
        assert piece.text == said
        return piece.weight

    brackets = weight("(" * times + said + ")" * times)
    assert brackets == pytest.approx(UP**times)
    assert weight(f"({said}){'+' * times}") == pytest.approx(brackets)
    assert weight(f"({said}){'-' * times}") == pytest.approx(DOWN**times)
    assert weight("[" * times + said + "]" * times) == pytest.approx(1 / brackets)
    assert weight(f"({said}){times}.5") == weight(f"({said}:{times}.5)")
