"""The meter of a run: exact fuel at the price of one step of a C iterator.

Generated code pays one unit of fuel with every step of `Meter.tick` (``for _ in tick: …`` is a loop and its meter in
one). ``tick`` is ``filter(None, marks)``: it walks a list of ``True`` without running any Python, until it meets the
last element, the meter itself, and asks for its truth. `Meter.__bool__` then ends the slice: it lets other work run,
grants the next slice by rewinding the iterator, and says False, so that ``filter`` goes on with the first of the new
marks. While that happens the iterator stands in front of the meter, so that a spent run stays spent.

A charge of n moves the same iterator on by n. So at every moment what was used is what was granted less what is left
of the slice, and exactly F runs where F − 1 stops, whatever the length of a slice. Slices are parts of rounds of a
fixed length, and what code makes without accounting for it is added up by the round: how long slices are changes
neither the fuel nor the memory a run uses.
"""

from collections.abc import Callable, Iterator
from operator import length_hint
from typing import Any, cast

from mintaka.runtime.budget import FUEL_CAP, Budget
from mintaka.runtime.errors import OutOfFuel, OutOfMemory

SLICE = 4096
"""Units of fuel that a slice holds at most."""

FIRST_SLICE = 16
"""Units of the first slice: nothing is known yet of how long a unit of this program takes."""

ROUND = 4096
"""Units of fuel after which the data made by straight code is added up; fewer where that could be a quarter of all."""


class Meter:
    """Counts fuel and the growth of data.

    ``pause`` is called at the end of every slice, the first of at most ``slice_length`` units, and when a charge
    exceeds what is left of one; it says how many units the next slice should have. ``census`` measures the bytes of
    live script data; it is asked only when what was allocated since could exceed the budget. ``bytes_per_tick`` is what
    generated code may make for a unit of fuel without accounting for it.
    """

    def __init__(
        self,
        budget: Budget,
        *,
        pause: Callable[[], int],
        census: Callable[[], int],
        slice_length: int = SLICE,
        bytes_per_tick: int = 0,
    ) -> None:
        self._limit = min(budget.fuel, FUEL_CAP)
        self._memory = budget.memory
        self._pause = pause
        self._census = census
        self._slice = self._longest = min(slice_length, FIRST_SLICE)
        self._bytes_per_tick = bytes_per_tick
        self._per_round = max(FIRST_SLICE, min(ROUND, self._memory // 4 // max(1, bytes_per_tick)))
        self._granted = 0
        self._round = self._per_round  # units of this round that have not been granted
        self._allocated = 0
        self._most_seen = 0
        # A list iterator can be set to any index as long as it has not run off its end.
        self._row: list[object] = [*[True] * self._longest, self]
        self._marks = cast(Any, iter(self._row))
        self._move: Callable[[int], None] = self._marks.__setstate__
        self._move(self._longest)
        self.tick: Iterator[object] = filter(None, self._marks)
        self._grant()

    @property
    def used(self) -> int:
        """Units of fuel used so far."""
        return self._granted - self._left

    @property
    def memory(self) -> int:
        """The most bytes of data alive at once that is known of; garbage counts until a census tells."""
        of_this_round = (self._per_round - self._round - self._left) * self._bytes_per_tick
        return min(max(self._most_seen, self._allocated + of_this_round), self._memory)

    @property
    def _left(self) -> int:
        return max(0, length_hint(self._marks) - 1)

    def __bool__(self) -> bool:
        self._move(self._longest)  # in front of the meter again, before anything else
        if self._round == 0:
            self._round = self._per_round
            self._allocated += self._per_round * self._bytes_per_tick
            if self._allocated > self._memory:
                self._look(0)
        self._breathe()
        self._grant()
        return False

    def charge(self, units: int) -> None:
        """Pay ``units`` of fuel at once, before what they are for is done; raises `OutOfFuel` when fewer are left."""
        if units <= 0:
            return
        left = self._left
        if units <= left:
            self._move(self._longest - left + units)
            return
        self._move(self._longest)
        beyond = units - left
        self._granted += beyond
        self._round = max(0, self._round - beyond)
        if self._granted > self._limit:
            self._granted = self._limit
            raise self._spent()
        self._breathe()

    def admit(self, bytes_per_tick: int) -> None:
        """Let code run that may make ``bytes_per_tick`` for a unit of fuel without accounting for it."""
        self._bytes_per_tick = max(self._bytes_per_tick, bytes_per_tick)

    def allocate(self, size: int) -> None:
        """Account for ``size`` bytes about to be built; raises `OutOfMemory` before they are."""
        self._allocated += size
        if self._allocated > self._memory:
            self._look(size)

    def _breathe(self) -> None:
        self._slice = max(1, min(self._pause(), SLICE))
        if self._slice > self._longest:  # most scripts end before they need many marks
            self._row[:0] = [True] * (self._slice - self._longest)
            self._longest = self._slice
            self._move(self._longest)

    def _look(self, coming: int) -> None:
        """See how much is really alive, and whether ``coming`` bytes more are too much."""
        live = self._census() + coming
        self._most_seen = max(self._most_seen, min(live, self._memory))
        # Close to the limit this would be done ever more often, so the last quarter is not given out.
        if live > self._memory - self._memory // 4:
            raise OutOfMemory(
                f"The script's data would take about {live >> 10:,} kB; its budget is {self._memory >> 10:,} kB. "
                "Keep less at a time, or run it with a larger memory budget."
            )
        self._allocated = live

    def _grant(self) -> None:
        units = min(self._slice, self._round, self._limit - self._granted)
        if units <= 0:
            raise self._spent()
        self._granted += units
        self._round -= units
        self._move(self._longest - units)

    def _spent(self) -> OutOfFuel:
        return OutOfFuel(
            f"The script used up its {self._limit:,} units of fuel. Look for a loop that does not end, "
            "or run it with a larger budget."
        )
