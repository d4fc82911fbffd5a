import itertools
import math

import msgpack
import orjson
import pytest
from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st

from mintaka.capabilities.handles import Handles
from mintaka.capabilities.images import Image
from mintaka.capabilities.principals import Principals
from mintaka.capabilities.value import CapabilityValue
from mintaka.runtime.budget import Used
from mintaka.runtime.errors import HostFault
from mintaka.runtime.execute import Outcome
from mintaka.server.assets import Assets
from mintaka.server.errors import Fault, Kind
from mintaka.server.settings import Limits
from mintaka.server.throttle import Throttle
from mintaka.server.tokens import Tokens
from mintaka.server.wire import Wire
from mintaka.storage.blobs import Blobs
from mintaka.storage.database import Database

PNG = b"\x89PNG and so on"

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def handles(start=0):
    numbers = itertools.count(start)
    return Handles(lambda count: next(numbers).to_bytes(count, "big"))


@pytest.fixture
def blobs(tmp_path):
    return Blobs(tmp_path)


@pytest.fixture
def wire(blobs):
    principals = Principals(Database("sqlite://"), clock=lambda: 0.0, token_bytes=bytes)
    assets = Assets(
        blobs, bytes(32), Tokens("owner's", principals, Throttle(lambda: 0.0)), owns=lambda principal, asset: False
    )
    return Wire(assets, Limits(json_nodes=200))


def finite(value):
    """The value as JSON has it: without infinities."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, list):
        return [finite(item) for item in value]
    return {key: finite(item) for key, item in value.items()} if isinstance(value, dict) else value


@pytest.mark.parametrize(("value", "written"), [(1.0, "1"), (-3.0, "-3"), (0.5, "0.5"), (2.5e-7, "2.5e-7"), (2, "2")])
def test_an_integral_number_is_written_as_an_integer(value, written):
    assert orjson.dumps(Wire(None, Limits()).encode(value, handles())).decode() == written


@given(values)
def test_plain_values_cross_unchanged(value):
    plain = Wire(None, Limits())
    assert plain.encode(value, handles()) == finite(value)
    assert plain.decode(plain.encode(value, handles()), handles()) == finite(value)


def test_a_picture_goes_out_whole_with_its_address(wire, blobs):
    image = Image(blobs.put(PNG), 2, 3, seed=7, notes=("a note",))
    told = wire.encode([image], handles())[0]
    assert told["asset"] == blake3(PNG).hexdigest()
    assert told["image_url"].startswith(f"/assets/{told['asset']}.png?key=")
    assert (told["width"], told["height"], told["format"], told["seed"]) == (2, 3, "png", 7)
    assert told["notes"] == ["a note"]
    raw = wire.encode(image, handles(), binary=True)
    assert msgpack.unpackb(msgpack.packb(raw))["image"] == PNG


def test_an_address_of_a_picture_is_good_for_that_picture_only(wire, blobs):
    keys = {wire.encode(Image(blobs.put(data), 1, 1), handles())["image_url"][-32:] for data in (b"a", b"b")}
    assert len(keys) == 2


def test_a_capability_goes_out_as_a_handle_of_its_session(wire):
    mine, other = handles(), handles(start=100)
    cap = CapabilityValue(None, "owner", "c_1", "diffusers.generate")
    told = wire.encode({"cap": cap}, mine)["cap"]
    assert told == {
        "$cap": told["$cap"],
        "__brand": "Capability",
        "type": "diffusers.generate",
        "id": "c_1",
        "params": {},
    }
    believed = {**told, "type": "sys.mint", "id": "c_2"}
    assert wire.decode([believed], mine) == [cap]
    with pytest.raises(HostFault) as refused:
        wire.decode([believed], other)
    assert refused.value.kind == "no_such_capability"


def test_functions_are_opaque(wire):
    assert wire.encode(lambda: None, handles()) == {"$function": True}


def test_a_result_has_a_most_of_values(wire):
    assert len(wire.encode([1] * 199, handles())) == 199
    with pytest.raises(Fault) as refused:
        wire.encode([1] * 200, handles())
    assert refused.value.kind is Kind.LIMIT
    assert refused.value.data == {"limit": "nodes", "value": 200}


def test_a_preview_is_a_data_url_in_json_and_bytes_in_msgpack(wire):
    data = {"call": "i_1", "image": b"webp", "mime": "image/webp"}
    assert wire.event("preview", data, handles(), binary=False) == {
        "call": "i_1",
        "image": "data:image/webp;base64,d2VicA==",
    }
    assert wire.event("preview", data, handles(), binary=True) == {"call": "i_1", "image": b"webp"}


def test_the_end_of_a_job_tells_its_result_and_what_it_used(wire):
    told = wire.event("done", {"outcome": Outcome([1], Used(5, 1, 0.5, memory=64))}, handles(), binary=False)
    assert told == {"result": [1], "used": {"fuel": 5, "calls": 1, "seconds": 0.5, "memory": 64}}
