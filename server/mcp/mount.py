"""``/mcp``: lets in who has a token, and starts the SDK with the first of them."""

import asyncio
import contextlib
import importlib
from collections import Counter
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from mintaka.capabilities.kernel import Kernel
from mintaka.server.api.visit import Visit
from mintaka.server.assets import bearer_token
from mintaka.server.errors import Fault, Kind
from mintaka.server.faults import Faults
from mintaka.server.guests import Guests
from mintaka.server.mcp.offered import Tools
from mintaka.server.settings import Limits
from mintaka.server.tokens import SignedIn, Tokens

if TYPE_CHECKING:
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager


class Agents:
    """An ASGI application that speaks the Model Context Protocol with whoever has a token."""

    def __init__(
        self,
        tools: Tools,
        tokens: Tokens,
        guests: Guests,
        kernel: Kernel,
        faults: Faults,
        limits: Limits,
        version: str,
    ) -> None:
        self._tools = tools
        self._tokens = tokens
        self._guests = guests
        self._kernel = kernel
        self._faults = faults
        self._limits = limits
        self._version = version
        self._unanswered: Counter[str] = Counter()
        self._closed = asyncio.Event()
        self._running: asyncio.Task[None] | None = None
        self._ready: asyncio.Future[StreamableHTTPSessionManager] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. Raises `Fault` (busy)."""
        request = Request(scope)
        address = request.client.host if request.client is not None else ""
        signed = await self._signed_in(request, address)
        if signed is None:
            refusal = PlainTextResponse(
                "Send a token that is valid here: Authorization: Bearer …\n", 401, {"www-authenticate": "Bearer"}
            )
            await refusal(scope, receive, send)
            return
        try:
            manager = await self._manager()
        except ImportError:
            needed = PlainTextResponse("This server lacks the SDK: pip install 'mintaka[mcp]'\n", 501)
            await needed(scope, receive, send)
            return
        async with self._counted(signed.principal):
            visit = Visit(signed, self._kernel, address)
            await manager.handle_request({**scope, "mintaka.visit": visit}, receive, send)

    async def close(self) -> None:
        """End what is still being answered."""
        self._closed.set()
        if self._running is not None:
            await asyncio.gather(self._running, return_exceptions=True)

    async def _signed_in(self, request: Request, address: str) -> SignedIn | None:
        if "authorization" not in request.headers and (guest := self._guests.admit(address)) is not None:
            return SignedIn(guest, None)
        token = bearer_token(request)
        return None if token is None else await asyncio.to_thread(self._tokens.sign_in, token, address)

    @contextlib.asynccontextmanager
    async def _counted(self, principal: str) -> AsyncIterator[None]:
        most = self._limits.http_requests
        if self._unanswered[principal] >= most:
            raise Fault(
                Kind.BUSY,
                f"At most {most} requests of one principal are answered at a time. Wait for some answers.",
                data={"limit": "http_requests", "value": most, "retry_after_ms": 1000},
            )
        self._unanswered[principal] += 1
        try:
            yield
        finally:
            self._unanswered[principal] -= 1
            if not self._unanswered[principal]:
                del self._unanswered[principal]

    async def _manager(self) -> "StreamableHTTPSessionManager":
        """What answers, once it runs. Raises ImportError where the SDK is not installed."""
        if self._ready is None:
            self._ready = asyncio.get_running_loop().create_future()
            self._running = asyncio.create_task(self._run(self._ready))
        return await asyncio.shield(self._ready)

    async def _run(self, ready: "asyncio.Future[StreamableHTTPSessionManager]") -> None:
        """Keep the SDK's tasks, in a task of their own: what they are in has to be left by whoever entered it."""
        try:
            # Its import takes a second, in which others are to be answered.
            protocol = await asyncio.to_thread(importlib.import_module, "mintaka.server.mcp.protocol")
        except ImportError as missing:
            ready.set_exception(missing)
            return
        manager = protocol.manager(self._tools, self._faults, self._version, self._limits.upload_bytes)
        async with manager.run():
            ready.set_result(manager)
            await self._closed.wait()
