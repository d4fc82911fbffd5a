"""What the engine is asked for and what it answers: plain frozen data, free of torch, users and capabilities.

Requests come already permitted and priced; the engine only runs them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from mintaka.engine.controls import ControlType, PreprocessOptions
from mintaka.engine.edits import Interpolation, Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What every request has.

    Pictures in requests are bytes: as they came in what the engine is asked; to a worker, which decodes none, those
    that stand for a `mintaka.engine.pixels.Pixels`.
    """

    method: ClassVar[str]
    """What the request is called on the way to the worker and in the receipt of what it makes."""

    id: str
    deadline_s: float | None = None
    """Seconds the request may take from when the worker gets it; ``None`` is without limit."""
    line: str = ""
    """Whose it is, by a name that tells nothing: lines get the same share of the device."""
    priority: int = 0
    """Before others of its line where it is higher."""


MAX_LORA_WEIGHT = 10.0
"""Either way; beyond 2 or so a picture falls apart."""

MAX_CLIP_SKIP = 31
"""The largest CLIP text encoder has 32 layers; how many a model's own can do without, the worker knows."""


@dataclass(frozen=True, slots=True)
class Lora:
    """A LoRA that changes what the model draws, and how much: 1 as it was trained, 0 not at all."""

    name: str
    weight: float = 1.0


MAX_REGIONS = 8


@dataclass(frozen=True, slots=True)
class Region:
    """A part of a picture with a prompt of its own."""

    prompt: str
    left: float
    """Fraction of the finished picture's width; so are the three that follow, of its width or height."""
    top: float
    width: float
    height: float
    weight: float = 1.0
    """How much its prompt counts there, 0 to 1; the rest is the whole picture's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing(Request):
    """What everything that a diffusion model draws has in common.

    Sizes are pixels of the finished picture; the engine works at a size that suits the model and fits the result.
    ``seed`` s draws the noise of picture i of the batch from ``torch.Generator("cpu").manual_seed(s + i)``.
    """

    model: str
    prompt: str
    width: int
    height: int
    steps: int
    guidance_scale: float
    seed: int
    negative_prompt: str = ""
    prompt_2: str | None = None
    """What a second text encoder reads; ``None``: the same as the first. So is ``negative_prompt_2``."""
    negative_prompt_2: str | None = None
    scheduler: str | None = None
    """A name from `mintaka.engine.schedulers`; ``None`` is the model's own."""
    batch: int = 1
    previews: bool = True
    loras: tuple[Lora, ...] = ()
    """All of them act at once; each is named once."""
    embeddings: tuple[str, ...] = ()
    """Words of the prompts that stand for embeddings of these names; others are only words."""
    regions: tuple[Region, ...] = ()
    """Where they lie over one another, they share the place by their weights."""
    check_safety: bool = False
    """Have the model's safety checker look at the pictures; then there are no previews, which it would not see."""
    clip_skip: int = 0
    """How many of a CLIP text encoder's last layers are left out, of all prompts; 1 is what A1111 calls 2."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextToImage(Drawing):
    """A picture to be made from words."""

    method: ClassVar[str] = "text_to_image"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageToImage(Drawing):
    """A picture to be made from words and another picture, which is brought to the size of the new one."""

    method: ClassVar[str] = "image_to_image"

    image: bytes
    strength: float
    """How much of the picture is made anew, 0 to 1: of ``steps`` the last ``int(steps * strength)`` are run."""


class Fill(StrEnum):
    """What the masked part of a picture is taken to be before it is repainted."""

    ORIGINAL = "original"
    """What is there."""
    NOISE = "noise"
    """Random colours."""
    BLUR = "blur"
    """The colours around it, spread into it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inpaint(Drawing):
    """A part of a picture to be made anew; ``width`` and ``height`` are those of the picture.

    Where the mask is nothing, every pixel of the picture stays as it is.
    """

    method: ClassVar[str] = "inpaint"

    image: bytes
    mask: bytes
    """White is repainted; of a mask that is transparent anywhere, what is opaque. Brought to the picture's size."""
    strength: float
    """As in `ImageToImage`, of the masked part."""
    feather: int
    """Pixels over which the new fades into the old, inwards from the edge of the mask."""
    only_masked: bool
    """Draw only what lies around the mask, as large as the model draws, not the whole picture."""
    padding: int
    """Pixels around the mask that are drawn with it, when only that is drawn."""
    fill: Fill


@dataclass(frozen=True, slots=True, kw_only=True)
class Outpaint(Drawing):
    """A picture to be continued beyond its edges; ``width`` and ``height`` are those of the larger one."""

    method: ClassVar[str] = "outpaint"

    image: bytes
    left: int
    """Pixels to add at this edge; so are the three that follow."""
    right: int
    top: int
    bottom: int
    overlap: int
    """Pixels inside the old edges over which the new fades into the old."""
    strength: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Resample(Request):
    """A picture to be enlarged by arithmetic alone."""

    method: ClassVar[str] = "resample"

    image: bytes
    factor: int
    interpolation: Interpolation


@dataclass(frozen=True, slots=True, kw_only=True)
class Upscale(Request):
    """A picture to be enlarged by a learned upscaler, in overlapping tiles."""

    method: ClassVar[str] = "upscale"

    image: bytes
    upscaler: str
    factor: int
    tile: int
    """The longest side of a tile in pixels of the picture given."""
    overlap: int
    """Pixels that neighbouring tiles share; at most half of one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Redraw(Drawing):
    """A picture to be enlarged, and drawn over in overlapping tiles for its detail.

    ``width`` and ``height`` are those of the larger picture.
    """

    method: ClassVar[str] = "redraw"

    image: bytes
    factor: int
    strength: float
    """As in `ImageToImage`."""
    interpolation: Interpolation = Interpolation.LANCZOS
    upscaler: str | None = None
    """A learned upscaler that enlarges it, instead of arithmetic."""
    tile: int
    """The longest side of a tile, in pixels of the larger picture: what suits the model."""
    overlap: int
    """Pixels that neighbouring tiles share; at most half of one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """A picture that steers a drawing, and the ControlNet that reads it."""

    controlnet: str
    image: bytes
    strength: float = 1.0
    """How much it steers, 0 to 2."""
    start: float = 0.0
    """From which fraction of the steps on; ``end``: up to which."""
    end: float = 1.0
    preprocess: ControlType | None = None
    """What is made of ``image`` first; ``None``: it is the control picture itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Controlled(Drawing):
    """A picture to be made from words, steered by other pictures, which are brought to the size of the new one.

    With ``init_image`` it is made of that picture as in `ImageToImage`, and with ``mask`` of a part of it as in
    `Inpaint`; then ``width`` and ``height`` are those of the picture.
    """

    method: ClassVar[str] = "controlled"

    controls: tuple[Control, ...]
    init_image: bytes | None = None
    mask: bytes | None = None
    init_strength: float = 1.0
    """How much of ``init_image`` is made anew, 0 to 1."""
    feather: int = 0
    """As in `Inpaint`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preprocess(Request):
    """A control picture to be made from another picture, as large as that."""

    method: ClassVar[str] = "preprocess"

    image: bytes
    control_type: ControlType
    width: int
    """At which size it is looked at: that which a model draws at."""
    height: int
    options: PreprocessOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceRestore(Request):
    """A picture of which the faces are to be made anew by a model for faces."""

    method: ClassVar[str] = "face_restore"

    image: bytes
    model: str
    strength: float
    """How much of the restored faces is laid over the picture, 0 to 1."""
    faces: int
    """At most how many, the largest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit(Request):
    """A picture to be changed by arithmetic alone."""

    method: ClassVar[str] = "edit"

    image: bytes
    operation: Operation
    other: bytes | None = None
    """The other picture, of operations that take two."""


REQUESTS: tuple[type[Request], ...] = (
    TextToImage,
    ImageToImage,
    Inpaint,
    Outpaint,
    Resample,
    Upscale,
    Controlled,
    Redraw,
    Preprocess,
    FaceRestore,
    Edit,
)
"""Every kind of request."""


def steps_run(steps: int, strength: float) -> int:
    """How many of ``steps`` are run over a picture at ``strength`` (0 to 1): one at least.

    diffusers' own count is ``min(int(steps * strength), steps)``, and it fails where that is 0.
    """
    return max(1, min(int(steps * strength), steps))


@dataclass(frozen=True, slots=True)
class Step:
    """A denoising step is done: ``step`` of ``steps``, counted from 1.

    ``steps`` is how often the scheduler runs, which may be more than was asked for: Heun runs twice for a step.
    """

    step: int
    steps: int
    preview: bytes | None = None
    """A small WebP picture of what is emerging, or ``None`` when none was asked for or made at this step."""
    eta_s: float | None = None
    """Seconds until the picture is finished, by the times of steps that were measured; ``None`` where none were."""
    memory: int | None = None
    """Bytes the worker holds: of the device's memory where it has its own, else of main memory."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A finished picture: encoded bytes and how it came to be."""

    data: bytes
    """PNG, 8 bit RGB or RGBA, with the generation parameters in its text chunks; of another format where one was asked
    for, and then without."""
    width: int
    height: int
    seed: int | None
    """What its noise was drawn from; ``None`` where nothing was left to chance."""
    notes: tuple[str, ...] = ()
    """What a person should know: "drawn at 64 × 64 and enlarged", "the model does not know the word “dragon”"."""
    format: str = "png"


OnStep = Callable[[Step], None]
