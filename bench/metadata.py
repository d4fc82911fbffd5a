"""How long a client waits for what its capabilities accept, with many models and many capabilities.

    .venv/bin/python bench/metadata.py [--models 5000] [--capabilities 200]

A folder of models as small as they may be, and a holder of as many capabilities, each under restrictions of its own.
Told are the parts of an answer, each the quickest of several, in CPU milliseconds, and the whole beside the aim.
"""

import argparse
import json
import secrets
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

from mintaka.capabilities import types
from mintaka.capabilities.files import Folders
from mintaka.capabilities.kernel import Kernel
from mintaka.capabilities.metadata import Metadata
from mintaka.capabilities.terms import Terms
from mintaka.engine.models import ModelFolder
from mintaka.server.rpc import encode_json
from mintaka.storage.database import Database

AIM_MS = 100.0
HOLDER = "holder"
UNUSED = ("engine", "blobs", "resolve", "transport", "entity_space", "endpoint_space")
"""Powers that nothing which is measured uses."""


def write_models(folder: Path, count: int) -> list[str]:
    """So many folders that look like models; their ids."""
    names = [f"model-{number:05d}" for number in range(count)]
    for name in names:
        (folder / name).mkdir(parents=True)
        (folder / name / "model_index.json").write_text('{"_class_name": "StableDiffusionPipeline"}')
        facts = {"title": f"The model {name}", "description": "Draws.", "size": [512, 512], "steps": 20}
        (folder / name / "mintaka.json").write_text(json.dumps(facts))
    return names


def hand_out(kernel: Kernel, names: list[str], count: int) -> None:
    """Give the holder so many capabilities, no two alike."""
    root = next(each for each in kernel.bootstrap("owner") if each.type == "diffusers.generate")
    kernel.introduce(HOLDER)
    dice = Random(1)
    for number in range(count):
        restrictions: dict[str, object] = {"max_width": 64 + 8 * number, "max_steps": 1 + number % 50}
        if number % 2:
            restrictions["allowed_models"] = dice.sample(names, min(len(names), 10))
        kernel.share("owner", root.id, HOLDER, Terms(restrictions))


def quickest(work: Callable[[], Any], times: int = 5) -> float:
    """CPU milliseconds of the quickest of several runs."""
    taken = []
    for _ in range(times):
        begun = time.process_time()
        work()
        taken.append(time.process_time() - begun)
    return min(taken) * 1000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=5000)
    parser.add_argument("--capabilities", type=int, default=200)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        names = write_models(Path(place) / "models", given.models)
        models = ModelFolder([Path(place) / "models"])
        powers = {"models": models, "folders": Folders({})}
        registry = types.registry({**dict.fromkeys(UNUSED, SimpleNamespace(blobs=None)), **powers})
        database = Database(f"sqlite:///{place}/mintaka.db")
        kernel = Kernel(
            database, registry, clock=time.time, token_bytes=secrets.token_bytes, key=secrets.token_bytes(32)
        )
        hand_out(kernel, names, given.capabilities)
        report(kernel, models, Metadata(registry))
        database.close()


def report(kernel: Kernel, models: ModelFolder, metadata: Metadata) -> None:
    """Print the parts and the whole."""
    cold = quickest(models.snapshot, times=1)
    held = kernel.held(HOLDER)
    first = quickest(lambda: metadata.document(held), times=1)
    document = metadata.document(held)
    parts = {
        "look whether models changed": quickest(models.snapshot),
        "read what is held": quickest(lambda: kernel.held(HOLDER)),
        "revision alone, of what is held": quickest(lambda: metadata.revision(held)),
        "document, of what is held": quickest(lambda: metadata.document(held)),
        "write it as JSON": quickest(lambda: encode_json(document)),
        "the list, and as JSON": quickest(lambda: encode_json(metadata.listing(held))),
    }
    print(f"{len(models.list())} models, {len(held)} capabilities, {len(encode_json(document)) / 1e6:.2f} MB of JSON\n")
    print(f"{cold:8.1f} ms  all models read for the first time")
    print(f"{first:8.1f} ms  first document after a change of the models")
    for name, taken in parts.items():
        print(f"{taken:8.1f} ms  {name}")
    whole = quickest(lambda: encode_json(metadata.document(kernel.held(HOLDER))))
    print(f"\n{whole:8.1f} ms  served whole; the aim is {AIM_MS:g} ms")
    unchanged = quickest(lambda: metadata.revision(kernel.held(HOLDER)))
    print(f"{unchanged:8.1f} ms  served to who has it already: unchanged")


if __name__ == "__main__":
    main()
