"""How many rows a run of a module should have: found by measuring, since it depends on the machine and the model.

A GPU is hardly busy with few rows; a CPU core takes about as long for eight rows as for eight times one, and longer
once they no longer fit its caches: an SD 1.5 of half size took 235, 209, 204 and 216 ms a row at 1, 4, 8 and 16.
"""

import math
from collections import OrderedDict
from collections.abc import Hashable

MOST = 64
"""Rows no run exceeds, whatever was measured."""

_SAMPLES = 5
_WORSE = 1.02
"""What a row may cost more than in smaller runs before larger ones are no longer made."""
_FORGET_AFTER = 2000
"""Runs after which everything is measured anew: other programs come and go."""
_KINDS = 256
"""Kinds of run remembered at most."""


class RowLimit:
    """The limit of one kind of run: one module on inputs of one size.

    Runs are sorted into classes by the power of two their rows come to. The smallest that come along are measured
    first; a class is tried when the one below it cost no more a row than the best before, and kept while that is so.
    The least of five times counts, so that one run beside other work decides nothing.
    """

    def __init__(self) -> None:
        self._seconds: dict[int, list[float]] = {}
        self._runs = 0
        self._most = MOST

    def wants(self, rows: int) -> bool:
        """Whether the time of a run of so many rows would tell anything new."""
        self._runs += 1
        if self._runs >= _FORGET_AFTER:
            self._seconds.clear()
            self._runs, self._most = 0, MOST
        return len(self._seconds.get(_class_of(rows), ())) < _SAMPLES

    def record(self, rows: int, seconds: float) -> None:
        """A run of ``rows`` rows took ``seconds``."""
        self._seconds.setdefault(_class_of(rows), []).append(seconds / rows)

    def ran_out(self, rows: int) -> None:
        """Memory did not suffice for a run of ``rows`` rows."""
        self._most = max(1, min(self._most, rows // 2))

    @property
    def rows(self) -> int:
        """Most rows that several calls together may have; 1 while nothing is known."""
        return min(self._that_pay(), self._most)

    def _that_pay(self) -> int:
        best, most = math.inf, 1
        for number, seconds in sorted(self._seconds.items()):
            if len(seconds) < _SAMPLES:  # still being measured: the smallest alone, a larger one as soon as it may be
                return 1 << number if best < math.inf else 1
            if min(seconds) > _WORSE * best:
                return most
            best, most = min(best, min(seconds)), 1 << number
        return min(2 * most, MOST) if best < math.inf else 1


class RowLimits:
    """A limit for each kind of run; the kinds used last are remembered."""

    def __init__(self) -> None:
        self._limits: OrderedDict[Hashable, RowLimit] = OrderedDict()

    def of(self, kind: Hashable) -> RowLimit:
        """The limit of runs of this kind."""
        limit = self._limits.setdefault(kind, RowLimit())
        self._limits.move_to_end(kind)
        if len(self._limits) > _KINDS:
            self._limits.popitem(last=False)
        return limit


def _class_of(rows: int) -> int:
    return max(0, (rows - 1).bit_length())
