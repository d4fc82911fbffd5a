"""A capability as it stands right now, with everything its authority rests upon.

Two edges lead up from a capability. ``parent`` is the one it was delegated from; ``mint`` the authority that minted it.
It has one of them at most, so what it rests upon is one path, from itself up to a root.

* **effective = own(root) ∧ … ∧ own(leaf)** along the parents, so no link can be wider than one above it, even if the
  code that wrote it was wrong;
* **every account on the path pays** for what it does.

`mintaka.capabilities.chains` reads them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from mintaka.capabilities.limits import Limits
from mintaka.capabilities.restrictions import Restrictions
from mintaka.runtime.errors import HostFault


@dataclass(frozen=True, slots=True)
class Account:
    """How much of a unit capability ``cap`` and everything made from it may use together.

    Units: ``compute`` in pixel-steps (width · height · steps · batch), ``uses`` in admitted calls.
    """

    cap: str
    unit: str
    limit: int
    reserved: int
    spent: int

    @property
    def left(self) -> int:
        """What can still be reserved."""
        return self.limit - self.reserved - self.spent


@dataclass(frozen=True, slots=True)
class Link:
    """What of one capability only its holder changes, by handing it on: the row, its restrictions and limits read."""

    id: str
    parent: str | None
    mint: str | None
    type: str
    own: Restrictions
    holder: str
    issuer: str
    depth: int
    created: float
    expires: float | None
    label: str | None
    limits: Limits

    @property
    def above(self) -> str | None:
        """What it rests upon; None for a root."""
        return self.parent or self.mint


@dataclass(frozen=True)
class Chain:
    """A live capability: everything it rests upon, itself first, its effective restrictions and all accounts."""

    links: tuple[Link, ...]
    effective: Restrictions
    accounts: tuple[Account, ...]

    @property
    def leaf(self) -> Link:
        """The capability itself."""
        return self.links[0]

    @cached_property
    def expires(self) -> float | None:
        """When it ends, or what it rests upon does."""
        return min((link.expires for link in self.links if link.expires is not None), default=None)

    @cached_property
    def left(self) -> Mapping[str, int]:
        """What can still be used of each unit: the least of what any account on the way up has left."""
        left: dict[str, int] = {}
        for each in self.accounts:
            left[each.unit] = min(each.left, left.get(each.unit, each.left))
        return left

    def permit(self, asked: Mapping[str, object]) -> None:
        """Raise HostFault ``denied`` unless every link of the chain permits all that is asked.

        Asking the meet is asking every link: ``permits(a ∧ b, q) ⇔ permits(a, q) ∧ permits(b, q)``.
        """
        self.effective.permit(self.leaf.type, asked)


class Dead(Exception):
    """A capability is unknown, revoked or expired, or its row was edited; nobody outside learns which."""


def no_such_capability() -> HostFault:
    """The one answer for a capability that is unknown, somebody else's, revoked or expired."""
    return HostFault(
        "no such capability: it is unknown, not yours, revoked or expired",
        kind="no_such_capability",
        hint="ask for it again with get_capability, or ask whoever gave it to you",
    )
