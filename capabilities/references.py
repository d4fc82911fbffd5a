"""How the host values of durable runs are kept: by what they are called, and sealed.

A capability is kept as its id and found again for the same holder, never more than that (a verb that the run called has
its own); whether it still lives is
found out where it is used, as ever, so a script that revoked one goes on when it is resumed. A picture is kept as its
asset with what is known of it. The seal covers the run, the holder and the whole reference: what somebody else wrote
into a journal, or copied from another, is refused.
"""

import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from blake3 import blake3

from mintaka.capabilities.images import Image
from mintaka.capabilities.kernel import Kernel
from mintaka.capabilities.value import CapabilityValue
from mintaka.runtime.errors import HostFault
from mintaka.runtime.records import Json, unjournalable
from mintaka.runtime.values import HostObject


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of host value: what tells it, and how it becomes JSON and comes back."""

    name: str
    type: type[HostObject]
    to_json: Callable[[Any], Json]
    from_json: Callable[[Any], HostObject]


class References:
    """The `mintaka.runtime.records.Codec` of durable run ``run`` of ``holder``; ``key`` is 32 secret bytes.

    ``kinds`` are further kinds of host values, beside capabilities and pictures.
    """

    def __init__(self, kernel: Kernel, holder: str, run: str, *, key: bytes, kinds: Sequence[Kind] = ()) -> None:
        self._kernel = kernel
        self._holder = holder
        self._run = run
        self._key = key
        own = (
            Kind("capability", CapabilityValue, self._name, self._find),
            Kind("image", Image, Image.to_json, Image.from_json),
        )
        self._kinds = {each.name: each for each in (*own, *kinds)}

    def encode(self, value: HostObject) -> Json:
        """A sealed reference. Raises HostFault ``unsupported`` for a value of no kind that can be kept."""
        for kind in self._kinds.values():
            if isinstance(value, kind.type):
                of = kind.to_json(value)
                return {"kind": kind.name, "of": of, "seal": self._seal(kind.name, of)}
        raise unjournalable(f"this {value.type_name}")

    def decode(self, reference: Json) -> HostObject:
        """The value again. Raises HostFault ``storage_error`` for a reference that this run did not write."""
        if isinstance(reference, dict):
            kind, of, seal = self._kinds.get(str(reference.get("kind"))), reference.get("of"), reference.get("seal")
            if kind is not None and hmac.compare_digest(str(seal).encode(), self._seal(kind.name, of).encode()):
                return kind.from_json(of)
        raise HostFault(
            "What was kept of this run has been changed, so it cannot be resumed.",
            kind="storage_error",
            hint="start it again",
        )

    def _seal(self, kind: str, of: Json) -> str:
        sealed = json.dumps([self._run, self._holder, kind, of], sort_keys=True, separators=(",", ":"))
        return blake3(sealed.encode(), key=self._key).hexdigest(length=16)

    def _name(self, value: CapabilityValue) -> Json:
        return {"id": value.id, "type": value.type, "holder": value.holder}

    def _find(self, of: Mapping[str, str]) -> CapabilityValue:
        # Only this run can have sealed it, and it had the capability in those hands: its own, or a verb's it called.
        return CapabilityValue(self._kernel, of["holder"], of["id"], of["type"])
