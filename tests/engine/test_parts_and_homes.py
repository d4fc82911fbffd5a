"""Models with parts of others', and modules that rest or run elsewhere than on the device."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from safetensors.numpy import load_file, save_file
from torch import Tensor, nn

from mintaka.engine.models import BadModel, ModelFolder
from mintaka.engine.models.info import Placement
from mintaka.engine.preparing import model_files
from mintaka.engine.worker.encoding import Encoded
from mintaka.engine.worker.homes import Homes
from mintaka.engine.worker.loading import Loaded, Shelf
from mintaka.engine.worker.parts import load_parts
from tests.engine.conftest import STARTER, make_model

FLAGS = ("clip_on_cpu", "vae_on_cpu", "offload_to_cpu", "flash_attn", "vae_tiling", "vae_slicing")
VAE_FILE = "diffusion_pytorch_model.safetensors"


def shelve(root: Path, name: str) -> Loaded:
    """The model called so, loaded as a worker does."""
    models = ModelFolder([root])
    model = models.get(name)
    return Shelf("cpu", 2**32).get(model_files(model, models), model.id)


def put_vae(folder: Path) -> None:
    """A VAE by itself that differs from the starter's in one number."""
    shutil.copytree(STARTER / "vae", folder)
    weights = load_file(folder / VAE_FILE)
    weights["decoder.conv_out.bias"] = np.full_like(weights["decoder.conv_out.bias"], 3)
    save_file(weights, folder / VAE_FILE)


def test_a_model_takes_its_vae_and_text_encoder_from_elsewhere(tmp_path: Path) -> None:
    put_vae(tmp_path / "vae" / "other")
    shutil.copy(tmp_path / "vae" / "other" / VAE_FILE, tmp_path / "vae" / "single.safetensors")
    (tmp_path / "text-encoder").mkdir()
    words = load_file(STARTER / "text_encoder" / "model.safetensors")
    key = next(key for key in words if key.endswith("final_layer_norm.bias"))
    save_file({**words, key: np.full_like(words[key], 2)}, tmp_path / "text-encoder" / "words.safetensors")
    make_model(tmp_path / "folder", id="folder", components={"vae": "other"})
    make_model(tmp_path / "file", id="file", components={"vae": "single", "text_encoder": "words"})
    for name in ("folder", "file"):
        loaded = shelve(tmp_path, name)
        assert (loaded.base.vae.decoder.conv_out.bias == 3).all()
    assert (loaded.base.text_encoder.state_dict()[key.removeprefix("text_model.")] == 2).all()


OTHER_NAMES = (
    (r"down_blocks\.(\d)\.resnets\.(\d)", r"down.\1.block.\2"),
    (r"down_blocks\.(\d)\.downsamplers\.0", r"down.\1.downsample"),
    (r"up_blocks\.(\d)\.resnets\.(\d)", lambda found: f"up.{2 - int(found[1])}.block.{found[2]}"),
    (r"up_blocks\.(\d)\.upsamplers\.0", lambda found: f"up.{2 - int(found[1])}.upsample"),
    (r"mid_block\.resnets\.(\d)", lambda found: f"mid.block_{int(found[1]) + 1}"),
    (r"mid_block\.attentions\.0", "mid.attn_1"),
    (r"attn_1\.group_norm", "attn_1.norm"),
    (r"attn_1\.to_([qkv])", r"attn_1.\1"),
    (r"attn_1\.to_out\.0", "attn_1.proj_out"),
    ("conv_shortcut", "nin_shortcut"),
    ("conv_norm_out", "norm_out"),
)
"""From the names of a VAE's tensors in diffusers to those of other programs."""


def test_a_vae_in_the_form_of_other_programs_is_read_too(tmp_path: Path) -> None:
    own, others = load_file(STARTER / "vae" / VAE_FILE), {}
    for key, tensor in own.items():
        for found, told in OTHER_NAMES:
            key = re.sub(found, told, key)
        others[key] = tensor[..., None, None] if ".attn_1." in key and tensor.ndim == 2 else tensor
    assert not any("blocks" in key for key in others)
    (tmp_path / "vae").mkdir()
    save_file(others, tmp_path / "vae" / "ldm.safetensors")
    make_model(tmp_path / "model", id="model", components={"vae": "ldm"})
    read = shelve(tmp_path, "model").base.vae.state_dict()
    assert set(read) == set(own)
    assert all(np.array_equal(read[key].numpy(), tensor.astype(np.float32)) for key, tensor in own.items())


@pytest.mark.parametrize(
    ("components", "said"),
    [
        ({"vae": "none"}, r"own/mintaka\.json: `components\.vae`: there is no VAE called “none”"),
        ({"vae": "wide"}, r"`components\.vae`: the `latent_channels` of wide is 8, and that of the model's own is 4"),
        ({"text_encoder": "other"}, r"`components\.text_encoder`: there is no text encoder called “other”"),
        ({"vae": "old"}, r"the VAE old\.pt is a pickle"),
        ({"unet": "other"}, r"own/mintaka\.json: `components\.unet"),
    ],
)
def test_a_part_that_is_not_there_or_does_not_fit_is_named(tmp_path: Path, components: object, said: str) -> None:
    (tmp_path / "vae" / "wide").mkdir(parents=True)
    config = json.loads((STARTER / "vae" / "config.json").read_text())
    (tmp_path / "vae" / "wide" / "config.json").write_text(json.dumps({**config, "latent_channels": 8}))
    (tmp_path / "vae" / "old.pt").write_bytes(b"not opened")
    make_model(tmp_path / "own", id="own", components=components)
    models = ModelFolder([tmp_path])
    with pytest.raises(BadModel, match=said):
        load_parts(models.get("own"), model_files(models.get("own"), models), torch.float32)


def test_all_flags_may_be_set_on_a_cpu(tmp_path: Path) -> None:
    make_model(tmp_path / "flags", id="flags", **dict.fromkeys(FLAGS, True))
    loaded = shelve(tmp_path, "flags")
    assert loaded.info.placement == Placement(**dict.fromkeys(FLAGS, True))
    assert (loaded.base.vae.use_tiling, loaded.base.vae.use_slicing) == (True, True)
    assert {each.device.type for each in (loaded.base.vae, loaded.base.unet, loaded.base.text_encoder)} == {"cpu"}
    with loaded.adapters.modules((), {}) as modules:
        assert modules["vae"].decode(torch.zeros(1, 4, 8, 8)).sample.shape == (1, 3, 32, 32)


class Pipe:
    """What `Homes` sees of a pipeline, of three small modules."""

    def __init__(self) -> None:
        self.components: dict[str, object] = {
            name: nn.Linear(2, 2).half() for name in ("text_encoder", "vae", "unet", "safety_checker")
        }
        self.components["scheduler"] = object()

    def __getattr__(self, name: str) -> Any:
        if name in self.__dict__["components"]:
            return self.components[name]
        raise AttributeError(name)


def homes(pipe: Pipe, **flags: bool) -> Homes:
    """Homes of ``pipe`` on a device that is not the CPU."""
    return Homes(pipe, Placement(**flags), "meta", frozenset({"text_encoder", "vae", "unet"}))


def where(pipe: Pipe) -> dict[str, str]:
    return {name: part.weight.device.type for name, part in pipe.components.items() if isinstance(part, nn.Linear)}


def test_what_stays_on_the_cpu_runs_there_and_answers_on_the_device() -> None:
    pipe = Pipe()
    home = homes(pipe, clip_on_cpu=True, vae_on_cpu=True)
    assert where(pipe) == {"text_encoder": "cpu", "vae": "cpu", "unet": "meta", "safety_checker": "meta"}
    assert home.seen(pipe.vae) == {"device": torch.device("meta"), "dtype": torch.float16}
    assert home.seen(pipe.unet) == {}
    given: list[Tensor] = []

    def encode(x: Tensor, *, more: dict[str, Any]) -> tuple[Encoded, DiagonalGaussianDistribution]:
        given.extend([x, more["ids"]])
        return Encoded(pipe.vae(torch.zeros(1, 2)), None), DiagonalGaussianDistribution(torch.zeros(1, 2, 1, 1))

    tensors = torch.zeros(1, 2, dtype=torch.float16, device="cpu"), {"ids": torch.zeros(1, dtype=torch.int64)}
    encoded, spread = home.run(pipe.vae, encode)(tensors[0], more=tensors[1])
    assert [(each.device.type, each.dtype) for each in given] == [("cpu", torch.float32), ("cpu", torch.int64)]
    assert (encoded.states.device.type, encoded.states.dtype) == ("meta", torch.float16)
    assert (spread.parameters.device.type, spread.parameters.dtype) == ("meta", torch.float16)


def test_what_visits_is_on_the_device_until_anothers_turn_and_comes_back_unchanged() -> None:
    pipe = Pipe()
    before = {name: pipe.components[name].weight for name in ("vae", "unet")}  # type: ignore[attr-defined]
    home = homes(pipe, offload_to_cpu=True)
    assert where(pipe) == {"text_encoder": "cpu", "vae": "cpu", "unet": "cpu", "safety_checker": "meta"}
    seen: list[dict[str, str]] = []

    def run(module: nn.Module) -> Callable[..., Any]:
        return home.run(module, lambda: seen.append(where(pipe)))

    for module in (pipe.unet, pipe.unet, pipe.vae):
        with torch.inference_mode():
            run(module)()
    assert [[name for name, device in each.items() if device == "meta"] for each in seen] == [
        ["unet", "safety_checker"],
        ["unet", "safety_checker"],
        ["vae", "safety_checker"],
    ]
    run(pipe.text_encoder)()
    assert all(pipe.components[name].weight is weight for name, weight in before.items())  # type: ignore[attr-defined]


def test_a_visit_that_fails_leaves_the_module_at_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = Pipe()
    home = homes(pipe, offload_to_cpu=True)
    monkeypatch.setattr(Tensor, "to", refuse)
    with pytest.raises(MemoryError):
        home.run(pipe.unet, lambda: None)()
    monkeypatch.undo()
    assert where(pipe)["unet"] == "cpu"
    home.run(pipe.unet, lambda: None)()
    assert where(pipe)["unet"] == "meta"


def refuse(*args: object) -> None:
    raise MemoryError
