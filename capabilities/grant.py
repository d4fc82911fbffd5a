"""What one run holds. A script finds a capability here or nowhere, whatever else its principal may have."""

from collections.abc import Iterable

from mintaka.capabilities.kernel import Held, Kernel
from mintaka.capabilities.value import CapabilityValue
from mintaka.runtime.errors import HostFault


class Grant:
    """The capabilities a run may look up: ``ids``, all held by ``holder``, the preferred ones first."""

    def __init__(self, kernel: Kernel, holder: str, ids: Iterable[str]) -> None:
        self.kernel = kernel
        self.holder = holder
        self._ids = tuple(ids)

    def held(self) -> list[Held]:
        """Those that live right now, in the grant's order."""
        return [held for id in self._ids if (held := self._find(id)) is not None]

    def find(self, type: str, *, label: str | None = None, id: str | None = None) -> CapabilityValue | None:
        """The first live capability of ``type`` in the grant, of that label or id where one is given."""
        for held in self.held():
            if held.type == type and label in (None, held.label) and id in (None, held.id):
                return self.value(held)
        return None

    def value(self, held: Held) -> CapabilityValue:
        """A capability as a script holds it."""
        return CapabilityValue(self.kernel, self.holder, held.id, held.type)

    def _find(self, id: str) -> Held | None:
        try:
            return self.kernel.describe(self.holder, id)
        except HostFault:
            return None
