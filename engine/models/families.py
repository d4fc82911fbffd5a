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
DRAWING = (Task.TEXT_TO_IMAGE, Task.IMAGE_TO_IMAGE)


class Half(Enum):
    """The number format of 16 bits that weights are kept in where there is an accelerator."""

    FLOAT16 = "float16"
    BFLOAT16 = "bfloat16"
    """For what float16's range is too small for: large transformers, and T5."""


Config = Mapping[str, Any]
"""The configuration of a part of a model; empty where it has none."""


@dataclass(frozen=True, slots=True)
class Variant:
    """Models of a family that are used otherwise, and how the configurations of denoiser and scheduler tell them."""

    told: Callable[[Config, Config], bool]
    steps: int
    guidance_scale: float


@dataclass(frozen=True, slots=True)
class Family:
    """What the models of a family have in common."""

    name: str
    title: str
    steps: int
    guidance_scale: float
    pipelines: tuple[str, ...]
    """The classes of diffusers that a model of it may have been saved as."""
    variants: tuple[Variant, ...] = ()
    """The first that tells counts."""
    tasks: tuple[Task, ...] = EVERY_TASK
    itself: tuple[Task, ...] = ()
    """Tasks of the very class it was saved as, which diffusers' Auto classes do not know."""
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


FEW_STEPS = ("LCMScheduler", "TCDScheduler")
"""Schedulers that only draw with what was distilled for them."""


def _told_guidance(unet: Config, _scheduler: Config) -> bool:
    """Guidance is an input of the network, not made of two runs."""
    return bool(unet.get("time_cond_proj_dim"))


def _consistent(_unet: Config, scheduler: Config) -> bool:
    return scheduler.get("_class_name") in FEW_STEPS


def _adversarial(_unet: Config, scheduler: Config) -> bool:
    """Turbo and lightning models start at the last time; so do some that need many steps, but they predict velocity."""
    return (
        str(scheduler.get("_class_name")).startswith("Euler")
        and scheduler.get("timestep_spacing") == "trailing"
        and scheduler.get("prediction_type") != "v_prediction"
        and not scheduler.get("rescale_betas_zero_snr")
    )


def _schnell(transformer: Config, scheduler: Config) -> bool:
    return transformer.get("guidance_embeds") is False and scheduler.get("use_dynamic_shifting") is False


def _normed(transformer: Config, _scheduler: Config) -> bool:
    """Stable Diffusion 3.5 norms queries and keys, 3 does not."""
    return bool(transformer.get("qk_norm"))


def _shifted_less(_transformer: Config, scheduler: Config) -> bool:
    """Z-Image-Turbo's times are shifted by 3, those of the model it was distilled from by 6."""
    shift = scheduler.get("shift")
    return isinstance(shift, (int, float)) and shift <= TURBO_SHIFT


TURBO_SHIFT = 3.0

DISTILLED = (Variant(_told_guidance, 4, 8.5), Variant(_consistent, 4, 1.0), Variant(_adversarial, 4, 0.0))

SD = Family(
    "sd",
    "Stable Diffusion 1",
    30,
    7.5,
    ("StableDiffusionPipeline", "StableDiffusionImg2ImgPipeline", "StableDiffusionInpaintPipeline"),
    variants=DISTILLED,
    size=(512, 512),
    multiple=8,
    flow=False,
    half=Half.FLOAT16,
    latent_rgb=SD_RGB,
    scaling=0.18215,
)
FLUX = Family(
    "flux",
    "FLUX.1",
    28,
    3.5,
    ("FluxPipeline", "FluxImg2ImgPipeline", "FluxInpaintPipeline"),
    variants=(Variant(_schnell, 4, 0.0),),
)

TABLE = (
    SD,
    replace(SD, name="sd2", title="Stable Diffusion 2", pipelines=()),
    replace(
        SD,
        name="lcm",
        title="Latent Consistency Model",
        steps=4,
        guidance_scale=8.5,
        pipelines=("LatentConsistencyModelPipeline", "LatentConsistencyModelImg2ImgPipeline"),
        tasks=DRAWING,
    ),
    replace(
        SD,
        name="sdxl",
        title="Stable Diffusion XL",
        guidance_scale=5.0,
        pipelines=("StableDiffusionXLPipeline", "StableDiffusionXLImg2ImgPipeline", "StableDiffusionXLInpaintPipeline"),
        size=(1024, 1024),
        latent_rgb=XL_RGB,
        scaling=0.13025,
    ),
    Family(
        "sd3",
        "Stable Diffusion 3",
        28,
        7.0,
        ("StableDiffusion3Pipeline", "StableDiffusion3Img2ImgPipeline", "StableDiffusion3InpaintPipeline"),
        variants=(Variant(_normed, 28, 4.5),),
    ),
    FLUX,
    replace(
        FLUX,
        name="flux-fill",
        title="FLUX.1 Fill",
        steps=50,
        guidance_scale=30.0,
        pipelines=("FluxFillPipeline",),
        variants=(),
        tasks=(Task.INPAINTING,),
        itself=(Task.INPAINTING,),
    ),
    replace(
        FLUX,
        name="flux-kontext",
        title="FLUX.1 Kontext",
        guidance_scale=2.5,
        pipelines=("FluxKontextPipeline",),
        variants=(),
        tasks=DRAWING,
    ),
    Family(
        "z-image",
        "Z-Image",
        50,
        5.0,
        ("ZImagePipeline", "ZImageImg2ImgPipeline", "ZImageInpaintPipeline"),
        variants=(Variant(_shifted_less, 9, 0.0),),
    ),
    Family(
        "qwen-image",
        "Qwen-Image",
        50,
        4.0,
        ("QwenImagePipeline", "QwenImageImg2ImgPipeline", "QwenImageInpaintPipeline"),
        size=(1328, 1328),
    ),
    Family("chroma", "Chroma", 35, 5.0, ("ChromaPipeline",), tasks=(Task.TEXT_TO_IMAGE,)),
    Family("aura-flow", "AuraFlow", 50, 3.5, ("AuraFlowPipeline",), tasks=(Task.TEXT_TO_IMAGE,)),
    Family("lumina2", "Lumina Image 2", 30, 4.0, ("Lumina2Pipeline",), tasks=(Task.TEXT_TO_IMAGE,)),
)

FAMILIES: Mapping[str, Family] = {each.name: each for each in TABLE}
"""Every family by its name."""

PIPELINES: Mapping[str, Family] = {name: each for each in FAMILIES.values() for name in each.pipelines}
"""The family of each class of diffusers that a model may have been saved as."""


@dataclass(frozen=True, slots=True)
class Traits:
    """What the configurations of one model say of it."""

    family: Family
    tasks: tuple[Task, ...]
    steps: int
    guidance_scale: float
    size: tuple[int, int]
    latent_rgb: LatentRgb | None


ReadConfig = Callable[[str], Config]
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
    variant = next((each for each in family.variants if each.told(denoiser, scheduler)), family)
    return Traits(
        family=family,
        tasks=_tasks(family, pipeline, parts, denoiser, vae),
        steps=variant.steps,
        guidance_scale=variant.guidance_scale,
        size=_size(denoiser, vae) or family.size,
        latent_rgb=family.latent_rgb if vae.get("scaling_factor") == family.scaling else None,
    )


SD2_TEXT = 1024
"""Numbers a token is to Stable Diffusion 2; to the first one it is 768."""


def _tasks(family: Family, pipeline: str, parts: Collection[str], denoiser: Config, vae: Config) -> tuple[Task, ...]:
    into, latents = _number(denoiser, "in_channels"), _number(vae, "latent_channels")
    if "unet" in parts:
        # One for inpainting takes the mask and what it leaves beside the latents.
        masked = into > latents if into and latents else "Inpaint" in pipeline
        if masked:
            return (Task.INPAINTING,)
        if family.name == "sdxl" and "text_encoder" not in parts:
            return (Task.IMAGE_TO_IMAGE,)  # the refiner, which reads with the second one alone
    return family.tasks


def _size(denoiser: Config, vae: Config) -> tuple[int, int] | None:
    """Width and height it was trained at, where its configuration tells."""
    side, blocks = _number(denoiser, "sample_size"), vae.get("block_out_channels")
    if not side or not isinstance(blocks, (list, tuple)) or not blocks:
        return None
    pixels = side << (len(blocks) - 1)
    return pixels, pixels


def _number(config: Config, key: str) -> int:
    value = config.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
