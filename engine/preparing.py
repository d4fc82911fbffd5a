"""Before a request goes to a worker: refuse what cannot be done, and find the files it needs."""

from collections.abc import Mapping
from functools import singledispatch
from typing import Protocol

from mintaka.engine import edits, schedulers, sizing
from mintaka.engine.controls import ABOUT, ControlType
from mintaka.engine.errors import Unsupported
from mintaka.engine.headers import read_header
from mintaka.engine.messages import (
    FACE_MODEL,
    MODEL,
    UPSCALER,
    Files,
    controlnet_role,
    embedding_role,
    lora_role,
    part_role,
)
from mintaka.engine.models.abilities import check_task
from mintaka.engine.models.controlnets import ControlNetInfo, misfit
from mintaka.engine.models.families import Task
from mintaka.engine.models.info import SIDECAR, BadModel, ModelInfo
from mintaka.engine.models.kinds import Kind
from mintaka.engine.models.weights import EmbeddingInfo, FaceModelInfo, LoraInfo, PartInfo, UpscalerInfo
from mintaka.engine.requests import (
    MAX_CLIP_SKIP,
    MAX_LORA_WEIGHT,
    MAX_REGIONS,
    Control,
    Controlled,
    Drawing,
    Edit,
    FaceRestore,
    ImageToImage,
    Inpaint,
    Outpaint,
    Preprocess,
    Redraw,
    Request,
    Resample,
    TextToImage,
    Upscale,
)

MAX_STEPS = 1000
MAX_BATCH = 64
MAX_GUIDANCE = 100.0
MIN_FACTOR = 2
MAX_FACTOR = 8
MAX_CONTROLS = 8
MAX_CONTROL_STRENGTH = 2.0
MAX_LORAS = 8
MAX_EMBEDDINGS = 32
MIN_TILE = 32
MAX_FACES = 16
FACE_SIDE = 512
"""Pixels of a side at which a face is restored."""


class Models(Protocol):
    """Where models are found: `mintaka.engine.models.ModelFolder`."""

    def get(self, model_id: str) -> ModelInfo:
        """The model of that id. Raises NoSuchModel, BadModel."""
        ...

    def part(self, kind: Kind, part_id: str) -> PartInfo:
        """The VAE or text encoder of that id. Raises BadModel, Unsupported."""
        ...

    def controlnet(self, controlnet_id: str) -> ControlNetInfo:
        """The ControlNet of that id. Raises NoSuchModel, BadModel."""
        ...

    def lora(self, lora_id: str) -> LoraInfo:
        """The LoRA of that id. Raises Unsupported."""
        ...

    def embedding(self, name: str) -> EmbeddingInfo:
        """The embedding of that name. Raises BadModel, Unsupported."""
        ...

    def face_model(self, name: str) -> FaceModelInfo:
        """The face model of that name. Raises NoSuchModel, BadModel."""
        ...

    def upscaler(self, name: str) -> UpscalerInfo:
        """The upscaler of that name. Raises NoSuchModel, BadModel."""
        ...


TASKS: Mapping[type[Drawing], Task] = {
    TextToImage: Task.TEXT_TO_IMAGE,
    ImageToImage: Task.IMAGE_TO_IMAGE,
    Inpaint: Task.INPAINTING,
    Outpaint: Task.INPAINTING,
}
"""What a model must be made for; of the other kinds of requests only a worker knows."""


@singledispatch
def prepare(request: Request, models: Models) -> Files:
    """The files ``request`` needs. Refuses what no worker could do, before one is started for it.

    Raises NoSuchModel, BadModel, BadImage, and Unsupported, which says what the range is. A new kind of request
    registers what is to be looked at and found for it.
    """
    raise TypeError(f"there is nothing that prepares {type(request).__name__}")


@prepare.register
def _drawing(request: Drawing, models: Models) -> Files:
    model = models.get(request.model)
    _check_drawing(request, model)
    if (task := TASKS.get(type(request))) is not None:
        check_task(task, model)
    sizing.plan(model, request.width, request.height)
    return {**model_files(model, models), **_lora_files(request, models), **_embedding_files(request, models)}


def model_files(model: ModelInfo, models: Models) -> Files:
    """The files that ``model`` is made of: its folder, and parts from elsewhere. Raises BadModel."""
    files = {MODEL: model.path}
    for name, id in model.borrowed:
        try:
            files[part_role(name)] = models.part(Kind.VAE if name == "vae" else Kind.TEXT_ENCODER, id).path
        except Unsupported as error:
            raise BadModel(f"{model.id}/{SIDECAR}: `components.{name}`: {error.message}", hint=error.hint) from None
    return files


def _check_regions(request: Drawing) -> None:
    if len(request.regions) > MAX_REGIONS:
        raise Unsupported(f"{len(request.regions)} regions are too many; use {MAX_REGIONS} at most")
    for each in request.regions:
        inside = min(each.left, each.top) >= 0 and max(each.left + each.width, each.top + each.height) <= 1 + 1e-6
        if not (inside and each.width > 0 and each.height > 0):
            raise Unsupported("a region lies outside the picture", hint="keep its box inside")
        if not 0 <= each.weight <= 1:
            raise Unsupported(f"a region's weight of {each.weight:g} is out of range; use 0 to 1")


def _lora_files(request: Drawing, models: Models) -> Files:
    names = [each.name for each in request.loras]
    if len(names) > MAX_LORAS:
        raise Unsupported(f"{len(names)} LoRAs are too many; use {MAX_LORAS} at most")
    if len(set(names)) < len(names):
        raise Unsupported("a LoRA is named twice", hint="name it once, with the sum of the weights")
    for each in request.loras:
        if not abs(each.weight) <= MAX_LORA_WEIGHT:
            raise Unsupported(
                f"a weight of {each.weight} for the LoRA {each.name} is out of range; "
                f"use -{MAX_LORA_WEIGHT:g} to {MAX_LORA_WEIGHT:g}"
            )
    return {lora_role(number): models.lora(name).path for number, name in enumerate(names)}


def _embedding_files(request: Drawing, models: Models) -> Files:
    if len(request.embeddings) > MAX_EMBEDDINGS:
        raise Unsupported(f"{len(request.embeddings)} embeddings are too many; use {MAX_EMBEDDINGS} at most")
    return {embedding_role(number): models.embedding(name).path for number, name in enumerate(request.embeddings)}


@prepare.register
def _image_to_image(request: ImageToImage, models: Models) -> Files:
    read_header(request.image)
    check_strength(request.strength)
    return _drawing(request, models)


@prepare.register
def _inpaint(request: Inpaint, models: Models) -> Files:
    header = read_header(request.image)
    _check_same("picture", (header.width, header.height), (request.width, request.height))
    read_header(request.mask)
    check_strength(request.strength)
    if request.only_masked and request.regions:
        raise Unsupported(
            "regions are of the whole picture, and only what is masked would be drawn", hint="set only_masked to false"
        )
    _check_pixels("feather", request.feather)
    _check_pixels("padding", request.padding)
    return _drawing(request, models)


@prepare.register
def _outpaint(request: Outpaint, models: Models) -> Files:
    header = read_header(request.image)
    for name in ("left", "right", "top", "bottom", "overlap"):
        _check_pixels(name, getattr(request, name))
    added = (request.left + request.right, request.top + request.bottom)
    if added == (0, 0):
        raise Unsupported("nothing is added at any edge of the picture", hint="add some pixels at one of them")
    larger = (header.width + added[0], header.height + added[1])
    _check_same("larger picture", larger, (request.width, request.height))
    check_strength(request.strength)
    return _drawing(request, models)


@prepare.register
def _resample(request: Resample, models: Models) -> Files:
    check_enlarged(request.image, request.factor)
    return {}


@prepare.register
def _upscale(request: Upscale, models: Models) -> Files:
    check_enlarged(request.image, request.factor)
    _check_tiles(request.tile, request.overlap)
    return {UPSCALER: models.upscaler(request.upscaler).path}


@prepare.register
def _redraw(request: Redraw, models: Models) -> Files:
    larger = check_enlarged(request.image, request.factor)
    _check_same("larger picture", larger, (request.width, request.height))
    check_strength(request.strength)
    _check_tiles(request.tile, request.overlap)
    if request.regions:
        raise Unsupported("regions are of the whole picture, and this one is drawn in tiles", hint="leave them out")
    files = dict(_drawing(request, models))
    return files if request.upscaler is None else {**files, UPSCALER: models.upscaler(request.upscaler).path}


@prepare.register
def _face_restore(request: FaceRestore, models: Models) -> Files:
    read_header(request.image)
    check_strength(request.strength)
    if not 1 <= request.faces <= MAX_FACES:
        raise Unsupported(f"{request.faces} faces are out of range; ask for 1 to {MAX_FACES}")
    return {FACE_MODEL: models.face_model(request.model).path}


def _check_tiles(tile: int, overlap: int) -> None:
    if not MIN_TILE <= tile <= sizing.MAX_SIDE:
        raise Unsupported(f"tiles of {tile} px are out of range; use {MIN_TILE} to {sizing.MAX_SIDE}")
    if not 0 <= overlap <= tile // 2:
        raise Unsupported(f"an overlap of {overlap} px is out of range; use 0 to half of the tile")


def check_enlarged(image: bytes, factor: int) -> tuple[int, int]:
    """The size of ``image`` made ``factor`` times as wide and high. Raises BadImage, Unsupported."""
    header = read_header(image)
    if not MIN_FACTOR <= factor <= MAX_FACTOR:
        raise Unsupported(f"a factor of {factor} is out of range; use {MIN_FACTOR} to {MAX_FACTOR}")
    size = (header.width * factor, header.height * factor)
    if max(size) > sizing.MAX_SIDE:
        raise Unsupported(
            f"{header.width} × {header.height} made {factor} times as large is {size[0]} × {size[1]}; "
            f"a side may have at most {sizing.MAX_SIDE} pixels",
            hint="use a smaller factor or a smaller picture",
        )
    return size


@prepare.register
def _edit(request: Edit, models: Models) -> Files:
    header = read_header(request.image)
    edits.check(request.operation, (header.width, header.height))
    if isinstance(request.operation, edits.OF_TWO) != (request.other is not None):
        takes = "no other picture" if request.other is not None else "another picture"
        raise Unsupported(f"{request.operation.kind} takes {takes}")
    if request.other is not None:
        read_header(request.other)
    return {}


@prepare.register
def _controlled(request: Controlled, models: Models) -> Files:
    files = dict(_drawing(request, models))
    _check_init(request)
    if not 1 <= len(request.controls) <= MAX_CONTROLS:
        raise Unsupported(f"{len(request.controls)} controls are out of range; give 1 to {MAX_CONTROLS}")
    model = models.get(request.model)
    for number, control in enumerate(request.controls):
        read_header(control.image)
        _check_control(control)
        if control.preprocess is not None:
            check_preprocessor(control.preprocess)
        controlnet = models.controlnet(control.controlnet)
        if (why := misfit(controlnet, model)) is not None:
            raise Unsupported(
                f"the ControlNet {controlnet.id} cannot steer the model {model.id}: {why}",
                hint="use a ControlNet that was made for a model like this one",
            )
        files[controlnet_role(number)] = controlnet.path
    return files


def _check_init(request: Controlled) -> None:
    check_strength(request.init_strength)
    _check_pixels("feather", request.feather)
    if request.init_image is not None:
        header = read_header(request.init_image)
        if request.mask is not None:
            _check_same("picture", (header.width, header.height), (request.width, request.height))
    if request.mask is not None:
        read_header(request.mask)
        if request.init_image is None:
            raise Unsupported("a mask says what of a picture is repainted, and there is none", hint="give init_image")


@prepare.register
def _preprocess(request: Preprocess, models: Models) -> Files:
    read_header(request.image)
    check_preprocessor(request.control_type)
    for side in (request.width, request.height):
        if not sizing.MIN_SIDE <= side <= sizing.MAX_SIDE:
            raise Unsupported(
                f"a picture cannot be looked at {request.width} × {request.height}; "
                f"each side may have {sizing.MIN_SIDE} to {sizing.MAX_SIDE} pixels"
            )
    return {}


def check_preprocessor(kind: ControlType) -> None:
    """Refuse a kind of control picture that is not made here: Unsupported says what is missing."""
    missing = ABOUT[kind].missing
    if missing is not None:
        raise Unsupported(f"control pictures of type {kind} cannot be made: {missing}", hint="set preprocess to false")


def _check_control(control: Control) -> None:
    if not 0 <= control.strength <= MAX_CONTROL_STRENGTH:
        raise Unsupported(
            f"a strength of {control.strength:g} is out of range; a control takes 0 to {MAX_CONTROL_STRENGTH:g}"
        )
    if not 0 <= control.start < control.end <= 1:
        raise Unsupported(
            f"a control from {control.start:g} to {control.end:g} steers nothing",
            hint="start before the end, both between 0 and 1",
        )


def _check_same(what: str, size: tuple[int, int], asked: tuple[int, int]) -> None:
    if size != asked:
        raise Unsupported(f"the {what} is {size[0]} × {size[1]}, and {asked[0]} × {asked[1]} was asked for")


def _check_pixels(name: str, pixels: int) -> None:
    if not 0 <= pixels <= sizing.MAX_SIDE:
        raise Unsupported(f"{pixels} px of {name} are out of range; use 0 to {sizing.MAX_SIDE}")


def check_strength(strength: float) -> None:
    """Refuse a strength that is none: Unsupported says what the range is."""
    if not 0 <= strength <= 1:
        raise Unsupported(f"a strength of {strength} is out of range; use 0 to 1")


def _check_drawing(request: Drawing, model: ModelInfo) -> None:
    if request.scheduler is not None:
        schedulers.suited(schedulers.find(request.scheduler), flow=model.kin.flow)
    if not 1 <= request.steps <= MAX_STEPS:
        raise Unsupported(f"{request.steps} denoising steps are out of range; ask for 1 to {MAX_STEPS}")
    if not 1 <= request.batch <= MAX_BATCH:
        raise Unsupported(f"a batch of {request.batch} is out of range; ask for 1 to {MAX_BATCH}")
    if not 0 <= request.guidance_scale <= MAX_GUIDANCE:
        raise Unsupported(f"a guidance scale of {request.guidance_scale} is out of range; use 0 to {MAX_GUIDANCE:g}")
    _check_regions(request)
    if not 0 <= request.clip_skip <= MAX_CLIP_SKIP:
        raise Unsupported(f"a clip_skip of {request.clip_skip} is out of range; use 0 to {MAX_CLIP_SKIP}")
    if not 0 <= request.seed <= 2**63 - 1 - request.batch:
        raise Unsupported(f"the seed {request.seed} is out of range; use 0 to 2^63 - 1")
