"""The powers of the server, made in one place and handed down: clock, randomness, unguessable bytes, the log."""

import os
import random
import secrets
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

from mintaka.runtime.garbage import Garbage, process_size


class Log(Protocol):
    """Where events are written: a name for what happened, and facts."""

    def info(self, event: str, **facts: Any) -> None:
        """Something worth knowing."""

    def error(self, event: str, **facts: Any) -> None:
        """Something went wrong; ``exc_info`` is the exception."""


@dataclass(frozen=True, slots=True)
class ServerPowers:
    """What the server may do beyond computing."""

    clock: Callable[[], float]
    """UTC seconds since 1970."""
    token_bytes: Callable[[int], bytes]
    """So many unguessable bytes."""
    random: Callable[[], random.Random]
    """A new source of randomness for one run."""
    log: Log
    environment: Mapping[str, str] = field(default_factory=dict)
    """The variables the engine's worker process sees."""
    garbage: Garbage = field(default_factory=lambda: Garbage(process_size()))
    """What frees data in cycles that runs leave behind."""


class StderrLog:
    """structlog, one JSON object a line on stderr. It is imported with the first event: a quiet start is quicker."""

    def info(self, event: str, **facts: Any) -> None:
        """Something worth knowing."""
        self._made.info(event, **facts)

    def error(self, event: str, **facts: Any) -> None:
        """Something went wrong; ``exc_info`` is the exception."""
        self._made.error(event, **facts)

    @cached_property
    def _made(self) -> Any:
        import structlog

        return structlog.wrap_logger(
            structlog.WriteLogger(sys.stderr),
            processors=[
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(),
            ],
        )


def real_powers() -> ServerPowers:
    """The powers of a real server process."""
    return ServerPowers(
        clock=time.time,
        token_bytes=secrets.token_bytes,
        random=lambda: random.Random(secrets.randbits(128)),
        log=StderrLog(),
        environment=os.environ,
    )
