"""Numbers are written and read as ECMAScript writes and reads them, and texts never grow without being paid for."""

import asyncio
import json
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mintaka.runtime.budget import Budget
from mintaka.runtime.powers import Powers
from mintaka.runtime.run import Run
from mintaka.runtime.text import number_text, to_text
from mintaka.stdlib.calendar import FARTHEST, Fields, fields, iso, parse
from mintaka.stdlib.core import leading_decimal, leading_integer
from mintaka.stdlib.indices import element, position
from mintaka.stdlib.json_texts import json_parse, json_stringify

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
DATA = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"), (-0.0, "0"), (1.0, "1"), (-1.5, "-1.5"), (0.1, "0.1"), (1e21, "1e+21"),
        (1e20, "100000000000000000000"),
        (123456789012345680000.0, "123456789012345680000"), (1e-6, "0.000001"), (1e-7, "1e-7"), (-1.25e-9, "-1.25e-9"),
        (5e-324, "5e-324"), (1.7976931348623157e308, "1.7976931348623157e+308"), (math.nan, "NaN"),
        (math.inf, "Infinity"), (-math.inf, "-Infinity"), (2**53, "9007199254740992"), (1.2e25, "1.2e+25"),
    ],
)  # fmt: skip
def test_a_number_is_written_as_ecmascript_writes_it(value: float, text: str) -> None:
    assert number_text(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_reading_a_written_number_gives_the_number(value: float) -> None:
    assert float(number_text(value)) == value
    assert leading_decimal(number_text(value)) == value


@given(st.integers(-(2**53), 2**53), st.integers(2, 36))
def test_an_integer_is_read_in_any_base(value: int, base: int) -> None:
    digits, rest = "", abs(value)
    while rest or not digits:
        rest, digit = divmod(rest, base)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    assert leading_integer(("-" if value < 0 else "") + digits + " !", base) == value


@pytest.mark.parametrize(
    ("text", "base", "value"),
    [("12px", 10, 12), ("0x1f", 16, 31), ("0x1f", 10, 0), (" +7", 10, 7), ("9" * 5000, 10, math.inf), ("z", 36, 35)],
)
def test_what_a_text_begins_with_is_read(text: str, base: int, value: float) -> None:
    assert leading_integer(text, base) == value


@pytest.mark.parametrize(("text", "base"), [("", 10), ("px", 10), ("1", 1), ("1", 37), ("9", 8)])
def test_what_is_no_integer_is_nan(text: str, base: int) -> None:
    assert math.isnan(leading_integer(text, base))


def test_lists_are_written_with_commas_and_null_as_nothing() -> None:
    assert to_text([1, [2, None], "x", {}], lambda _: None) == "1,2,,x,[object Object]"


def test_a_text_of_shared_lists_is_paid_for_before_it_is_built() -> None:
    class TooMuch(Exception):
        pass

    paid = 0

    def spend(count: int) -> None:
        nonlocal paid
        paid += count
        if paid > 1000:
            raise TooMuch

    value: list[object] = ["x" * 100]
    for _ in range(60):
        value = [value, value]
    with pytest.raises(TooMuch):
        to_text(value, spend)  # type: ignore[arg-type]


@given(st.integers(-FARTHEST, FARTHEST))
def test_a_time_survives_being_written_and_read(timestamp: int) -> None:
    assert fields(timestamp).timestamp() == timestamp
    assert parse(iso(timestamp)) == timestamp


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("2024-02-30", "2024-03-01T00:00:00.000Z"),
        ("2024-06", "2024-06-01T00:00:00.000Z"),
        ("2024-01-31T24:00:00Z", "2024-02-01T00:00:00.000Z"),
        ("2024-01-31T10:20:30+02:00", "2024-01-31T08:20:30.000Z"),
        ("2024-01-31T10:20:30.1234-0130", "2024-01-31T11:50:30.123Z"),
        ("Wed, 31 Jan 2024 10:20:30 GMT", "2024-01-31T10:20:30.000Z"),
        ("January 5, 2024 3:07 pm", "2024-01-05T15:07:00.000Z"),
        ("1/5/2024", "2024-01-05T00:00:00.000Z"),
        ("2024/1/5 12:00 AM", "2024-01-05T00:00:00.000Z"),
    ],
)
def test_times_are_read_as_people_write_them(text: str, written: str) -> None:
    timestamp = parse(text)
    assert timestamp is not None
    assert iso(timestamp) == written


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "2024-13-01",
        "2024-01-32",
        "2024-01-01T25:00",
        "-000000-01-01",
        "Foo 5, 2024",
        "1/5/2024 13:00 pm",
        "+999999-01-01",
        "2024-01-01T24:00:01",
    ],
)
def test_what_is_no_time_is_none(text: str) -> None:
    assert parse(text) is None


def test_fields_beyond_their_range_carry_over() -> None:
    assert iso(Fields(2024, 13, 32, 25, 61, 61, 1001).timestamp()) == "2025-02-02T02:02:02.001Z"


@given(st.integers(0, 50), st.floats(), st.floats())
def test_positions_cut_lists_as_slices_do(length: int, start: float, end: float) -> None:
    first, last = position(start, length), position(end, length)
    assert 0 <= first <= length
    assert 0 <= last <= length
    items = list(range(length))
    if all(map(math.isfinite, (start, end))):
        assert items[first:last] == items[int(start) : int(end)]


@pytest.mark.parametrize(
    ("index", "number"), [(2, 2), (2.0, 2), (-1, None), (1.5, None), (math.nan, None), (math.inf, None)]
)
def test_only_whole_numbers_from_zero_on_are_indices(index: float, number: int | None) -> None:
    assert element(index) == number


@given(DATA)
def test_json_text_is_read_back_as_it_was(value: object) -> None:
    async def there_and_back() -> None:
        run = Run(Budget(), Powers(clock=lambda: 0.0, random=random.Random(0)))
        text = json_stringify(run, value)  # type: ignore[arg-type]
        assert json.loads(text) == value
        assert json_parse(run, text) == value

    asyncio.run(there_and_back())
