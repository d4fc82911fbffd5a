"""``assets.…``: one's own pictures, those that were made and those that were brought."""

import asyncio
from collections.abc import Callable

from pydantic import Field

from mintaka.capabilities.sources import decoded
from mintaka.server.assets import Assets
from mintaka.server.connection import Caller, Reply
from mintaka.server.errors import Fault, Kind
from mintaka.server.methods import Params, rpc_method
from mintaka.server.pictures import header
from mintaka.server.settings import Limits
from mintaka.storage.blobs import Blobs
from mintaka.storage.gallery import Gallery, Owned


class AssetParams(Params):
    """Which picture."""

    asset: str = Field(max_length=64, description="Its id")


class ListAssetsParams(Params):
    """Which of them."""

    count: int = Field(default=100, ge=1, le=1000, description="The most to tell")
    after: str | None = Field(default=None, max_length=100, description="The `next` of the answer before")


class UploadParams(Params):
    """A picture."""

    image: str | bytes = Field(description="A data URL or base64 of a PNG, JPEG or WebP; in a binary frame its bytes")


class AssetMethods:
    """``assets.list|get|upload|delete``."""

    def __init__(
        self, gallery: Gallery, blobs: Blobs, assets: Assets, limits: Limits, clock: Callable[[], float]
    ) -> None:
        self._gallery = gallery
        self._blobs = blobs
        self._assets = assets
        self._limits = limits
        self._clock = clock

    @rpc_method("assets.list")
    async def list_assets(self, caller: Caller, params: ListAssetsParams) -> Reply:
        """Your pictures, newest first; `next` is where to go on, null where there are no more."""
        after = None if params.after is None else _cursor(params.after)
        found = await asyncio.to_thread(self._gallery.of, caller.session.principal, params.count + 1, after)
        shown, more = found[: params.count], len(found) > params.count
        last = f"{shown[-1].created!r}-{shown[-1].name}" if more else None
        return Reply({"assets": [self._told(each) for each in shown], "next": last})

    @rpc_method("assets.get")
    async def get_asset(self, caller: Caller, params: AssetParams) -> Reply:
        """What is known of one of your pictures."""
        return Reply(self._told(await self.find(caller, params.asset)))

    @rpc_method("assets.upload")
    async def upload_asset(self, caller: Caller, params: UploadParams) -> Reply:
        """Keep a picture of yours, for scripts to use by its id. The same bytes are kept once."""
        image = params.image
        data = image if isinstance(image, bytes) else await asyncio.to_thread(decoded, image, "image")
        return Reply(await self.keep(caller, data))

    @rpc_method("assets.delete")
    async def delete_asset(self, caller: Caller, params: AssetParams) -> Reply:
        """Take a picture out of yours: it can no longer be listed, fetched with your token or used by its id."""
        found = await self.find(caller, params.asset)
        return Reply({"deleted": self._gallery.delete(caller.session.principal, found.name)})

    async def find(self, caller: Caller, asset: str) -> Owned:
        """A picture of the caller's. Raises `Fault`: unknown and foreign alike."""
        found = await asyncio.to_thread(self._gallery.get, caller.session.principal, asset)
        if found is None:
            raise Fault(Kind.NO_SUCH_CAPABILITY, "There is no such picture. `assets.list` gives those that are yours.")
        return found

    async def keep(self, caller: Caller, data: bytes) -> dict[str, object]:
        """Keep the bytes of a picture as the caller's. Raises HostFault ``bad_image``, `Fault` (limit)."""
        owner, most = caller.session.principal, self._limits.uploaded_bytes
        if len(data) > self._limits.upload_bytes:
            raise self._full("upload_bytes", self._limits.upload_bytes, "Save it smaller, as JPEG or WebP.")
        about = header(data)
        name, mime = self._blobs.name(data), f"image/{about.format.lower()}"
        picture = Owned(name, mime, about.width, about.height, self._clock())
        room = self._gallery.uploaded_bytes(owner) + len(data) <= most
        if room or self._gallery.get(owner, name) is not None:
            await asyncio.to_thread(self._blobs.put, data)  # the bytes first: no row is ever without them
            room = self._gallery.add(owner, picture, len(data), most)
        if not room:
            raise self._full("uploaded_bytes", most, "Delete some of those you uploaded.")
        return self._told(await self.find(caller, name))

    def _told(self, picture: Owned) -> dict[str, object]:
        return {
            "asset": picture.name,
            "mime": picture.mime,
            "width": picture.width,
            "height": picture.height,
            "created": picture.created,
            "image_url": self._assets.url(picture.name, picture.mime.removeprefix("image/")),
        }

    @staticmethod
    def _full(limit: str, value: int, advice: str) -> Fault:
        what = "A picture has" if limit == "upload_bytes" else "All pictures that you upload and keep have"
        return Fault(Kind.LIMIT, f"{what} at most {value} bytes. {advice}", data={"limit": limit, "value": value})


def _cursor(text: str) -> tuple[float, str]:
    at, _, name = text.rpartition("-")
    try:
        return float(at), name
    except ValueError:
        raise Fault(Kind.INVALID_PARAMS, "`after` is the `next` of an answer of `assets.list`.") from None
