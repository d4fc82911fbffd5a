"""What happens to jobs: kept with the number it has, then told to whoever listens, in this order."""

import asyncio
import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from mintaka.runtime.execute import Outcome
from mintaka.server.powers import ServerPowers
from mintaka.server.settings import Limits
from mintaka.storage.errors import StorageFailed
from mintaka.storage.jobs import EventRow, SavedJob, SavedJobs

TELL_S = 0.01
"""Seconds that events wait for others, to be kept together with them."""

AGAIN_S = 1.0
"""Seconds until what could not be kept is tried again."""

NOT_OF_SCRIPTS = frozenset({"progress", "preview", "asset", "started", "resumed", "paused", "done", "failed"})
"""Events that calls and the server tell. Those of a script are told as its journal says, and once."""


@dataclass(frozen=True, slots=True)
class JobEvent:
    """The ``seq``-th thing that happened to a job; ``data`` may hold values and bytes, not yet JSON."""

    seq: int
    kind: str
    data: Mapping[str, object]


@dataclass(slots=True, eq=False)
class Live:
    """What a server knows of a job beyond what is kept, as long as something happens to it."""

    saved: SavedJob
    seq: int
    told: int
    assets: set[tuple[object, object]]
    task: asyncio.Task[None] | None = None
    stopped: bool = False
    """Whether it was told to end: what its run says from then on is not heard."""
    cancelled: bool = False
    progress: Mapping[str, object] | None = None
    begun: dict[object, tuple[float, float]] = field(default_factory=dict)
    """For each call that tells its progress: when the first was heard, and the fraction it told."""


Publish = Callable[[SavedJob, JobEvent], None]
"""Tells the connections of the job's owner."""


class Telling:
    """Keeps and tells the events of all jobs."""

    def __init__(self, powers: ServerPowers, limits: Limits, publish: Publish, saved: SavedJobs) -> None:
        self._powers = powers
        self._limits = limits
        self._publish = publish
        self._saved = saved
        self._untold: list[tuple[Live, JobEvent, EventRow]] = []
        self._timer: asyncio.TimerHandle | None = None

    def heard(self, live: Live, kind: str, data: Mapping[str, object]) -> None:
        """The run of a job tells something."""
        if live.stopped:
            return
        if kind == "progress":
            data = {"eta_ms": self._eta_ms(live, data), **data}
            live.progress = data
        elif kind == "asset":
            told = (data.get("call"), data.get("asset"))
            if told in live.assets:  # a call that was made again tells again what it told before the crash
                return
            live.assets.add(told)
        self.add(live, kind, data)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(TELL_S, self._tell_later)

    def add(self, live: Live, kind: str, data: Mapping[str, object]) -> None:
        """Something happened to a job; it is told with the next `together` or `now`."""
        live.seq += 1
        live.told += kind not in NOT_OF_SCRIPTS
        kept = {name: fact for name, fact in data.items() if not isinstance(fact, bytes | Outcome)}
        row = EventRow(live.saved.id, live.seq, self._powers.clock(), kind, json.dumps(kept))
        self._untold.append((live, JobEvent(live.seq, kind, data), row))

    def _tell_later(self) -> None:
        self._timer = None
        try:
            self.now()
        except StorageFailed as failure:
            self._powers.log.error("events of jobs could not be kept", exc_info=failure)
            self._timer = asyncio.get_running_loop().call_later(AGAIN_S, self._tell_later)

    def now(self) -> None:
        """Keep what happened, then tell it."""
        if self._untold:
            with self.together():
                pass

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """A transaction in which what happened is kept, and after which it is told; what failed did not happen."""
        before = len(self._untold)
        try:
            with self._saved.together():
                yield
                if self._untold:
                    told = {live.saved.id: live.told for live, _, _ in self._untold}
                    self._saved.tell([row for _, _, row in self._untold], told, self._limits.job_events)
        except BaseException:
            for live, _, _ in self._untold[before:]:
                live.seq -= 1
            del self._untold[before:]
            raise
        untold, self._untold = self._untold, []
        for live, event, _ in untold:
            self._publish(live.saved, event)

    def _eta_ms(self, live: Live, data: Mapping[str, object]) -> int | None:
        """Milliseconds to the end of what is being drawn, judged by the steps since the first one heard of."""
        fraction = data.get("fraction")
        if not isinstance(fraction, int | float):
            return None
        now = self._powers.clock()
        since, begun_at = live.begun.setdefault(data.get("call"), (now, fraction))
        if fraction <= begun_at:
            return None
        return max(0, round((now - since) / (fraction - begun_at) * (1 - fraction) * 1000))


def data_of(row: EventRow) -> dict[str, object]:
    """The data of an event, as it was kept."""
    data: dict[str, object] = json.loads(row.data)
    return data
