"""What can go wrong with what is kept."""


class LibraryFault(Exception):
    """What was asked for cannot be; ``kind`` is one of the protocol's error kinds."""

    def __init__(self, message: str, *, kind: str = "invalid_params", hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.kind = kind
        self.hint = hint


def no_such_entity() -> LibraryFault:
    """The one answer for an entity that never was, was destroyed, or is somebody else's."""
    return LibraryFault(
        "no such entity: it is unknown, not yours, or was destroyed",
        kind="no_such_capability",
        hint="check its number, or ask whoever it belongs to for an entity.control of it",
    )
