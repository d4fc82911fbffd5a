"""Folders of other programs, as ComfyUI's ``extra_model_paths.yaml`` names them."""

from pathlib import Path

import pytest

from mintaka.engine.models.finding import Place
from mintaka.engine.models.kinds import Kind
from mintaka.server.extra_paths import extra_places
from mintaka.server.places import model_folder
from mintaka.server.settings import BadSettings, Settings

FILE = """
a1111:
    base_path: webui/
    checkpoints: models/Stable-diffusion
    configs: models/Stable-diffusion
    loras: |
         models/Lora
         models/LyCORIS  # older

nothing:
comfyui:
    base_path: $COMFY
    is_default: true
    clip: models/clip/
    text_encoders: /elsewhere/text
    upscale_models: ~/up
"""


def test_every_section_names_folders_by_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMFY", "/srv/comfy")
    monkeypatch.setenv("HOME", "/home/ann")
    file = tmp_path / "extra_model_paths.yaml"
    file.write_text(FILE)
    assert extra_places(file) == [
        Place(Path("/srv/comfy/models/clip"), Kind.TEXT_ENCODER),
        Place(Path("/elsewhere/text"), Kind.TEXT_ENCODER),
        Place(Path("/home/ann/up"), Kind.UPSCALER),
        Place(tmp_path / "webui/models/Stable-diffusion", Kind.MODEL),
        Place(tmp_path / "webui/models/Lora", Kind.LORA),
        Place(tmp_path / "webui/models/LyCORIS", Kind.LORA),
    ]


def test_what_lies_there_is_found_after_ones_own_folders(tmp_path: Path) -> None:
    file = tmp_path / "extra_model_paths.yaml"
    file.write_text(FILE.replace("$COMFY", "/nowhere"))
    for place in ("webui/models/LyCORIS/sub/there.safetensors", "own/lora/here.safetensors"):
        (tmp_path / place).parent.mkdir(parents=True)
        (tmp_path / place).write_bytes(b"")
    settings = Settings(models=(tmp_path / "own",), extra_model_paths=(file,))
    assert [each.id for each in model_folder(settings).loras()][:2] == ["here", "sub/there"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, r"extra_model_paths cannot be used: .*paths\.yaml cannot be read: no such file"),
        ("a: [", r"paths\.yaml is not YAML: "),
        ("- a", "is to hold sections"),
        ("a1111: models", "the section a1111 is to hold paths"),
        ("a1111: {loras: [one, two]}", "`loras` of the section a1111 is to be a path, or several, one a line"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_at_the_start(tmp_path: Path, content: str | None, said: str) -> None:
    file = tmp_path / "paths.yaml"
    if content is not None:
        file.write_text(content)
    with pytest.raises(BadSettings, match=said):
        Settings.load(extra_model_paths=(file,))
