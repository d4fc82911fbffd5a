"""How long a request will still take, judged by its own steps and by those of others like it."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace

from mintaka.engine.requests import Drawing, Request, Step

_KINDS = 256
"""Kinds of request remembered at most."""

_NEW = 0.3
"""What the last step counts in the mean; the rest is what was before."""


@dataclass(slots=True)
class _Known:
    """Of one kind of request, in seconds."""

    step: float | None = None
    finish: float = 0.0
    """From the last step to the end."""


class Paces:
    """What is known of the pace of each kind of request. ``clock`` in seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._known: OrderedDict[Hashable, _Known] = OrderedDict()

    def of(self, request: Request) -> "Pace":
        """The pace of ``request``, which begins now."""
        kind = _kind(request)
        known = self._known.setdefault(kind, _Known())
        self._known.move_to_end(kind)
        if len(self._known) > _KINDS:
            self._known.popitem(last=False)
        return Pace(known, self._clock)


class Pace:
    """Of one request."""

    def __init__(self, known: _Known, clock: Callable[[], float]) -> None:
        self._known = known
        self._clock = clock
        self._last: float | None = None

    def timed(self, step: Step) -> Step:
        """``step``, which is done now, with the time that is left."""
        now, last = self._clock(), self._last
        self._last = now
        known = self._known
        if last is not None:
            known.step = now - last if known.step is None else known.step + _NEW * (now - last - known.step)
        left = step.steps - step.step
        if known.step is None:
            return step if left else replace(step, eta_s=known.finish)
        return replace(step, eta_s=left * known.step + known.finish)

    def ended(self) -> None:
        """The request is finished now."""
        if self._last is not None:
            self._known.finish = self._clock() - self._last


def _kind(request: Request) -> Hashable:
    if not isinstance(request, Drawing):
        return request.method
    guided = request.guidance_scale > 1
    return request.method, request.model, request.width, request.height, request.batch, guided
