"""Forms (multipart/form-data), as httpx writes them and as nobody should."""

import contextlib

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mintaka.server.api.bodies import MOST_PARTS, Part, fields, form_parts
from mintaka.server.errors import Fault

NAMES = st.text("abcdefg_[]", min_size=1, max_size=8)


@given(st.lists(st.tuples(NAMES, st.binary(max_size=200)), min_size=1, max_size=5))
def test_every_byte_of_every_part_is_read_as_it_was_sent(sent):
    request = httpx.Request("POST", "http://x/", files=[(name, ("a.png", data, "image/png")) for name, data in sent])
    parts = form_parts(request.read(), request.headers["content-type"])
    assert parts == [Part(name, data, "a.png") for name, data in sent]


def test_fields_are_told_from_files():
    request = httpx.Request("POST", "http://x/", data={"prompt": "größer"}, files={"image": b"\r\n--\r\n"})
    parts = form_parts(request.read(), request.headers["content-type"])
    assert fields(parts) == {"prompt": "größer"}
    assert [each.data for each in parts if each.filename] == [b"\r\n--\r\n"]


@pytest.mark.parametrize(
    ("data", "content_type"),
    [
        (b"", "multipart/form-data; boundary=x"),
        (b"--x\r\n\r\n", "multipart/form-data; boundary=x"),
        (b"--x\r\nno name\r\n\r\n--x--", "multipart/form-data; boundary=x"),
        (b"--x--", "multipart/form-data"),
        (b"--x--", "multipart/form-data; boundary=" + "x" * 71),
        (b"\r\n--x" * (MOST_PARTS + 9) + b"--", "multipart/form-data; boundary=x"),
    ],
)
def test_what_is_no_form_is_refused(data, content_type):
    with pytest.raises(Fault):
        form_parts(data, content_type)


@given(st.binary(max_size=300))
def test_whatever_bytes_come_it_is_a_form_or_refused(data):
    with contextlib.suppress(Fault):
        form_parts(b"--x\r\n" + data, "multipart/form-data; boundary=x")
