"""What is being drawn for A1111's clients right now: how far it is, and how it is stopped.

The API has one ``progress`` and one ``interrupt`` for everything; here they are about the newest drawing of the token's
principal.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from mintaka.server.api.operations import Call
from mintaka.server.api.waiting import ACCEPTED, Waiting, Wanted
from mintaka.storage.jobs import SavedJob


@dataclass(slots=True, eq=False)
class Work:
    """A request that is being drawn: one job after another, each a batch."""

    principal: str
    count: int
    """How many jobs it takes."""
    began: float
    """Seconds since the epoch."""
    number: int = 0
    """The how manieth is drawn, from 0."""
    job: str | None = None
    step: int = 0
    steps: int = 0
    fraction: float = 0.0
    """Of the job that is drawn."""
    preview: str | None = None
    """Base64."""
    stopped: set[str] = field(default_factory=set)
    """The jobs that were skipped or interrupted."""
    interrupted: bool = False

    @property
    def progress(self) -> float:
        """How much of everything is done, 0 to 1."""
        return (self.number + self.fraction) / self.count

    def hear(self, kind: str, told: Mapping[str, object]) -> None:
        """Something happened to the job that is drawn."""
        if kind == ACCEPTED:
            self.job, self.step, self.fraction, self.preview = str(told["job"]), 0, 0.0, None
        elif kind == "job.progress":
            step, steps, fraction = told.get("step"), told.get("steps"), told.get("fraction")
            self.step = step if isinstance(step, int) else self.step
            self.steps = steps if isinstance(steps, int) else self.steps
            self.fraction = float(fraction) if isinstance(fraction, int | float) else self.fraction
        elif kind == "job.preview" and "image" in told:
            self.preview = str(told["image"]).partition(",")[2]


class Running:
    """All that is being drawn for these clients."""

    def __init__(self, waiting: Waiting, clock: Callable[[], float]) -> None:
        self._waiting = waiting
        self._clock = clock
        self._works: list[Work] = []

    async def draw(self, call: Call, wanted: Wanted, count: int, seed: int | None) -> list[SavedJob]:
        """The jobs of ``count`` calls, one after another, when they are over: fewer where they were interrupted.

        Each call's first seed follows the last of the one before, where a ``seed`` is given.
        """
        work = Work(call.principal, count, self._clock())
        self._works.append(work)
        done: list[SavedJob] = []

        def hear(kind: str, told: Mapping[str, object]) -> None:
            work.hear(kind, told)
            if kind == ACCEPTED and work.interrupted:  # while this job was on its way
                self._stop(work)

        try:
            for number in range(count):
                work.number, work.fraction = number, 0.0
                key = None if call.key is None else f"{call.key}#{number}"
                job = await self._waiting.over(call, _numbered(wanted, number, seed), key, hear)
                if job.id not in work.stopped:
                    done.append(job)
                if work.interrupted:
                    break
        finally:
            self._works.remove(work)
        return done

    def newest(self, principal: str) -> Work | None:
        """What was begun last for a principal and is not over."""
        return next((each for each in reversed(self._works) if each.principal == principal), None)

    def skip(self, principal: str, *, everything: bool) -> None:
        """End the job that is drawn, or all the rest of the request too."""
        work = self.newest(principal)
        if work is None:
            return
        work.interrupted = work.interrupted or everything
        self._stop(work)

    def _stop(self, work: Work) -> None:
        """End the job that is drawn; what is done already stays done."""
        if work.job is not None and self._waiting.cancel(work.principal, work.job):
            work.stopped.add(work.job)

    def left_s(self, work: Work) -> float:
        """Seconds until a request is drawn, judged by what it took so far."""
        took = self._clock() - work.began
        return max(0.0, took / work.progress - took) if work.progress > 0 else 0.0


def _numbered(wanted: Wanted, number: int, seed: int | None) -> Wanted:
    """A call whose seeds follow those of the calls before."""
    *given, options = wanted.args
    if seed is None or not isinstance(options, dict):
        return wanted
    return Wanted(wanted.type, wanted.method, [*given, {**options, "seed": seed + number * options.get("batch", 1)}])
