"""The engine as the rest of the program sees it: one supervised worker process that draws.

Death of the worker, however it comes, fails what was in flight with WorkerCrashed and nothing else; the next request
starts another. No deep learning library is imported in this process.
"""

import asyncio
import enum
import itertools
import math
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType

from mintaka.engine import messages
from mintaka.engine.errors import EngineError, Unsupported, WorkerCrashed
from mintaka.engine.frames import FrameError, Message
from mintaka.engine.models.folder import ModelFolder
from mintaka.engine.preparing import prepare
from mintaka.engine.process import WorkerProcess
from mintaka.engine.requests import OnStep, Picture, Request
from mintaka.engine.uploads import Uploads

GIB = 1024**3

NOTHING: Mapping[str, str] = MappingProxyType({})

PATIENCE = 2
"""Crashes in a row, without a finished picture between them, after which a pause is kept before the next start."""

PAUSE_S = 2.0
LONGEST_PAUSE_S = 30.0
"""The pause begins with the first and doubles up to the second."""


class EngineState(enum.Enum):
    """What the worker process is doing."""

    STOPPED = "stopped"
    STARTING = "starting"
    READY = "ready"
    PAUSED = "paused"
    """It crashed repeatedly; the next start is put off for some seconds."""
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """A look at the engine."""

    state: EngineState
    device: str
    pid: int | None
    models: tuple[str, ...]
    """Ids of the models the worker keeps loaded."""
    memory: int | None
    """Bytes of main memory the worker uses, where the system tells."""
    in_flight: int
    """Requests the worker has, cancelled ones included until it has let go of them."""
    crashes: int
    """Crashes in a row since the last finished picture."""


class _Flight:
    """A request the worker has."""

    def __init__(self, answer: "asyncio.Future[list[Picture]]", on_step: OnStep) -> None:
        self.answer = answer
        self.on_step = on_step


def _discard(line: str) -> None:
    """The log sink of an engine that was given none."""


class Engine:
    """Draws pictures in a worker process of its own.

    ``models`` are the folders to draw with; ``device`` is a torch device; ``threads`` bounds what one operation on the
    CPU uses (``None``: every core); ``python`` is the interpreter of the worker and ``environment`` the variables it
    sees; ``offline`` keeps its libraries from asking a hub; ``keep_bytes`` is how many bytes of weights stay loaded;
    ``log`` gets each line the worker prints; a worker silent for ``silence_s`` seconds counts as dead; ``token_bytes``
    draws the worker's one-time token.

    Unless ``environment`` says otherwise the worker's threads sleep while they wait for each other. Threads that spin
    come to a standstill when anything else wants the cores: 20 steps of the starter model took 12 to 20 s beside one
    busy process on two cores, and 1 s with threads that sleep.
    """

    def __init__(
        self,
        models: ModelFolder,
        *,
        device: str = "cpu",
        threads: int | None = None,
        python: str = sys.executable,
        environment: Mapping[str, str] = NOTHING,
        offline: bool = True,
        keep_bytes: int = 4 * GIB,
        log: Callable[[str], None] = _discard,
        silence_s: float = 60.0,
        token_bytes: Callable[[int], bytes],
    ) -> None:
        self._models = models
        self._device = device
        self._threads = threads
        self._python = python
        self._environment = {"OMP_WAIT_POLICY": "PASSIVE", **environment}
        if offline:
            self._environment["HF_HUB_OFFLINE"] = "1"
        self._uploads = Uploads(python, self._environment)
        self._keep_bytes = keep_bytes
        self._log = log
        self._silence_s = silence_s
        self._token_bytes = token_bytes

        self._starting = asyncio.Lock()
        self._worker: WorkerProcess | None = None
        self._spawning: asyncio.Task[WorkerProcess] | None = None
        self._attending: set[asyncio.Task[None]] = set()
        self._flights: dict[int, _Flight] = {}
        self._numbers = itertools.count(1)
        self._crashes = 0
        self._not_before = 0.0
        self._unable: str | None = None
        self._ready = False
        self._closed = False
        self._loaded: tuple[str, ...] = ()
        self._memory: int | None = None

    async def start(self, *, preload: bool = False) -> None:
        """Make the engine ready to be asked. With ``preload`` the worker starts and loads the first model already."""
        if not preload:
            return
        worker = await self._running()
        found = await asyncio.to_thread(self._models.list)
        if found:
            number, model = next(self._numbers), found[0]
            await worker.send({"kind": "load", "id": number, "path": str(model.path), "model": model.id})

    async def close(self) -> None:
        """End the worker, within two seconds; what is in flight fails. Closing twice does nothing."""
        self._closed = True
        if self._spawning is not None:
            self._spawning.cancel()
        async with self._starting:
            worker = self._worker
        if worker is not None:
            await worker.end()
        await asyncio.gather(*self._attending)
        await self._uploads.close()

    def status(self) -> EngineStatus:
        """How the engine is doing now."""
        return EngineStatus(
            state=self._state(),
            device=self._device,
            pid=self._worker.pid if self._worker is not None else None,
            models=self._loaded,
            memory=self._memory,
            in_flight=len(self._flights),
            crashes=self._crashes,
        )

    async def run(self, request: Request, on_step: OnStep) -> list[Picture]:
        """Make the pictures of ``request``; ``on_step`` is called at every step, in order.

        Cancelling the task that awaits this stops the worker at its next step. Raises EngineError and what is below
        it: NoSuchModel, Unsupported, BadImage, WorkerCrashed, OutOfDeviceMemory, DeadlineExceeded. What ``on_step``
        raises comes out here, and the request is stopped.
        """
        files = await asyncio.to_thread(prepare, request, self._models)
        async with self._uploads.decoded(request) as decoded:
            return await self._make(files, decoded, on_step)

    async def _make(self, files: messages.Files, request: Request, on_step: OnStep) -> list[Picture]:
        worker = await self._running()
        number = next(self._numbers)
        answer: asyncio.Future[list[Picture]] = asyncio.get_running_loop().create_future()
        self._flights[number] = _Flight(answer, on_step)
        try:
            with suppress(OSError):  # the worker is gone; whoever attends it fails this flight like every other
                await worker.send(messages.request_message(number, files, request))
            return await answer
        except FrameError as error:
            del self._flights[number]
            raise Unsupported(f"the request cannot be sent to the worker: {error}", hint="use plain text") from error
        except asyncio.CancelledError:
            answer.cancel()
            if number in self._flights:
                await self._cancel(worker, number)
            raise

    async def _cancel(self, worker: WorkerProcess, number: int) -> None:
        with suppress(OSError):
            await worker.send({"kind": "cancel", "id": number})

    def _state(self) -> EngineState:
        if self._closed:
            return EngineState.CLOSED
        if self._worker is not None:
            return EngineState.READY if self._ready else EngineState.STARTING
        return EngineState.PAUSED if self._crashes >= PATIENCE else EngineState.STOPPED

    async def _running(self) -> WorkerProcess:
        """The worker, started if there is none."""
        async with self._starting:
            if self._closed:
                raise EngineError("the engine is closed", hint="start the server again")
            if self._worker is not None:
                return self._worker
            self._keep_pause()
            worker = await self._spawn()
            self._worker, self._ready, self._unable = worker, False, None
            attending = asyncio.create_task(self._attend(worker))
            self._attending.add(attending)
            attending.add_done_callback(self._attending.discard)
            return worker

    async def _spawn(self) -> WorkerProcess:
        self._spawning = asyncio.create_task(
            WorkerProcess.spawn(self._python, self._environment, self._tell, self._log, self._silence_s)
        )
        try:
            return await self._spawning
        except WorkerCrashed:
            self._count_crash()
            raise
        except asyncio.CancelledError:
            me = asyncio.current_task()
            if self._closed and me is not None and not me.cancelling():  # it was `close` that cancelled the start
                raise EngineError("the engine was closed while it started", hint="ask again when it runs") from None
            raise
        finally:
            self._spawning = None

    def _tell(self, descriptor: int) -> messages.Start:
        return messages.Start(
            token=self._token_bytes(32),
            socket=descriptor,
            device=self._device,
            threads=self._threads,
            keep_bytes=self._keep_bytes,
        )

    def _keep_pause(self) -> None:
        left = self._not_before - asyncio.get_running_loop().time()
        if left > 0 and self._unable is not None:
            raise Unsupported(self._unable, hint="install mintaka[engine]")
        if left > 0:
            raise WorkerCrashed(
                f"the engine's worker process crashed {self._crashes} times in a row; "
                f"the next start is in {math.ceil(left)} s",
                hint="see the server's log for what it said last",
            )

    def _count_crash(self) -> None:
        self._crashes += 1
        if self._crashes >= PATIENCE:
            pause = min(PAUSE_S * 2 ** (self._crashes - PATIENCE), LONGEST_PAUSE_S)
            self._not_before = asyncio.get_running_loop().time() + pause

    async def _attend(self, worker: WorkerProcess) -> None:
        """Take what the worker says until it is gone, then fail what it had."""
        async for message in worker.messages():
            try:
                await self._take(worker, message)
            except (KeyError, TypeError, ValueError) as error:
                worker.complain(f"it sent a message that makes no sense ({error!r})")
                break
            if self._unable is not None:
                break
        # From here on a new request starts a new worker, even while this one is still being buried.
        flights, self._flights = self._flights, {}
        self._worker, self._loaded, self._memory = None, (), None
        if not self._closed:
            self._count_crash()
        await worker.end()
        for flight in flights.values():
            if not flight.answer.done():
                flight.answer.set_exception(self._end_of(worker))

    def _end_of(self, worker: WorkerProcess) -> EngineError:
        if self._closed:
            return EngineError("the engine was closed while it drew this", hint="ask again when it runs")
        if self._unable is not None:
            return Unsupported(self._unable, hint="install mintaka[engine]")
        return WorkerCrashed(
            f"the engine's worker process died while it drew this ({worker.fate}); a new one starts with the next "
            "request, so try again",
            hint="try again",
        )

    async def _take(self, worker: WorkerProcess, message: Message) -> None:
        match message["kind"]:
            case "step":
                await self._step(worker, message)
            case "done":
                self._crashes = 0
                flight = self._flights.pop(message["id"], None)
                if flight is not None and not flight.answer.done():
                    flight.answer.set_result(messages.pictures_from(message))
            case "failed":
                flight = self._flights.pop(message["id"], None)
                if flight is not None and not flight.answer.done():
                    flight.answer.set_exception(messages.error_from(message))
            case "cancelled":
                self._flights.pop(message["id"], None)
            case "beat":
                self._memory, self._loaded = message["memory"], tuple(message["models"])
            case "ready":
                self._ready = True
            case "unable":
                self._unable = message["message"]

    async def _step(self, worker: WorkerProcess, message: Message) -> None:
        flight = self._flights.get(message["id"])
        if flight is None or flight.answer.done():
            return
        try:
            flight.on_step(messages.step_from(message))
        except Exception as error:
            flight.answer.set_exception(error)
            await self._cancel(worker, message["id"])
