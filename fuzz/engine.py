"""Mixed requests at a real engine with random cancels, killed and stopped workers and bad inputs: nothing is lost.

``python -m fuzz.engine COUNT [SEED]``. Calls of capabilities, by three users, of every method that works on pictures.
Of every call it must be true that

* it ends once: done, with pictures that are kept; failed, with a known kind; or cancelled, by its caller;
* what is sound is done, unless its workers were killed under it; what is not fails with the kind it should;
* in the end nothing is reserved, nothing runs or waits, and neither this process nor a worker has grown.
"""

import asyncio
import base64
import contextlib
import gc
import io
import json
import os
import random
import secrets
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pillow
from sqlalchemy import text

from mintaka.capabilities.diffusion.controlnet import Steer
from mintaka.capabilities.diffusion.generate import Generate
from mintaka.capabilities.diffusion.inpaint import Repaint
from mintaka.capabilities.diffusion.upscale import Upscale
from mintaka.capabilities.grant import Grant
from mintaka.capabilities.images import Image
from mintaka.capabilities.kernel import Kernel
from mintaka.capabilities.registry import Registry
from mintaka.capabilities.urgency import Urgency
from mintaka.capabilities.value import CapabilityValue
from mintaka.engine.models import ModelFolder
from mintaka.engine.supervisor import Engine
from mintaka.runtime.budget import Budget
from mintaka.runtime.errors import HostFault, ScriptError
from mintaka.runtime.powers import Powers
from mintaka.runtime.run import Run
from mintaka.storage.blobs import Blobs
from mintaka.storage.database import Database

USERS = ("ann", "bob", "cat")
AT_ONCE = 8
SILENCE_S = 10.0
MIB = 1024**2

GROWTH_MIB = 128
"""What may be held more after a hundred calls: of a worker that is started late, 60 before its memory settles."""


def url(data: bytes) -> str:
    """A picture as scripts may give it."""
    return "data:image/png;base64," + base64.b64encode(data).decode()


def picture(width: int = 64, height: int = 64, format: str = "PNG") -> bytes:
    """A picture of a red square on white."""
    pixels = np.full((height, width, 3), 255, np.uint8)
    pixels[height // 4 : height // 2, width // 4 : width // 2] = (220, 30, 30)
    out = io.BytesIO()
    Pillow.fromarray(pixels).save(out, format)
    return out.getvalue()


GIVEN = url(picture())
SMALL: Mapping[str, object] = {"model_id": "tiny", "width": 64, "height": 64, "num_inference_steps": 2}

Call = tuple[str, str, list[Any]]
"""The type, the method and its arguments."""

SOUND: tuple[Call, ...] = (
    ("diffusers.generate", "textToImage", ["a red circle", {**SMALL}]),
    ("diffusers.generate", "textToImage", ["a blue star", {**SMALL, "num_inference_steps": 12, "scheduler": "euler"}]),
    ("diffusers.generate", "generate", ["a red star", {**SMALL, "batch": 3, "guidance_scale": 1}]),
    ("diffusers.generate", "textToImage", ["a red circle", {**SMALL, "model_id": "enlarging", "width": 256}]),
    ("diffusers.generate", "imageToImage", [GIVEN, "a blue circle", {**SMALL, "strength": 0.6}]),
    ("diffusers.generate", "textToImage", ["a star", {**SMALL, "loras": [{"name": "rough", "weight": 0.5}]}]),
    ("diffusers.generate", "models", []),
    ("diffusers.generate", "estimate", ["textToImage", ["a red circle", {**SMALL}]]),
    ("diffusers.inpaint", "inpaint", [GIVEN, GIVEN, "a star", {"model_id": "tiny", "num_inference_steps": 2}]),
    ("diffusers.inpaint", "inpaint", [GIVEN, GIVEN, "a star", {"model_id": "nine", "num_inference_steps": 2}]),
    ("diffusers.inpaint", "outpaint", [GIVEN, "right", 32, "a star", {"model_id": "tiny", "num_inference_steps": 2}]),
    ("diffusers.upscale", "upscaleTraditional", [GIVEN, {"factor": 2}]),
    ("diffusers.upscale", "upscale", [GIVEN, "large", 2, {"tile": 32, "overlap": 8}]),
    ("controlnet.generate", "apply", [GIVEN, "a star", "canny", {**SMALL, "strength": 0.8}]),
    ("controlnet.generate", "preprocess", [GIVEN, "canny"]),
    ("controlnet.generate", "getAvailableTypes", []),
)
UNSOUND: tuple[tuple[Call, frozenset[str]], ...] = (
    (("diffusers.generate", "textToImage", ["x", {**SMALL, "model_id": "nowhere"}]), frozenset({"no_such_model"})),
    (("diffusers.generate", "textToImage", ["x", {**SMALL, "model_id": "spoilt"}]), frozenset({"generation_failed"})),
    (("diffusers.generate", "textToImage", ["x", {**SMALL, "model_id": "broken"}]), frozenset({"generation_failed"})),
    (("diffusers.generate", "textToImage", ["x", {**SMALL, "width": 10**6}]), frozenset({"invalid_params"})),
    (("diffusers.generate", "textToImage", ["half a pair: \ud83d", {**SMALL}]), frozenset({"unsupported"})),
    (("diffusers.generate", "imageToImage", [url(b"nothing"), "x", {**SMALL}]), frozenset({"bad_image"})),
    (("diffusers.generate", "imageToImage", [url(picture()[:150]), "x", {**SMALL}]), frozenset({"bad_image"})),
    (("diffusers.upscale", "upscaleTraditional", [url(picture(format="GIF"))]), frozenset({"bad_image"})),
    (
        ("diffusers.upscale", "upscale", [GIVEN, "absent"]),
        frozenset({"no_such_model", "unsupported", "invalid_params"}),
    ),
)
"""Calls that must fail, and with which kinds."""


@dataclass
class Soak:
    """An engine under way, and how its calls ended."""

    engine: Engine
    kernel: Kernel
    database: Database
    blobs: Blobs
    chances: random.Random
    kills: int
    """How many more workers may be killed."""
    stops: bool
    """Whether some are stopped instead, so that they only fall silent."""
    ends: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    """What was not as it should be."""

    def capability(self, user: str, type: str) -> CapabilityValue:
        """The user's root of a type."""
        held = next(each for each in self.kernel.bootstrap(user) if each.type == type)
        return CapabilityValue(self.kernel, user, held.id, type)

    def expect(self, holds: bool, fault: str) -> None:
        """Remember ``fault`` unless something holds."""
        if not holds:
            self.faults.append(fault)

    async def call(self, number: int, *, calm: bool) -> None:
        """Make one call, and see that it ends as it should."""
        chances = self.chances
        wrong: frozenset[str] = frozenset()
        (type, method, args) = chances.choice(SOUND)
        if chances.random() < 0.2:
            (type, method, args), wrong = chances.choice(UNSOUND)
        cap = self.capability(chances.choice(USERS), type)
        cancelled_at = None if calm or chances.random() > 0.15 else chances.randrange(4)
        disturbed_at = None if calm or chances.random() > 0.1 else 1

        def emit(kind: str, data: Mapping[str, object]) -> None:
            if kind == "progress" and data["step"] == cancelled_at:
                task.cancel()
            if kind == "progress" and data["step"] == disturbed_at:
                self.disturb()

        powers = Powers(
            time.time,
            random.Random(number),
            emit,
            {Grant: Grant(self.kernel, cap.holder, [cap.id]), Urgency: Urgency(number % 3)},
        )
        task = asyncio.create_task(cap.call(Run(Budget(), powers), method, args))
        if cancelled_at == 0:
            asyncio.get_running_loop().call_later(chances.random() / 5, task.cancel)
        error: ScriptError | None = None
        try:
            made = await task
        except asyncio.CancelledError:
            self.expect(cancelled_at is not None, f"call {number} was cancelled by nobody: {type}.{method}")
            self.ends["cancelled"] += 1
        except ScriptError as raised:
            error = raised
        else:
            self.expect(not wrong, f"call {number} should have failed: {type}.{method}{args}")
            self.ends["done"] += 1
            for each in made if isinstance(made, list) else [made]:
                if isinstance(each, Image):
                    size = Pillow.open(io.BytesIO(self.blobs.read(each.asset))).size
                    self.expect(size == (each.width, each.height), f"call {number} made a picture of another size")
        if error is not None:
            kind = error.kind if isinstance(error, HostFault) else "refused"
            allowed = wrong if calm else wrong | {"worker_crashed"}
            self.expect(kind in allowed, f"call {number} failed: {type}.{method}: {kind}: {error} {str(args)[-120:]}")
            self.ends[f"failed, {kind}"] += 1

    def disturb(self) -> None:
        """Kill a worker, or stop it, which it must be found at."""
        pids = [each.pid for each in self.engine.status().workers if each.pid is not None]
        if self.kills > 0 and pids:
            self.kills -= 1
            how = signal.SIGSTOP if self.stops and self.chances.random() < 0.2 else signal.SIGKILL
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.chances.choice(pids), how)
            self.ends["(workers killed or stopped)"] += 1

    async def many(self, first: int, count: int, *, calm: bool) -> None:
        """Make ``count`` calls, some at a time."""
        places = asyncio.Semaphore(AT_ONCE)

        async def one(number: int) -> None:
            async with places:
                await self.call(number, calm=calm)
            if number % 50 == 49:
                print(f"\r{number + 1} calls", end="", file=sys.stderr, flush=True)

        async with asyncio.TaskGroup() as group:
            for number in range(first, first + count):
                group.create_task(one(number))

    async def settle(self) -> None:
        """Nothing is reserved, nothing runs, nothing waits."""
        while self.engine.status().in_flight:  # noqa: ASYNC110 - a cancelled request ends at its next step
            await asyncio.sleep(0.01)
        with self.database.read() as tx:
            assert not tx.execute(text("SELECT sum(reserved) FROM account")).scalar()
            assert not tx.execute(text("SELECT count(*) FROM invocation WHERE state = 'running'")).scalar()

    def weights(self) -> dict[str, int]:
        """What must not grow: bytes held and descriptors, of this process and of the workers."""
        gc.collect()
        pids = [os.getpid(), *(each.pid for each in self.engine.status().workers if each.pid is not None)]
        found = {}
        for place, pid in enumerate(pids):
            found[f"descriptors of process {place}"] = len(os.listdir(f"/proc/{pid}/fd"))
            pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
            found[f"MiB of process {place}"] = pages * os.sysconf("SC_PAGE_SIZE") // MIB
        return found


@contextlib.contextmanager
def soaking(engine: Engine, models: ModelFolder, folder: Path, seed: int, *, kills: int, stops: bool) -> Iterator[Soak]:
    """What calls of ``engine`` need: a ledger and a place for pictures in ``folder``."""
    database, blobs, bits = Database("sqlite://"), Blobs(folder / "blobs"), random.Random(seed)
    registry = Registry([each(engine, models, blobs) for each in (Generate, Repaint, Upscale, Steer)])
    kernel = Kernel(database, registry, clock=time.time, token_bytes=bits.randbytes, key=bytes(32))
    try:
        yield Soak(engine, kernel, database, blobs, random.Random(seed), kills, stops)
    finally:
        database.close()


def write_models(folder: Path) -> None:
    """Models of every kind that the calls name, of the starter's weights and random ones."""
    from tests.engine import conftest as made

    made.make_model(folder / "tiny")
    made.make_model(folder / "enlarging", id="enlarging")
    made.widen(made.make_model(folder / "nine", id="nine"))
    made.spoil(made.make_model(folder / "spoilt", id="spoilt"))
    broken = made.make_model(folder / "broken", id="broken")
    (broken / "vae").unlink()
    (broken / "vae").mkdir()
    (broken / "vae" / "config.json").write_text("{}")
    made.make_controlnet(folder / "edges", control_type="canny", base="tiny")
    made.write_lora(folder / "lora" / "rough.safetensors", 1)
    write_upscaler(folder / "large" / "large.safetensors", 2)


def write_upscaler(file: Path, factor: int) -> None:
    """An upscaler that is called as its folder is."""
    from tests.engine import conftest as made

    file.parent.mkdir()
    made.write_upscaler(file, factor)
    facts = {"kind": "upscaler", "id": file.parent.name, "factor": factor, "file": file.name}
    (file.parent / "mintaka.json").write_text(json.dumps(facts))


async def soak(count: int, seed: int) -> Soak:
    """Make ``count`` calls in a storm, then a tenth as many in the calm after it; how they ended."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_models(folder / "models")
        models = ModelFolder([folder / "models"])
        engine = Engine(
            models,
            devices=("cpu", "cpu"),
            threads=1,
            environment={"TMPDIR": name, "PATH": os.environ.get("PATH", "")},
            silence_s=SILENCE_S,
            token_bytes=secrets.token_bytes,
        )
        try:
            with soaking(engine, models, folder, seed, kills=max(2, count // 60), stops=True) as run:
                await run.many(0, count, calm=False)
                await run.settle()
                calm = max(40, count // 10)
                await run.many(count, calm, calm=True)
                before = run.weights()
                await run.many(count + calm, calm, calm=True)
                await run.settle()
                after = run.weights()
                made = sum(number for end, number in run.ends.items() if not end.startswith("("))
                run.expect(made == count + 2 * calm, f"{made} ends of {count + 2 * calm} calls")
                print(file=sys.stderr)
                for what, now in after.items():
                    print(f"{what}: {before[what]}, {calm} calls later {now}")
                    most = before[what] + (4 if what.startswith("descriptors") else GROWTH_MIB)
                    run.expect(now <= most, f"{what} has grown")
                return run
        finally:
            await engine.close()


def main() -> None:
    """Run it and say how it went."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(10**9)
    print(f"seed {seed}")
    began = time.monotonic()
    run = asyncio.run(soak(count, seed))
    for end, number in sorted(run.ends.items()):
        print(f"{number:6} {end}")
    print(f"in {time.monotonic() - began:.0f} s")
    if run.faults:
        sys.exit("\n".join(run.faults))


if __name__ == "__main__":
    main()
