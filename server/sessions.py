"""Who is connected, as whom."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from mintaka.capabilities.handles import Handles


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in connection: its principal and the capability handles it was given."""

    id: str
    principal: str
    handles: Handles
    token: str | None = None
    """The id of the token it signed in with; None for the owner's."""


class Peer(Protocol):
    """Somebody whom the server answers: a WebSocket, or a request over HTTP for as long as it lasts."""

    session: Session | None
    wrong_tokens: int
    """How often it came with a wrong token."""

    @property
    def binary(self) -> bool:
        """Whether what it is told may hold bytes."""
        ...

    @property
    def address(self) -> str:
        """The network address it comes from."""
        ...

    def notify(self, method: str, params: Mapping[str, object]) -> None:
        """Tell it something it did not ask for."""
        ...

    def close(self, code: int) -> None:
        """End it, with a code of RFC 6455."""
        ...


class Sessions:
    """The open connections of every principal."""

    def __init__(self) -> None:
        self._connections: defaultdict[str, set[Peer]] = defaultdict(set)

    def add(self, principal: str, connection: Peer) -> None:
        """From now on ``connection`` hears what happens to the principal's jobs."""
        self._connections[principal].add(connection)

    def remove(self, principal: str, connection: Peer) -> None:
        """The connection is gone."""
        self._connections[principal].discard(connection)
        if not self._connections[principal]:
            del self._connections[principal]

    def of(self, principal: str) -> tuple[Peer, ...]:
        """The principal's open connections."""
        return tuple(self._connections.get(principal, ()))

    def __len__(self) -> int:
        return sum(len(connections) for connections in self._connections.values())
