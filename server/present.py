"""Telling those who are there what scripts of entities say: the notifications that ViwoScript's clients know."""

import json
from collections.abc import Iterable, Mapping

from mintaka.runtime.powers import Emit
from mintaka.server.sessions import Peer, Sessions

KNOWN = frozenset({"update", "room_id", "player_id", "stream_start", "stream_chunk", "stream_end"})
"""What a script can tell with `send`, besides messages."""


class Present:
    """The open connections, and what they are told."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def at(self, *connections: Peer) -> Emit:
        """Takes the events of a run, and tells what its script sends to ``connections``."""

        def emit(kind: str, data: Mapping[str, object]) -> None:
            if kind == "log" and "type" in data:
                tell(connections, str(data["type"]), str(data["text"]))

        return emit

    def of(self, principal: str) -> Emit:
        """The same, for whichever connections the principal has when something is sent."""

        def emit(kind: str, data: Mapping[str, object]) -> None:
            self.at(*self._sessions.of(principal))(kind, data)

        return emit

    def fault(self, principal: str, message: str) -> None:
        """Tell a principal what went wrong with something that nobody waits for."""
        for connection in self._sessions.of(principal):
            connection.notify("message", {"text": message, "type": "error"})


def tell(connections: Iterable[Peer], type: str, text: str) -> None:
    """Tell connections what a script sent: of a known type as that notification, of any other as a message."""
    params: object = json.loads(text) if type in KNOWN else {"text": text, "type": "info"}
    for connection in connections:
        if isinstance(params, dict):
            connection.notify(type if type in KNOWN else "message", params)
