"""A capability in a script's hands: opaque, without fields; all it can do is have its methods called."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mintaka.capabilities.held import Held
from mintaka.capabilities.kernel import Kernel
from mintaka.capabilities.use import ScriptUse, Use
from mintaka.runtime.values import Scripted, Value

if TYPE_CHECKING:
    from mintaka.runtime.run import Run


@dataclass(frozen=True, slots=True, eq=False)
class CapabilityValue(Scripted):
    """Capability ``id`` in the hands of ``holder``. It says nothing of whether it still lives: each use finds out."""

    kernel: Kernel
    holder: str
    id: str
    type: str

    @property
    def type_name(self) -> str:
        """``capability``."""
        return "capability"

    def fields(self) -> Mapping[str, Value]:
        """None: a capability is opaque."""
        return {}

    def describe(self) -> Held:
        """What it may do right now. Raises HostFault ``no_such_capability``."""
        return self.kernel.describe(self.holder, self.id)

    def is_script(self, method: str) -> bool:
        """Whether a method of its type runs a script."""
        declared = self.kernel.registry.get(self.type).methods.get(method)
        return declared is not None and declared.is_script

    def run_method(self, run: "Run", method: str, args: list[Value]) -> Value:
        """Run the script that a method of its type runs. Raises what `call` does."""
        declared = self.kernel.registry.get(self.type).method(method)
        arguments = declared.signature.bind(f"{self.type}.{method}", args)
        use = ScriptUse(self.kernel, self.holder, self.id, run)
        result: Value = declared.function(self.kernel.registry.object(self.type), use, *arguments)
        return result

    async def call(self, run: "Run", method: str, args: list[Value]) -> Value:
        """Call a method of its type.

        Raises HostFault (``no_such_capability``, ``method_not_found``, ``denied``, ``invalid_params`` and what the
        method itself raises), ArityError and TypeFault.
        """
        held = self.describe()
        kind = self.kernel.registry.get(held.type)
        declared = kind.method(method)
        held.permit({"methods": method})
        arguments = declared.signature.bind(f"{held.type}.{method}", args)
        use = Use(self.kernel, held, method, run)
        result: Value = await declared.function(self.kernel.registry.object(held.type), use, *arguments)
        return result
