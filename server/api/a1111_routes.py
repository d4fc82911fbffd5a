"""``/sdapi/v1/txt2img|img2img|extra-single-image|png-info|progress|interrupt|skip``: drawing for A1111's clients.

Every batch is drawn by a job of the token's principal, with what they hold.
"""

import asyncio
import base64
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import Field

from mintaka.capabilities.images import Image
from mintaka.capabilities.sources import decoded
from mintaka.server.api import a1111_shapes as shapes
from mintaka.server.api.a1111_chosen import Chosen
from mintaka.server.api.a1111_running import Running
from mintaka.server.api.a1111_shapes import A1111
from mintaka.server.api.operations import Body, Call, Shown, operation
from mintaka.server.api.waiting import JobFailed, Waiting, Wanted
from mintaka.server.assets import Assets
from mintaka.server.errors import Fault, Kind
from mintaka.server.pictures import Pictures, header
from mintaka.server.png_text import texts
from mintaka.storage.jobs import JobState

TAG = "A1111's API"

PARAMETER = re.compile(r'\s*(\w[\w \-/]{0,60}):\s*("(?:\\.|[^\\"])*"|[^,]*)(?:,|$)')
"""One of what the last line of a picture's parameters says, as that web UI reads it."""


class Larger(Shown):
    """A larger picture."""

    html_info: str
    image: str = Field(description="A PNG in base64")


class PngTexts(Shown):
    """What a picture says of how it was made."""

    info: str
    items: dict[str, str]
    parameters: dict[str, Any]


class ProgressQuery(Body):
    """What of it."""

    skip_current_image: bool = False


class Progress(Shown):
    """How far what is drawn is."""

    progress: float = Field(description="0 to 1; 0 where nothing is drawn")
    eta_relative: float = Field(description="Seconds")
    state: dict[str, Any]
    current_image: str | None = Field(description="A small picture of what is emerging, in base64")
    textinfo: str | None


@dataclass(frozen=True, slots=True)
class Drawn:
    """A picture, as it is answered."""

    image: Image
    data: bytes

    @property
    def options(self) -> Mapping[str, Any]:
        """What it was made with."""
        args = self.image.made_with.get("args")
        last = args[-1] if isinstance(args, list) and args else None
        return last if isinstance(last, dict) else {}


class A1111Routes:
    """What draws."""

    def __init__(self, waiting: Waiting, running: Running, chosen: Chosen, assets: Assets, pictures: Pictures) -> None:
        self._waiting = waiting
        self._running = running
        self._chosen = chosen
        self._assets = assets
        self._pictures = pictures

    @operation(
        "POST", "/sdapi/v1/txt2img", face=A1111, tag=TAG, body=shapes.Txt2Img, answer=shapes.Pictures, uploads=True
    )
    async def txt2img(self, call: Call) -> object:
        """Make pictures from words."""
        asked: shapes.Txt2Img = call.body
        prompt, options = shapes.options_of(asked, self._chosen.options(call.principal))
        return await self._answer(call, asked, prompt, Wanted("diffusers.generate", "textToImage", [prompt, options]))

    @operation(
        "POST", "/sdapi/v1/img2img", face=A1111, tag=TAG, body=shapes.Img2Img, answer=shapes.Pictures, uploads=True
    )
    async def img2img(self, call: Call) -> object:
        """Make pictures from a picture, or a part of it anew."""
        asked: shapes.Img2Img = call.body
        prompt, options = shapes.options_of(asked, self._chosen.options(call.principal))
        options["strength"] = 0.75 if asked.denoising_strength is None else asked.denoising_strength
        if not asked.init_images or len(asked.init_images) != 1:
            raise Fault(Kind.INVALID_PARAMS, "`init_images` is a list of one picture, in base64.")
        if asked.resize_mode not in (None, 0, 1):
            raise shapes.unsupported("resize_mode", "use 0 (stretch) or 1 (crop)")
        image = await asyncio.to_thread(decoded, asked.init_images[0], "init_images")
        if asked.mask:
            wanted = await self._inpainting(asked, prompt, options, image)
        else:
            image = await self._fitted(asked, image)
            wanted = Wanted("diffusers.generate", "imageToImage", [_text(image), prompt, options])
        answer = await self._answer(call, asked, prompt, wanted)
        echoed = {} if asked.include_init_images else {"init_images": None, "mask": None}
        return {**answer, "parameters": {**answer["parameters"], **echoed}}

    @operation(
        "POST",
        "/sdapi/v1/extra-single-image",
        face=A1111,
        tag=TAG,
        body=shapes.ExtraSingleImage,
        answer=Larger,
        uploads=True,
    )
    async def extra_single_image(self, call: Call) -> object:
        """Make a picture larger."""
        asked: shapes.ExtraSingleImage = call.body
        for name in ("extras_upscaler_2_visibility", "gfpgan_visibility", "codeformer_visibility"):
            if getattr(asked, name):
                raise shapes.unsupported(name, "leave it 0")
        data = await asyncio.to_thread(decoded, asked.image, "image")
        factor = _factor(asked, data)
        name = asked.upscaler_1 or "None"
        arithmetic = {"none": "lanczos", "lanczos": "lanczos", "nearest": "nearest"}.get(name.lower())
        if arithmetic is not None:
            options: dict[str, object] = {"factor": factor, "method": arithmetic}
            wanted = Wanted("diffusers.upscale", "upscaleTraditional", [_text(data), options])
        else:
            wanted = Wanted("diffusers.upscale", "upscale", [_text(data), name, factor])
        [larger] = await self._waiting.pictures(call, wanted, call.key)
        return {"html_info": "", "image": _text(await asyncio.to_thread(self._assets.read, larger.asset))}

    @operation("POST", "/sdapi/v1/png-info", face=A1111, tag=TAG, body=shapes.PngInfo, answer=PngTexts, uploads=True)
    async def png_info(self, call: Call) -> object:
        """What a PNG says of how it was made."""
        data = await asyncio.to_thread(decoded, call.body.image, "image")
        header(data)  # refuses what is no picture
        items = await asyncio.to_thread(texts, data)
        info = items.get("parameters", "")
        return {"info": info, "items": items, "parameters": parameters_of(info)}

    @operation("GET", "/sdapi/v1/progress", face=A1111, tag=TAG, answer=Progress, query=ProgressQuery)
    async def progress(self, call: Call) -> object:
        """How far your newest request is."""
        work = self._running.newest(call.principal)
        state: dict[str, Any] = {
            "skipped": work is not None and work.job in work.stopped,
            "interrupted": work is not None and work.interrupted,
            "stopping_generation": False,
            "job": (work.job or "") if work else "",
            "job_count": work.count if work else 0,
            "job_timestamp": str(int(work.began)) if work else "0",
            "job_no": work.number if work else 0,
            "sampling_step": work.step if work else 0,
            "sampling_steps": work.steps if work else 0,
        }
        return {
            "progress": work.progress if work else 0.0,
            "eta_relative": self._running.left_s(work) if work else 0.0,
            "state": state,
            "current_image": work.preview if work and not call.query.skip_current_image else None,
            "textinfo": None,
        }

    @operation("POST", "/sdapi/v1/interrupt", face=A1111, tag=TAG, answer=dict[str, Any])
    async def interrupt(self, call: Call) -> object:
        """Stop your newest request at its next step; it answers with the batches that are done."""
        self._running.skip(call.principal, everything=True)
        return {}

    @operation("POST", "/sdapi/v1/skip", face=A1111, tag=TAG, answer=dict[str, Any])
    async def skip(self, call: Call) -> object:
        """Leave out the batch of your newest request that is being drawn."""
        self._running.skip(call.principal, everything=False)
        return {}

    async def _inpainting(self, asked: shapes.Img2Img, prompt: str, options: dict[str, Any], image: bytes) -> Wanted:
        fill = shapes.FILLS.get(asked.inpainting_fill or 0)
        if fill is None:
            raise shapes.unsupported("inpainting_fill", "use 0 (what is around), 1 (what is there) or 2 (noise)")
        mask = await asyncio.to_thread(decoded, asked.mask or "", "mask")
        if asked.inpainting_mask_invert:
            mask = await self._pictures.inverted(mask)
        if not asked.inpaint_full_res:  # where only what is masked is drawn, the picture keeps its size there too
            image, mask = await self._fitted(asked, image), await self._fitted(asked, mask)
        kept = {name: value for name, value in options.items() if name not in ("width", "height")}
        own = {
            "feather": 4 if asked.mask_blur is None else asked.mask_blur,
            "fill": fill,
            "only_masked": bool(asked.inpaint_full_res),
            "padding": asked.inpaint_full_res_padding or 0,
        }
        return Wanted("diffusers.inpaint", "inpaint", [_text(image), _text(mask), prompt, {**kept, **own}])

    async def _fitted(self, asked: shapes.Img2Img, data: bytes) -> bytes:
        """A picture in the size that is asked for, where it is said."""
        about = header(data)
        size = (asked.width or about.width, asked.height or about.height)
        if size == (about.width, about.height) or max(size) > 4096:  # larger ones are refused where they are drawn
            return data
        return await self._pictures.fitted(data, size, crop=asked.resize_mode == 1)

    async def _answer(self, call: Call, asked: shapes.Generation, prompt: str, wanted: Wanted) -> dict[str, Any]:
        seed = asked.seed if asked.seed is not None and asked.seed >= 0 else None
        drawn: list[Drawn] = []
        for job in await self._running.draw(call, wanted, asked.n_iter or 1, seed):
            if job.state is not JobState.DONE:
                raise JobFailed(json.loads(job.error or "{}"))
            for image in self._waiting.made(job):
                drawn.append(Drawn(image, await asyncio.to_thread(self._assets.read, image.asset)))
        return {
            "images": [] if asked.send_images is False else [_text(each.data) for each in drawn],
            "parameters": {**asked.model_dump(), **(asked.model_extra or {})},
            "info": json.dumps(_info(asked, prompt, drawn)),
        }


def parameters_of(info: str) -> dict[str, Any]:
    """What the text in a picture says, by its names, as that web UI tells it."""
    *lines, last = info.strip().split("\n") or [""]
    found: dict[str, str] = dict(PARAMETER.findall(last))
    if len(found) < 3:
        lines, found = [*lines, last], {}
    words: dict[str, list[str]] = {"Prompt": [], "Negative prompt": []}
    at = "Prompt"
    for line in lines:
        if line.startswith("Negative prompt:"):
            at, line = "Negative prompt", line.removeprefix("Negative prompt:").strip()
        words[at].append(line)
    told: dict[str, Any] = {name: "\n".join(each).strip() for name, each in words.items()}
    told.update((name, value.strip('"')) for name, value in found.items())
    if size := re.fullmatch(r"(\d+)x(\d+)", told.get("Size", "")):
        told["Size-1"], told["Size-2"] = size[1], size[2]
    return told


def _info(asked: shapes.Generation, prompt: str, drawn: Sequence[Drawn]) -> dict[str, Any]:
    """What that API tells of what was drawn, here of what was really used."""
    first = drawn[0] if drawn else None
    options = first.options if first else {}
    seeds = [each.image.seed for each in drawn]
    negative = asked.negative_prompt or ""
    return {
        "prompt": asked.prompt,
        "all_prompts": [asked.prompt] * len(drawn),
        "negative_prompt": negative,
        "all_negative_prompts": [negative] * len(drawn),
        "seed": seeds[0] if seeds else asked.seed,
        "all_seeds": seeds,
        "subseed": -1,
        "all_subseeds": [-1] * len(drawn),
        "subseed_strength": 0,
        "width": first.image.width if first else asked.width,
        "height": first.image.height if first else asked.height,
        "sampler_name": options.get("scheduler", asked.sampler_name),
        "cfg_scale": options.get("guidance_scale", asked.cfg_scale),
        "steps": options.get("num_inference_steps", asked.steps),
        "batch_size": asked.batch_size or 1,
        "restore_faces": False,
        "face_restoration_model": None,
        "sd_model_name": options.get("model_id"),
        "sd_model_hash": None,
        "sd_vae_name": None,
        "sd_vae_hash": None,
        "seed_resize_from_w": -1,
        "seed_resize_from_h": -1,
        "denoising_strength": options.get("strength"),
        "extra_generation_params": {},
        "index_of_first_image": 0,
        "infotexts": [texts(each.data).get("parameters", prompt) for each in drawn],
        "styles": [],
        "job_timestamp": "0",
        "clip_skip": options.get("clip_skip", 0) + 1,
        "is_using_inpainting_conditioning": False,
        "version": "mintaka",
        "notes": sorted({note for each in drawn for note in each.image.notes}),
    }


def _factor(asked: shapes.ExtraSingleImage, data: bytes) -> int:
    """How many times as large. Raises `Fault` where it is no whole number."""
    about, wanted = header(data), asked.upscaling_resize or 2
    if asked.resize_mode == 1:
        width, height = asked.upscaling_resize_w or 0, asked.upscaling_resize_h or 0
        wanted = width / about.width
        if height * about.width != width * about.height:
            raise shapes.unsupported("upscaling_resize_h", "keep the proportions of the picture")
    if wanted != int(wanted):
        raise shapes.unsupported("upscaling_resize", "pictures are made 2, 3, 4 … times as large")
    return int(wanted)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
