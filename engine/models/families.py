"""The families of models the engine runs, as one table: how each is known, and what is used when nobody says.

A family is what models have in common that one stock pipeline of diffusers draws with. Which one a model is of, and
whether it was distilled to draw in few steps, is read from the configurations that lie with it, never from its name.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, NamedTuple

Row = tuple[float, float, float]


class LatentRgb(NamedTuple):
    """A linear map from latents to colours in 0..1; in a file a list of the two."""

    matrix: tuple[Row, ...]
    """One row of red, green and blue for each channel of the latents."""
    bias: Row


class Task(Enum):
    """What a pipeline is for."""

    TEXT_TO_IMAGE = "text-to-image"
    IMAGE_TO_IMAGE = "image-to-image"
    INPAINTING = "inpainting"


EVERY_TASK = (Task.TEXT_TO_IMAGE, Task.IMAGE_TO_IMAGE, Task.INPAINTING)
FROM_WORDS = (Task.TEXT_TO_IMAGE,)


class Half(Enum):
    """The number format of 16 bits that weights are kept in where there is an accelerator."""

    FLOAT16 = "float16"
    BFLOAT16 = "bfloat16"
    """For what float16's range is too small for: large transformers, and T5."""


@dataclass(frozen=True, slots=True)
class Family:
    """What the models of a family have in common."""

    name: str
    title: str
    steps: int
    guidance_scale: float
    pipelines: tuple[str, ...]
    """The classes of diffusers that a model of it may have been saved as; the first draws from words."""
    tasks: tuple[Task, ...] = EVERY_TASK
    itself: tuple[Task, ...] = ()
    """Tasks of the first class that diffusers' Auto classes do not find."""
    size: tuple[int, int] = (1024, 1024)
    """Where the configurations do not tell the size it was trained at."""
    multiple: int = 16
    """Widths and heights are multiples of this many pixels: of what the VAE makes one and the transformer a patch."""
    flow: bool = True
    """Whether it was trained by flow matching, which needs schedulers of its own."""
    half: Half = Half.BFLOAT16
    latent_rgb: LatentRgb | None = None
    scaling: float | None = None
    """The ``scaling_factor`` of the VAE that ``latent_rgb`` is for; another VAE has other latents."""


SD_RGB = LatentRgb(
    ((0.149, 0.1035, 0.104), (0.0935, 0.143, 0.0865), (-0.079, 0.0945, 0.132), (-0.092, -0.1355, -0.2365)),
    (0.5, 0.5, 0.5),
)
"""From Keturn, "Decoding latents to RGB without upscaling" (discuss.huggingface.co, 23204), brought to 0..1."""

XL_RGB = LatentRgb(
    ((0.235, 0.235, 0.235), (-0.235, -0.02, 0.039), (0.098, 0.059, -0.02), (-0.275, -0.196, -0.137)),
    (0.588, 0.549, 0.51),
)
"""From Timothy Alexis Vass, "Explaining the SDXL latent space" (huggingface.co), brought to 0..1."""


def _table() -> dict[str, Family]:
    sd = Family(
        "sd",
        "Stable Diffusion 1",
        30,
        7.5,
        ("StableDiffusionPipeline", "StableDiffusionImg2ImgPipeline", "StableDiffusionInpaintPipeline"),
        size=(512, 512),
        multiple=8,
        flow=False,
        half=Half.FLOAT16,
        latent_rgb=SD_RGB,
        scaling=0.18215,
    )
    families = (
        sd,
        replace(sd, name="sd2", title="Stable Diffusion 2", pipelines=()),
        replace(
            sd,
            name="lcm",
            title="Latent Consistency Model",
            steps=4,
            guidance_scale=8.5,
            pipelines=("LatentConsistencyModelPipeline", "LatentConsistencyModelImg2ImgPipeline"),
            tasks=(Task.TEXT_TO_IMAGE, Task.IMAGE_TO_IMAGE),
        ),
        Family(
            "sdxl",
            "Stable Diffusion XL",
            30,
            5.0,
            ("StableDiffusionXLPipeline", "StableDiffusionXLImg2ImgPipeline", "StableDiffusionXLInpaintPipeline"),
            multiple=8,
            flow=False,
            half=Half.FLOAT16,
            latent_rgb=XL_RGB,
            scaling=0.13025,
        ),
    )
    return {each.name: each for each in families}


FAMILIES: Mapping[str, Family] = _table()
"""Every family by its name."""

PIPELINES: Mapping[str, Family] = {name: each for each in FAMILIES.values() for name in each.pipelines}
"""The family of each class of diffusers that a model may have been saved as."""

FEW_STEPS = ("LCMScheduler", "TCDScheduler")
"""Schedulers that only draw with what was distilled for them."""


@dataclass(frozen=True, slots=True)
class Traits:
    """What the configurations of one model say of it."""

    family: Family
    tasks: tuple[Task, ...]
    steps: int
    guidance_scale: float
    size: tuple[int, int]
    latent_rgb: LatentRgb | None


ReadConfig = Callable[[str], Mapping[str, Any]]
"""Gives the configuration of a part of a model by the part's name; empty where it has none."""


def traits(pipeline: str, parts: Collection[str], read: ReadConfig) -> Traits | None:
    """What a model is, saved as the class ``pipeline`` with ``parts``; ``None``: of no family the engine runs."""
    family = PIPELINES.get(pipeline)
    if family is None:
        return None
    vae, scheduler = read("vae"), read("scheduler")
    denoiser = read("unet" if "unet" in parts else "transformer")
    if family.name == "sd" and _number(denoiser, "cross_attention_dim") == SD2_TEXT:
        family = FAMILIES["sd2"]
    steps, guidance_scale = _usual(family, denoiser, scheduler)
    return Traits(
        family=family,
        tasks=_tasks(family, pipeline, parts, denoiser, vae),
        steps=steps,
        guidance_scale=guidance_scale,
        size=_size(denoiser, vae) or family.size,
        latent_rgb=family.latent_rgb if vae.get("scaling_factor") == family.scaling else None,
    )


SD2_TEXT = 1024
"""Numbers a token is to Stable Diffusion 2; to the first one it is 768."""


def _tasks(
    family: Family, pipeline: str, parts: Collection[str], denoiser: Mapping[str, Any], vae: Mapping[str, Any]
) -> tuple[Task, ...]:
    into, latents = _number(denoiser, "in_channels"), _number(vae, "latent_channels")
    if "unet" in parts:
        # One for inpainting takes the mask and what it leaves beside the latents.
        masked = into > latents if into and latents else "Inpaint" in pipeline
        if masked:
            return (Task.INPAINTING,)
        if family.name == "sdxl" and "text_encoder" not in parts:
            return (Task.IMAGE_TO_IMAGE,)  # the refiner, which reads with the second one alone
    return family.tasks


def _usual(family: Family, denoiser: Mapping[str, Any], scheduler: Mapping[str, Any]) -> tuple[int, float]:
    """Steps and guidance scale of a model of ``family``: those of one distilled to need few, where it was."""
    kind = str(scheduler.get("_class_name"))
    if denoiser.get("time_cond_proj_dim"):
        return 4, 8.5  # guidance is told to it, not made of two runs
    if kind in FEW_STEPS:
        return 4, 1.0
    # Adversarially distilled ones (turbo, lightning) start at the last time; so do some that need many steps, but those
    # predict velocity.
    trails = scheduler.get("timestep_spacing") == "trailing" and scheduler.get("prediction_type") != "v_prediction"
    if trails and kind.startswith("Euler") and not scheduler.get("rescale_betas_zero_snr"):
        return 4, 0.0
    return family.steps, family.guidance_scale


def _size(denoiser: Mapping[str, Any], vae: Mapping[str, Any]) -> tuple[int, int] | None:
    """Width and height it was trained at, where its configuration tells."""
    side, blocks = _number(denoiser, "sample_size"), vae.get("block_out_channels")
    if not side or not isinstance(blocks, (list, tuple)) or not blocks:
        return None
    pixels = side << (len(blocks) - 1)
    return pixels, pixels


def _number(config: Mapping[str, Any], key: str) -> int:
    value = config.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
