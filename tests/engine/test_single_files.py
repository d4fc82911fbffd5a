"""Models that are one file: what they hold is told by their headers, and they draw as the folder they were made of."""

import json
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import diffusers
import gguf
import pytest
import torch
from safetensors.torch import save_file

from mintaka.engine.messages import MODEL
from mintaka.engine.models import BadModel, ModelFolder, read_model
from mintaka.engine.models.families import Task
from mintaka.engine.models.single_file import NotReadable, contents, read_shapes
from mintaka.engine.requests import TextToImage
from mintaka.engine.worker.loading import Shelf
from tests.engine import single_files, tiny_models
from tests.engine.test_families import engine_draws, pixels

LDM = "model.diffusion_model."
ATTENTION = f"{LDM}input_blocks.2.1.transformer_blocks.0.attn2.to_k.weight"


def write_header(file: Path, shapes: Mapping[str, tuple[int, ...]]) -> Path:
    """A file of tensors of these shapes with nothing in it: only its header is looked at."""
    told = {name: {"dtype": "F16", "shape": shape, "data_offsets": [0, 0]} for name, shape in shapes.items()}
    header = json.dumps({"__metadata__": {"format": "pt"}, **told}).encode()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(struct.pack("<Q", len(header)) + header)
    return file


def unet(channels: int, text: int, **more: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    return {f"{LDM}input_blocks.0.0.weight": (320, channels, 3, 3), ATTENTION: (320, text), **more}


POOLED = {f"{LDM}label_emb.0.0.weight": (1280, 2816)}
VAE = {"first_stage_model.encoder.conv_in.weight": (128, 3, 3, 3)}
CLIP = {"cond_stage_model.transformer.text_model.embeddings.position_embedding.weight": (77, 768)}
XL_TEXT = {
    "conditioner.embedders.0.transformer.text_model.embeddings.position_embedding.weight": (77, 768),
    "conditioner.embedders.1.model.positional_embedding": (77, 1280),
}
KEY_NORM = "double_blocks.0.img_attn.norm.key_norm.scale"


@pytest.mark.parametrize(
    ("shapes", "pipeline", "config", "parts"),
    [
        (
            {**unet(4, 768), **VAE, **CLIP},
            "StableDiffusionPipeline",
            {"in_channels": 4, "cross_attention_dim": 768},
            {"vae", "text_encoder"},
        ),
        ({**unet(9, 1024)}, "StableDiffusionPipeline", {"in_channels": 9, "cross_attention_dim": 1024}, set()),
        (
            {**unet(4, 2048), **POOLED, **VAE, **XL_TEXT},
            "StableDiffusionXLPipeline",
            {"in_channels": 4, "cross_attention_dim": 2048},
            {"vae", "text_encoder", "text_encoder_2"},
        ),
        (
            {**unet(4, 1280), **POOLED, "conditioner.embedders.0.model.positional_embedding": (77, 1280)},
            "StableDiffusionXLImg2ImgPipeline",
            {"in_channels": 4, "cross_attention_dim": 1280},
            {"text_encoder_2"},
        ),
        (
            {
                f"{LDM}joint_blocks.0.context_block.adaLN_modulation.1.bias": (9216,),
                f"{LDM}joint_blocks.0.x_block.attn.ln_q.weight": (64,),
                "text_encoders.clip_g.transformer.text_model.embeddings.position_embedding.weight": (77, 1280),
            },
            "StableDiffusion3Pipeline",
            {"qk_norm": "rms_norm"},
            {"text_encoder_2"},
        ),
        (
            {KEY_NORM: (128,), "img_in.weight": (3072, 64), "guidance_in.in_layer.weight": (3072, 256)},
            "FluxPipeline",
            {"in_channels": 64, "guidance_embeds": True},
            set(),
        ),
        (
            {LDM + KEY_NORM: (128,), f"{LDM}img_in.weight": (3072, 64), **VAE},
            "FluxPipeline",
            {"in_channels": 64, "guidance_embeds": False},
            {"vae"},
        ),
        (
            {KEY_NORM: (128,), "img_in.weight": (3072, 384), "guidance_in.in_layer.weight": (3072, 256)},
            "FluxFillPipeline",
            {"in_channels": 384, "guidance_embeds": True},
            set(),
        ),
        (
            {"layers.0.adaLN_modulation.0.weight": (1, 1), "noise_refiner.0.adaLN_modulation.0.weight": (1, 1)},
            "ZImagePipeline",
            {},
            set(),
        ),
    ],
)
def test_the_header_alone_tells_what_a_file_holds(
    tmp_path: Path, shapes: dict[str, tuple[int, ...]], pipeline: str, config: dict[str, Any], parts: set[str]
) -> None:
    found = contents(read_shapes(write_header(tmp_path / "x.safetensors", shapes)))
    assert found is not None
    assert (found.pipelines[0], found.config, found.parts) == (pipeline, config, parts)


def test_a_marker_tells_that_velocity_is_predicted() -> None:
    found = contents({**unet(4, 2048), **POOLED, "v_pred": (0,), "ztsnr": (0,)})
    assert found is not None
    assert found.scheduler == {"prediction_type": "v_prediction", "rescale_betas_zero_snr": True}


@pytest.mark.parametrize(
    "data",
    [b"", b"short", struct.pack("<Q", 1 << 40) + b"{}", struct.pack("<Q", 4) + b"nope", struct.pack("<Q", 2) + b"[]"],
)
def test_what_is_no_safetensors_file_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.safetensors").write_bytes(data)
    with pytest.raises(NotReadable):
        read_shapes(tmp_path / "x.safetensors")


def test_a_file_that_was_cut_off_is_refused(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(100)}, tmp_path / "x.safetensors")
    whole = (tmp_path / "x.safetensors").read_bytes()
    (tmp_path / "x.safetensors").write_bytes(whole[:-1])
    with pytest.raises(NotReadable, match="was cut off"):
        read_shapes(tmp_path / "x.safetensors")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    root = tmp_path_factory.mktemp("whole")

    def folder(name: str) -> Path:
        return root / name if (root / name).exists() else tiny_models.build(name, root / name)

    return folder


def test_what_is_missing_beside_a_file_is_said(tmp_path: Path, folders: Callable[[str], Path]) -> None:
    place = tmp_path / "stable-diffusion"
    file = write_header(place / "m.safetensors", {**unet(4, 16), **CLIP})
    sidecar = place / "m.json"

    def fault(**told: object) -> str:
        sidecar.write_text(json.dumps({"size": [64, 64], **told}))
        with pytest.raises(BadModel) as raised:
            read_model(file, "m")
        return f"{raised.value.message} {raised.value.hint}"

    whole = folders("sd2")
    assert 'write {"config": "../folder"} into m.json' in fault()
    assert "is no folder with model_index.json" in fault(config="nowhere")
    assert "that is a folder of a FluxPipeline" in fault(config=str(folders("flux_dev")))
    assert "the unet there has in_channels = 9, and that in m.safetensors 4" in fault(config=str(folders("masked")))
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "model_index.json").write_bytes((whole / "model_index.json").read_bytes())
    assert "m.safetensors holds no vae, and neither does the folder" in fault(config="../bare")
    write_header(file, {"lora_unet_down.alpha": ()})
    assert "holds no model that the engine knows" in fault(config=str(whole))
    [listed] = ModelFolder([tmp_path / "stable-diffusion"]).faults()
    assert "holds no model" in listed.message


def drawn(path: Path, shelf: Shelf) -> Any:
    request = TextToImage(
        id="1",
        model="m",
        prompt="a red circle",
        width=64,
        height=64,
        steps=2,
        guidance_scale=2.0,
        seed=3,
        previews=False,
        negative_prompt="blue",
    )
    return pixels(engine_draws(request, path, shelf)()[0])


@pytest.mark.parametrize("name", ["sd2", "sdxl", "flux_dev"])
def test_a_single_file_draws_as_the_folder_it_was_made_of(
    tmp_path: Path, folders: Callable[[str], Path], name: str
) -> None:
    folder, shelf = folders(name), Shelf("cpu", 1 << 30)
    pipeline = diffusers.DiffusionPipeline.from_pretrained(folder, dtype=torch.float32)
    (tmp_path / "stable-diffusion").mkdir()
    file = tmp_path / "stable-diffusion" / "one.safetensors"
    if name == "flux_dev":  # the transformer alone; the rest is the folder's
        save_file(pipeline.transformer.state_dict(), file)
    else:
        single_files.write_stable_diffusion(pipeline, file, **({"v_pred": torch.zeros(1)} if name == "sd2" else {}))
    file.with_suffix(".json").write_text(json.dumps({"config": str(folder), "size": [64, 64]}))
    [info] = ModelFolder([tmp_path]).list()
    whole = read_model(folder)
    assert (info.id, info.family, info.pipeline, info.steps) == ("one", whole.family, whole.pipeline, whole.steps)
    assert info.tasks == tuple(Task)
    assert ("transformer" in info.lacking, "vae" in info.lacking) == (False, name == "flux_dev")
    assert (drawn(info.path, shelf) == drawn(folder, shelf)).all()
    assert shelf.get({MODEL: info.path}, info.id).identity.result() is not None


def write_gguf(transformer: Any, file: Path) -> None:
    """What can be is in blocks of eight bits; sides that are no multiple of a block's stay wide."""
    writer = gguf.GGUFWriter(str(file), "flux")
    writer.add_array("test.words", ["some", "words"])
    for name, tensor in transformer.state_dict().items():
        numbers = tensor.float().numpy()
        if numbers.ndim == 2 and numbers.shape[1] % 32 == 0:
            eight = gguf.quants.quantize(numbers, gguf.GGMLQuantizationType.Q8_0)
            writer.add_tensor(name, eight, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
        else:
            writer.add_tensor(name, numbers)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def test_a_transformer_in_gguf_draws_nearly_as_the_wide_one_and_stays_small(
    tmp_path: Path, folders: Callable[[str], Path]
) -> None:
    folder, shelf = folders("flux_dev"), Shelf("cpu", 1 << 30)
    wide = diffusers.FluxTransformer2DModel.from_pretrained(folder / "transformer")
    place = tmp_path / "stable-diffusion"
    place.mkdir()
    write_gguf(wide, place / "small.gguf")
    (place / "small.json").write_text(json.dumps({"config": str(folder), "size": [64, 64]}))
    assert read_shapes(place / "small.gguf") == {name: tuple(each.shape) for name, each in wide.state_dict().items()}
    [info] = ModelFolder([tmp_path]).list()
    assert (info.id, info.family, info.guidance_scale) == ("small", "flux", 3.5)
    mine, theirs = drawn(info.path, shelf), drawn(folder, shelf)
    assert 0 < abs(mine - theirs).mean() < 12
    narrow = shelf.get({MODEL: info.path}, "small").base.transformer
    assert any(weight.dtype == torch.uint8 for weight in narrow.parameters())


def test_what_is_no_gguf_is_refused(tmp_path: Path, folders: Callable[[str], Path]) -> None:
    write_gguf(torch.nn.Linear(2, 2), tmp_path / "x.gguf")
    whole = (tmp_path / "x.gguf").read_bytes()
    assert read_shapes(tmp_path / "x.gguf") == {"weight": (2, 2), "bias": (2,)}
    for data in (b"", b"GGUF", whole[:40], b"GGUF" + struct.pack("<IQQ", 3, 1 << 50, 0), b"GGUF\x09" + whole[5:]):
        (tmp_path / "x.gguf").write_bytes(data)
        with pytest.raises(NotReadable, match="is no GGUF file, or was cut off"):
            read_shapes(tmp_path / "x.gguf")


def test_a_folder_of_quantised_weights_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "transformer").mkdir()
    (tmp_path / "model_index.json").write_text(
        json.dumps({"_class_name": "FluxPipeline", "transformer": ["diffusers", "FluxTransformer2DModel"]})
    )
    told = {"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}}
    (tmp_path / "transformer" / "config.json").write_text(json.dumps(told))
    with pytest.raises(BadModel, match="quantised by bitsandbytes, which the engine does not run") as raised:
        read_model(tmp_path)
    assert "GGUF" in str(raised.value.hint)
