"""LoRAs: where they are found, that they act as in stock pipelines, and that stacks do not disturb one another."""

import asyncio
import io
import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytest_asyncio
from PIL import Image
from safetensors.numpy import load_file, save_file

from mintaka.engine.errors import Unsupported
from mintaka.engine.models import BadModel, ModelFolder
from mintaka.engine.preparing import prepare
from mintaka.engine.requests import ImageToImage, Lora, Picture, TextToImage
from mintaka.engine.supervisor import Engine
from tests.engine.conftest import write_lora

pytestmark = pytest.mark.asyncio(loop_scope="session")

ROUGH, SPOKEN, FLOWING = Lora("rough", 0.8), Lora("spoken", 1.0), Lora("flowing", -0.5)

STACKS: Mapping[str, tuple[Lora, ...]] = {
    "none": (),
    "rough": (ROUGH,),
    "rough, less": (Lora("rough", 0.3),),
    "spoken": (SPOKEN,),
    "both": (SPOKEN, ROUGH),
    "flowing": (FLOWING,),
}

STOCK = """
import json, sys
import numpy as np, torch
from mintaka.engine.worker import torchvision_operators
torchvision_operators.make_importable()
import diffusers
torch.set_num_threads(1)
folder, loras, stacks, out = sys.argv[1], sys.argv[2], json.loads(sys.argv[3]), sys.argv[4]
pictures = {}
for name, stack in stacks.items():
    pipeline = diffusers.StableDiffusionPipeline.from_pretrained(folder, dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.scheduler = diffusers.DPMSolverMultistepScheduler.from_config(pipeline.scheduler.config)
    for lora, _ in stack:
        folder_of = loras + ("/flowing" if lora == "flowing" else "/lora")
        pipeline.load_lora_weights(folder_of, weight_name=lora + ".safetensors", adapter_name=lora)
    if stack:
        pipeline.set_adapters([lora for lora, _ in stack], [weight for _, weight in stack])
    pictures[name] = np.asarray(pipeline(
        "a red circle", negative_prompt="blue", num_inference_steps=4, guidance_scale=3.0, width=64, height=64,
        generator=torch.Generator("cpu").manual_seed(11)).images[0])
np.savez(out, **pictures)
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stock(model_folders: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, np.ndarray]:
    """Pictures of the stock pipeline, which has loaded only the LoRAs of that picture."""
    out = tmp_path_factory.mktemp("stock") / "stock.npz"
    stacks = json.dumps({name: [(each.name, each.weight) for each in stack] for name, stack in STACKS.items()})
    command = [sys.executable, "-c", STOCK, model_folders / "tiny", model_folders, stacks, out]
    await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True)
    with np.load(out) as pictures:
        return dict(pictures)


def pixels(picture: Picture) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(picture.data))).astype(int)


async def test_requests_of_different_loras_run_together_and_each_is_that_of_the_stock_pipeline_alone(
    engine: Engine, ask: Callable[..., TextToImage], stock: Mapping[str, np.ndarray]
) -> None:
    shared = {"negative_prompt": "blue", "steps": 4, "guidance_scale": 3.0, "seed": 11, "scheduler": "dpmpp_2m"}
    names = [*STACKS, *STACKS]  # twice, so that runs are also shared by requests of one stack
    drawn = await asyncio.gather(*(engine.run(ask(**shared, loras=STACKS[name]), lambda step: None) for name in names))
    for name, [picture] in zip(names, drawn, strict=True):
        assert np.abs(pixels(picture) - stock[name]).max() <= 1, name
    # The comparison can fail: what the LoRAs change is far more than that.
    for name in STACKS:
        others = [stock[other].astype(int) for other in STACKS if other != name]
        assert min(np.abs(stock[name] - other).max() for other in others) > 10, name


async def test_a_request_without_loras_gets_the_same_bytes_before_and_after_one_with(
    engine: Engine, ask: Callable[..., Any], photograph: bytes
) -> None:
    plain = ask(ImageToImage, image=photograph, strength=0.5)
    [before] = await engine.run(plain, lambda step: None)
    [changed] = await engine.run(ask(ImageToImage, image=photograph, strength=0.5, loras=(SPOKEN,)), lambda step: None)
    [after] = await engine.run(plain, lambda step: None)
    assert before.data == after.data
    assert np.abs(pixels(before) - pixels(changed)).max() > 10


async def test_the_receipt_names_the_loras(engine: Engine, ask: Callable[..., TextToImage]) -> None:
    [picture] = await engine.run(ask(loras=(ROUGH, FLOWING)), lambda step: None)
    text = Image.open(io.BytesIO(picture.data)).info
    assert text["parameters"].startswith("a red circle <lora:rough:0.8> <lora:flowing:-0.5>\n")
    assert json.loads(text["mintaka"])["loras"] == [
        {"name": "rough", "weight": 0.8},
        {"name": "flowing", "weight": -0.5},
    ]


async def test_a_lora_that_does_not_fit_is_refused_with_the_reason_and_leaves_nothing_behind(
    engine: Engine, model_folders: Path, ask: Callable[..., TextToImage]
) -> None:
    [before] = await engine.run(ask(), lambda step: None)
    good = load_file(model_folders / "lora" / "rough.safetensors")
    first = next(iter(good))
    place = model_folders / "lora" / "unfit"
    place.mkdir(exist_ok=True)
    save_file({**good, first: np.ones((4, 7), np.float32)}, place / "narrow.safetensors")
    save_file({"unet.no_such.layer.lora_A.weight": np.ones((4, 7), np.float32)}, place / "foreign.safetensors")
    save_file({"transformer.x.lora_A.weight": np.ones((4, 7), np.float32)}, place / "other.safetensors")
    (place / "broken.safetensors").write_bytes(b"{}")
    save_file({}, place / "empty.safetensors")
    save_file({name: np.ones((3, 3), np.float32) for name in ("a", "b")}, place / "none.safetensors")
    for name, why in (
        ("narrow", "expects 7 channels"),
        ("foreign", "“no_such.layer”, which the model has not"),
        ("other", "“transformer”, which the model has not"),
        ("broken", "cannot be read"),
        ("empty", "nothing in it"),
        ("none", "“a”, which the model has not"),
    ):
        with pytest.raises(Unsupported, match=f"the LoRA unfit/{name} does not fit the model tiny: .*{why}"):
            await engine.run(ask(loras=(ROUGH, Lora(f"unfit/{name}"))), lambda step: None)
    [after] = await engine.run(ask(), lambda step: None)
    assert after.data == before.data


async def test_loras_lie_in_folders_called_lora_and_in_folders_that_say_so(tmp_path: Path) -> None:
    write_lora(tmp_path / "lora" / "a.safetensors", 1)
    write_lora(tmp_path / "lora" / "deep" / "b.safetensors", 1)
    (tmp_path / "lora" / "pickle.pt").write_bytes(b"not opened")
    write_lora(tmp_path / "own" / "file.safetensors", 1)
    told = {"kind": "lora", "id": "mine", "title": "Mine", "for": "starter", "file": "file.safetensors"}
    (tmp_path / "own" / "mintaka.json").write_text(json.dumps(told))
    for name, bad in (("outside", "../own/file.safetensors"), ("pickled", "file.pt")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file.pt").write_bytes(b"not opened")
        (tmp_path / name / "mintaka.json").write_text(json.dumps({"kind": "lora", "file": bad}))
    folder = ModelFolder([tmp_path])
    assert [each.id for each in folder.loras()] == ["a", "deep/b", "mine"]
    assert folder.lora("mine").base == "starter"
    assert len(folder.faults()) == 3
    with pytest.raises(BadModel, match=r"the LoRA pickle\.pt is a pickle"):
        folder.lora("pickle")
    before = folder.snapshot()
    assert folder.snapshot() is before
    write_lora(tmp_path / "lora" / "new.safetensors", 1)
    assert folder.snapshot().revision != before.revision


@pytest.mark.parametrize(
    ("loras", "why"),
    [
        ((Lora("nothing"),), "no LoRA called “nothing”"),
        ((ROUGH, Lora("rough", 0.1)), "named twice"),
        ((Lora("rough", 10.5),), "out of range"),
        ((Lora("rough", float("nan")),), "out of range"),
        (tuple(Lora(f"l{i}") for i in range(9)), "too many"),
    ],
)
async def test_what_no_stack_can_be_is_refused_before_a_worker_is_asked(
    ask: Callable[..., TextToImage], model_folders: Path, loras: tuple[Lora, ...], why: str
) -> None:
    with pytest.raises(Unsupported, match=why):
        prepare(ask(loras=loras), ModelFolder([model_folders]))
