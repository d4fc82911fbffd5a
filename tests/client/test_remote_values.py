import base64

from hypothesis import given
from hypothesis import strategies as st

from mintaka.client import Event, RemoteCapability, RemoteError, RemoteImage, pictures_in
from mintaka.client.values import decode, encode

IMAGE = {
    "image": base64.b64encode(b"png").decode(),
    "width": 2,
    "height": 3,
    "format": "png",
    "seed": 7,
    "asset": "ab" * 32,
    "image_url": "/assets/x",
    "notes": ["a note"],
}

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "width", "image"]), inner),
    max_leaves=10,
)


def test_pictures_are_found_wherever_they_stand():
    value = decode({"a": [IMAGE, 1], "b": IMAGE})
    pictures = list(pictures_in(value))
    assert [(picture.data, picture.width, picture.height) for picture in pictures] == [(b"png", 2, 3)] * 2
    assert pictures[0].notes == ("a note",)


def test_a_picture_goes_back_as_it_came():
    (picture,) = pictures_in(decode(IMAGE))
    assert encode(picture) == IMAGE


def test_a_picture_is_saved_with_its_bytes(tmp_path):
    (picture,) = pictures_in(decode(IMAGE))
    path = picture.save(tmp_path / "new" / "x.png")
    assert path.read_bytes() == b"png"


@given(plain)
def test_plain_values_are_left_as_they_are(value):
    assert decode(value) == value
    assert encode(value) == value


def test_what_only_looks_like_a_picture_is_left_alone():
    for missing in ("image", "asset", "image_url", "width", "height"):
        almost = {name: value for name, value in IMAGE.items() if name != missing}
        assert decode(almost) == almost
    broken = {**IMAGE, "image": "no base64!"}
    assert decode(broken) == broken


def test_a_capability_goes_back_as_its_handle():
    cap = decode({"$cap": "h_1", "__brand": "Capability", "type": "t", "id": "c", "params": {}})
    assert cap == RemoteCapability("h_1", "t", "c")
    assert encode([cap])[0]["$cap"] == "h_1"
    assert "h_1" not in repr(cap)


def test_deep_values_do_not_exhaust_the_stack():
    nested: object = 1
    for _ in range(512):
        nested = [nested]
    assert decode(nested) is not None
    assert encode(nested) is not None


def test_events_are_read_from_notifications():
    event = Event.from_notification("job.progress", {"job": "j", "seq": 3, "step": 1})
    assert event == Event("progress", "j", 3, {"step": 1})
    assert Event.from_notification("job.progress", {"job": 1}) is None
    assert Event.from_notification("resources", {}) is None


def test_errors_without_the_expected_members_are_still_errors():
    assert RemoteError.from_json("odd").kind == "internal"
    assert RemoteError.from_json({"message": "m", "data": 3}).message == "m"
    assert isinstance(decode(IMAGE), RemoteImage)
