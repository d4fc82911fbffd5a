"""Faces found, cut out upright, restored by a face model and put back."""

import asyncio
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytest_asyncio
import torch
from PIL import Image
from safetensors.torch import save_file

from mintaka.engine.errors import BadImage, NoSuchModel, Unsupported
from mintaka.engine.models.info import BadModel
from mintaka.engine.requests import FaceRestore, Step
from mintaka.engine.supervisor import Engine
from mintaka.engine.worker import faces
from mintaka.engine.worker.faces import SIDE, Face
from tests.engine.conftest import png, write_upscaler
from tests.engine.test_steering_by_pictures import pixels, unseen


@pytest.fixture(scope="module")
def portrait() -> Image.Image:
    """An astronaut, as NASA gave her picture to the public domain; it comes with scikit-image."""
    from skimage.data import astronaut

    return Image.fromarray(astronaut()[:256, 96:352]).resize((128, 128), Image.Resampling.BOX)


def file_of(image: Image.Image) -> bytes:
    return png(np.asarray(image))


@pytest.mark.parametrize("lean", [0, 20, -40])
def test_a_face_is_found_however_it_leans_and_cut_out_upright(portrait: Image.Image, lean: int) -> None:
    leaning = portrait.rotate(-lean, Image.Resampling.BICUBIC)  # Pillow turns against the clock
    [face] = faces.find(leaning, 4)
    [straight] = faces.find(portrait, 4)
    turn = np.radians(lean)
    dx, dy = straight.x - 64, straight.y - 64
    expected = (64 + dx * np.cos(turn) - dy * np.sin(turn), 64 + dx * np.sin(turn) + dy * np.cos(turn))
    assert face.angle == lean
    assert np.hypot(face.x - expected[0], face.y - expected[1]) < straight.side / 8
    assert abs(face.side / straight.side - 1) < 0.25


def test_where_there_is_no_face_none_is_found(portrait: Image.Image) -> None:
    assert faces.find(Image.new("RGB", (200, 100), (200, 150, 130)), 4) == []
    assert faces.find(Image.new("RGB", (9, 9)), 4) == []
    assert faces.find(portrait, 0) == []


@pytest.mark.parametrize("face", [Face(64, 60, 65, 0), Face(45, 70, 50, 25), Face(64, 64, 700, -10)])
def test_a_face_that_is_put_back_as_it_was_cut_out_changes_next_to_nothing(portrait: Image.Image, face: Face) -> None:
    picture = portrait.copy()
    faces.put_back(picture, face, faces.cut(portrait, face), 1)
    changed = np.abs(np.asarray(picture).astype(int) - np.asarray(portrait)).mean()
    assert changed < (3 if face.side < SIDE else 7)  # a larger one is reduced to what a face model takes


def test_what_lies_outside_keeps_its_bits_and_strength_says_how_much_counts(portrait: Image.Image) -> None:
    face = Face(64, 60, 60, 30)
    black = Image.new("RGB", (SIDE, SIDE))
    whole, half, none = portrait.copy(), portrait.copy(), portrait.copy()
    for picture, strength in ((whole, 1.0), (half, 0.5), (none, 0.0)):
        faces.put_back(picture, face, black, strength)
    before = np.asarray(portrait).astype(int)
    y, x = np.mgrid[:128, :128]
    turn = np.radians(30)
    across = (x - 64) * np.cos(turn) + (y - 60) * np.sin(turn)
    down = (y - 60) * np.cos(turn) - (x - 64) * np.sin(turn)
    outside = np.maximum(abs(across), abs(down)) > 31
    assert np.array_equal(np.asarray(whole)[outside], before[outside])
    assert np.asarray(whole)[60, 64].max() == 0
    assert np.abs(np.asarray(half)[60, 64] - before[60, 64] / 2).max() <= 1
    assert np.array_equal(np.asarray(none), before)
    # It fades from nothing to all of it.
    share = faces._share()
    assert (share.getpixel((0, SIDE // 2)), share.getpixel((SIDE // 2, SIDE // 2))) == (0, 255)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def face_model(model_folders: Path) -> str:
    """A RestoreFormer of random weights, as narrow as one can be."""
    from spandrel.architectures.RestoreFormer import RestoreFormer

    torch.manual_seed(3)
    model = RestoreFormer(n_embed=8, embed_dim=32, ch=32, ch_mult=(1,) * 6, num_res_blocks=1, z_channels=32)
    folder = model_folders / "facerestore"
    folder.mkdir(exist_ok=True)
    save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, folder / "narrow.safetensors")
    write_upscaler(folder / "upscaler.safetensors", 2)
    return "narrow"


def asked(image: bytes, model: str, **changes: Any) -> FaceRestore:
    return FaceRestore(**{"id": "test", "image": image, "model": model, "strength": 1.0, "faces": 4, **changes})


@pytest.mark.asyncio(loop_scope="session")
async def test_a_face_model_makes_the_face_anew_and_nothing_else(
    engine: Engine, face_model: str, portrait: Image.Image
) -> None:
    steps: list[Step] = []
    layer = portrait.convert("RGBA")
    layer.putalpha(Image.linear_gradient("L").resize(layer.size))
    [made] = await engine.run(asked(file_of(layer), face_model, strength=0.8), steps.append)
    before, after = np.asarray(layer).astype(int), pixels(made)
    [face] = faces.find(portrait, 1)
    y, x = np.mgrid[:128, :128]
    outside = np.maximum(abs(x - face.x), abs(y - face.y)) > face.side / 2 + 1
    assert np.array_equal(after[outside], before[outside])
    assert np.array_equal(after[..., 3], before[..., 3])
    assert np.abs(after - before)[int(face.y), int(face.x), :3].max() > 5
    assert [(each.step, each.steps) for each in steps] == [(1, 1)]
    assert made.notes == ("1 face restored",)


@pytest.mark.asyncio(loop_scope="session")
async def test_without_a_face_or_a_model_for_faces_it_is_said(
    engine: Engine, face_model: str, portrait: Image.Image, photograph: bytes
) -> None:
    refused = await asyncio.gather(
        engine.run(asked(photograph, face_model), unseen),
        engine.run(asked(file_of(portrait), "nobody"), unseen),
        engine.run(asked(file_of(portrait), "upscaler"), unseen),
        engine.run(asked(file_of(portrait), face_model, faces=17), unseen),
        engine.run(asked(file_of(portrait), face_model, strength=2), unseen),
        return_exceptions=True,
    )
    assert [type(each) for each in refused] == [BadImage, NoSuchModel, BadModel, Unsupported, Unsupported]
    said = [getattr(each, "message", "") for each in refused]
    assert "no face was found in the picture" in said[0]
    assert "there is no face model called “nobody”; there are narrow, upscaler" in said[1]
    assert "the file upscaler.safetensors does not restore faces" in said[2]
    assert Image.open(io.BytesIO(photograph)).size == (64, 64)
