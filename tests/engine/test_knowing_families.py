"""Which family a model is of, and what is usual for it, is read from its configurations and never from its name."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from mintaka.engine.errors import Unsupported
from mintaka.engine.models import BadModel, ModelFolder, ModelInfo, read_model
from mintaka.engine.models.families import FAMILIES, PIPELINES, Task
from mintaka.engine.preparing import prepare
from mintaka.engine.requests import TextToImage
from mintaka.engine.schedulers import find, suited
from mintaka.engine.sizing import plan

Parts = Mapping[str, Mapping[str, Any] | None]

SD_VAE = {"latent_channels": 4, "block_out_channels": [128, 256, 512, 512], "scaling_factor": 0.18215}
XL_VAE = {**SD_VAE, "scaling_factor": 0.13025}
UNET = {"in_channels": 4, "sample_size": 64, "cross_attention_dim": 768}
XL_UNET = {"in_channels": 4, "sample_size": 128, "cross_attention_dim": 2048}
PNDM = {"_class_name": "PNDMScheduler", "timestep_spacing": "leading", "prediction_type": "epsilon"}
EULER = {**PNDM, "_class_name": "EulerDiscreteScheduler"}
TRAILING = {**EULER, "timestep_spacing": "trailing"}
FLOW = {"_class_name": "FlowMatchEulerDiscreteScheduler", "shift": 3.0, "use_dynamic_shifting": False}
DYNAMIC = {**FLOW, "use_dynamic_shifting": True}
SD3 = {"sample_size": 128, "in_channels": 16}


def model(folder: Path, pipeline: str, parts: Parts, **sidecar: object) -> ModelInfo:
    """A folder whose name says nothing, with no weights in it."""
    folder.mkdir()
    index: dict[str, object] = {"_class_name": pipeline}
    for name, config in parts.items():
        index[name] = [None, None] if config is None else ["diffusers", "Whatever"]
        if config:
            (folder / name).mkdir()
            file = "scheduler_config.json" if name == "scheduler" else "config.json"
            (folder / name / file).write_text(json.dumps(config))
    (folder / "model_index.json").write_text(json.dumps(index))
    if sidecar:
        (folder / "mintaka.json").write_text(json.dumps(sidecar))
    return read_model(folder)


@pytest.mark.parametrize(
    ("pipeline", "parts", "family", "steps", "guidance_scale", "size"),
    [
        ("StableDiffusionPipeline", {"unet": UNET, "vae": SD_VAE, "scheduler": PNDM}, "sd", 30, 7.5, 512),
        (
            "StableDiffusionPipeline",
            {"unet": {**UNET, "cross_attention_dim": 1024, "sample_size": 96}, "vae": SD_VAE, "scheduler": PNDM},
            "sd2",
            30,
            7.5,
            768,
        ),
        (
            "StableDiffusionPipeline",
            {"unet": {**UNET, "time_cond_proj_dim": 256}, "vae": SD_VAE, "scheduler": PNDM},
            "sd",
            4,
            8.5,
            512,
        ),
        (
            "StableDiffusionPipeline",
            {"unet": UNET, "vae": SD_VAE, "scheduler": {**PNDM, "_class_name": "LCMScheduler"}},
            "sd",
            4,
            1.0,
            512,
        ),
        ("StableDiffusionXLPipeline", {"unet": XL_UNET, "vae": XL_VAE, "scheduler": EULER}, "sdxl", 30, 5.0, 1024),
        ("StableDiffusionXLPipeline", {"unet": XL_UNET, "vae": XL_VAE, "scheduler": TRAILING}, "sdxl", 4, 0.0, 1024),
        (
            "StableDiffusionXLPipeline",
            {
                "unet": XL_UNET,
                "vae": XL_VAE,
                "scheduler": {**TRAILING, "prediction_type": "v_prediction", "rescale_betas_zero_snr": True},
            },
            "sdxl",
            30,
            5.0,
            1024,
        ),
        ("StableDiffusionXLPipeline", {}, "sdxl", 30, 5.0, 1024),
        ("StableDiffusion3Pipeline", {"transformer": SD3, "vae": SD_VAE}, "sd3", 28, 7.0, 1024),
        ("StableDiffusion3Pipeline", {"transformer": {**SD3, "qk_norm": "rms_norm"}}, "sd3", 28, 4.5, 1024),
        ("FluxPipeline", {"transformer": {"guidance_embeds": True}, "scheduler": DYNAMIC}, "flux", 28, 3.5, 1024),
        ("FluxPipeline", {"transformer": {"guidance_embeds": False}, "scheduler": FLOW}, "flux", 4, 0.0, 1024),
        ("FluxPipeline", {"transformer": {"guidance_embeds": False}, "scheduler": DYNAMIC}, "flux", 28, 3.5, 1024),
        ("FluxFillPipeline", {"transformer": {"guidance_embeds": True}}, "flux-fill", 50, 30.0, 1024),
        ("FluxKontextPipeline", {"transformer": {"guidance_embeds": True}}, "flux-kontext", 28, 2.5, 1024),
        (
            "ZImagePipeline",
            {"scheduler": {**FLOW, "shift": 6.0}},
            "z-image",
            50,
            5.0,
            1024,
        ),
        ("QwenImagePipeline", {"transformer": {"guidance_embeds": False}}, "qwen-image", 50, 4.0, 1328),
        ("ChromaPipeline", {}, "chroma", 35, 5.0, 1024),
        ("ZImagePipeline", {"scheduler": FLOW}, "z-image", 9, 0.0, 1024),
    ],
)
def test_the_configurations_tell_the_family_and_what_is_usual(
    tmp_path: Path, pipeline: str, parts: Parts, family: str, steps: int, guidance_scale: float, size: int
) -> None:
    info = model(tmp_path / "nothing-to-be-read-here", pipeline, parts)
    assert (info.family, info.steps, info.guidance_scale, info.size) == (family, steps, guidance_scale, (size, size))


def test_the_sidecar_has_the_last_word(tmp_path: Path) -> None:
    parts = {"unet": XL_UNET, "vae": XL_VAE, "scheduler": TRAILING}
    info = model(tmp_path / "m", "StableDiffusionXLPipeline", parts, steps=9, guidance_scale=0, size=[640, 384])
    assert (info.steps, info.guidance_scale, info.size) == (9, 0, (640, 384))


@pytest.mark.parametrize(
    ("pipeline", "parts", "tasks"),
    [
        ("StableDiffusionPipeline", {"unet": UNET, "vae": SD_VAE}, tuple(Task)),
        ("StableDiffusionInpaintPipeline", {"unet": {**UNET, "in_channels": 9}, "vae": SD_VAE}, (Task.INPAINTING,)),
        ("StableDiffusionInpaintPipeline", {"unet": UNET, "vae": SD_VAE}, tuple(Task)),
        ("FluxFillPipeline", {"transformer": {"in_channels": 384}}, (Task.INPAINTING,)),
        ("FluxKontextPipeline", {"transformer": {"in_channels": 64}}, (Task.TEXT_TO_IMAGE, Task.IMAGE_TO_IMAGE)),
        ("LatentConsistencyModelPipeline", {"unet": UNET}, (Task.TEXT_TO_IMAGE, Task.IMAGE_TO_IMAGE)),
        (
            "StableDiffusionXLImg2ImgPipeline",
            {"unet": XL_UNET, "vae": XL_VAE, "text_encoder": None, "text_encoder_2": {}},
            (Task.IMAGE_TO_IMAGE,),
        ),
        (
            "StableDiffusionXLPipeline",
            {"unet": XL_UNET, "vae": XL_VAE, "text_encoder": {}, "text_encoder_2": {}},
            tuple(Task),
        ),
    ],
)
def test_what_a_model_was_made_for_is_told_by_its_parts(
    tmp_path: Path, pipeline: str, parts: Parts, tasks: tuple[Task, ...]
) -> None:
    info = model(tmp_path / "m", pipeline, parts)
    assert info.tasks == tasks
    assert info.inpaints == (tasks == (Task.INPAINTING,))


def test_a_map_to_colours_is_only_for_the_vae_it_was_made_for(tmp_path: Path) -> None:
    known = model(tmp_path / "known", "StableDiffusionPipeline", {"unet": UNET, "vae": SD_VAE})
    other = model(tmp_path / "other", "StableDiffusionPipeline", {"unet": UNET, "vae": {**SD_VAE, "scaling_factor": 1}})
    assert known.latent_rgb == FAMILIES["sd"].latent_rgb
    assert other.latent_rgb is None


def test_every_family_can_be_found_and_every_map_to_colours_says_for_which_vae(tmp_path: Path) -> None:
    assert set(PIPELINES.values()) | {FAMILIES["sd2"]} == set(FAMILIES.values())
    assert all((each.latent_rgb is None) == (each.scaling is None) for each in FAMILIES.values())


def test_what_is_of_no_family_is_refused_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(BadModel, match=r"`_class_name` is 'AudioPipeline'; the engine runs StableDiffusionPipeline, "):
        model(tmp_path / "m", "AudioPipeline", {})


def test_sizes_are_rounded_up_to_what_the_family_takes(tmp_path: Path) -> None:
    info = model(tmp_path / "m", "StableDiffusionXLPipeline", {})
    assert plan(info, 1000, 1004).drawn == (1000, 1008)
    info = model(tmp_path / "f", "FluxPipeline", {})
    assert plan(info, 1000, 1004).drawn == (1008, 1008)


def test_models_of_flow_matching_take_the_schedulers_that_have_a_form_for_it() -> None:
    assert suited(find("euler_karras"), flow=True).class_name == "FlowMatchEulerDiscreteScheduler"
    assert suited(find("euler_karras"), flow=True).options["use_karras_sigmas"] is True
    assert find("FlowMatchLCMScheduler").flow == "FlowMatchLCMScheduler"
    assert suited(find("ddim"), flow=False) == find("ddim")
    with pytest.raises(Unsupported, match="ddim does not draw with a model that was trained") as raised:
        suited(find("ddim"), flow=True)
    assert "euler_karras" in str(raised.value.hint)


def test_what_a_model_was_not_made_for_is_refused_before_a_worker_is_asked(tmp_path: Path) -> None:
    model(tmp_path / "fill", "FluxFillPipeline", {})
    models = ModelFolder([tmp_path])
    request = TextToImage(id="1", model="fill", prompt="", width=64, height=64, steps=1, guidance_scale=1, seed=1)
    with pytest.raises(Unsupported, match="the model fill repaints parts of pictures and cannot draw from words alone"):
        prepare(request, models)
