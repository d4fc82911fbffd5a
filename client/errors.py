"""What a client may have to handle.

ClientError
├── ConnectionLost    the server cannot be reached, or went away
└── RemoteError       the server answered with an error
"""

from collections.abc import Mapping


class ClientError(Exception):
    """Base of everything this package raises on purpose."""


class ConnectionLost(ClientError):
    """The server cannot be reached, or the connection ended before the answer."""


class RemoteError(ClientError):
    """The server's error: ``kind`` of the protocol's closed set, prose for people, facts for programs.

    ``data`` may hold ``op line column path diagnostics retry_after_ms`` and more.
    """

    def __init__(self, kind: str, message: str, hint: str | None, data: Mapping[str, object], code: int) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.hint = hint
        self.data = data
        self.code = code

    @classmethod
    def from_json(cls, error: object) -> "RemoteError":
        """Read the ``error`` member of an answer."""
        if not isinstance(error, Mapping):
            return cls("internal", "The server sent an error that cannot be read.", None, {}, -32603)
        data = error.get("data")
        data = data if isinstance(data, Mapping) else {}
        hint = data.get("hint")
        code = error.get("code")
        return cls(
            str(data.get("kind", "internal")),
            str(error.get("message", "")),
            str(hint) if hint is not None else None,
            data,
            code if isinstance(code, int) else -32603,
        )
