"""The engine as the rest of the program sees it: a supervised worker process a device, and one queue before them.

A worker may die, however it comes: what it had is then made again, each request alone, so that whose fault it is shows.
One that brings down a worker in company and another when it is alone is failed, and the others go on. No deep learning
library is imported in this process.
"""

import asyncio
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from mintaka.engine import messages
from mintaka.engine.errors import WorkerCrashed
from mintaka.engine.keeper import Keeper, Post, WorkerDied, WorkerState, WorkerStatus
from mintaka.engine.models.folder import ModelFolder
from mintaka.engine.pixels import Pixels
from mintaka.engine.preparing import model_files, prepare
from mintaka.engine.requests import Drawing, OnStep, Picture, Request
from mintaka.engine.uploads import Uploads

NOTHING: Mapping[str, str] = MappingProxyType({})

LOADING = 4
"""Loading a model is taken to be as dear as waiting for so many requests."""

PAUSED = 100
"""So is a worker that keeps crashing."""


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """A look at the engine."""

    workers: tuple[WorkerStatus, ...]
    """In the order of the devices."""

    @property
    def in_flight(self) -> int:
        """Requests that workers have, cancelled ones included until they have let go of them."""
        return sum(each.in_flight for each in self.workers)


def _discard(line: str) -> None:
    """The log sink of an engine that was given none."""


class Engine:
    """Draws pictures in worker processes of its own.

    ``models`` are the folders to draw with; ``devices`` are torch devices, each with a worker of its own;
    ``threads`` bounds what one operation on a CPU uses (``None``: every core); ``python`` is the interpreter of the
    workers and ``environment`` the variables they see; ``offline`` keeps their libraries from asking a hub;
    ``keep_bytes`` is how many bytes of weights stay loaded on a device, ``memory_bytes`` how much main memory a
    worker may hold (``None``: any); ``identities`` is the file in which those of weights are recorded; ``log`` gets
    each line the workers print; a worker silent for ``silence_s`` seconds counts as dead; ``token_bytes`` draws the
    workers' one-time tokens.

    Unless ``environment`` says otherwise the workers' threads sleep while they wait for each other. Threads that spin
    come to a standstill when anything else wants the cores: 20 steps of the starter model took 12 to 20 s beside one
    busy process on two cores, and 1 s with threads that sleep.
    """

    def __init__(
        self,
        models: ModelFolder,
        *,
        devices: Sequence[str] = ("cpu",),
        threads: int | None = None,
        python: str = sys.executable,
        environment: Mapping[str, str] = NOTHING,
        offline: bool = True,
        keep_bytes: int | None = None,
        memory_bytes: int | None = None,
        identities: Path | None = None,
        log: Callable[[str], None] = _discard,
        silence_s: float = 25.0,
        token_bytes: Callable[[int], bytes],
    ) -> None:
        self._models = models
        seen = {"OMP_WAIT_POLICY": "PASSIVE", **environment, **({"HF_HUB_OFFLINE": "1"} if offline else {})}
        self._uploads = Uploads(python, seen)
        self._keepers = [
            Keeper(
                Post(
                    device=device,
                    threads=threads,
                    keep_bytes=keep_bytes,
                    memory_bytes=memory_bytes,
                    identities=identities,
                    python=python,
                    environment=seen,
                    log=log,
                    silence_s=silence_s,
                    token_bytes=token_bytes,
                )
            )
            for device in devices
        ]

    async def start(self, *, preload: bool = False) -> None:
        """Make the engine ready to be asked. With ``preload`` a worker starts and loads the first model already."""
        if not preload:
            return
        found = await asyncio.to_thread(self._models.list)
        if found:
            files = await asyncio.to_thread(model_files, found[0], self._models)
            await self._keepers[0].load(files, found[0].id)

    async def close(self) -> None:
        """End the workers, within two seconds; what is in flight fails. Closing twice does nothing."""
        await asyncio.gather(*(each.close() for each in self._keepers))
        await self._uploads.close()

    def status(self) -> EngineStatus:
        """How the engine is doing now."""
        return EngineStatus(tuple(each.status() for each in self._keepers))

    def decoded(self, data: bytes) -> AbstractAsyncContextManager[Pixels]:
        """An encoded picture, decoded by a process that can do nothing else. Raises BadImage, Unsupported."""
        return self._uploads.picture(data)

    async def run(self, request: Request, on_step: OnStep) -> list[Picture]:
        """Make the pictures of ``request``; ``on_step`` is called at every step, in order.

        Where a worker dies all steps are made again, and told again. Cancelling the task that awaits this stops the
        worker at its next step. Raises EngineError and what is below it: NoSuchModel, Unsupported, BadImage,
        WorkerCrashed, OutOfDeviceMemory, DeadlineExceeded. What ``on_step`` raises comes out here, and the request is
        stopped.
        """
        files = await asyncio.to_thread(prepare, request, self._models)
        async with self._uploads.decoded(request) as decoded:
            return await self._make(files, decoded, on_step)

    async def _make(self, files: messages.Files, request: Request, on_step: OnStep) -> list[Picture]:
        keeper = min(self._keepers, key=lambda each: _dearness(each, request))
        clock = asyncio.get_running_loop().time
        began = clock()
        try:
            return await keeper.make(files, request, on_step)
        except WorkerDied:
            pass
        if request.deadline_s is not None:
            request = replace(request, deadline_s=max(0.0, request.deadline_s - (clock() - began)))
        try:
            return await keeper.make(files, request, on_step, alone=True)
        except WorkerDied as died:
            raise WorkerCrashed(
                f"the engine's worker process died twice while it made this, the second time with nothing else to do "
                f"({died.message})",
                hint="change the request: another model, size or picture; the server's log has what the worker said",
            ) from None


def _dearness(keeper: Keeper, request: Request) -> int:
    """How long ``request`` will have to wait there, in requests."""
    loading = isinstance(request, Drawing) and not keeper.knows(request.model)
    paused = keeper.status().state is WorkerState.PAUSED
    return keeper.asked + (LOADING if loading else 0) + (PAUSED if paused else 0)
