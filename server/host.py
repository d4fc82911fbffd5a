"""A whole server's life: folder and port taken, composed, announced, served, and everything given back."""

import os
import socket
import sys
from collections.abc import Callable

from mintaka.server.app import compose
from mintaka.server.binding import bind
from mintaka.server.datafolder import DataFolder, RunningServer
from mintaka.server.listen import Listener
from mintaka.server.powers import ServerPowers
from mintaka.server.settings import Settings

OnReady = Callable[[RunningServer, Callable[[], None]], None]
"""Called once the server answers, with where it is and what ends it."""

SWITCH_S = 0.0002
"""After how long a thread that waits insists on its turn: less than the slices in which scripts run.

Beside a script that works without end the loop gives way after each slice, but for so short a time that a waiting
thread hardly ever gets it, and its patience begins anew; with Python's usual 5 ms an answer that looks through the
models took up to 8 s.
"""


async def host(settings: Settings, powers: ServerPowers, on_ready: OnReady) -> None:
    """Serve until a signal or until ``on_ready``'s second argument is called.

    Raises `PortFault`, `FolderFault` or `StorageFailed` when it cannot begin; what was taken is given back.
    """
    sys.setswitchinterval(SWITCH_S)
    bound = bind(settings.host, settings.port)
    try:
        folder = DataFolder.open(settings.data, powers.token_bytes)
        try:
            await _serve(settings, powers, folder, bound, on_ready)
        finally:
            folder.close()
    finally:
        bound.close()


async def _serve(
    settings: Settings, powers: ServerPowers, folder: DataFolder, bound: socket.socket, on_ready: OnReady
) -> None:
    port = bound.getsockname()[1]
    application = compose(settings, powers, folder, port=port)

    async def ready() -> None:
        await application.start()
        running = _address(settings.host, port, folder.token)
        folder.announce(running)
        on_ready(running, listener.end)

    listener = Listener(application.asgi, settings.limits, on_ready=ready, on_end=application.stop)
    try:
        await listener.run_until_signal(bound)
    finally:
        application.close()


def _address(host: str, port: int, token: str) -> RunningServer:
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return RunningServer(f"ws://{name}:{port}", f"http://{name}:{port}", token, os.getpid())
