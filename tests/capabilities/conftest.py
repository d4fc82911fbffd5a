"""What the tests of capabilities share: a kernel in memory, and a drawer of real PNGs at the engine's seam."""

import io
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest
from PIL import Image as Pillow
from sqlalchemy import delete

from mintaka.capabilities.diffusion.controlnet import Steer
from mintaka.capabilities.diffusion.generate import Generate
from mintaka.capabilities.diffusion.inpaint import Repaint
from mintaka.capabilities.diffusion.upscale import Upscale
from mintaka.capabilities.grant import Grant
from mintaka.capabilities.kernel import Kernel
from mintaka.capabilities.minting import Mint
from mintaka.capabilities.registry import Registry
from mintaka.capabilities.terms import Terms
from mintaka.capabilities.value import CapabilityValue
from mintaka.engine.edits import Convert, check
from mintaka.engine.headers import read_header
from mintaka.engine.models import ModelFolder
from mintaka.engine.requests import Drawing, Edit, OnStep, Picture, Step, steps_run
from mintaka.runtime.budget import Budget
from mintaka.runtime.powers import Powers
from mintaka.runtime.run import Run
from mintaka.storage.blobs import Blobs
from mintaka.storage.database import Database
from mintaka.storage.schema import metadata
from tests.capabilities.town import town

__all__ = ["town"]


class Clock:
    """A clock that stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Crayon:
    """An engine that draws a plain picture in the colour of its seed, step by step, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.before_step: Callable[[int], None] = lambda step: None

    async def run(self, request: Any, on_step: OnStep) -> list[Picture]:
        self.asked.append(request)
        if not isinstance(request, Drawing):
            return [self._made_of(request)]
        steps = steps_run(request.steps, getattr(request, "strength", 1))
        for step in range(1, steps + 1):
            self.before_step(step)
            on_step(Step(step, steps, b"RIFF" if request.previews else None))
        return [self._draw(request.width, request.height, request.seed + number) for number in range(request.batch)]

    def _made_of(self, request: Any) -> Picture:
        header = read_header(request.image)
        if isinstance(request, Edit):
            return self._edited(request, (header.width, header.height))
        factor = getattr(request, "factor", 1)
        size, out = (header.width * factor, header.height * factor), io.BytesIO()
        Pillow.new("RGB", size).save(out, "PNG")
        return Picture(out.getvalue(), *size, None)

    def _edited(self, request: Edit, size: tuple[int, int]) -> Picture:
        kind = request.operation.format.value if isinstance(request.operation, Convert) else "png"
        size, out = check(request.operation, size), io.BytesIO()
        Pillow.new("RGB", size).save(out, kind)
        return Picture(out.getvalue(), *size, None, (), kind)

    def _draw(self, width: int, height: int, seed: int) -> Picture:
        out = io.BytesIO()
        Pillow.new("RGB", (width, height), (seed % 256, 0, 0)).save(out, "PNG")
        return Picture(out.getvalue(), width, height, seed, ("drawn with a crayon",))


@dataclass
class World:
    """Everything a capability needs around it."""

    database: Database
    kernel: Kernel
    engine: Crayon
    blobs: Blobs
    clock: Clock
    events: list[tuple[str, Mapping[str, object]]] = field(default_factory=list)
    random: Random = field(default_factory=lambda: Random(1))

    def root(self, type: str = "diffusers.generate", holder: str = "ann") -> CapabilityValue:
        held = next(each for each in self.kernel.bootstrap(holder) if each.type == type)
        return CapabilityValue(self.kernel, holder, held.id, type)

    def narrow(self, parent: CapabilityValue, restrictions: object = None, limits: object = None) -> CapabilityValue:
        child = self.kernel.delegate(parent.holder, parent.id, Terms(restrictions, limits))
        return CapabilityValue(self.kernel, parent.holder, child.id, child.type)

    def run(self, *held: CapabilityValue) -> Run:
        grant = Grant(self.kernel, "ann", [each.id for each in held])
        emit = lambda kind, data: self.events.append((kind, data))  # noqa: E731
        return Run(Budget(), Powers(self.clock, self.random, emit, {Grant: grant}))


def write_model(folder: Path, name: str, **facts: object) -> None:
    (folder / name).mkdir(parents=True)
    (folder / name / "model_index.json").write_text(json.dumps({"_class_name": "StableDiffusionPipeline"}))
    sidecar = {"title": name, "size": [256, 192], "steps": 20, "guidance_scale": 4.5, "scheduler": "dpmpp_2m"}
    (folder / name / "mintaka.json").write_text(json.dumps({**sidecar, **facts}))


@pytest.fixture
def models(tmp_path: Path) -> ModelFolder:
    write_model(tmp_path / "models", "alpha", examples=["a large red heart"])
    write_model(tmp_path / "models", "beta", size=[64, 64], scheduler=None)
    return ModelFolder([tmp_path / "models"], {"others/alpha": "alpha"})


@pytest.fixture(scope="session")
def migrated() -> Iterator[Database]:
    """One database for all tests: to migrate one anew for each would take longer than the tests.

    ``make test-postgres`` names another than SQLite's.
    """
    database = Database(os.environ.get("MINTAKA_TEST_DATABASE", "sqlite://"))
    yield database
    database.close()


@pytest.fixture
def database(migrated: Database) -> Database:
    """The database, empty."""
    with migrated.write() as tx:
        for table in reversed(metadata.sorted_tables):
            tx.execute(delete(table))
    return migrated


@pytest.fixture
def world(tmp_path: Path, models: ModelFolder, database: Database) -> World:
    engine, blobs, clock, bits = Crayon(), Blobs(tmp_path / "blobs"), Clock(), Random(7)
    drawing = (Generate, Repaint, Upscale, Steer)
    registry = Registry([Mint(), *(each(engine, models, blobs) for each in drawing)])
    kernel = Kernel(database, registry, clock=clock, token_bytes=bits.randbytes, key=bytes(range(32)))
    return World(database, kernel, engine, blobs, clock)
