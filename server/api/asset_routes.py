"""``/api/v1/assets``: one's own pictures."""

import asyncio

from pydantic import Field
from starlette.responses import Response

from mintaka.server.api.bodies import FORM_TYPE, form_parts, media_type
from mintaka.server.api.operations import REST, Body, Call, Shown, operation
from mintaka.server.asset_methods import AssetMethods, AssetParams, ListAssetsParams, UploadParams
from mintaka.server.assets import POLICY, Assets, known
from mintaka.server.errors import Fault, Kind
from mintaka.server.pictures import Pictures

RAW_TYPES = ("image/png", "image/jpeg", "image/webp")


class Asset(Shown):
    """A picture of yours."""

    asset: str = Field(description="Its id: the blake3 of its bytes")
    mime: str
    width: int = Field(description="In pixels")
    height: int
    created: float = Field(description="Seconds since the epoch")
    image_url: str = Field(description="An address on this server that needs no token")


class AssetPage(Shown):
    """Some of your pictures."""

    assets: list[Asset]
    next: str | None = Field(description="Give this as `after` for those that follow")


class AssetsQuery(Body):
    """Which of them."""

    count: int = Field(default=100, ge=1, le=1000, description="The most to tell")
    after: str | None = Field(default=None, max_length=100, description="The `next` of the answer before")


class ThumbnailQuery(Body):
    """How large."""

    size: int = Field(default=256, ge=16, le=1024, description="The longer side in pixels")


class Upload(Body):
    """A picture."""

    image: str = Field(description="A data URL or base64 of a PNG, JPEG or WebP")


class Deleted(Shown):
    """It is gone."""

    deleted: bool


class AssetRoutes:
    """``/api/v1/assets``."""

    def __init__(self, methods: AssetMethods, assets: Assets, pictures: Pictures) -> None:
        self._methods = methods
        self._assets = assets
        self._pictures = pictures

    @operation("GET", "/api/v1/assets", face=REST, tag="Assets", answer=AssetPage, query=AssetsQuery)
    async def list_assets(self, call: Call) -> object:
        """Your pictures, newest first: those that were made for you and those that you uploaded."""
        params = ListAssetsParams(count=call.query.count, after=call.query.after)
        return (await self._methods.list_assets(call.caller, params)).result

    @operation(
        "POST",
        "/api/v1/assets",
        face=REST,
        tag="Assets",
        answer=Asset,
        status=201,
        body=Upload,
        takes=("application/json", FORM_TYPE, *RAW_TYPES),
        uploads=True,
    )
    async def upload(self, call: Call) -> object:
        """Keep a picture, for scripts to use by its id: a PNG, JPEG or WebP.

        It comes as the body itself, as the file `image` of a form, or in JSON as a data URL or base64. The same bytes
        are kept once, however often they are sent.
        """
        if call.body is not None:
            return (await self._methods.upload_asset(call.caller, UploadParams(image=call.body.image))).result
        if media_type(call.request) == FORM_TYPE:
            parts = await asyncio.to_thread(form_parts, call.data, call.request.headers["content-type"])
            images = [each for each in parts if each.name in ("image", "file")]
            if len(images) != 1:
                raise Fault(Kind.INVALID_PARAMS, "A form has one file, called `image`.")
            return await self._methods.keep(call.caller, images[0].data)
        return await self._methods.keep(call.caller, call.data)

    @operation("GET", "/api/v1/assets/{asset}", face=REST, tag="Assets", answer=Asset)
    async def get(self, call: Call) -> object:
        """What is known of a picture of yours."""
        return (await self._methods.get_asset(call.caller, _asset(call))).result

    @operation("GET", "/api/v1/assets/{asset}/content", face=REST, tag="Assets", answer=" ".join(RAW_TYPES))
    async def content(self, call: Call) -> object:
        """The picture itself; with `Range` a part of it, with `If-None-Match` only where it is another."""
        found = await self._methods.find(call.caller, call.path["asset"])
        return await self._assets.content(call.request, found.name, found.mime)

    @operation(
        "GET",
        "/api/v1/assets/{asset}/thumbnail",
        face=REST,
        tag="Assets",
        answer="image/webp",
        query=ThumbnailQuery,
    )
    async def thumbnail(self, call: Call) -> object:
        """A small version of a picture of yours, as WebP."""
        found = await self._methods.find(call.caller, call.path["asset"])
        etag = f'"{found.name[:32]}-{call.query.size}"'
        headers = {
            "etag": etag,
            "cache-control": "private, max-age=31536000, immutable",
            "content-security-policy": POLICY,
        }
        if known(call.request, etag):
            return Response(status_code=304, headers=headers)
        data = await asyncio.to_thread(self._assets.read, found.name)
        small = await self._pictures.thumbnail(data, call.query.size)
        return Response(small, headers=headers, media_type="image/webp")

    @operation("DELETE", "/api/v1/assets/{asset}", face=REST, tag="Assets", answer=Deleted)
    async def delete(self, call: Call) -> object:
        """Take a picture out of yours: it can no longer be listed, fetched with your token or used by its id."""
        return (await self._methods.delete_asset(call.caller, _asset(call))).result


def _asset(call: Call) -> AssetParams:
    if len(call.path["asset"]) > 64:
        raise Fault(Kind.NO_SUCH_CAPABILITY, "There is no such picture. `assets.list` gives those that are yours.")
    return AssetParams(asset=call.path["asset"])
