"""One walk finds all there is to draw with, by kind."""

import json
import os
from pathlib import Path

import pytest

from mintaka.engine.errors import NoSuchModel, Unsupported
from mintaka.engine.models import BadModel, ModelFolder
from mintaka.engine.models.finding import Place
from mintaka.engine.models.kinds import Kind

INDEX = json.dumps({"_class_name": "StableDiffusionPipeline", "unet": ["diffusers", "UNet2DConditionModel"]})


def put(file: Path, text: str = "", sidecar: object = None) -> Path:
    """A file, and beside it, or in its folder where it says what that is, a sidecar."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    if sidecar is not None:
        name = "mintaka.json" if file.suffix == ".json" else f"{file.stem}.json"
        (file.parent / name).write_text(json.dumps(sidecar))
    return file


def ids(folder: ModelFolder) -> dict[str, list[str]]:
    """All that was found, by kind."""
    snapshot = folder.snapshot()
    return {kind.value: [each.id for each in snapshot.of(kind)] for kind in Kind if snapshot.of(kind)}


def everything(root: Path) -> dict[str, list[str]]:
    """Put one or two of each kind below ``root``; their ids."""
    put(root / "stable-diffusion" / "owner" / "name" / "model_index.json", INDEX)
    put(root / "loose" / "model_index.json", INDEX, {"id": "called"})
    put(root / "controlnet" / "edges" / "config.json", '{"_class_name": "ControlNetModel"}')
    put(root / "lora" / "deep" / "soft.safetensors", sidecar={"title": "Softly", "for": "loose"})
    put(root / "esrgan" / "x4.safetensors", sidecar={"factor": 4})
    put(root / "embeddings" / "charm.safetensors")
    put(root / "vae" / "mse" / "config.json", '{"_class_name": "AutoencoderKL"}')
    put(root / "vae" / "plain.safetensors")
    put(root / "text-encoder" / "long" / "config.json", '{"architectures": ["CLIPTextModel"]}')
    put(root / "told" / "file.safetensors")
    put(root / "told" / "mintaka.json", '{"kind": "embedding", "id": "told"}')
    put(root / ".half" / "model_index.json", INDEX)
    return {
        "model": ["called", "owner/name"],
        "controlnet": ["edges"],
        "lora": ["deep/soft"],
        "upscaler": ["x4"],
        "embedding": ["charm", "told"],
        "vae": ["mse", "plain"],
        "text-encoder": ["long"],
    }


def test_each_kind_lies_in_a_folder_of_its_own_or_says_what_it_is(tmp_path: Path) -> None:
    expected = everything(tmp_path)
    folder = ModelFolder([tmp_path])
    assert ids(folder) == expected
    assert folder.faults() == ()
    assert (folder.lora("deep/soft").title, folder.lora("deep/soft").base) == ("Softly", "loose")
    assert folder.upscaler("x4.safetensors").factor == 4
    assert folder.embedding("charm.safetensors").path == tmp_path / "embeddings" / "charm.safetensors"
    assert folder.snapshot().part(Kind.VAE, "mse").path == tmp_path / "vae" / "mse"


def test_a_folder_of_one_kind_is_what_it_is_given_as(tmp_path: Path) -> None:
    put(tmp_path / "models" / "Lora" / "sub" / "a.safetensors")
    put(tmp_path / "models" / "checkpoints" / "name" / "model_index.json", INDEX)
    places = [Place(tmp_path / "models" / "Lora", Kind.LORA), Place(tmp_path / "models" / "checkpoints", Kind.MODEL)]
    assert ids(ModelFolder(places)) == {"model": ["name"], "lora": ["sub/a"]}


def test_nothing_is_read_again_or_anew_while_nothing_changes(tmp_path: Path) -> None:
    everything(tmp_path)
    folder = ModelFolder([tmp_path])
    before = folder.snapshot()
    assert folder.snapshot() is before
    os.utime(tmp_path / "lora" / "deep" / "soft.json", ns=(1, 1))
    put(tmp_path / "lora" / "deep" / "soft.safetensors", sidecar={"title": "Hard"})
    after = folder.snapshot()
    assert after.revision != before.revision
    assert after.lora("deep/soft").title == "Hard"


@pytest.mark.parametrize(
    ("where", "kind"),
    [("lora", Kind.LORA), ("embeddings", Kind.EMBEDDING), ("esrgan", Kind.UPSCALER), ("vae", Kind.VAE)],
)
def test_a_pickle_of_any_kind_is_named_and_how_to_convert_it(tmp_path: Path, where: str, kind: Kind) -> None:
    put(tmp_path / where / "old.pt")
    put(tmp_path / where / "both.pt")
    put(tmp_path / where / "both.safetensors")
    folder = ModelFolder([tmp_path])
    snapshot = folder.snapshot()
    get = {
        Kind.LORA: snapshot.lora,
        Kind.EMBEDDING: snapshot.embedding,
        Kind.UPSCALER: snapshot.upscaler,
        Kind.VAE: lambda name: snapshot.part(Kind.VAE, name),
    }[kind]
    for name in ("old", "old.pt"):
        with pytest.raises(BadModel, match=rf"the {kind.noun} old\.pt is a pickle, which can run any code") as raised:
            get(name)
        assert "weights_only=True" in str(raised.value.hint)
    assert len(folder.faults()) == 1
    assert ids(folder) == {kind.value: ["both"]}
    with pytest.raises((Unsupported, NoSuchModel), match=f"there is no {kind.noun} called “none”"):
        get("none")


@pytest.mark.parametrize(
    ("sidecar", "said"),
    [
        ({"kind": "smell"}, r"x/mintaka\.json: `kind`: "),
        ({"title": "X"}, r"x/mintaka\.json: `kind` is to say what this is"),
        ({"kind": "vae"}, r"x/mintaka\.json: `file` is to name one file of the folder"),
        ({"kind": "lora", "file": "../x/a.safetensors"}, r"`file` is to name one file of the folder"),
        ({"kind": "embedding", "file": "b.pt"}, r"the embedding x/b\.pt is a pickle"),
    ],
)
def test_a_folder_that_says_nothing_useful_of_itself_is_a_fault(tmp_path: Path, sidecar: object, said: str) -> None:
    put(tmp_path / "x" / "a.safetensors")
    put(tmp_path / "x" / "b.pt")
    put(tmp_path / "x" / "c.safetensors")
    put(tmp_path / "x" / "mintaka.json", json.dumps(sidecar))
    folder = ModelFolder([tmp_path])
    [fault] = folder.faults()
    with pytest.raises(BadModel, match=said):
        raise fault
    with pytest.raises(BadModel):
        folder.get("x")


def test_an_alias_is_another_id_of_a_model(tmp_path: Path) -> None:
    put(tmp_path / "mine" / "model_index.json", INDEX)
    folder = ModelFolder([tmp_path], {"runwayml/stable-diffusion-v1-5": "mine", "old": "gone"})
    assert folder.get("runwayml/stable-diffusion-v1-5").id == "mine"
    assert (folder.resolve("old"), folder.resolve("mine")) == ("gone", "mine")
    with pytest.raises(NoSuchModel, match="there is no model called “old”; there are mine"):
        folder.get("old")
    assert folder.snapshot().revision != ModelFolder([tmp_path]).snapshot().revision
