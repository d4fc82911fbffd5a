"""A live capability as its holder may see it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from mintaka.capabilities.chain import Account, Chain
from mintaka.capabilities.limits import RATE, Rate, people
from mintaka.capabilities.order import Json
from mintaka.capabilities.restrictions import Restrictions


@dataclass(frozen=True, slots=True)
class Held:
    """A live capability as its holder may see it."""

    id: str
    type: str
    label: str | None
    holder: str
    issuer: str
    parent: str | None
    mint: str | None
    depth: int
    created: float
    expires: float | None
    """When it ends, or what it rests upon does."""
    restrictions: Restrictions
    """Effective: the meet of the whole chain."""
    accounts: tuple[Account, ...]
    """The capability's own accounts."""
    rate: Rate | None
    """How often it may be used, where that is limited here."""
    left: Mapping[str, int]
    """What can still be used of each unit, whoever above limits it."""

    @classmethod
    def of(cls, chain: Chain) -> Self:
        """What the end of ``chain`` is."""
        leaf = chain.leaf
        return cls(
            id=leaf.id,
            type=leaf.type,
            label=leaf.label,
            holder=leaf.holder,
            issuer=leaf.issuer,
            parent=leaf.parent,
            mint=leaf.mint,
            depth=leaf.depth,
            created=leaf.created,
            expires=min((link.expires for link in chain.kin.values() if link.expires is not None), default=None),
            restrictions=chain.effective,
            accounts=leaf.accounts,
            rate=leaf.limits.rate,
            left=chain.left(),
        )

    def to_json(self) -> dict[str, Json]:
        """What ``capabilities.list`` tells; compute in megapixel-steps, times in seconds since the epoch."""
        return {
            "id": self.id,
            "type": self.type,
            "label": self.label,
            "restrictions": self.restrictions.to_json(),
            "limits": {
                **{each.unit: people(each.unit, each.limit) for each in self.accounts},
                **({RATE: self.rate.to_json()} if self.rate is not None else {}),
            },
            "used": {each.unit: people(each.unit, each.reserved + each.spent) for each in self.accounts},
            "left": {unit: people(unit, amount) for unit, amount in self.left.items()},
            "holder": self.holder,
            "issuer": self.issuer,
            "expires": self.expires,
        }
