"""Whether what the worker's threads do ends: a hang in a driver or a library stops one of them, and never the heart.

What has been timed may take ten times as long as it ever took, and `LEAST_S` seconds at least, so that a hang at a step
of a second or two is found within half a minute; what was never timed may take `UNKNOWN_S`.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager

LEAST_S = 25.0
UNKNOWN_S = 600.0
MORE = 10
_KINDS = 256
"""Kinds of work remembered at most."""


class Watch:
    """Looks at the threads that say what they begin. ``clock`` in seconds; any thread may ask `stuck`."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._doing: dict[int, tuple[str, float, float]] = {}
        self._longest: OrderedDict[Hashable, float] = OrderedDict()

    def over(self, what: str, allowed_s: float) -> "_Over":
        """While this is entered, this thread is at ``what``, which may take ``allowed_s`` seconds."""
        return _Over(self._doing, (what, self._clock(), allowed_s))

    @contextmanager
    def timed(self, what: str, kind: Hashable, amount: int) -> Iterator[None]:
        """The same for work whose time is in proportion to ``amount`` and was measured before under ``kind``."""
        began = self._clock()
        with self.over(what, self.allowed_s(kind, amount)):
            yield
        self._longest[kind] = max(self._longest.pop(kind, 0.0), (self._clock() - began) / amount)
        if len(self._longest) > _KINDS:
            self._longest.popitem(last=False)

    def stuck(self) -> str | None:
        """What does not end, in words."""
        now = self._clock()
        for what, began, allowed_s in tuple(self._doing.values()):
            if now - began > allowed_s:
                return f"{what} did not end within {allowed_s:.0f} s"
        return None

    def allowed_s(self, kind: Hashable, amount: int) -> float:
        """How many seconds work of this kind may take now."""
        longest = self._longest.get(kind)
        return UNKNOWN_S if longest is None else max(LEAST_S, MORE * longest * amount)


class _Over:
    """What a thread is at. A class, since it is entered at every step and a generator takes four times as long."""

    __slots__ = ("_doing", "_what")

    def __init__(self, doing: dict[int, tuple[str, float, float]], what: tuple[str, float, float]) -> None:
        self._doing = doing
        self._what = what

    def __enter__(self) -> None:
        self._doing[threading.get_ident()] = self._what

    def __exit__(self, *_error: object) -> None:
        del self._doing[threading.get_ident()]
