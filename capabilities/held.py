"""A live capability as its holder may see it."""

from collections.abc import Mapping
from dataclasses import dataclass

from mintaka.capabilities.chain import Account, Chain
from mintaka.capabilities.limits import RATE, Rate, people
from mintaka.capabilities.order import Json
from mintaka.capabilities.restrictions import Restrictions


@dataclass(frozen=True, slots=True)
class Held:
    """What the end of a chain is to whoever holds it."""

    chain: Chain

    @property
    def id(self) -> str:
        """Its name in the database; no secret."""
        return self.chain.leaf.id

    @property
    def type(self) -> str:
        """The name of its type."""
        return self.chain.leaf.type

    @property
    def label(self) -> str | None:
        """What its maker calls it."""
        return self.chain.leaf.label

    @property
    def holder(self) -> str:
        """The principal who may use it."""
        return self.chain.leaf.holder

    @property
    def issuer(self) -> str:
        """The principal who made it."""
        return self.chain.leaf.issuer

    @property
    def origin(self) -> str:
        """The principal who made the root it was delegated from: whose it is, where a type is about what is theirs."""
        return next(link.issuer for link in self.chain.links if link.parent is None)

    @property
    def parent(self) -> str | None:
        """The id of what it was delegated from."""
        return self.chain.leaf.parent

    @property
    def mint(self) -> str | None:
        """The id of the authority that minted it."""
        return self.chain.leaf.mint

    @property
    def depth(self) -> int:
        """How many delegations lie between it and its root."""
        return self.chain.leaf.depth

    @property
    def created(self) -> float:
        """When it was made, in seconds since the epoch."""
        return self.chain.leaf.created

    @property
    def expires(self) -> float | None:
        """When it ends, or what it rests upon does."""
        return self.chain.expires

    @property
    def restrictions(self) -> Restrictions:
        """Effective: the meet of the whole chain."""
        return self.chain.effective

    @property
    def accounts(self) -> tuple[Account, ...]:
        """The capability's own accounts."""
        return tuple(each for each in self.chain.accounts if each.cap == self.id)

    @property
    def rate(self) -> Rate | None:
        """How often it may be used, where that is limited here."""
        return self.chain.leaf.limits.rate

    @property
    def left(self) -> Mapping[str, int]:
        """What can still be used of each unit, whoever above limits it."""
        return self.chain.left

    def permit(self, asked: Mapping[str, object]) -> None:
        """Raise HostFault ``denied`` unless every link of its chain permits all that is asked."""
        self.chain.permit(asked)

    def afford(self, charges: Mapping[str, int]) -> None:
        """Raise HostFault ``no_budget`` unless so much of each unit is left."""
        self.chain.afford(charges)

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
