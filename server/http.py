"""What the server answers over HTTP, and where WebSockets come in."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from mintaka.capabilities.principals import OWNER
from mintaka.server.assets import Assets, bearer
from mintaka.server.errors import Fault
from mintaka.server.site import Site
from mintaka.server.tokens import Tokens

ASSET = re.compile(r"assets/([0-9a-f]{64})\.([a-z]+)")

Status = Callable[[], Mapping[str, object]]
"""How the server is: what ``/health`` tells its owner."""

Attend = Callable[[WebSocket], Awaitable[None]]
"""Serves one WebSocket to its end."""


def routes(
    attend: Attend,
    assets: Assets,
    site: Site,
    tokens: Tokens,
    operations: Sequence[Route],
    version: str,
    status: Status,
) -> Starlette:
    """WebSockets at ``/`` and ``/rpc``; ``/health``; ``operations``; ``/assets/``; the page.

    A `Fault` is told with 429 and when to come again.
    """

    async def health(request: Request) -> Response:
        answer: dict[str, object] = {"status": "ok", "version": version}
        if bearer(request, tokens) == OWNER:
            answer.update(status())
        return JSONResponse(answer, headers={"cache-control": "no-store"})

    async def file(request: Request) -> Response:
        name = request.path_params["name"]
        if asset := ASSET.fullmatch(name):
            return await assets.respond(request, asset[1], asset[2])
        return site.respond(request, name) or PlainTextResponse("There is nothing here.\n", 404)

    async def refuse(_request: Request, fault: Exception) -> Response:
        assert isinstance(fault, Fault)
        wait_ms = fault.data.get("retry_after_ms")
        headers = {"retry-after": str(-(-wait_ms // 1000))} if isinstance(wait_ms, int) else None
        return PlainTextResponse(f"{fault.message}\n", 429, headers)

    return Starlette(
        exception_handlers={Fault: refuse},
        routes=[
            WebSocketRoute("/", attend),
            WebSocketRoute("/rpc", attend),
            Route("/health", health),
            *operations,
            Route("/{name:path}", file),
        ],
    )
