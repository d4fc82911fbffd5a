"""The terms of a new link: all that whoever makes it says about it, in one object."""

from dataclasses import dataclass

from mintaka.capabilities.limits import Limits
from mintaka.capabilities.registry import CapabilityType
from mintaka.capabilities.restrictions import Restrictions


@dataclass(frozen=True, slots=True)
class Terms:
    """How a link is narrower than what it is made from; without any, it is as wide.

    Restrictions and limits are kept as people write them, since only the type of the capability says what they mean:
    ``Terms({"max_width": 256}, {"compute": 20}, label="for Dan")``.
    """

    restrictions: object = None
    """What it may not do, as an object of JSON; None for nothing."""
    limits: object = None
    """How much, how often and how much at once (`Limits.parse`); None for without end."""
    label: str | None = None
    """What its maker calls it."""
    expires: float | None = None
    """When it ends, in seconds since the epoch; None for never."""

    def own(self, kind: CapabilityType) -> Restrictions:
        """The restrictions, read as those of type ``kind``. Raises what `Restrictions.parse` does."""
        return kind.restrictions.parse({} if self.restrictions is None else self.restrictions, of=kind.name)

    def allowance(self) -> Limits:
        """The limits. Raises what `Limits.parse` does."""
        return Limits.parse(self.limits)


AS_IT_IS = Terms()
"""The terms of a link that is as wide as what it is made from."""
