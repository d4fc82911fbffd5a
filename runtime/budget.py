"""How much a run may use, and how much it has used: every limit of a script in one visible object."""

from dataclasses import dataclass

FUEL_CAP = 2**33
"""No budget grants more fuel than this: the bound a compiler may rely on when it proves an overflow impossible."""


@dataclass(frozen=True, slots=True)
class Budget:
    """The limits of one run. Each ends the run with an error of its own that ``std.try`` cannot catch."""

    fuel: int = 50_000_000
    """Units of work: a loop turn, a block that calls, 64 nodes of straight code, what builtins charge (``fuel``)."""
    depth: int = 500
    """Calls of script functions within one another (``depth``)."""
    deadline_s: float = 600.0
    """Seconds of wall clock from the start of the run, waiting included (``deadline``)."""
    calls: int = 1_000
    """Calls of methods on host objects: capabilities, images (``no_budget``, which a script can catch)."""
    memory: int = 64 * 1024 * 1024
    """Bytes of live script data, counted alike on every machine: 8 a cell or character (``memory``)."""

    def __post_init__(self) -> None:
        for name in ("fuel", "depth", "deadline_s", "calls", "memory"):
            if not getattr(self, name) > 0:
                raise ValueError(f"a budget's {name} is a positive number, not {getattr(self, name)}")
        if self.depth > 1_000:
            raise ValueError("a budget's depth is at most 1000: deeper calls could overflow the machine's stack")


@dataclass(frozen=True, slots=True)
class Used:
    """What a run has used, or had used when it was stopped. All but the time is the same on every machine."""

    fuel: int = 0
    """Units of work."""
    calls: int = 0
    """Calls of methods on host objects."""
    seconds: float = 0.0
    """Wall clock from the start, waiting included."""
    memory: int = 0
    """The most bytes of data alive at once that is known of, counted as in `Budget`. Garbage counts as well until its
    sum passes the budget: only then is it looked how much is really alive."""
