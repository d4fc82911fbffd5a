"""What one run holds. A script finds a capability here or nowhere, whatever else its principal may have."""

from collections.abc import Iterable, Iterator

from mintaka.capabilities.held import Held
from mintaka.capabilities.kernel import Kernel
from mintaka.capabilities.value import CapabilityValue
from mintaka.runtime.errors import HostFault
from mintaka.runtime.values import Value


class Grant:
    """The capabilities a run may look up: ``ids``, all held by ``holder``, the preferred ones first."""

    def __init__(self, kernel: Kernel, holder: str, ids: Iterable[str]) -> None:
        self.kernel = kernel
        self.holder = holder
        self._ids = tuple(ids)
        self._made: list[Held] = []
        self._handed_on: set[str] = set()

    def held(self) -> Iterator[Held]:
        """Those that live right now, in the grant's order."""
        return (held for id in self._ids if (held := self._find(id)) is not None)

    def find(self, type: str, *, label: str | None = None, id: str | None = None) -> CapabilityValue | None:
        """The first live capability of ``type`` in the grant, of that label or id where one is given."""
        for held in self.held():
            if held.type == type and label in (None, held.label) and id in (None, held.id):
                return self._value(held)
        return None

    def made(self, held: Held) -> CapabilityValue:
        """A capability that the run made itself, as its script holds it; see `end`."""
        self._made.append(held)
        return self._value(held)

    def handed_on(self, *ids: str) -> None:
        """Capabilities that others hold by this run's doing, or were promised by a link: they outlive it."""
        self._handed_on.update(ids)

    def end(self, result: Value = None) -> None:
        """The run is over: revoke what it made, but for what its ``result`` holds or it handed on, and what that needs.

        Nobody can reach the others any more. Without this, every run of a script that narrows what it hands on would
        leave capabilities behind.
        """
        needed = self._handed_on | {each.id for each in capabilities_in(result)}
        for held in reversed(self._made):  # children come after their parents
            if held.id in needed:
                needed |= {held.parent or held.id, held.mint or held.id}
            elif self._find(held.id) is not None:
                self.kernel.revoke(self.holder, held.id)
        self._made.clear()

    def _value(self, held: Held) -> CapabilityValue:
        return CapabilityValue(self.kernel, self.holder, held.id, held.type)

    def _find(self, id: str) -> Held | None:
        try:
            return self.kernel.describe(self.holder, id)
        except HostFault:
            return None


def capabilities_in(value: Value) -> Iterator[CapabilityValue]:
    """Every capability a value holds, however deep; lists and objects may hold themselves."""
    seen: set[int] = set()
    waiting: list[Value] = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, CapabilityValue):
            yield each
        elif isinstance(each, list | dict) and id(each) not in seen:
            seen.add(id(each))
            waiting.extend(each.values() if isinstance(each, dict) else each)
