"""What clients of A1111's web UI send to its API and read from it, and what of that is meant here.

https://github.com/AUTOMATIC1111/stable-diffusion-webui, ``modules/api``. What it has and this server has not is refused
where it would change the picture, and ignored where it would not; unknown names are ignored, as they are there.
"""

import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from mintaka.engine import schedulers
from mintaka.engine.errors import Unsupported
from mintaka.server.api.operations import Face, Shown
from mintaka.server.api.statuses import status_of
from mintaka.server.errors import Fault, Kind

MOST_PICTURES = 64

LORA = re.compile(r"<lora:([^:<>]{1,200})(?::(-?\d{0,3}\.?\d{1,6}))?(?::[^<>]{0,40})?>")
"""A LoRA in a prompt, with its weight; a second weight, for the text encoder, is not told apart."""

HASH = re.compile(r"\s*\[[0-9a-f]{6,64}\]$")
"""What follows the name in the title of a model there."""

AUTOMATIC = ("automatic", "none", "use same sampler", "")

FILLS = {0: "blur", 1: "original", 2: "noise"}

HARMLESS = re.compile(r"(save_|samples_|grid_|do_not_|outdir_|show_|live_preview|return_|notification|webp_|jpeg_)")
"""Settings that say what becomes of files and windows, and nothing of the picture."""

NOTHING: Mapping[str, tuple[object, ...]] = {
    "restore_faces": (False,),
    "tiling": (False,),
    "subseed_strength": (0,),
    "seed_resize_from_w": (0, -1),
    "seed_resize_from_h": (0, -1),
    "enable_hr": (False,),
    "refiner_checkpoint": ("", "None", "none"),
    "script_name": ("", "None", "none"),
    "styles": ([], [""]),
    "s_churn": (0,),
    "s_min_uncond": (0,),
    "eta": (0, 1),
    "firstpass_image": ("",),
    "infotext": ("",),
    "initial_noise_multiplier": (0, 1),
    "latent_mask": ("",),
    "image_cfg_scale": (0, 1.5),
}
"""What is not done here, and the values with which nothing is asked of it, beside null."""


class Loose(BaseModel):
    """The base of what A1111's clients send."""

    model_config = ConfigDict(frozen=True, extra="allow")


class Generation(Loose):
    """What drawing has."""

    prompt: str = Field(default="", max_length=8000, description="LoRAs may be named in it: <lora:storybook:0.8>")
    negative_prompt: str | None = Field(default=None, max_length=4000)
    seed: int | None = Field(default=-1, ge=-1, le=2**53 - 1, description="-1 for any")
    sampler_name: str | None = Field(default=None, max_length=100)
    sampler_index: str | None = Field(default=None, max_length=100, description="An older name of sampler_name")
    scheduler: str | None = Field(default=None, max_length=100)
    batch_size: int | None = Field(default=1, ge=1, le=MOST_PICTURES)
    n_iter: int | None = Field(default=1, ge=1, le=MOST_PICTURES)
    steps: int | None = Field(default=None, ge=1, le=1000, description="The model's usual where left out")
    cfg_scale: float | None = Field(default=None, ge=0, le=100, description="The model's usual where left out")
    width: int | None = Field(default=None, ge=1, le=16384, description="The model's usual where left out")
    height: int | None = Field(default=None, ge=1, le=16384)
    override_settings: dict[str, Any] | None = Field(default=None, description="sd_model_checkpoint and CLIP_stop_at…")
    alwayson_scripts: dict[str, Any] | None = Field(default=None, description="Refused where one has arguments")
    send_images: bool | None = True


class Txt2Img(Generation):
    """What ``txt2img`` takes."""


class Img2Img(Generation):
    """What ``img2img`` takes."""

    init_images: list[str] | None = Field(default=None, description="One picture: base64 or a data URL")
    resize_mode: int | None = Field(default=0, description="0 stretch, 1 crop; others are refused")
    denoising_strength: float | None = Field(default=None, ge=0, le=1, description="0.75 where left out")
    mask: str | None = Field(default=None, description="White, or opaque where it is transparent anywhere: drawn anew")
    mask_blur: int | None = Field(default=4, ge=0, le=512)
    inpainting_fill: int | None = Field(default=0, description="0 what is around, 1 what is there, 2 noise")
    inpaint_full_res: bool | None = Field(default=True, description="Draw what is masked as large as the model draws")
    inpaint_full_res_padding: int | None = Field(default=0, ge=0, le=4096)
    inpainting_mask_invert: int | None = Field(default=0, ge=0, le=1)
    include_init_images: bool | None = False


class ExtraSingleImage(Loose):
    """What ``extra-single-image`` takes."""

    image: str = Field(description="Base64 or a data URL")
    resize_mode: int | None = Field(default=0, description="0 by upscaling_resize, 1 to upscaling_resize_w × …_h")
    upscaling_resize: float | None = Field(default=2, description="2 to 8, a whole number")
    upscaling_resize_w: int | None = Field(default=None, ge=1, le=16384)
    upscaling_resize_h: int | None = Field(default=None, ge=1, le=16384)
    upscaler_1: str | None = Field(default=None, max_length=200)
    upscaler_2: str | None = Field(default=None, max_length=200)
    extras_upscaler_2_visibility: float | None = 0
    gfpgan_visibility: float | None = 0
    codeformer_visibility: float | None = 0


class PngInfo(Loose):
    """What ``png-info`` takes."""

    image: str = Field(description="Base64 or a data URL of a PNG")


class Settings(Loose):
    """What ``options`` takes: sd_model_checkpoint and CLIP_stop_at_last_layers."""


class Pictures(Shown):
    """What drawing answers."""

    images: list[str] = Field(description="PNGs in base64")
    parameters: dict[str, Any]
    info: str = Field(description="JSON as a text")


class A1111Error(Shown):
    """An error, as that API tells it."""

    error: str
    detail: str
    body: str
    errors: str


def refuse(asked: Loose) -> None:
    """Raise `Fault` (unsupported) for what is asked and not done here, if it would change the picture."""
    given = {**dict(asked), **(asked.model_extra or {})}
    for name, harmless in NOTHING.items():
        value = given.get(name)
        if value is not None and value not in harmless:
            raise unsupported(name, "leave it out")
    scripts = given.get("alwayson_scripts") or {}
    for name, script in scripts.items() if isinstance(scripts, dict) else ():
        if script.get("args") if isinstance(script, dict) else script:
            raise unsupported(f"alwayson_scripts.{str(name)[:100]}", "leave it out")


def unsupported(name: str, advice: str) -> Fault:
    """The refusal of a parameter."""
    return Fault(Kind.UNSUPPORTED, f"`{name}` is not done here; {advice}.", hint=advice, data={"parameter": name})


def overridden(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The options that settings mean. Raises `Fault` for one that would change the picture and is not done here."""
    options: dict[str, Any] = {}
    for name, value in settings.items():
        if name == "sd_model_checkpoint":
            if value:
                options["model_id"] = titled(str(value))
        elif name == "CLIP_stop_at_last_layers":
            if type(value) is not int or not 1 <= value <= 12:
                raise Fault(Kind.INVALID_PARAMS, "`CLIP_stop_at_last_layers` is 1 to 12.", data={"parameter": name})
            options["clip_skip"] = value - 1
        elif name == "sd_vae":
            if value not in (None, "", "Automatic", "None"):
                raise unsupported("sd_vae", "leave it out: every model here has its own")
        elif not HARMLESS.match(name):
            raise unsupported(
                f"override_settings.{name[:100]}", "only sd_model_checkpoint and CLIP_stop_at_last_layers are"
            )
    return options


def titled(title: str) -> str:
    """The id of a model, of its title or its name."""
    return HASH.sub("", title)


def scheduler_of(asked: Generation) -> str | None:
    """The scheduler that a sampler and a schedule mean together. Raises `Fault` where there is none."""
    sampler = asked.sampler_name or asked.sampler_index
    spacing = asked.scheduler if (asked.scheduler or "").lower() not in AUTOMATIC else None
    if sampler is None or sampler.lower() in AUTOMATIC:
        if spacing is not None:
            raise unsupported("scheduler", "name a sampler with it")
        return None
    name = sampler if spacing is None else f"{sampler} {spacing}"
    try:
        return schedulers.find(name).name
    except Unsupported as error:
        raise Fault(
            Kind.UNSUPPORTED, f"{error.message}.", hint=error.hint, data={"parameter": "sampler_name"}
        ) from None


def options_of(asked: Generation, chosen: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The prompt and the options of one call; ``chosen`` are those that were set before. Raises `Fault`."""
    refuse(asked)
    loras = [{"name": each[1], "weight": float(each[2] or 1)} for each in LORA.finditer(asked.prompt)]
    given = {
        **chosen,
        **overridden(asked.override_settings or {}),
        "num_inference_steps": asked.steps,
        "guidance_scale": asked.cfg_scale,
        "negative_prompt": asked.negative_prompt,
        "seed": asked.seed if asked.seed is not None and asked.seed >= 0 else None,
        "scheduler": scheduler_of(asked),
        "batch": asked.batch_size,
        "width": asked.width,
        "height": asked.height,
        "loras": loras or None,
    }
    prompt = LORA.sub("", asked.prompt).strip() if loras else asked.prompt
    if "<lora:" in prompt:
        raise Fault(
            Kind.INVALID_PARAMS,
            "A LoRA in a prompt is written <lora:NAME> or <lora:NAME:WEIGHT>, such as <lora:storybook:0.8>.",
            data={"parameter": "prompt"},
        )
    return prompt, {name: value for name, value in given.items() if value is not None}


def _told(told: Mapping[str, object], status: int) -> object:
    data = told.get("data")
    kind = str(data.get("kind")) if isinstance(data, Mapping) else "internal"
    message = str(told.get("message", ""))
    return {"error": kind, "detail": message, "body": "", "errors": message}


def _status(told: Mapping[str, object]) -> int:
    data = told.get("data")
    foreign = isinstance(data, Mapping) and data.get("kind") == Kind.NO_SUCH_CAPABILITY
    return 403 if foreign else status_of(told)


A1111 = Face(prefix="/sdapi/v1/", error=A1111Error, told=_told, status=_status, basic=True)
