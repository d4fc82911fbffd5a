"""Handles: how a client names the capabilities its session holds.

A handle is 128 random bits that mean something in one session only. Whatever else a client sends along with one is not
believed. Handles are never logged.
"""

from collections.abc import Callable

from mintaka.capabilities.chain import no_such_capability
from mintaka.capabilities.value import CapabilityValue

PREFIX = "h_"


class Handles:
    """The handles of one session; they end with it. ``token_bytes(n)`` gives n random bytes."""

    def __init__(self, token_bytes: Callable[[int], bytes]) -> None:
        self._token_bytes = token_bytes
        self._values: dict[str, CapabilityValue] = {}
        self._handles: dict[str, str] = {}

    def issue(self, value: CapabilityValue) -> str:
        """The handle of a capability in this session; the same one every time."""
        if value.id not in self._handles:
            handle = PREFIX + self._token_bytes(16).hex()
            self._handles[value.id] = handle
            self._values[handle] = value
        return self._handles[value.id]

    def resolve(self, handle: object) -> CapabilityValue:
        """The capability a handle means here. Raises HostFault ``no_such_capability`` for any other value."""
        value = self._values.get(handle) if isinstance(handle, str) else None
        if value is None:
            raise no_such_capability()
        return value
