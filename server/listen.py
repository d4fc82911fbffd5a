"""Serving on a bound socket: the word that the server is ready once it really listens, and a clean end.

uvicorn serves; signals are ours, so that SIGTERM and SIGINT end everything in order and the process exits with 0.
"""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Awaitable, Callable, Generator

import uvicorn
from starlette.types import ASGIApp

from mintaka.server.settings import Limits

SHUTDOWN_S = 1.5
"""Seconds open connections get to close before they are cut."""


class Listener(uvicorn.Server):
    """uvicorn with our beginning and end."""

    def __init__(
        self,
        app: ASGIApp,
        limits: Limits,
        *,
        on_ready: Callable[[], Awaitable[None]],
        on_end: Callable[[], Awaitable[None]],
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                loop="asyncio",
                http="h11",
                ws="websockets-sansio",
                ws_max_size=limits.frame_bytes,
                ws_ping_interval=limits.ping_s,
                ws_ping_timeout=limits.ping_s,
                ws_per_message_deflate=False,
                lifespan="off",
                access_log=False,
                log_config=None,
                server_header=False,
                proxy_headers=False,
                limit_concurrency=None,
                timeout_graceful_shutdown=int(SHUTDOWN_S) or 1,
            )
        )
        self._on_ready = on_ready
        self._on_end = on_end

    async def run_until_signal(self, bound: socket.socket) -> None:
        """Serve on ``bound`` until SIGTERM, SIGINT or `end`."""
        loop = asyncio.get_running_loop()
        for signum in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signum, self.end)
        try:
            await self.serve(sockets=[bound])
        finally:
            for signum in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(signum)

    def end(self) -> None:
        """Begin the end; a second call cuts connections at once."""
        self.force_exit = self.should_exit
        self.should_exit = True

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave signals to `run_until_signal`."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then say so."""
        await super().startup(sockets)
        if not self.should_exit:
            await self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End what runs first, so that connections hear of it before they close."""
        await self._on_end()
        await super().shutdown(sockets)
