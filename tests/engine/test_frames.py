"""Messages survive however the stream of bytes is cut."""

import itertools
import struct

import msgpack  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mintaka.engine.frames import Decoder, FrameError, Message, encode

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
messages = st.dictionaries(st.text(), values, max_size=5)


@given(st.lists(messages, max_size=5), st.lists(st.integers(min_value=0), max_size=8))
def test_any_split_of_the_stream_gives_the_same_messages(sent: list[Message], cuts: list[int]) -> None:
    stream = b"".join(encode(message) for message in sent)
    edges = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    decoder = Decoder()
    got = [message for start, end in itertools.pairwise(edges) for message in decoder.feed(stream[start:end])]
    assert got == sent
    assert decoder.pending == 0


@given(messages)
def test_an_unfinished_message_is_kept_and_not_given(message: Message) -> None:
    frame = encode(message)
    decoder = Decoder()
    assert list(decoder.feed(frame[:-1])) == []
    assert decoder.pending == len(frame) - 1
    assert list(decoder.feed(frame[-1:])) == [message]


def test_a_length_over_the_limit_is_refused_before_its_body_comes() -> None:
    with pytest.raises(FrameError, match="the limit is 10"):
        list(Decoder(limit=10).feed(struct.pack(">I", 11)))


def test_a_message_over_the_limit_is_not_sent() -> None:
    with pytest.raises(FrameError, match="over the limit of 10"):
        encode({"data": b"x" * 10}, limit=10)


@pytest.mark.parametrize("body", [b"\xc1", b"", msgpack.packb([1]), msgpack.packb({1: 2}), b"\x80\x00"])
def test_a_body_that_is_not_a_map_with_text_keys_is_refused(body: bytes) -> None:
    with pytest.raises(FrameError):
        list(Decoder().feed(struct.pack(">I", len(body)) + body))


@pytest.mark.parametrize("value", ["\ud83d", object(), 2**64])
def test_what_cannot_be_carried_is_refused(value: object) -> None:
    with pytest.raises(FrameError, match="cannot be sent"):
        encode({"value": value})
