"""The gate before everything: exact lists of Host names and web origins, and the headers every answer carries.

A page of another site must not reach this server through a visitor's browser: the Origin list stops it from connecting,
the Host list stops it from pointing a name of its own at this machine (DNS rebinding). Programs send no Origin.
"""

from collections.abc import Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Content-Security-Policy of pages: nothing inline, nothing from elsewhere."""

PREFLIGHT = {
    "access-control-allow-methods": "GET, POST, DELETE",
    "access-control-allow-headers": "Authorization, Content-Type, Idempotency-Key, If-None-Match, Last-Event-ID, Range",
    "access-control-max-age": "600",
}
"""What pages of the listed origins are told they may send. https://fetch.spec.whatwg.org/#http-cors-protocol"""


class Gate:
    """ASGI middleware that lets through what is addressed to this server by name, from pages it knows."""

    def __init__(self, app: ASGIApp, hosts: Iterable[str], origins: Iterable[str]) -> None:
        self._app = app
        self._hosts = frozenset(host.lower() for host in hosts)
        self._origins = frozenset(origin.lower().rstrip("/") for origin in origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse with 421 (Host) or 403 (Origin), else pass on."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._refusal(headers)
        if refusal is not None:
            await _refuse(refusal, scope, receive, send)
            return
        origin = headers.get("origin")
        if scope["type"] == "http" and scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
            allowed = Response(status_code=204, headers=PREFLIGHT)
            _secure(allowed.headers, origin)
            await allowed(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                _secure(MutableHeaders(scope=message), origin)
            await send(message)

        await self._app(scope, receive, guarded)

    def _refusal(self, headers: Headers) -> PlainTextResponse | None:
        # Several Host headers are as suspect as a wrong one.
        hosts = headers.getlist("host")
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            return PlainTextResponse("This server does not answer to that name. Add it to `hosts`.\n", 421)
        if any(origin.lower() not in self._origins for origin in headers.getlist("origin")):
            return PlainTextResponse("Pages of that origin may not connect. Add it to `origins`.\n", 403)
        return None


def local_names(host: str, port: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The Host names and the origins under which a server at ``host:port`` answers without being told more."""
    names = dict.fromkeys(["127.0.0.1", "localhost", "[::1]"])
    if host not in ("0.0.0.0", "::", ""):  # listening everywhere gives no name
        names[f"[{host}]" if ":" in host else host] = None
    hosts = tuple(f"{name}:{port}" for name in names)
    return hosts, tuple(f"http://{host}" for host in hosts)


async def _refuse(response: PlainTextResponse, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket" and "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1008})
        return
    await response(scope, receive, send)


def _secure(headers: MutableHeaders, origin: str | None) -> None:
    headers.setdefault("content-security-policy", PAGE_POLICY)
    headers["x-content-type-options"] = "nosniff"
    headers["referrer-policy"] = "no-referrer"
    headers["x-frame-options"] = "DENY"
    headers["cross-origin-opener-policy"] = "same-origin"
    headers.setdefault("cross-origin-resource-policy", "same-origin")
    if origin is not None:  # it is on the list, or we would not be here
        headers["access-control-allow-origin"] = origin
        headers["vary"] = "Origin"
