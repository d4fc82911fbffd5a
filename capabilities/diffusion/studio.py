"""Where the types that draw have their pictures made: admission, the engine, progress, publication, one for all."""

import asyncio
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from mintaka.capabilities.chain import no_such_capability
from mintaka.capabilities.failures import told
from mintaka.capabilities.images import Image
from mintaka.capabilities.ledger import Published
from mintaka.capabilities.limits import MEGA
from mintaka.capabilities.use import Admitted, Use
from mintaka.engine.requests import OnStep, Picture, Request, Step
from mintaka.runtime.errors import HostFault
from mintaka.runtime.values import Value
from mintaka.storage.blobs import Blobs

FAILURES = ("no_such_model", "unsupported", "generation_failed", "out_of_memory", "worker_crashed", "deadline")
"""The kinds of what the engine fails at."""


class Engine(Protocol):
    """What draws: `mintaka.engine.supervisor.Engine`."""

    async def run(self, request: Request, on_step: OnStep) -> list[Picture]:
        """Make pictures; what ``on_step`` raises ends the request and comes out here. Raises EngineError."""
        ...


class Commission(Protocol):
    """A call with nothing left open: what it asks of the capability and of the engine."""

    @property
    def asked(self) -> Mapping[str, object]:
        """What is asked of each restriction."""
        ...

    @property
    def charges(self) -> Mapping[str, int]:
        """What it takes of each unit, at most."""
        ...

    @property
    def spent(self) -> Mapping[str, int]:
        """What it has taken in the end, where that is less."""
        ...

    @property
    def max_compute(self) -> float | None:
        """The most megapixel-steps the call itself allows."""
        ...

    def request(self, id: str) -> Request:
        """What the engine is asked."""
        ...

    def arguments(self, seed: int | None) -> list[Value]:
        """What the same method is called with to make one of the pictures again, by its own seed."""
        ...


class Studio:
    """Has pictures made and keeps them."""

    def __init__(self, engine: Engine, blobs: Blobs) -> None:
        self._engine = engine
        self._blobs = blobs

    async def make(self, use: Use, commission: Commission) -> list[Image]:
        """The pictures of ``commission``, the caller's from now on, and paid for.

        Raises HostFault: what the capability or its budget refuses, and what the engine or the disk fails at.
        """
        refuse_dearer(commission)
        with use.admitted(commission.asked, commission.charges) as call, told():
            if call.outcome is not None:
                images = [Image.from_json(each) for each in json.loads(call.outcome)]
            else:
                request = replace(commission.request(call.id), line=_line(use.held.holder), priority=use.priority)
                pictures = await self._engine.run(request, watch(use, call))
                images = await self._publish(use, call, commission, pictures)
        for image in images:
            use.emit("asset", {"call": call.id, "asset": image.asset, "width": image.width, "height": image.height})
        return images

    async def _publish(
        self, use: Use, call: Admitted, commission: Commission, pictures: Sequence[Picture]
    ) -> list[Image]:
        """Keep the pictures' bytes, then make them the caller's and settle: one transaction, which checks once more."""
        if not call.is_live():
            raise no_such_capability()
        names = [await asyncio.to_thread(self._blobs.put, each.data) for each in pictures]
        images = [
            Image(
                asset=name,
                width=each.width,
                height=each.height,
                seed=each.seed,
                notes=each.notes,
                made_with={"type": use.held.type, "method": use.method, "args": commission.arguments(each.seed)},
            )
            for name, each in zip(names, pictures, strict=True)
        ]
        call.settle(
            commission.spent,
            results=[Published(each.asset, "image/png", each.width, each.height) for each in images],
            outcome=json.dumps([each.to_json() for each in images]),
        )
        return images


def watch(use: Use, call: Admitted) -> OnStep:
    """Tell the run's watchers of every step, and stop the call at the first step that finds its capability dead.

    Calls of one run may be drawn at the same time; ``call`` in what is told keeps their steps and previews apart.
    """

    def on_step(step: Step) -> None:
        if not call.is_live():
            raise no_such_capability()
        fraction = step.step / step.steps
        told = {"call": call.id, "step": step.step, "steps": step.steps, "fraction": fraction, "memory": step.memory}
        if step.eta_s is not None:
            told["eta_ms"] = round(step.eta_s * 1000)
        use.emit("progress", told)
        if step.preview is not None:
            use.emit("preview", {"call": call.id, "image": step.preview, "mime": "image/webp"})

    return on_step


def _line(principal: str) -> str:
    """A name for a principal's requests that tells nothing of who it is."""
    return hashlib.blake2b(principal.encode(), digest_size=8).hexdigest()


def refuse_dearer(commission: Commission) -> None:
    """Raise HostFault ``no_budget`` where a call costs more than it set itself."""
    own, cost = commission.max_compute, commission.charges["compute"]
    if own is not None and cost > own * MEGA:
        raise HostFault(
            f"this costs {cost / MEGA:g} megapixel-steps, and `max_compute` allows {own:g}",
            kind="no_budget",
            hint="ask for a smaller picture, fewer steps or a smaller batch, or raise max_compute",
            data={"unit": "compute", "cost": cost / MEGA, "allowed": own},
        )


def one_or_all(images: list[Image]) -> Image | list[Image]:
    """One picture as it is, several as a list."""
    return images[0] if len(images) == 1 else images
