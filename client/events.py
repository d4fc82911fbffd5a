"""What a running job tells."""

from collections.abc import Mapping
from dataclasses import dataclass

FINAL = frozenset({"done", "failed"})


@dataclass(frozen=True, slots=True)
class Event:
    """One numbered event of a job: ``kind`` is started, progress, preview, log, asset, paused, resumed, done or failed.

    ``data`` holds the rest of it: ``step steps fraction eta_ms``, ``image`` (a data URL), ``text``, ``asset``,
    ``result``, ``error``.
    """

    kind: str
    job: str
    seq: int
    data: Mapping[str, object]

    @classmethod
    def from_notification(cls, method: str, params: object) -> "Event | None":
        """Read a ``job.…`` notification; ``None`` for any other."""
        if not method.startswith("job.") or not isinstance(params, Mapping):
            return None
        job, seq = params.get("job"), params.get("seq")
        if not isinstance(job, str) or not isinstance(seq, int):
            return None
        data = {name: value for name, value in params.items() if name not in ("job", "seq")}
        return cls(method.removeprefix("job."), job, seq, data)

    @property
    def final(self) -> bool:
        """Whether the job is over."""
        return self.kind in FINAL
