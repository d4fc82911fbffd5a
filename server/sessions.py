"""Who is connected, as whom."""

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mintaka.capabilities.handles import Handles

if TYPE_CHECKING:
    from mintaka.server.connection import Connection


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in connection: its principal and the capability handles it was given."""

    id: str
    principal: str
    handles: Handles
    token: str | None = None
    """The id of the token it signed in with; None for the owner's."""


class Sessions:
    """The open connections of every principal."""

    def __init__(self) -> None:
        self._connections: defaultdict[str, set[Connection]] = defaultdict(set)

    def add(self, principal: str, connection: "Connection") -> None:
        """From now on ``connection`` hears what happens to the principal's jobs."""
        self._connections[principal].add(connection)

    def remove(self, principal: str, connection: "Connection") -> None:
        """The connection is gone."""
        self._connections[principal].discard(connection)
        if not self._connections[principal]:
            del self._connections[principal]

    def of(self, principal: str) -> "tuple[Connection, ...]":
        """The principal's open connections."""
        return tuple(self._connections.get(principal, ()))

    def __len__(self) -> int:
        return sum(len(connections) for connections in self._connections.values())
