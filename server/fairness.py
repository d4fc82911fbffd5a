"""Which job is next: fair between principals by what their jobs cost, by priority and age among one's own.

Deficit round robin (Shreedhar and Varghese, 1996) with a quantum as small as it can be. Every principal who waits has a
credit in megapixel-steps. The one whose credit is nearest to the cost of their next job is served; what they lacked is
given to everybody who waits, and the cost is taken from them. What a script will cost is not known before it has run:
it is taken for what that principal's jobs did cost of late, and put right when the job has ended.
"""

from bisect import insort
from dataclasses import dataclass, field

USUAL = 1.0
"""Cost in megapixel-steps that a job is taken for where nothing is known; also that of a run that draws nothing."""

MOST_IDLE = 1000
"""How many principals are remembered before those are forgotten of whom nothing waits or runs."""


@dataclass(slots=True)
class _Line:
    """The waiting jobs of one principal."""

    jobs: list[tuple[int, int, str]] = field(default_factory=list)
    """Priority, negated, and number of arrival of each: the smallest is first."""
    credit: float = 0.0
    usual: float = USUAL
    served: int = 0


class FairQueue:
    """Jobs that wait. A priority orders one's own jobs alone: nobody comes before others by asking for it."""

    def __init__(self) -> None:
        self._lines: dict[str, _Line] = {}
        self._arrivals = 0
        self._served = 0
        self._charged: dict[str, tuple[str, float]] = {}

    def push(self, id: str, principal: str, priority: int = 0) -> None:
        """Let job ``id`` wait."""
        self._arrivals += 1
        if principal not in self._lines and len(self._lines) >= MOST_IDLE:
            self._forget_idle()
        line = self._lines.setdefault(principal, _Line())
        insort(line.jobs, (-priority, self._arrivals, id))

    def remove(self, id: str) -> None:
        """Job ``id`` waits no longer, if it did."""
        for line in self._lines.values():
            line.jobs = [each for each in line.jobs if each[2] != id]

    def pop(self) -> str | None:
        """The next job, which is charged what it will probably cost; None where none waits."""
        waiting = {name: line for name, line in self._lines.items() if line.jobs}
        if not waiting:
            return None
        name, line = min(waiting.items(), key=lambda each: (each[1].usual - each[1].credit, each[1].served))
        lacking = max(0.0, line.usual - line.credit)
        for each in waiting.values():
            each.credit += lacking
        line.credit -= line.usual
        self._served += 1
        line.served = self._served
        id = line.jobs.pop(0)[2]
        self._charged[id] = (name, line.usual)
        if not line.jobs:  # who waits for nothing saves nothing, and owes what they owe
            line.credit = min(0.0, line.credit)
        return id

    def ended(self, id: str, cost: float) -> None:
        """A job that was given out has ended, having cost so many megapixel-steps."""
        name, charged = self._charged.pop(id, (None, 0.0))
        if name is None:
            return
        cost = max(cost, USUAL)
        line = self._lines[name]
        line.credit += charged - cost
        line.usual += (cost - line.usual) / 4

    def position(self, id: str) -> int | None:
        """How many jobs will be started before this one and with it, as it looks now; None where it does not wait."""
        copy = FairQueue()
        for name, line in self._lines.items():
            copy._lines[name] = _Line(list(line.jobs), line.credit, line.usual, line.served)
        copy._served = self._served
        count = 1
        while (popped := copy.pop()) is not None:
            if popped == id:
                return count
            count += 1
        return None

    def _forget_idle(self) -> None:
        """Forget what is known of principals of whom nothing waits or runs."""
        busy = {name for name, _ in self._charged.values()}
        self._lines = {name: line for name, line in self._lines.items() if line.jobs or name in busy}

    def __len__(self) -> int:
        return sum(len(line.jobs) for line in self._lines.values())
