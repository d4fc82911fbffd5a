"""Values as an entity keeps them: JSON, with references to pictures and capabilities.

* A picture is kept as a reference to an asset, which must be the owner's. One that comes as a ``data:`` URL of a PNG,
  as web pages send them, becomes an asset first.
* A capability is kept as a reference, which gives nothing by itself: whoever reads it must be the entity, and what it
  refers to must be alive and held by the owner then.
* An entity is kept as its number.

`mintaka.capabilities.entities.kept` reads it.
"""

import base64
import binascii
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field

from mintaka.capabilities.entities.kept import MARK, text
from mintaka.capabilities.entities.value import EntityValue
from mintaka.capabilities.images import Image
from mintaka.capabilities.kernel import Kernel
from mintaka.capabilities.ledger import Published
from mintaka.capabilities.value import CapabilityValue
from mintaka.library.entities import Json
from mintaka.runtime.errors import HostFault, TypeFault
from mintaka.runtime.values import HostObject, Value
from mintaka.storage.blobs import Blobs

MOST_DEPTH = 64
"""Levels of nesting of what is kept."""

MOST_BYTES = 256 << 10
"""Bytes of JSON in what is kept at once, pictures not counted."""

GIVEN: Mapping[str, str] = {
    "id": "it is given when it is made",
    "prototype_id": "use setPrototype",
    "contents": "set the `location` of what is to be in it",
}
"""What an entity shows besides its properties, and how that comes about."""

_PNG_URL = "data:image/png;base64,"
_PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
_MOST_PIXELS = 1 << 26


@dataclass(slots=True)
class Keeper:
    """Makes JSON of values that an entity of ``owner`` is to keep, and remembers what comes with them."""

    kernel: Kernel
    owner: str
    pictures: dict[str, bytes] = field(default_factory=dict)
    """The bytes of PNGs that came with them, by what the values refer to them as."""
    capabilities: list[str] = field(default_factory=list)
    """The ids of the capabilities among them."""

    def keep(self, value: Value) -> Json:
        """A value as JSON. Raises `HostFault` and `TypeFault` for what cannot be kept."""
        tree = self._tree(value, 0)
        if (size := len(text(tree))) > MOST_BYTES:
            raise HostFault(
                f"this is {size} bytes of data; an entity keeps at most {MOST_BYTES} at once",
                kind="limit",
                hint="keep pictures as pictures, and less text",
                data={"limit": "bytes", "value": MOST_BYTES},
            )
        return tree

    @property
    def picture_bytes(self) -> int:
        """Bytes of the pictures that came along."""
        return sum(map(len, self.pictures.values()))

    def publish(self, blobs: Blobs) -> list[Published]:
        """Put the pictures that came along on the disk: what is to be published as the owner's."""
        results = []
        for data in self.pictures.values():
            width, height = _size(data)
            results.append(Published(blobs.put(data), "image/png", width, height))
        return results

    def _tree(self, value: Value, depth: int) -> Json:
        if depth > MOST_DEPTH:
            raise HostFault(
                f"this is nested deeper than the {MOST_DEPTH} levels that an entity keeps, or contains itself",
                kind="limit",
                data={"limit": "depth", "value": MOST_DEPTH},
            )
        if isinstance(value, str) and value.startswith(_PNG_URL):
            return self._picture(value)
        if value is None or isinstance(value, bool | int | float | str):
            return value
        if isinstance(value, list):
            return [self._tree(item, depth + 1) for item in value]
        if isinstance(value, dict):
            members = {key: self._tree(member, depth + 1) for key, member in value.items()}
            return {MARK: "object", "of": members} if MARK in members else members
        if isinstance(value, HostObject):
            return self._host(value)
        raise TypeFault("an entity cannot keep a function; keep what it gives, or write a verb")

    def _host(self, value: HostObject) -> Json:
        if isinstance(value, EntityValue):
            return value.id
        if isinstance(value, Image):
            if not self.kernel.owns(self.owner, value.asset):
                raise HostFault(
                    "this picture is not the entity's owner's",
                    kind="denied",
                    hint="let the entity draw it with a capability of its own",
                )
            return _image(value.asset, value.width, value.height, value.seed)
        if isinstance(value, CapabilityValue):
            if value.holder != self.owner:
                raise HostFault(
                    "an entity keeps only capabilities that its owner holds",
                    kind="denied",
                    hint="share it with the owner first, who can let the entity keep that",
                )
            value.describe()
            self.capabilities.append(value.id)
            return {MARK: "capability", "id": value.id, "type": value.type}
        raise TypeFault(f"an entity cannot keep this {value.type_name}")

    def _picture(self, url: str) -> Json:
        try:
            data = base64.b64decode(url[len(_PNG_URL) :], validate=True)
        except (ValueError, binascii.Error):
            raise _bad_picture() from None
        width, height = _size(data)
        name = Blobs.name(data)
        self.pictures[name] = data
        return _image(name, width, height, None)


def property_names(properties: Mapping[str, Value]) -> dict[str, Value]:
    """Properties whose names an entity can have. Raises `HostFault` invalid_params for one that it cannot."""
    for name in properties:
        if name in GIVEN:
            raise HostFault(f"`{name}` of an entity cannot be set", kind="invalid_params", hint=GIVEN[name])
        if not 0 < len(name) <= 200:
            raise HostFault("the name of a property has 1 to 200 characters", kind="invalid_params")
    return dict(properties)


def _image(asset: str, width: int, height: int, seed: int | None) -> Json:
    return {MARK: "image", "asset": asset, "width": width, "height": height, "seed": seed}


def _size(data: bytes) -> tuple[int, int]:
    """Width and height of a PNG, from its header (PNG specification, third edition, § 11.2.1)."""
    if not data.startswith(_PNG) or len(data) < 33:
        raise _bad_picture()
    width, height = struct.unpack(">II", data[16:24])
    if not 0 < width * height <= _MOST_PIXELS:
        raise _bad_picture()
    return width, height


def _bad_picture() -> HostFault:
    return HostFault("the picture is no PNG", kind="bad_image", hint="send a data: URL of a PNG file")
