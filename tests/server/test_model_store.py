"""``mintaka models add verify remove``: what is put into the folder of models is whole, and stays what it was."""

import json
import os
import shutil
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from subprocess import run
from threading import Thread
from typing import Any, ClassVar

import pytest
from blake3 import blake3
from typer.testing import CliRunner, Result

from mintaka.server.command import app
from mintaka.server.command.faults import CommandFault
from mintaka.server.places import shipped_models

STARTER = shipped_models() / "starter"


def weights(*names: str) -> bytes:
    """A safetensors file of empty tensors of these names."""
    header = json.dumps({name: {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for name in names}).encode()
    return len(header).to_bytes(8, "little") + header


LORA = weights("unet.down_blocks.0.attentions.0.to_q.lora_A.weight")


@pytest.fixture(autouse=True)
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of models, which the settings name; not there yet."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("MINTAKA_DATA", str(tmp_path / "data"))
    (tmp_path / "mintaka.toml").write_text('models = ["models"]')
    return tmp_path / "models"


def mintaka(*args: object, stdin: str | None = None) -> Result:
    return CliRunner().invoke(app, ["models", *map(str, args)], input=stdin)


def told(*args: object) -> Any:
    """What the command prints as JSON."""
    ended = mintaka(*args, "--json")
    assert ended.exit_code == 0, ended.output or ended.exception
    return json.loads(ended.stdout)


def refused(*args: object) -> str:
    """Why the command cannot be done."""
    ended = mintaka(*args)
    assert isinstance(ended.exception, CommandFault), ended.output or ended.exception
    return str(ended.exception)


def starter(folder: Path) -> Path:
    """A copy of the shipped model under another name."""
    shutil.copytree(STARTER, folder)
    sidecar = json.loads((folder / "mintaka.json").read_text())
    (folder / "mintaka.json").write_text(json.dumps({**sidecar, "id": None, "title": "Mine"}))
    return folder


def half_there(models: Path) -> list[str]:
    return [each.name for each in models.iterdir() if each.name.startswith(".")]


@pytest.mark.parametrize(
    ("name", "content", "kind", "where"),
    [
        ("soft.safetensors", LORA, "lora", "lora/soft.safetensors"),
        ("word.safetensors", weights("emb_params"), "embedding", "embeddings/word.safetensors"),
        ("cat.safetensors", weights("<cat>"), "embedding", "embeddings/cat.safetensors"),
        ("x4.safetensors", weights("conv_first.weight", "conv_last.weight"), "upscaler", "esrgan/x4.safetensors"),
        ("mse.safetensors", weights("encoder.conv_in.weight", "decoder.conv_in.weight"), "vae", "vae/mse.safetensors"),
        ("l.safetensors", weights("text_model.encoder.layers.0.mlp.fc1.weight", "b"), "text-encoder", None),
    ],
)
def test_a_file_is_put_where_its_kind_lies(
    tmp_path: Path, models: Path, name: str, content: bytes, kind: str, where: str | None
) -> None:
    (tmp_path / name).write_bytes(content)
    added = told("add", tmp_path / name)
    assert (added["id"], added["kind"], added["bytes"]) == (name.removesuffix(".safetensors"), kind, len(content))
    assert added["path"] == str(models / (where or f"text-encoder/{name}"))
    assert Path(added["path"]).read_bytes() == content
    assert half_there(models) == []
    shown = told("info", added["id"])
    assert (shown["blake3"], shown["files"]) == (blake3(content).hexdigest(), 1)


def test_a_model_is_added_told_verified_and_removed(tmp_path: Path, models: Path) -> None:
    source = starter(tmp_path / "mine")
    (source / "unet" / "old.bin").write_bytes(b"left out")
    added = told("add", source, "--name", "ann/mine")
    assert (added["id"], added["family"], added["path"]) == (
        "ann/mine",
        "sd",
        str(models / "stable-diffusion/ann/mine"),
    )
    assert not (models / "stable-diffusion/ann/mine/unet/old.bin").exists()
    assert {"ann/mine", "starter"} <= {each["id"] for each in told("list")}
    shown = mintaka("info", "ann/mine").stdout
    assert "Family: sd, with" in shown
    assert f"BLAKE3: {told('info', 'ann/mine')['blake3']}" in shown
    assert "files as recorded" in mintaka("verify", "ann/mine").stdout
    file = models / "stable-diffusion/ann/mine/vae/config.json"
    file.write_text(file.read_text() + " ")
    [verified] = [json.loads(mintaka("verify", "ann/mine", "--json").stdout)]
    assert [name for name, verdict in verified[0]["files"].items() if verdict == "differs"] == ["vae/config.json"]
    assert refused("verify", "ann/mine").startswith("Some files differ")
    assert mintaka("verify", "ann/mine", "--accept").exit_code == 0
    assert mintaka("verify", "ann/mine").exit_code == 0
    assert mintaka("remove", "ann/mine", stdin="n\n").exit_code == 1
    assert told("remove", "ann/mine", "--yes")["removed"] == "ann/mine"
    assert [each.name for each in models.rglob("*")] == ["stable-diffusion"]


def test_a_link_is_not_a_copy_and_removing_it_leaves_what_it_leads_to(tmp_path: Path, models: Path) -> None:
    source = starter(tmp_path / "mine")
    added = told("add", source, "--link")
    assert Path(added["path"]).is_symlink()
    told("remove", "mine", "--yes")
    assert not os.path.lexists(added["path"])
    assert (source / "model_index.json").exists()


def test_the_sidecar_of_a_file_comes_and_goes_with_it(tmp_path: Path, models: Path) -> None:
    (tmp_path / "soft.safetensors").write_bytes(LORA)
    (tmp_path / "soft.json").write_text('{"title": "Softly", "for": "starter"}')
    assert told("add", tmp_path / "soft.safetensors", "--name", "softer")["title"] == "Softly"
    assert "LoRA for starter" in mintaka("list").stdout
    told("remove", "softer", "--yes")
    assert [each.name for each in models.rglob("*")] == ["lora"]


def test_a_model_that_is_a_file_is_told_whose_configurations_it_uses(tmp_path: Path, models: Path) -> None:
    first = {"dtype": "F32", "shape": [0, 4, 3, 3], "data_offsets": [0, 0]}
    header = json.dumps({"model.diffusion_model.input_blocks.0.0.weight": first}).encode()
    (tmp_path / "one.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    assert "no configurations and tokenizers" in refused("add", tmp_path / "one.safetensors")
    added = told("add", tmp_path / "one.safetensors", "--like", "starter")
    assert (added["kind"], added["path"]) == ("model", str(models / "stable-diffusion" / "one.safetensors"))
    told("remove", "one", "--yes")
    (tmp_path / "one.json").write_text(json.dumps({"config": os.path.relpath(STARTER, tmp_path)}))
    told("add", tmp_path / "one.safetensors", "--name", "deep/one")
    assert [each["id"] for each in told("list", "--kind", "model")][:2] == ["deep/one", "starter"]


def test_what_cannot_be_added_leaves_nothing(tmp_path: Path, models: Path) -> None:
    (tmp_path / "soft.safetensors").write_bytes(LORA)
    (tmp_path / "what.safetensors").write_bytes(weights("a", "b"))
    (tmp_path / "old.pt").write_bytes(b"not opened")
    (tmp_path / "half.safetensors").write_bytes(LORA[:20])
    (tmp_path / "empty").mkdir()
    bad = starter(tmp_path / "bad")
    (bad / "mintaka.json").write_text('{"steps": 0}')
    told("add", tmp_path / "soft.safetensors")
    for args, why in (
        ((tmp_path / "soft.safetensors",), "already"),
        ((tmp_path / "what.safetensors",), "say it with --kind"),
        ((tmp_path / "what.safetensors", "--kind", "controlnet"), "is to be a folder in diffusers' format"),
        ((tmp_path / "what.safetensors", "--kind", "model"), "holds no model that the engine knows"),
        ((tmp_path / "what.safetensors", "--kind", "smell"), "no kind “smell”"),
        ((tmp_path / "what.safetensors", "--kind", "lora", "--name", "../out"), "cannot be a name"),
        ((tmp_path / "what.safetensors", "--kind", "lora", "--name", ".out"), "cannot be a name"),
        ((tmp_path / "old.pt",), "weights_only=True"),
        ((tmp_path / "half.safetensors",), "is no safetensors file, or was cut off"),
        ((tmp_path / "empty",), "say it with --kind"),
        ((tmp_path / "nothing.safetensors",), "There is no file or folder"),
        ((bad,), "`steps`"),
    ):
        assert why in refused("add", *args)
    assert [each["id"] for each in told("list", "--kind", "lora")][:-1] == ["soft"]  # the last comes with the program
    assert sorted(each.name for each in models.rglob("*")) == ["lora", "soft.safetensors"]


def test_what_comes_with_the_program_is_not_removed(tmp_path: Path) -> None:
    assert "outside the folders of models" in refused("remove", "starter", "--yes")
    assert STARTER.exists()
    assert "did you mean starter" in refused("remove", "startr", "--yes")


class Hub(BaseHTTPRequestHandler):
    """A hub that has some repositories, as huggingface_hub asks one."""

    files: ClassVar[dict[str, dict[str, bytes]]] = {}
    asked: ClassVar[list[str]] = []
    gone: ClassVar[set[str]] = set()
    """Files that it will not give just now."""
    SHA: ClassVar[str] = "c" * 40

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = self.path.partition("?")[0].removeprefix("/api/models").removeprefix("/")
        repository = "/".join(path.split("/")[:2])
        files, rest = self.files.get(repository), path.split("/")[2:]
        if "Bearer" not in self.headers.get("authorization", "") and repository == "ann/secret":
            files = None
        if files is None:
            self._answer(404, b'{"error": "Repository not found"}', {"X-Error-Code": "RepoNotFound"})
        elif rest[:1] == ["resolve"]:
            self._file(files["/".join(rest[2:])], "/".join(rest[2:]))
        elif rest[:1] == ["tree"]:
            tree = [{"type": "file", "path": name, "size": len(data), "oid": "0"} for name, data in files.items()]
            self._answer(200, json.dumps(tree).encode())
        else:
            siblings = [{"rfilename": name} for name in files]
            about = {"id": repository, "sha": self.SHA, "siblings": siblings, "cardData": {"license": "mit"}}
            self._answer(200, json.dumps(about).encode())

    def _file(self, data: bytes, name: str) -> None:
        told = {"ETag": f'"{blake3(data).hexdigest()[:40]}"', "X-Repo-Commit": self.SHA, "Accept-Ranges": "bytes"}
        start = int((self.headers.get("range") or "bytes=0-").removeprefix("bytes=").partition("-")[0])
        if self.command == "GET":
            self.asked.append(name)
        if name in self.gone:
            self._answer(410, b"")
        else:
            self._answer(206 if start else 200, data[start:], told)

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for key, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def hub() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def at_hub(address: str, *args: object, **more: str) -> Any:
    """The command in a process of its own, since huggingface_hub reads its environment as it is imported."""
    environment = {**os.environ, "HF_ENDPOINT": address, "HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_XET": "1", **more}
    program = "import sys; from mintaka.server.command import main; main()"
    return run(
        [sys.executable, "-c", program, "models", *map(str, args)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_model_comes_from_a_hub_without_what_could_run_and_nothing_twice(
    hub: str, tmp_path: Path, models: Path
) -> None:
    files = {str(file.relative_to(STARTER)): file.read_bytes() for file in STARTER.rglob("*") if file.is_file()}
    vae = files.pop("vae/diffusion_pytorch_model.safetensors")
    sidecar = files.pop("mintaka.json")
    files |= {"vae/diffusion_pytorch_model.fp16.safetensors": vae, "unet/model.bin": b"no", "whole.safetensors": b"no"}
    Hub.files = {"ann/drawer": files, "ann/pickles": {"a.bin": b"no", "config.json": b"{}"}}
    Hub.gone = {"vae/diffusion_pytorch_model.fp16.safetensors"}
    stopped = at_hub(hub, "add", "ann/drawer")
    assert stopped.returncode == 1
    assert "try again, and only what is missing is asked for" in stopped.stderr
    assert [each for each in models.iterdir() if not each.name.startswith(".")] == []
    Hub.asked, Hub.gone = [], set()
    ended = at_hub(hub, "add", "ann/drawer", "--json")
    assert ended.returncode == 0, ended.stderr
    assert Hub.asked == ["vae/diffusion_pytorch_model.fp16.safetensors"]
    added = json.loads(ended.stdout)
    assert (added["id"], added["license"]) == ("ann/drawer", "mit")
    folder = models / "stable-diffusion" / "ann" / "drawer"
    assert (folder / "vae/diffusion_pytorch_model.safetensors").read_bytes() == vae
    assert not any(file.suffix == ".bin" or file.name == "whole.safetensors" for file in folder.rglob("*"))
    assert half_there(models) == []
    assert half_there(folder) == []
    assert json.loads((folder / "mintaka.json").read_text())["source"] == f"ann/drawer@{Hub.SHA}"
    assert sidecar
    refusals = {
        "ann/pickles": "a.bin is a pickle",
        "ann/none": "no model ann/none, or a private one: then set HF_TOKEN",
    }
    for name, why in refusals.items():
        ended = at_hub(hub, "add", name)
        assert (ended.returncode, why in ended.stderr, "Traceback" in ended.stderr) == (1, True, False), ended.stderr


def test_a_hub_that_is_not_to_be_asked_or_not_there_is_told(models: Path) -> None:
    offline = at_hub("http://127.0.0.1:9", "add", "ann/drawer", HF_HUB_OFFLINE="1")
    assert "HF_HUB_OFFLINE is set, so the hub is not asked" in offline.stderr
    away = at_hub("http://127.0.0.1:9", "add", "ann/drawer")
    assert "The hub cannot be asked for ann/drawer (it gives no answer)" in away.stderr
    assert "Traceback" not in offline.stderr + away.stderr
