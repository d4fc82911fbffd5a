import json

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mintaka.server import rpc
from mintaka.server.errors import CODES, Kind

LIMITS = rpc.FrameLimits()

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
ids = st.integers(-(2**53), 2**53) | st.text()


def only(frame, limits=LIMITS):
    incoming = rpc.read(frame, limits)
    assert not incoming.batch
    (item,) = incoming.items
    return item


def refused(frame, limits=LIMITS):
    item = only(frame, limits)
    assert isinstance(item, rpc.Refusal)
    return item


def request(**members):
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping", **members})


@given(
    ids, st.text(min_size=1), st.dictionaries(st.text(), json_values, max_size=3) | st.lists(json_values, max_size=3)
)
def test_text_and_binary_frames_carry_the_same_call(id, method, params):
    message = {"jsonrpc": "2.0", "id": id, "method": method, "params": params}
    text, binary = only(json.dumps(message)), only(msgpack.packb(message))
    assert text == binary == rpc.Call(id, method, params)


@given(st.text() | st.binary())
def test_reading_never_raises(frame):
    for item in rpc.read(frame, LIMITS).items:
        assert isinstance(item, rpc.Call | rpc.Refusal)


@given(json_values)
def test_any_json_is_read_without_raising(value):
    assert rpc.read(json.dumps(value), LIMITS).items


def test_a_frame_that_is_not_json_is_a_parse_error_without_an_id():
    item = refused('{"jsonrpc": "2.0", "id": 1, ')
    assert item.id is None
    assert item.fault.kind is Kind.PARSE_ERROR
    assert item.fault.data["line"] == 1


def test_a_binary_frame_that_is_not_msgpack_is_a_parse_error():
    assert refused(b"\xc1").fault.kind is Kind.PARSE_ERROR


def test_objects_of_a_binary_frame_have_strings_as_keys():
    assert refused(msgpack.packb({1: 2})).fault.kind is Kind.PARSE_ERROR


@pytest.mark.parametrize("id", [1.0, True, None, [], {}])
def test_an_id_is_a_string_or_an_integer(id):
    item = refused(request(id=id))
    assert item.id is None
    assert item.fault.kind is Kind.INVALID_REQUEST


@pytest.mark.parametrize(
    "members", [{"jsonrpc": "1.0"}, {"jsonrpc": None}, {"method": 1}, {"method": ""}, {"params": 3}, {"params": "x"}]
)
def test_a_malformed_request_is_refused_under_its_id(members):
    item = refused(request(**members))
    assert item.id == 1
    assert item.fault.kind is Kind.INVALID_REQUEST


def test_a_call_without_an_id_is_a_notification():
    assert only('{"jsonrpc": "2.0", "method": "ping"}') == rpc.Call(None, "ping", {}, notification=True)


def test_an_empty_batch_is_one_invalid_request():
    assert refused("[]").fault.kind is Kind.INVALID_REQUEST


def test_each_item_of_a_batch_stands_for_itself():
    incoming = rpc.read(f"[{request()}, 1, {request(id='b')}]", LIMITS)
    assert incoming.batch
    assert [type(item) for item in incoming.items] == [rpc.Call, rpc.Refusal, rpc.Call]


def test_a_batch_has_a_most():
    assert len(rpc.read(f"[{','.join([request()] * 50)}]", LIMITS).items) == 50
    assert refused(f"[{','.join([request()] * 51)}]").fault.kind is Kind.LIMIT


@pytest.mark.parametrize("depth", [513, 1023, 1025, 100_000])
def test_json_deeper_than_the_limit_is_refused_whatever_its_depth(depth):
    fault = refused(request(params=["@"]).replace('"@"', "[" * depth + "]" * depth)).fault
    assert fault.kind is Kind.LIMIT
    assert fault.data["limit"] in ("depth", "nodes")


def test_json_as_deep_as_the_limit_is_read_and_written():
    nested: object = 1
    for _ in range(510):
        nested = [nested]
    call = only(request(params=["@"]).replace('"@"', "[" * 510 + "1" + "]" * 510))
    assert call.params == [nested]
    assert json.loads(rpc.write_text(rpc.success(1, nested)))["result"] == nested


@pytest.mark.parametrize("depth", [600, 2000])
def test_deep_msgpack_is_refused(depth):
    assert refused(b"\x91" * depth + b"\xc0").fault.kind is Kind.LIMIT


def test_more_nodes_than_the_limit_are_refused_before_they_are_built():
    limits = rpc.FrameLimits(nodes=1000)
    many = [[] for _ in range(1200)]
    assert refused(request(params=many), limits).fault.data == {"limit": "nodes", "value": 1000}
    assert refused(msgpack.packb({"params": many}), limits).fault.data == {"limit": "nodes", "value": 1000}


def test_marks_inside_strings_are_no_nodes():
    limits = rpc.FrameLimits(nodes=1000)
    assert isinstance(only(request(params={"prompt": '\\"a, [b], {c}' * 2000}), limits), rpc.Call)


def test_a_frame_has_a_largest_size():
    limits = rpc.FrameLimits(bytes=100)
    assert refused(request(params={"x": "y" * 100}), limits).fault.data["limit"] == "bytes"
    assert refused(msgpack.packb({"x": "y" * 100}), limits).fault.data["limit"] == "bytes"


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_what_json_has_no_number_for_becomes_null(number):
    assert json.loads(rpc.write_text(rpc.success(1, [number]))) == {"jsonrpc": "2.0", "id": 1, "result": [None]}


def test_an_answer_keeps_the_type_of_its_id_and_has_its_result_even_when_null():
    assert json.loads(rpc.write_text(rpc.success("7", None))) == {"jsonrpc": "2.0", "id": "7", "result": None}
    assert json.loads(rpc.write_text(rpc.failure(7, {"code": 1}))) == {"jsonrpc": "2.0", "id": 7, "error": {"code": 1}}


def test_binary_answers_keep_bytes():
    assert msgpack.unpackb(rpc.write_binary(rpc.success(1, {"image": b"\x89PNG"})))["result"] == {"image": b"\x89PNG"}


def test_every_kind_has_a_code():
    assert set(CODES) == set(Kind)
    assert all(-32768 <= code <= -32000 for code in CODES.values())
