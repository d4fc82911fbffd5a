"""The powers of the server, made in one place and handed down: clock, randomness, unguessable bytes, the log."""

import random
import secrets
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol


class Log(Protocol):
    """Where events are written: a name for what happened, and facts."""

    def info(self, event: str, **facts: Any) -> object:
        """Something worth knowing."""
        ...

    def warning(self, event: str, **facts: Any) -> object:
        """Something somebody may want to look at."""
        ...

    def error(self, event: str, **facts: Any) -> object:
        """Something went wrong; ``exc_info`` is the exception."""
        ...


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


class StderrLog:
    """structlog, one JSON object a line on stderr. It is imported with the first event: a quiet start is quicker."""

    def __init__(self) -> None:
        self._log: Log | None = None

    def info(self, event: str, **facts: Any) -> object:
        """Something worth knowing."""
        return self._made().info(event, **facts)

    def warning(self, event: str, **facts: Any) -> object:
        """Something somebody may want to look at."""
        return self._made().warning(event, **facts)

    def error(self, event: str, **facts: Any) -> object:
        """Something went wrong; ``exc_info`` is the exception."""
        return self._made().error(event, **facts)

    def _made(self) -> Log:
        if self._log is None:
            import structlog

            self._log = structlog.wrap_logger(
                structlog.WriteLogger(sys.stderr),
                processors=[
                    structlog.processors.add_log_level,
                    structlog.processors.TimeStamper(fmt="iso", utc=True),
                    structlog.processors.format_exc_info,
                    structlog.processors.JSONRenderer(),
                ],
            )
        return self._log


def real_powers() -> ServerPowers:
    """The powers of a real server process."""
    return ServerPowers(
        clock=time.time,
        token_bytes=secrets.token_bytes,
        random=lambda: random.Random(secrets.randbits(128)),
        log=StderrLog(),
    )
