"""Keeping a worker on one device: started when there is something to do, watched, buried when it dies, started again.

A worker counts as dead when its process ends, when it talks nonsense, when it says nothing for too long, when its own
watch says that something it does not end, and when it takes more memory than it may. Whatever it had is then told so.
"""

import asyncio
import enum
import itertools
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mintaka.engine import messages
from mintaka.engine.errors import EngineError, Unsupported, WorkerCrashed
from mintaka.engine.frames import FrameError, Message
from mintaka.engine.process import WorkerProcess
from mintaka.engine.requests import Drawing, OnStep, Picture, Request
from mintaka.engine.turns import Turns

PATIENCE = 2
"""Crashes in a row, without a finished picture between them, after which a pause is kept before the next start."""

PAUSE_S = 2.0
LONGEST_PAUSE_S = 30.0
"""The pause begins with the first and doubles up to the second."""


class WorkerState(enum.Enum):
    """What a worker process is doing."""

    STOPPED = "stopped"
    STARTING = "starting"
    READY = "ready"
    PAUSED = "paused"
    """It crashed repeatedly; the next start is put off for some seconds."""
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """A look at one worker."""

    state: WorkerState
    device: str
    pid: int | None
    models: tuple[str, ...]
    """Ids of the models it keeps loaded."""
    memory: int | None
    """Bytes of main memory it uses, where the system tells."""
    weights: int | None
    """Bytes of weights on its device, loaded or being loaded; ``None`` until it told."""
    budget: int | None
    """Bytes of weights that it keeps there, at most beside a model that is larger alone."""
    in_flight: int
    """Requests it has, cancelled ones included until it has let go of them."""
    crashes: int
    """Crashes in a row since the last finished picture."""


@dataclass(frozen=True, slots=True)
class Post:
    """How workers for one device are started and what they may do."""

    device: str
    """A torch device."""
    threads: int | None
    keep_bytes: int | None
    memory_bytes: int | None
    """Most main memory the process may hold; ``None`` is without limit."""
    identities: Path | None
    """Where the identities of weights are recorded."""
    python: str
    environment: Mapping[str, str]
    log: Callable[[str], None]
    silence_s: float
    """A worker that says nothing for so long counts as dead."""
    token_bytes: Callable[[int], bytes]


class WorkerDied(WorkerCrashed):
    """The worker died while it had the request, whoever's fault that was."""


class _Flight:
    """A request the worker has."""

    def __init__(self, answer: "asyncio.Future[list[Picture]]", on_step: OnStep) -> None:
        self.answer = answer
        self.on_step = on_step


class Keeper:
    """Keeps the worker of ``post``."""

    def __init__(self, post: Post) -> None:
        self._post = post
        self._starting = asyncio.Lock()
        self._worker: WorkerProcess | None = None
        self._spawning: asyncio.Task[WorkerProcess] | None = None
        self._attending: set[asyncio.Task[None]] = set()
        self._asked: dict[int, str | None] = {}
        self._flights: dict[int, _Flight] = {}
        self._turns = Turns()
        self._numbers = itertools.count(1)
        self._crashes = 0
        self._not_before = 0.0
        self._unable: str | None = None
        self._ready = False
        self._closing = asyncio.Event()
        self._loaded: tuple[str, ...] = ()
        self._memory: int | None = None
        self._weights: int | None = None
        self._budget: int | None = None

    async def load(self, files: messages.Files, model: str) -> None:
        """Start the worker and have it load the model called so, which is in ``files``."""
        worker = await self._running()
        await worker.send(messages.load_message(next(self._numbers), files, model))

    async def close(self) -> None:
        """End the worker, within two seconds; what is in flight fails. Closing twice does nothing."""
        self._closing.set()
        if self._spawning is not None:
            self._spawning.cancel()
        async with self._starting:
            worker = self._worker
        if worker is not None:
            await worker.end()
        await asyncio.gather(*self._attending)

    def status(self) -> WorkerStatus:
        """How the worker is doing now."""
        return WorkerStatus(
            state=self._state(),
            device=self._post.device,
            pid=self._worker.pid if self._worker is not None else None,
            models=self._loaded,
            memory=self._memory,
            weights=self._weights,
            budget=self._budget,
            in_flight=len(self._flights),
            crashes=self._crashes,
        )

    @property
    def asked(self) -> int:
        """Requests that wait for the worker or have it."""
        return len(self._asked)

    def knows(self, model: str) -> bool:
        """Whether the worker has ``model`` loaded, or will for a request that came before."""
        return model in self._loaded or model in self._asked.values()

    async def make(
        self, files: messages.Files, request: Request, on_step: OnStep, *, alone: bool = False
    ) -> list[Picture]:
        """Have the worker make ``request``, with others or ``alone``. Raises WorkerDied, and what it fails at."""
        number = next(self._numbers)
        self._asked[number] = request.model if isinstance(request, Drawing) else None
        try:
            await self._turns.enter(number, alone=alone)
            try:
                worker = await self._running()
            except BaseException:
                self._turns.leave(number)
                raise
            return await self._fly(worker, number, messages.request_message(number, files, request), on_step)
        finally:
            del self._asked[number]

    async def _fly(self, worker: WorkerProcess, number: int, message: Message, on_step: OnStep) -> list[Picture]:
        answer: asyncio.Future[list[Picture]] = asyncio.get_running_loop().create_future()
        self._flights[number] = _Flight(answer, on_step)
        try:
            with suppress(OSError):  # the worker is gone; whoever attends it fails this flight like every other
                await worker.send(message)
            return await answer
        except FrameError as error:
            self._land(number)
            raise Unsupported(f"the request cannot be sent to the worker: {error}", hint="use plain text") from error
        except asyncio.CancelledError:
            answer.cancel()
            if number in self._flights:
                await self._cancel(worker, number)
            raise

    def _land(self, number: int) -> _Flight | None:
        self._turns.leave(number)
        return self._flights.pop(number, None)

    async def _cancel(self, worker: WorkerProcess, number: int) -> None:
        with suppress(OSError):
            await worker.send({"kind": "cancel", "id": number})

    def _state(self) -> WorkerState:
        if self._closing.is_set():
            return WorkerState.CLOSED
        if self._worker is not None:
            return WorkerState.READY if self._ready else WorkerState.STARTING
        return WorkerState.PAUSED if self._crashes >= PATIENCE else WorkerState.STOPPED

    async def _running(self) -> WorkerProcess:
        """The worker, started if there is none, after a pause where it keeps crashing."""
        async with self._starting:
            await self._keep_pause()
            if self._closing.is_set():
                raise EngineError("the engine is closed", hint="start the server again")
            if self._worker is not None:
                return self._worker
            worker = await self._spawn()
            self._worker, self._ready, self._unable = worker, False, None
            attending = asyncio.create_task(self._attend(worker))
            self._attending.add(attending)
            attending.add_done_callback(self._attending.discard)
            return worker

    async def _spawn(self) -> WorkerProcess:
        post = self._post
        self._spawning = asyncio.create_task(
            WorkerProcess.spawn(post.python, post.environment, self._tell, post.log, post.silence_s)
        )
        try:
            return await self._spawning
        except WorkerCrashed:
            self._count_crash()
            raise
        except asyncio.CancelledError:
            me = asyncio.current_task()
            if (
                self._closing.is_set() and me is not None and not me.cancelling()
            ):  # it was `close` that cancelled the start
                raise EngineError("the engine was closed while it started", hint="ask again when it runs") from None
            raise
        finally:
            self._spawning = None

    def _tell(self, descriptor: int) -> messages.Start:
        return messages.Start(
            token=self._post.token_bytes(32),
            socket=descriptor,
            device=self._post.device,
            threads=self._post.threads,
            keep_bytes=self._post.keep_bytes,
            memory_bytes=self._post.memory_bytes,
            identities=None if self._post.identities is None else str(self._post.identities),
        )

    async def _keep_pause(self) -> None:
        left = self._not_before - asyncio.get_running_loop().time()
        if left <= 0 or self._worker is not None or self._closing.is_set():
            return
        if self._unable is not None:
            raise Unsupported(self._unable, hint="install mintaka[engine]")
        with suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), left)

    def _count_crash(self) -> None:
        self._crashes += 1
        if self._crashes >= PATIENCE:
            pause = min(PAUSE_S * 2 ** (self._crashes - PATIENCE), LONGEST_PAUSE_S)
            self._not_before = asyncio.get_running_loop().time() + pause

    async def _attend(self, worker: WorkerProcess) -> None:
        """Take what the worker says until it is gone or as good as that, then tell whom it had."""
        async for message in worker.messages():
            try:
                await self._take(worker, message)
            except (KeyError, TypeError, ValueError) as error:
                worker.complain(f"it sent a message that makes no sense ({error!r})")
            if self._unable is not None or worker.complained:
                break
        # From here on a new request starts a new worker, even while this one is still being buried.
        flights, self._flights = self._flights, {}
        self._worker, self._loaded, self._memory = None, (), None
        self._weights, self._budget = None, None
        if not self._closing.is_set():
            self._count_crash()
        await worker.end()
        for number, flight in flights.items():
            self._turns.leave(number)
            if not flight.answer.done():
                flight.answer.set_exception(self._end_of(worker))

    def _end_of(self, worker: WorkerProcess) -> EngineError:
        if self._closing.is_set():
            return EngineError("the engine was closed while it drew this", hint="ask again when it runs")
        if self._unable is not None:
            return Unsupported(self._unable, hint="install mintaka[engine]")
        return WorkerDied(worker.fate)

    async def _take(self, worker: WorkerProcess, message: Message) -> None:
        match message["kind"]:
            case "step":
                await self._step(worker, message)
            case "done":
                self._crashes = 0
                flight = self._land(message["id"])
                if flight is not None and not flight.answer.done():
                    flight.answer.set_result(messages.pictures_from(message))
            case "failed":
                flight = self._land(message["id"])
                if flight is not None and not flight.answer.done():
                    flight.answer.set_exception(messages.error_from(message))
            case "cancelled":
                self._land(message["id"])
            case "beat":
                self._beat(worker, message)
            case "ready":
                self._ready = True
                worker.settle()
            case "unable":
                self._unable = message["message"]

    def _beat(self, worker: WorkerProcess, message: Message) -> None:
        self._memory, self._loaded = message["memory"], tuple(message["models"])
        self._weights, self._budget = message.get("weights"), message.get("budget")
        most = self._post.memory_bytes
        if message["stuck"] is not None:
            worker.complain(message["stuck"])
        elif most is not None and self._memory is not None and self._memory > most:
            worker.complain(f"it held {self._memory} bytes of memory; {most} are allowed")

    async def _step(self, worker: WorkerProcess, message: Message) -> None:
        flight = self._flights.get(message["id"])
        if flight is None or flight.answer.done():
            return
        try:
            flight.on_step(messages.step_from(message))
        except Exception as error:
            flight.answer.set_exception(error)
            await self._cancel(worker, message["id"])
