"""``/v1/images/…`` and ``/v1/models``: OpenAI's images API, for the programs that speak it.

Every picture is drawn by a job of the token's principal, with what they hold.
"""

import asyncio
import base64
from collections.abc import Callable, Sequence
from typing import TypeVar

from pydantic import BaseModel

from mintaka.capabilities.images import Image
from mintaka.server.api import openai_shapes as shapes
from mintaka.server.api.bodies import FORM_TYPE, checked, fields, form_parts
from mintaka.server.api.openai_shapes import OPENAI
from mintaka.server.api.operations import Call, operation
from mintaka.server.api.waiting import Waiting, Wanted
from mintaka.server.assets import Assets
from mintaka.server.capability_methods import CapabilityMethods
from mintaka.server.errors import Fault, Kind
from mintaka.server.methods import Nothing
from mintaka.server.pictures import Pictures, header

VARIED = 0.6
"""How much of a picture a variation makes anew where nothing is said."""

TAG = "OpenAI's images"

Form = TypeVar("Form", bound=BaseModel)


class OpenAIRoutes:
    """``/v1/images/generations|edits|variations`` and ``/v1/models``."""

    def __init__(
        self,
        waiting: Waiting,
        assets: Assets,
        pictures: Pictures,
        capabilities: CapabilityMethods,
        clock: Callable[[], float],
        origins: Sequence[str],
    ) -> None:
        self._waiting = waiting
        self._assets = assets
        self._pictures = pictures
        self._capabilities = capabilities
        self._clock = clock
        self._origins = origins

    @operation(
        "POST",
        "/v1/images/generations",
        face=OPENAI,
        tag=TAG,
        body=shapes.Generations,
        answer=shapes.ImagesResponse,
    )
    async def generations(self, call: Call) -> object:
        """Make pictures from words."""
        asked: shapes.Generations = call.body
        return await self._drawn(
            call, asked, Wanted("diffusers.generate", "textToImage", [asked.prompt, asked.options()])
        )

    @operation(
        "POST",
        "/v1/images/edits",
        face=OPENAI,
        tag=TAG,
        body=shapes.Edits,
        takes=(FORM_TYPE,),
        uploads=True,
        answer=shapes.ImagesResponse,
    )
    async def edits(self, call: Call) -> object:
        """Draw a part of a picture anew: where the mask, or the picture itself, is transparent.

        Where nothing is transparent and there is no mask, the whole picture is made anew, as much as `strength` says.
        """
        asked = await _form(call, shapes.Edits)
        mask = await self._pictures.transparent_as_mask(asked.image if asked.mask is None else asked.mask)
        options = _also(asked.options(), strength=asked.strength)
        if mask is None:
            if asked.mask is not None:
                raise _wrong("mask", "Nothing in the mask is transparent. Make transparent what is to be drawn anew.")
            return await self._drawn(
                call, asked, Wanted("diffusers.generate", "imageToImage", [_text(asked.image), asked.prompt, options])
            )
        size, marks = header(asked.image), header(mask)
        if (size.width, size.height) != (marks.width, marks.height):
            raise _wrong("mask", f"The mask is {marks.width}x{marks.height} and the image {size.width}x{size.height}.")
        if asked.sides() not in (None, (size.width, size.height)):
            raise _wrong("size", f"What is edited keeps its size: ask for {size.width}x{size.height}, or auto.")
        kept = {name: value for name, value in options.items() if name not in ("width", "height")}
        args = [_text(asked.image), _text(mask), asked.prompt, kept]
        return await self._drawn(call, asked, Wanted("diffusers.inpaint", "inpaint", args))

    @operation(
        "POST",
        "/v1/images/variations",
        face=OPENAI,
        tag=TAG,
        body=shapes.Variations,
        takes=(FORM_TYPE,),
        uploads=True,
        answer=shapes.ImagesResponse,
    )
    async def variations(self, call: Call) -> object:
        """Make pictures like a picture."""
        asked = await _form(call, shapes.Variations)
        options = _also(asked.options(), strength=VARIED if asked.strength is None else asked.strength)
        return await self._drawn(
            call, asked, Wanted("diffusers.generate", "imageToImage", [_text(asked.image), "", options])
        )

    @operation("GET", "/v1/models", face=OPENAI, tag=TAG, answer=shapes.ModelList)
    async def models(self, call: Call) -> object:
        """The models that the token may use."""
        return shapes.ModelList(data=await self._models(call)).model_dump()

    @operation("GET", "/v1/models/{model}", face=OPENAI, tag=TAG, answer=shapes.ModelObject)
    async def model(self, call: Call) -> object:
        """One of the models."""
        for each in await self._models(call):
            if each.id == call.path["model"]:
                return each.model_dump()
        raise Fault(Kind.NO_SUCH_MODEL, f"The model `{call.path['model'][:200]}` is not among those you may use.")

    async def _models(self, call: Call) -> list[shapes.ModelObject]:
        told = (await self._capabilities.list_models(call.caller, Nothing())).result
        assert isinstance(told, list)
        return [shapes.ModelObject(id=each["id"]) for each in told]

    async def _drawn(self, call: Call, asked: shapes.Asked, wanted: Wanted) -> object:
        images = await self._waiting.pictures(call, wanted, call.key)
        data = [await self._shown(call, asked, each) for each in images]
        return shapes.ImagesResponse(created=int(self._clock()), data=data).model_dump(exclude_none=True)

    async def _shown(self, call: Call, asked: shapes.Asked, image: Image) -> shapes.ImageObject:
        if asked.response_format == "url":
            return shapes.ImageObject(url=f"{self._here(call)}{self._assets.url(image.asset)}", seed=image.seed)
        data = await asyncio.to_thread(self._assets.read, image.asset)
        if isinstance(asked, shapes.Drawn) and asked.output_format in ("jpeg", "webp"):
            quality = 100 if asked.output_compression is None else asked.output_compression
            data = await self._pictures.encoded(data, asked.output_format.upper(), max(1, quality))
        return shapes.ImageObject(b64_json=_text(data), seed=image.seed)

    def _here(self, call: Call) -> str:
        """The address of this server as the client knows it: its Host name is one of an exact list."""
        host = call.request.headers["host"].lower()
        known = (each for each in self._origins if each.partition("://")[2] == host)
        return next(known, f"{call.request.url.scheme}://{host}")


async def _form(call: Call, model: type[Form]) -> Form:
    """The fields and the files of a form. Raises `Fault`."""
    parts = await asyncio.to_thread(form_parts, call.data, call.request.headers["content-type"])
    files: dict[str, bytes] = {}
    for each in parts:
        name = each.name.removesuffix("[]")
        if each.filename is None:
            continue
        if name in files:
            raise _wrong(name, f"There may be one `{name}`. Send one picture.")
        files[name] = each.data
    return checked(model, {**fields(parts), **files})


def _also(options: dict[str, object], **more: object) -> dict[str, object]:
    return {**options, **{name: value for name, value in more.items() if value is not None}}


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _wrong(parameter: str, message: str) -> Fault:
    return Fault(Kind.INVALID_PARAMS, message, data={"parameter": parameter})
