"""Drawing what other pictures steer, and making such pictures.

A model of a small native size draws, and is steered, at that size. Lines of a large picture would fade to nothing
where it is reduced to that by averaging, so what is reduced keeps the brightest of what becomes one pixel.
"""

from dataclasses import replace
from functools import partial

import numpy as np
import torch
from diffusers.models.controlnets.multicontrolnet import MultiControlNetModel
from PIL import Image

from mintaka.engine import receipt, sizing
from mintaka.engine.controls import LINES, ControlType, PreprocessOptions
from mintaka.engine.models.families import Task
from mintaka.engine.requests import Control, Controlled, Fill, Picture, Preprocess
from mintaka.engine.worker import calling, decoding, finishing, inpainting, planning, preprocessing
from mintaka.engine.worker.loading import Loaded, LoadedControlNet
from mintaka.engine.worker.planning import Plan
from mintaka.engine.worker.stepping import Lane, aside

Size = tuple[int, int]


@planning.plan.register
def _controlled(request: Controlled, loaded: Loaded) -> Plan:
    unsteered = _unsteered(request, loaded)
    nets, controls = loaded.controlnets, request.controls
    images = aside(partial(_control_pictures, controls, nets, unsteered.sizes), Lane.FINISH)
    # One alone is given to the pipeline as it is: so the scale is a number, and runs of several requests can be one.
    alone = len(nets) == 1
    proxies = [each.proxy for each in nets]
    scales, starts, ends = ([getattr(each, name) for each in controls] for name in ("strength", "start", "end"))
    # Where ``image`` is the picture that is drawn over, and in some families always, the control has a name of its own.
    name = "control_image" if "control_image" in calling.taken(loaded.pipeline(unsteered.task)) else "image"
    return replace(
        unsteered,
        arguments={
            **unsteered.arguments,
            name: images[0] if alone else images,
            "controlnet_conditioning_scale": float(scales[0]) if alone else [float(each) for each in scales],
            "control_guidance_start": starts[0] if alone else starts,
            "control_guidance_end": ends[0] if alone else ends,
        },
        modules={"controlnet": proxies[0] if alone else MultiControlNetModel(proxies)},
    )


def _unsteered(request: Controlled, loaded: Loaded) -> Plan:
    """The same without what steers it: from words alone, over a picture, or in a part of one."""
    if request.init_image is None:
        sizes = sizing.plan(loaded.info, request.width, request.height, whole=True)
        return Plan(Task.TEXT_TO_IMAGE, sizes)
    if request.mask is None:
        return planning.over(request, loaded, request.init_image, request.init_strength)
    return aside(partial(_repainted, request, loaded, request.init_image, request.mask), Lane.FINISH)


def _repainted(request: Controlled, loaded: Loaded, image: bytes, marks: bytes) -> Plan:
    picture = decoding.decode(image)
    mask, notes = inpainting.read_mask(marks, picture.size)
    return inpainting.repainting(
        request,
        loaded,
        picture=picture,
        mask=mask,
        box=(0, 0, *picture.size),
        feather=request.feather,
        fill=Fill.ORIGINAL,
        strength=request.init_strength,
        notes=notes,
    )


def preprocess(request: Preprocess) -> list[Picture]:
    """The control picture of ``request``, as large as the picture it is made from. Raises BadImage."""
    return aside(partial(_preprocess, request), Lane.FINISH)


def _preprocess(request: Preprocess) -> list[Picture]:
    picture = decoding.on_paper(decoding.decode(request.image))
    looked_at = (request.width, request.height)
    made = _made(picture.resize(looked_at, Image.Resampling.LANCZOS), request.control_type, request.options)
    notes: tuple[str, ...] = ()
    if looked_at != picture.size:
        notes = (f"looked at {looked_at[0]} × {looked_at[1]}, and enlarged or reduced to the picture's size",)
        made = _reduced(made, picture.size, request.control_type)
    return [Picture(finishing.png(made, receipt.plain_chunks(request, notes, made.size)), *made.size, None, notes)]


def _control_pictures(
    controls: tuple[Control, ...], nets: tuple[LoadedControlNet, ...], sizes: sizing.SizePlan
) -> list[Image.Image]:
    return [_control_picture(each, net, sizes) for each, net in zip(controls, nets, strict=True)]


def _control_picture(control: Control, net: LoadedControlNet, sizes: sizing.SizePlan) -> Image.Image:
    """The picture of one control at the size that is drawn; what is not of the finished aspect is cropped."""
    picture = decoding.on_paper(decoding.decode(control.image))
    left, top, right, bottom = sizing.cover(picture.size, sizes.finished)
    cut = picture.crop(
        (round(left), round(top), max(round(right), round(left) + 1), max(round(bottom), round(top) + 1))
    )
    if control.preprocess is not None:
        return _made(cut.resize(sizes.drawn, Image.Resampling.LANCZOS), control.preprocess, PreprocessOptions())
    return _reduced(cut, sizes.drawn, net.info.control_type)


def _made(picture: Image.Image, kind: ControlType, options: PreprocessOptions) -> Image.Image:
    return Image.fromarray(preprocessing.MAKERS[kind](np.asarray(picture), options))


def _reduced(picture: Image.Image, size: Size, kind: ControlType | None) -> Image.Image:
    """``picture`` at ``size``; lines that are made smaller stay as bright as they are, and are not smoothed."""
    if picture.size == size:
        return picture
    if kind not in LINES:
        return picture.resize(size, Image.Resampling.LANCZOS)
    if size[0] > picture.width or size[1] > picture.height:
        return picture.resize(size, Image.Resampling.NEAREST)
    pixels = torch.from_numpy(np.asarray(picture).copy()).permute(2, 0, 1).float()
    brightest = torch.nn.functional.adaptive_max_pool2d(pixels, (size[1], size[0]))
    return Image.fromarray(brightest.permute(1, 2, 0).to(torch.uint8).numpy())
