"""Drawing that other pictures steer, by a real worker with small ControlNets, and making such pictures."""

import asyncio
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mintaka.engine.controls import ControlType, PreprocessOptions, find
from mintaka.engine.errors import BadImage, NoSuchModel, Unsupported
from mintaka.engine.models import BadModel, ModelFolder
from mintaka.engine.models.controlnets import misfit
from mintaka.engine.requests import Control, Controlled, Picture, Preprocess, Step
from mintaka.engine.supervisor import Engine
from mintaka.engine.worker.loading import load_controlnet
from tests.engine.conftest import make_controlnet, make_model, png

pytestmark = pytest.mark.asyncio(loop_scope="session")

Ask = Callable[..., Any]


def unseen(step: Step) -> None:
    """For a test that does not look at the steps."""


def pixels(picture: Picture) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(picture.data))).astype(int)


def lines(side: int = 64) -> bytes:
    drawn = np.zeros((side, side, 3), np.uint8)
    drawn[side // 4, side // 4 : side // 2] = drawn[side // 4 : side // 2, side // 4] = 255
    return png(drawn)


@pytest.fixture
def controlled(ask: Ask) -> Ask:
    """A request steered by one control, changed; ``controls`` are changes of as many controls."""

    def made(*controls: dict[str, Any], **changes: Any) -> Controlled:
        each = [Control(**{"controlnet": "edges", "image": lines(), **control}) for control in controls or ({},)]
        made: Controlled = ask(Controlled, controls=tuple(each), **changes)
        return made

    return made


async def drawn(engine: Engine, *requests: Controlled) -> list[np.ndarray]:
    return [pixels(each) for [each] in await asyncio.gather(*(engine.run(request, unseen) for request in requests))]


async def test_a_control_steers_by_its_strength_its_picture_and_while_it_is_on(engine: Engine, controlled: Ask) -> None:
    plain, on, weak, other, early, late, two = await drawn(
        engine,
        controlled({"strength": 0}),
        controlled(),
        controlled({"strength": 0.2}),
        controlled({"image": png(np.zeros((64, 64, 3)))}),
        controlled({"end": 0.5}),
        controlled({"start": 0.5}),
        controlled({}, {"controlnet": "nameless", "strength": 0.5}),
    )
    seen = [plain, on, weak, other, early, late, two]
    assert len({each.tobytes() for each in seen}) == len(seen)
    assert np.abs(weak - plain).mean() < np.abs(on - plain).mean()


async def test_a_second_control_of_no_strength_changes_nothing(engine: Engine, controlled: Ask) -> None:
    one, two = await drawn(engine, controlled(), controlled({}, {"controlnet": "nameless", "strength": 0}))
    assert np.abs(one - two).max() <= 1


async def test_the_receipt_tells_the_controls_by_the_hash_of_their_pictures(engine: Engine, controlled: Ask) -> None:
    [picture] = await engine.run(controlled({"strength": 0.5}), unseen)
    [control] = json.loads(Image.open(io.BytesIO(picture.data)).text["mintaka"])["controls"]  # type: ignore[attr-defined]
    assert (control["controlnet"], control["strength"], control["preprocess"]) == ("edges", 0.5, None)
    assert len(control["image"]) == 64


async def test_large_lines_steer_as_the_same_lines_drawn_at_the_models_size(engine: Engine, controlled: Ask) -> None:
    small, large = await drawn(engine, controlled(), controlled({"image": png(np.kron(_array(lines()), _BLOCK))}))
    assert np.abs(small.astype(int) - large).max() <= 1  # they may share only some of their runs


_BLOCK = np.ones((4, 4, 1), np.uint8)


def _array(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


async def test_what_is_made_of_a_picture_first_steers_as_it_does_when_made_apart(
    engine: Engine, controlled: Ask, photograph: bytes
) -> None:
    [edges] = await engine.run(preprocess(photograph, ControlType.CANNY), unseen)
    apart, at_once = await drawn(
        engine, controlled({"image": edges.data}), controlled({"image": photograph, "preprocess": ControlType.CANNY})
    )
    assert np.abs(apart - at_once).max() <= 1  # they shared runs, which take sums in another order


def preprocess(image: bytes, kind: ControlType, side: int = 64, **options: Any) -> Preprocess:
    return Preprocess(
        id="test", image=image, control_type=kind, width=side, height=side, options=PreprocessOptions(**options)
    )


async def test_edges_lie_where_colours_change_and_only_there(engine: Engine, photograph: bytes) -> None:
    canny, scribble, soft, tile = [
        pixels(picture)
        for kind in ("canny", "scribble", "softedge", "tile")
        for [picture] in [await engine.run(preprocess(photograph, ControlType(kind)), unseen)]
    ]
    y, x = np.mgrid[:64, :64]
    circle = abs(np.hypot(x - 36, y - 32) - 300**0.5)
    near = (circle < 2.5) | (abs(x - 11.5) < 2.5)
    assert set(np.unique(canny)) == set(np.unique(scribble)) == {0, 255}
    assert not canny[~near].any()
    assert canny[circle < 1].any(-1).mean() > 0.5
    assert (scribble > 0).mean() > 1.5 * (canny > 0).mean()
    assert soft[circle < 0.7].mean() > 3 * soft[circle > 4].mean()
    assert np.abs(tile - _array(photograph)).mean() < 20
    assert not np.array_equal(tile, _array(photograph))


async def test_a_control_picture_is_as_large_as_what_it_is_made_from(engine: Engine, photograph: bytes) -> None:
    large = png(np.kron(_array(photograph), _BLOCK))
    [picture] = await engine.run(preprocess(large, ControlType.CANNY), unseen)
    assert (picture.width, picture.height, picture.seed) == (256, 256, None)
    assert "looked at 64 × 64" in picture.notes[0]
    assert (pixels(picture)[::4, ::4] == 255).any()


async def test_thresholds_say_which_edges_count(engine: Engine, photograph: bytes) -> None:
    strict = preprocess(photograph, ControlType.CANNY, low_threshold=255, high_threshold=5000)
    [picture] = await engine.run(strict, unseen)
    assert not pixels(picture).any()


@pytest.mark.parametrize("kind", [ControlType.DEPTH, ControlType.POSE])
async def test_what_nothing_here_makes_is_refused_and_says_what_is_missing(
    engine: Engine, controlled: Ask, photograph: bytes, kind: ControlType
) -> None:
    for request in (preprocess(photograph, kind), controlled({"preprocess": kind})):
        with pytest.raises(Unsupported, match=f"control pictures of type {kind} cannot be made: nothing here"):
            await engine.run(request, unseen)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"strength": 2.5}, "a strength of 2.5 is out of range"),
        ({"start": 0.5, "end": 0.5}, "a control from 0.5 to 0.5 steers nothing"),
        ({"end": 1.5}, "a control from 0 to 1.5 steers nothing"),
    ],
)
async def test_a_control_out_of_range_is_refused(
    engine: Engine, controlled: Ask, change: dict[str, Any], why: str
) -> None:
    with pytest.raises(Unsupported, match=why):
        await engine.run(controlled(change), unseen)


async def test_a_mask_without_a_picture_and_one_of_another_size_are_refused(
    engine: Engine, controlled: Ask, photograph: bytes
) -> None:
    with pytest.raises(Unsupported, match="a mask says what of a picture is repainted, and there is none"):
        await engine.run(controlled(mask=lines()), unseen)
    with pytest.raises(Unsupported, match="the picture is 64 × 64, and 96 × 64 was asked for"):
        await engine.run(controlled(init_image=photograph, mask=lines(), width=96), unseen)


async def test_bad_pictures_and_unknown_controlnets_are_refused(engine: Engine, controlled: Ask) -> None:
    with pytest.raises(BadImage):
        await engine.run(controlled({"image": b"no picture"}), unseen)
    with pytest.raises(BadImage):
        await engine.run(controlled({"image": lines()[:-30]}), unseen)
    with pytest.raises(NoSuchModel, match=r"no ControlNet called “edge”; there are (starter-[a-z]+, )*edges, nameless"):
        await engine.run(controlled({"controlnet": "edge"}), unseen)


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("cross_attention_dim", 768, "its `cross_attention_dim` is 768, and that of the model tiny is 128"),
        ("block_out_channels", [320, 640], r"its `block_out_channels` is \[320, 640\]"),
        ("in_channels", 16, "it reads latents of 16 channels, and those of the model tiny have 4"),
        ("addition_embed_type", "text_time", "it reads text_time embeddings, which the model tiny has not"),
        ("conditioning_embedding_out_channels", [16, 32, 96, 256], "it makes its picture 8 times smaller"),
    ],
)
async def test_a_controlnet_of_another_shape_does_not_fit_and_says_why(
    tmp_path: Path, controlled: Ask, key: str, value: object, why: str
) -> None:
    config = make_controlnet(tmp_path / "edges") / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), key: value}))
    make_model(tmp_path / "tiny")
    engine = Engine(ModelFolder([tmp_path]), threads=1, log=print, token_bytes=bytes)
    with pytest.raises(Unsupported, match=f"the ControlNet edges cannot steer the model tiny: {why}"):
        await engine.run(controlled(), unseen)
    await engine.close()


async def test_controlnets_are_found_beside_models_by_what_their_folders_say(tmp_path: Path) -> None:
    make_model(tmp_path / "tiny")
    make_controlnet(tmp_path / "nets" / "plain")
    make_controlnet(tmp_path / "edges", id="my-edges", control_type="Soft Edge", base="tiny", title="Edges")
    (tmp_path / "words").mkdir()
    (tmp_path / "words" / "config.json").write_text('{"architectures": ["CLIPTextModel"]}')
    folder = ModelFolder([tmp_path])
    before = folder.snapshot().revision
    told = [(each.id, each.title, each.control_type) for each in folder.controlnets()]
    assert told == [("my-edges", "Edges", ControlType.SOFTEDGE), ("nets/plain", "nets/plain", None)]
    assert [each.id for each in folder.list()] == ["tiny"]
    assert [misfit(each, folder.get("tiny")) for each in folder.controlnets()] == [None, None]
    assert folder.faults() == ()
    (tmp_path / "edges" / "mintaka.json").write_text('{"control_type": "smell"}')
    assert folder.snapshot().revision != before
    with pytest.raises(BadModel, match=r"edges/mintaka\.json: `control_type`: .*there is no control type “smell”"):
        folder.controlnet("edges")


async def test_a_pickled_controlnet_is_not_loaded(tmp_path: Path, controlled: Ask) -> None:
    folder = make_controlnet(tmp_path / "edges")
    (folder / "diffusion_pytorch_model.safetensors").rename(folder / "diffusion_pytorch_model.bin")
    make_model(tmp_path / "tiny")
    with pytest.raises(BadModel, match=r"edges/diffusion_pytorch_model\.bin is a pickle"):
        load_controlnet(ModelFolder([tmp_path]).controlnet("edges"), "cpu")


async def test_types_are_known_by_their_names_in_other_programs() -> None:
    assert [find(name) for name in ("Canny", "HED", "soft_edge", "OpenPose", "TILE")] == [
        ControlType.CANNY,
        ControlType.SOFTEDGE,
        ControlType.SOFTEDGE,
        ControlType.POSE,
        ControlType.TILE,
    ]
    assert find("smell") is None
