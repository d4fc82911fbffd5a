"""Results as Python values: pictures and capabilities are recognised, everything else is plain JSON."""

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class RemoteImage:
    """A picture a script made."""

    data: bytes = field(repr=False)
    """The encoded picture (PNG)."""
    width: int
    height: int
    format: str
    asset: str
    """The blake3 of ``data`` in hex: the server's name for it."""
    image_url: str
    """Where the server serves it, from ``/`` on."""
    seed: int | None = None
    notes: tuple[str, ...] = ()

    def save(self, path: str | Path) -> Path:
        """Write the picture to ``path``; folders are made as needed."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.data)
        return path


@dataclass(frozen=True, slots=True)
class RemoteCapability:
    """A capability of this session; pass it back as an argument to use it."""

    handle: str = field(repr=False)
    type: str
    id: object = None


def decode(value: object) -> object:
    """Turn a result's JSON into Python values, with `RemoteImage` and `RemoteCapability` in their places."""
    # Loops, not comprehensions: results may be 512 levels deep, and those would cost two frames a level.
    if isinstance(value, list):
        items: list[object] = []
        for item in value:
            items.append(decode(item))
        return items
    if isinstance(value, dict):
        known = _image(value) or _capability(value)
        if known is not None:
            return known
        members: dict[str, object] = {}
        for key, member in value.items():
            members[key] = decode(member)
        return members
    return value


def encode(value: object) -> object:
    """Turn an argument into JSON."""
    if isinstance(value, RemoteImage):
        return {
            "image": base64.b64encode(value.data).decode(),
            "width": value.width,
            "height": value.height,
            "format": value.format,
            "seed": value.seed,
            "asset": value.asset,
            "image_url": value.image_url,
            "notes": list(value.notes),
        }
    if isinstance(value, RemoteCapability):
        return {"$cap": value.handle, "__brand": "Capability", "type": value.type, "id": value.id, "params": {}}
    if isinstance(value, Mapping):
        members: dict[object, object] = {}
        for key, member in value.items():
            members[key] = encode(member)
        return members
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        items: list[object] = []
        for item in value:
            items.append(encode(item))
        return items
    return value


def pictures_in(value: object) -> Iterator[RemoteImage]:
    """Every picture of a decoded result, in order."""
    if isinstance(value, RemoteImage):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from pictures_in(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from pictures_in(item)


def _image(value: dict[str, object]) -> RemoteImage | None:
    image, asset, url = value.get("image"), value.get("asset"), value.get("image_url")
    width, height = value.get("width"), value.get("height")
    if not (isinstance(image, str) and isinstance(asset, str) and isinstance(url, str)):
        return None
    if not (isinstance(width, int) and isinstance(height, int)):
        return None
    try:
        data = base64.b64decode(image, validate=True)
    except binascii.Error:
        return None
    seed, notes = value.get("seed"), value.get("notes")
    return RemoteImage(
        data,
        width,
        height,
        str(value.get("format", "png")),
        asset,
        url,
        seed if isinstance(seed, int) else None,
        tuple(str(note) for note in notes) if isinstance(notes, list) else (),
    )


def _capability(value: dict[str, object]) -> RemoteCapability | None:
    handle = value.get("$cap")
    if not isinstance(handle, str):
        return None
    return RemoteCapability(handle, str(value.get("type", "")), value.get("id"))
