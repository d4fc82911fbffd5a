"""Finding models and reading what is said of them."""

import json
from pathlib import Path

import pytest

from mintaka.engine.errors import NoSuchModel
from mintaka.engine.models import BadModel, ModelFolder, read_model

INDEX = {
    "_class_name": "StableDiffusionPipeline",
    "_diffusers_version": "0.42.1",
    "requires_safety_checker": False,
    "safety_checker": [None, None],
    "unet": ["diffusers", "UNet2DConditionModel"],
    "text_encoder": ["transformers", "CLIPTextModel"],
}


def put(folder: Path, index: object = INDEX, sidecar: object = None) -> Path:
    folder.mkdir(parents=True)
    (folder / "model_index.json").write_text(json.dumps(index))
    if sidecar is not None:
        (folder / "mintaka.json").write_text(json.dumps(sidecar))
    return folder


def test_the_shipped_starter_model_is_found() -> None:
    from importlib.resources import files

    info = ModelFolder([Path(str(files("mintaka") / "models"))]).get("starter")
    assert info.native_size == (64, 64)
    assert info.title
    assert info.examples
    assert set(info.components) == {"scheduler", "text_encoder", "tokenizer", "unet", "vae"}


def test_a_model_without_a_sidecar_has_plain_defaults(tmp_path: Path) -> None:
    info = read_model(put(tmp_path / "plain"))
    assert (info.id, info.title, info.family) == ("plain", "plain", "sd")
    assert (info.size, info.native_size, info.scheduler, info.words) == ((512, 512), None, None, ())
    assert info.components == ("unet", "text_encoder")


def test_models_are_found_two_folders_deep_and_named_by_where_they_lie(tmp_path: Path) -> None:
    put(tmp_path / "a" / "near")
    put(tmp_path / "a" / "owner" / "name")
    put(tmp_path / "a" / "too" / "far" / "down")
    single = put(tmp_path / "b" / "single", sidecar={"id": "called"})
    (tmp_path / "a" / "empty").mkdir()
    folder = ModelFolder([tmp_path / "a", single, tmp_path / "missing"])
    assert [info.id for info in folder.list()] == ["near", "owner/name", "called"]
    assert folder.get("owner/name").path == tmp_path / "a" / "owner" / "name"


def test_of_two_models_with_one_id_the_first_counts(tmp_path: Path) -> None:
    first = put(tmp_path / "a" / "x", sidecar={"id": "same"})
    put(tmp_path / "b" / "y", sidecar={"id": "same"})
    assert ModelFolder([tmp_path / "a", tmp_path / "b"]).get("same").path == first


def test_an_unknown_model_names_the_nearest(tmp_path: Path) -> None:
    put(tmp_path / "starter")
    put(tmp_path / "dreamer")
    folder = ModelFolder([tmp_path])
    with pytest.raises(NoSuchModel, match="did you mean starter"):
        folder.get("strater")
    with pytest.raises(NoSuchModel, match="there are dreamer, starter"):
        folder.get("qqqqq")
    with pytest.raises(NoSuchModel, match="no models are installed"):
        ModelFolder([]).get("starter")


@pytest.mark.parametrize(
    ("sidecar", "said"),
    [
        ({"scheduler": "eulr"}, r"bad/mintaka\.json: `scheduler`: .*did you mean euler"),
        ({"steps": 0}, r"bad/mintaka\.json: `steps`: .*greater than or equal to 1"),
        ({"native_size": [64, "wide"]}, r"bad/mintaka\.json: `native_size\.1`: "),
        ({"enlarge": {"factor": 4}}, r"bad/mintaka\.json: `enlarge\.file`: Field required"),
        ({"enlarge": {"file": "gone.safetensors", "factor": 4}}, r"bad/mintaka\.json: `enlarge\.file`: .*not a file"),
        ({"enlarge": {"file": "../near/model_index.json", "factor": 4}}, r"`enlarge\.file`: .*not a file in the"),
        ({"latent_rgb": [[[1, 2]], [0, 0, 0]]}, r"bad/mintaka\.json: `latent_rgb\.0\.0\.2`: "),
        ([], r"bad/mintaka\.json: holds list, not an object"),
    ],
)
def test_a_wrong_sidecar_says_which_file_and_key(tmp_path: Path, sidecar: object, said: str) -> None:
    put(tmp_path / "near")
    put(tmp_path / "bad", sidecar=sidecar)
    folder = ModelFolder([tmp_path])
    with pytest.raises(BadModel, match=said):
        folder.get("bad")
    assert [info.id for info in folder.list()] == ["near"]
    assert len(folder.faults()) == 1


@pytest.mark.parametrize(
    ("index", "said"),
    [
        ({"_class_name": "AudioPipeline"}, r"bad/model_index\.json: `_class_name` is 'AudioPipeline'"),
        ({}, r"`_class_name` is None"),
        ({**INDEX, "unet": ["my_code", "Net"]}, r"`unet` is \['my_code', 'Net'\]; parts may come from diffusers"),
    ],
)
def test_a_pipeline_the_engine_does_not_run_or_trust_is_refused(tmp_path: Path, index: object, said: str) -> None:
    with pytest.raises(BadModel, match=said):
        read_model(put(tmp_path / "bad", index))


def test_a_file_that_is_not_json_is_named(tmp_path: Path) -> None:
    folder = put(tmp_path / "bad")
    (folder / "mintaka.json").write_text("{")
    with pytest.raises(BadModel, match=r"bad/mintaka\.json: is not JSON"):
        read_model(folder)
    (folder / "model_index.json").unlink()
    with pytest.raises(BadModel, match=r"bad/model_index\.json: cannot be read"):
        read_model(folder)
