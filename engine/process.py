"""One worker process: starting it, talking to it, and making sure it is gone.

The worker inherits one end of a socket pair; nobody else can connect. It is told a token over its standard input, which
is then closed, and must say it back over the socket before anything is sent to it. What it and its libraries print goes
to a log sink line by line.
"""

import asyncio
import hmac
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress

from mintaka.engine.errors import WorkerCrashed
from mintaka.engine.frames import Decoder, FrameError, Message, encode
from mintaka.engine.messages import Start, start_message

CHUNK = 256 * 1024

GRACE_S = 1.0
"""Seconds a worker may take to go when it has been hung up on, before it is killed."""

STARTING = 5
"""How many times longer a worker may be silent while it starts: loading a large library stops all its threads."""

HELLO_S = 30.0
"""Seconds a new worker may take to say who it is: the start of an interpreter, generously."""


class WorkerProcess:
    """A running worker. Make it with `spawn`; it must be ended with `end`, also when it died by itself."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        log: Callable[[str], None],
        silence_s: float,
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer
        self._decoder = Decoder()
        self._silence_s = STARTING * silence_s
        self._settled_s = silence_s
        self._complaint: str | None = None
        self._incoming = self._receive()
        self._logging = asyncio.create_task(self._keep_log(log))

    @classmethod
    async def spawn(
        cls,
        python: str,
        environment: Mapping[str, str],
        start: Callable[[int], Start],
        log: Callable[[str], None],
        silence_s: float,
    ) -> "WorkerProcess":
        """Start ``python -m mintaka.engine.worker`` and wait until it has said its token.

        It sees the variables of ``environment`` and no others. ``start`` gives what to tell it, from the number of its
        end of the socket. A worker that says nothing for ``silence_s`` seconds counts as dead; while it starts, for
        `STARTING` times as long. Raises WorkerCrashed when it does not come up.
        """
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                told = start(theirs.fileno())
                # -P keeps the working folder out of the import path; a session of its own keeps a Ctrl-C meant for
                # the server from striking the worker too.
                process = await asyncio.create_subprocess_exec(
                    python,
                    "-P",
                    "-m",
                    "mintaka.engine.worker",
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.STDOUT,
                    pass_fds=[theirs.fileno()],
                    start_new_session=True,
                    env=environment,
                )
            reader, writer = await asyncio.open_connection(sock=ours)
        except OSError as error:
            ours.close()
            raise WorkerCrashed(
                f"the engine's worker process cannot be started: {error.strerror}", hint="see the server's log"
            ) from error
        worker = cls(process, reader, writer, log, silence_s)
        try:
            await asyncio.wait_for(worker._greet(told), HELLO_S)
        except (TimeoutError, StopAsyncIteration, OSError) as error:
            await worker.end()
            raise WorkerCrashed(
                f"the engine's worker process did not come up ({worker.fate})", hint="see the server's log"
            ) from error
        except BaseException:
            await worker.end()
            raise
        return worker

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def fate(self) -> str:
        """How it ended, in words."""
        if self._complaint is not None:
            return self._complaint
        code = self._process.returncode
        if code is None:
            return "it is still running"
        return f"it was killed by signal {-code}" if code < 0 else f"it exited with status {code}"

    def settle(self) -> None:
        """It has started: from now on it is not silent for long."""
        self._silence_s = self._settled_s

    @property
    def complained(self) -> bool:
        """Whether something is wrong with it."""
        return self._complaint is not None

    def complain(self, complaint: str) -> None:
        """Say what is wrong with the worker, for `fate`; whoever finds it then ends the worker."""
        self._complaint = complaint

    async def send(self, message: Message) -> None:
        """Send ``message``; FrameError when it cannot be put in bytes, OSError when the worker is gone."""
        self._writer.write(encode(message))
        await self._writer.drain()

    def messages(self) -> AsyncIterator[Message]:
        """Everything the worker says, until it is gone, falls silent or says what is not a message."""
        return self._incoming

    async def _receive(self) -> AsyncIterator[Message]:
        while True:
            try:
                data = await asyncio.wait_for(self._reader.read(CHUNK), self._silence_s)
            except TimeoutError:
                self.complain(f"it said nothing for {self._silence_s:g} s")
                return
            except OSError:
                return
            if not data:
                return
            try:
                for message in self._decoder.feed(data):
                    yield message
            except FrameError as error:
                self.complain(f"it sent what is not a message: {error}")
                return

    async def end(self) -> None:
        """Hang up, and make sure the process is gone: at once if there is a complaint, else after `GRACE_S` seconds."""
        self._writer.close()
        try:
            await asyncio.wait_for(self._process.wait(), GRACE_S if self._complaint is None else 0.0)
        except TimeoutError:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
        with suppress(OSError):
            await self._writer.wait_closed()
        # A process that the worker's libraries left behind may hold its output open for longer.
        await asyncio.wait([self._logging], timeout=GRACE_S)
        self._logging.cancel()

    async def _greet(self, told: Start) -> None:
        stdin = self._process.stdin
        assert stdin is not None, "the process is started with a pipe there"
        stdin.write(encode(start_message(told)))
        await stdin.drain()
        stdin.close()
        hello = await anext(self._incoming)
        said = hello.get("token")
        if hello.get("kind") != "hello" or not isinstance(said, bytes) or not hmac.compare_digest(said, told.token):
            self.complain("it did not know its token")
            raise ConnectionError(self.fate)

    async def _keep_log(self, log: Callable[[str], None]) -> None:
        stdout = self._process.stdout
        assert stdout is not None, "the process is started with a pipe there"
        rest = b""
        while data := await stdout.read(CHUNK):
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                log(line.decode("utf-8", "replace"))
            if len(rest) > CHUNK:
                log(rest.decode("utf-8", "replace"))
                rest = b""
        if rest:
            log(rest.decode("utf-8", "replace"))
