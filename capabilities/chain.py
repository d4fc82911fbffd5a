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

from mintaka.capabilities.limits import Limits, people
from mintaka.capabilities.restrictions import Restrictions, Setter
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
        for name, value in asked.items():
            if not self.effective.permits(name, value):
                setter = self._setter(next(link for link in self.links if not link.own.permits(name, value)))
                raise self.effective.denied(self.leaf.type, name, value, setter)

    def afford(self, charges: Mapping[str, int]) -> None:
        """Raise HostFault ``no_budget`` unless so much of each unit is left."""
        for unit, amount in charges.items():
            if amount > self.left.get(unit, amount):
                raise self.no_budget(unit, amount)

    def no_budget(self, unit: str, cost: int) -> HostFault:
        """The refusal of a call that costs more than is left: what it costs, what is left, and who can raise that."""
        name = "megapixel-steps" if unit == "compute" else unit
        left = self.left[unit]
        tightest = next(each.cap for each in self.accounts if each.unit == unit and each.left == left)
        setter = self._setter(next(link for link in self.links if link.id == tightest))
        cheaper = "ask for a smaller picture, fewer steps or a smaller batch, or " if unit == "compute" else ""
        return HostFault(
            f"this costs {people(unit, cost):g} {name}, and {people(unit, left):g} are left; {setter.told}",
            kind="no_budget",
            hint=cheaper + setter.advice,
            data={"unit": unit, "cost": people(unit, cost), "left": people(unit, left), "raised_by": setter.name},
        )

    def _setter(self, binding: Link) -> Setter:
        """Who can raise what link ``binding`` sets, as far as the holder may know: themself, or whom they have it from.

        A holder knows the links they made, and the issuer of what they were given. So nobody further up is ever named,
        nor is anything told of a link that is not theirs: whom they have it from may know whom to ask.
        """
        holder = self.leaf.holder
        if binding.issuer == holder:
            return Setter(holder, own=True, label=binding.label)
        return Setter(next(link.issuer for link in self.links if link.issuer != holder))


class Dead(Exception):
    """A capability is unknown, revoked or expired, or its row was edited; nobody outside learns which."""


def no_such_capability() -> HostFault:
    """The one answer for a capability that is unknown, somebody else's, revoked or expired."""
    return HostFault(
        "no such capability: it is unknown, not yours, revoked or expired",
        kind="no_such_capability",
        hint="ask for it again with get_capability, or ask whoever gave it to you",
    )
