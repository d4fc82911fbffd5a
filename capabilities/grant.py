"""What one run holds. A script finds a capability here or nowhere, whatever else its principal may have."""

from collections.abc import Callable, Iterable, Iterator

from mintaka.capabilities.effects import Done, Effects, PassingEffects
from mintaka.capabilities.held import Held
from mintaka.capabilities.kernel import Kernel
from mintaka.capabilities.value import CapabilityValue
from mintaka.runtime.errors import HostFault
from mintaka.runtime.values import Value


class Grant:
    """The capabilities a run may look up: ``ids``, all held by ``holder``, the preferred ones first.

    ``effects`` keeps what a durable run does to them; see `mintaka.capabilities.effects`.
    """

    def __init__(self, kernel: Kernel, holder: str, ids: Iterable[str], effects: Effects | None = None) -> None:
        self.kernel = kernel
        self.holder = holder
        self.effects: Effects = PassingEffects() if effects is None else effects
        self._ids = tuple(ids)

    def held(self) -> Iterator[Held]:
        """Those that live right now, in the grant's order."""
        return (held for id in self._ids if (held := self._find(self.holder, id)) is not None)

    def find(self, type: str, *, label: str | None = None, id: str | None = None) -> CapabilityValue | None:
        """The first live capability of ``type`` in the grant, of that label or id where one is given."""
        for held in self.held():
            if held.type == type and label in (None, held.label) and id in (None, held.id):
                return self._value(held)
        return None

    def once(self, name: str | None, act: Callable[[], Done]) -> Value:
        """What ``act`` gives, as the script has it. Under one name it is done once; None: in no durable run."""
        done = self.effects.once(name, act)
        if done.cap is None or done.type is None:
            return done.value  # type: ignore[return-value]  # JSON is a value
        return CapabilityValue(self.kernel, done.holder or self.holder, done.cap, done.type)

    def lent(self, value: CapabilityValue) -> bool:
        """Whether a capability is somebody else's, who handed it to a script of the grant's holder as an argument."""
        return value.holder != self.holder

    def end(self, result: Value = None) -> None:
        """The run is over: revoke what it made, but for what its ``result`` holds or it handed on, and what that needs.

        Nobody can reach the others any more. Without this, every run of a script that narrows what it hands on would
        leave capabilities behind.
        """
        done = self.effects.all()
        made = {each.cap: each.made_from for each in done if each.cap is not None and each.made_from is not None}
        holders = {each.cap: each.holder or self.holder for each in done}
        needed = {each.id for each in capabilities_in(result)}
        needed.update(id for each in done for id in each.handed_on)
        for id in list(needed):
            above = made.get(id)
            while above is not None:
                needed.add(above)
                above = made.get(above)
        for id in made:
            if id not in needed and self._find(holders[id], id) is not None:
                self.kernel.revoke(holders[id], id)

    def _value(self, held: Held) -> CapabilityValue:
        return CapabilityValue(self.kernel, self.holder, held.id, held.type)

    def _find(self, holder: str, id: str) -> Held | None:
        try:
            return self.kernel.describe(holder, id)
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
