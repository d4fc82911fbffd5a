"""What can be known of a value before a script runs."""

from collections.abc import Mapping
from dataclasses import dataclass

from mintaka.lang.kinds import ANY, NEVER, Kind, Kinds, kinds, listed


@dataclass(frozen=True, slots=True)
class Fact:
    """What is known of a value."""

    kinds: Kinds = ANY
    capability: str | None = None
    """The type of capability it is, if it is one."""

    def __or__(self, other: "Fact") -> "Fact":
        """What is known of a value of which one or the other is known."""
        if not self.kinds or not other.kinds:
            return self if self.kinds else other
        return Fact(self.kinds | other.kinds, self.capability if self.capability == other.capability else None)

    def __str__(self) -> str:
        return f"{self.capability} | null" if self.capability and Kind.NULL in self.kinds else (
            self.capability or listed(self.kinds)
        )  # fmt: skip


UNKNOWN = Fact()
NULL = Fact(kinds(Kind.NULL))
LEFT = Fact(NEVER)
"""Of what has no value, since it always leaves."""

LITERALS: Mapping[Kind, Fact] = {kind: Fact(kinds(kind)) for kind in Kind}
"""What is known of a literal of each kind."""
