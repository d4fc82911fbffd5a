"""How urgent a run is to its principal, among the others of theirs."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Urgency:
    """What a run finds of itself with ``run.powers.hosts``; where there is none it is as urgent as any."""

    priority: int = 0
    """Before the principal's others where it is higher."""
