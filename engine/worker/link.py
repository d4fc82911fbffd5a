"""The worker's end of the socket, and its heart."""

import os
import socket
import threading
from collections.abc import Callable, Iterator

from mintaka.engine.frames import Decoder, Message, encode

CHUNK = 256 * 1024
BEAT_S = 1.0


class Link:
    """Sends from any thread; receives in one. When the supervisor is gone the process ends at once: see `vanish`."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._sending = threading.Lock()

    def send(self, message: Message) -> None:
        """Send ``message``; blocks while the supervisor does not read."""
        frame = encode(message)
        try:
            with self._sending:
                self._connection.sendall(frame)
        except OSError:
            vanish()

    def messages(self) -> Iterator[Message]:
        """Everything the supervisor says, until it hangs up."""
        decoder = Decoder()
        while True:
            try:
                data = self._connection.recv(CHUNK)
            except OSError:
                return
            if not data:
                return
            yield from decoder.feed(data)


def vanish() -> None:
    """End this process without a farewell: nobody is left to hear it, and a thread inside torch cannot be stopped."""
    os._exit(0)


def beat_forever(link: Link, beat: Callable[[], Message]) -> None:
    """Send what ``beat`` gives every `BEAT_S` seconds, from a thread of its own, so that long work is not silence."""
    pause = threading.Event()

    def run() -> None:
        while not pause.wait(BEAT_S):
            link.send(beat())

    threading.Thread(target=run, name="heart", daemon=True).start()
