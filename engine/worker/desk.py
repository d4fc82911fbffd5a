"""The desk: takes what the supervisor asks, has it done, and answers. The one place a worker is put together."""

import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import diffusers
import torch
import transformers
from pydantic import ValidationError

from mintaka.engine import messages
from mintaka.engine.errors import EngineError
from mintaka.engine.frames import FrameError, Message
from mintaka.engine.models.identity import Identities
from mintaka.engine.requests import Picture, Step
from mintaka.engine.worker import memory
from mintaka.engine.worker.failures import as_engine_error
from mintaka.engine.worker.link import Link
from mintaka.engine.worker.loading import Shelf
from mintaka.engine.worker.methods import run
from mintaka.engine.worker.pace import Paces
from mintaka.engine.worker.scarcity import Scarcity
from mintaka.engine.worker.stepping import Cancelled, Lane, SteppingLoop, Ticket, aside


class Desk:
    """A worker at work: `take` is called from the socket's thread, `run` is the stepping thread."""

    def __init__(self, link: Link, start: messages.Start) -> None:
        if start.threads is not None:
            torch.set_num_threads(start.threads)
        diffusers.utils.logging.set_verbosity_error()
        diffusers.utils.logging.disable_progress_bar()
        transformers.utils.logging.set_verbosity_error()
        transformers.utils.logging.disable_progress_bar()
        self._link = link
        self._device = torch.device(start.device)
        self._paces = Paces(time.monotonic)
        identities = Identities(None if start.identities is None else Path(start.identities))
        self._shelf = Shelf(start.device, start.keep_bytes, identities)
        self._loop = SteppingLoop(scarcity=Scarcity(self._shelf.let_go))

    def run(self) -> None:
        """Do what was asked, for as long as the process lives."""
        self._loop.run()

    def beat(self) -> Message:
        """What is said with every beat of the heart, from its thread."""
        weights = {"weights": self._shelf.weight_bytes(), "budget": self._shelf.room.budget}
        return {"models": self._shelf.ids(), "stuck": self._loop.watch.stuck(), **weights}

    def take(self, message: Message) -> None:
        """Begin, or end, what ``message`` asks."""
        match message["kind"]:
            case "request":
                self._begin(message)
            case "load":
                self._load(message)
            case "cancel":
                self._loop.cancel(message["id"])

    def _begin(self, message: Message) -> None:
        number = message["id"]
        try:
            files, request = messages.files_from(message), messages.request_from(message)
        except ValidationError as error:
            self._link.send(messages.failed_message(number, as_engine_error(error)))
            return
        pace = self._paces.of(request)

        def on_step(step: Step) -> None:
            told = replace(pace.timed(step), memory=memory.held(self._device))
            self._link.send(messages.step_message(number, told))

        def ended(result: object, error: BaseException | None) -> None:
            if isinstance(result, list):
                pace.ended()
                self._deliver(number, result)
            elif isinstance(error, Cancelled):
                self._link.send({"kind": "cancelled", "id": number})
            elif error is not None:
                self._link.send(messages.failed_message(number, as_engine_error(error, request)))

        deadline = None if request.deadline_s is None else time.monotonic() + request.deadline_s
        work = partial(run, request, files, self._shelf, on_step)
        self._loop.submit(Ticket(number, work, ended, deadline, request.line, request.priority))

    def _deliver(self, number: int, pictures: list[Picture]) -> None:
        try:
            self._link.send(messages.done_message(number, pictures))
        except FrameError:
            error = EngineError("the pictures are too large to send", hint="ask for a smaller batch or size")
            self._link.send(messages.failed_message(number, error))

    def _load(self, message: Message) -> None:
        def ended(_result: object, error: BaseException | None) -> None:
            if error is not None:
                as_engine_error(error)  # a request for this model will say so to whoever asks

        work = partial(aside, partial(self._shelf.get, messages.files_from(message), message["model"]), Lane.LOAD)
        self._loop.submit(Ticket(message["id"], work, ended))
