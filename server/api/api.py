"""The answer to every request for an operation: who asks, within which limits, and how what went wrong is told."""

import asyncio
import base64
import binascii
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from functools import partial

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from mintaka.capabilities.kernel import Kernel
from mintaka.server.api.bodies import JSON_TYPES, checked, json_body, media_type, read_body
from mintaka.server.api.document import Described, docs_page, document
from mintaka.server.api.operations import Call, Face, Operation, operations
from mintaka.server.api.style import STYLE
from mintaka.server.api.visit import Visit
from mintaka.server.api.waiting import JobFailed
from mintaka.server.assets import bearer_token
from mintaka.server.connection import Caller
from mintaka.server.errors import Fault, Kind
from mintaka.server.faults import Faults
from mintaka.server.guests import Guests
from mintaka.server.rpc import FrameLimits, encode_json
from mintaka.server.settings import Limits
from mintaka.server.tokens import SignedIn, Tokens

VERBS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")

CLIENT_CLOSED = 499
"""What is answered to nobody: the client went while it was still sending."""


class Api:
    """All operations of ``parts``, and their description at ``/openapi.json`` and ``/docs``.

    A part that has ``paths(principal)`` adds OpenAPI path items that only that principal is told of.
    """

    def __init__(
        self,
        parts: Sequence[object],
        faces: Sequence[Face],
        tokens: Tokens,
        guests: Guests,
        kernel: Kernel,
        faults: Faults,
        limits: Limits,
        version: str,
    ) -> None:
        self._operations = [each for part in parts for each in operations(part)]
        self._described = [part for part in parts if isinstance(part, Described)]
        self._faces = faces
        self._tokens = tokens
        self._guests = guests
        self._kernel = kernel
        self._faults = faults
        self._limits = limits
        self._version = version
        self._json = FrameLimits(limits.frame_bytes, limits.json_depth, limits.json_nodes, noun="request")
        self._upload = FrameLimits(limits.upload_bytes, limits.json_depth, limits.json_nodes, noun="request")
        self._unanswered: Counter[str] = Counter()

    @property
    def routes(self) -> list[Route]:
        """Where all this is asked."""
        routes = [Route(each.path, partial(self.answer, each), methods=[each.verb]) for each in self._operations]

        async def nothing(face: Face, request: Request) -> Response:
            path = request.url.path
            if allowed := _allowed(routes, path):
                message = f"{path} takes {', '.join(allowed)}, not {request.method}."
                told = Fault(Kind.METHOD_NOT_FOUND, message).to_json()
                return face.refusal(told, 405, {"allow": ", ".join(allowed)})
            fault = Fault(Kind.METHOD_NOT_FOUND, f"There is nothing at {path[:200]}; /docs tells what there is.")
            return face.refusal(fault.to_json())

        return [
            *routes,
            Route("/openapi.json", self._openapi),
            Route("/docs", self._docs),
            Route("/docs/style.css", self._style),
            *(Route(f"{face.prefix}{{rest:path}}", partial(nothing, face), methods=VERBS) for face in self._faces),
        ]

    async def answer(self, operation: Operation, request: Request) -> Response:
        """Answer a request. Whatever goes wrong is told in the shape of the operation's face."""
        try:
            signed = await self._signed_in(request, operation.face)
            return await self._admitted(operation, request, signed)
        except ClientDisconnect:
            return Response(status_code=CLIENT_CLOSED)
        except JobFailed as failed:
            return operation.face.refusal(failed.told)
        except Exception as error:  # this is where everything that an operation raises becomes an answer
            return operation.face.refusal(self._faults.tell(error))

    async def _admitted(self, operation: Operation, request: Request, signed: SignedIn) -> Response:
        most = self._limits.http_requests
        if self._unanswered[signed.principal] >= most:
            raise Fault(
                Kind.BUSY,
                f"At most {most} requests of one principal are answered at a time. Wait for some answers.",
                data={"limit": "http_requests", "value": most, "retry_after_ms": 1000},
            )
        self._unanswered[signed.principal] += 1
        release = ExitStack()
        release.callback(self._answered, signed.principal)
        with release:
            visit = Visit(signed, self._kernel, _address(request))
            call = await self._call(operation, request, Caller(visit, binary=False))
            assert operation.handler is not None
            answer = await operation.handler(call)
            if isinstance(answer, StreamingResponse):
                return _Counted(answer, release.pop_all())
        if isinstance(answer, Response):
            return answer
        headers = {"cache-control": "no-store"}
        return Response(encode_json(answer), operation.status, headers, "application/json")

    def _answered(self, principal: str) -> None:
        self._unanswered[principal] -= 1
        if not self._unanswered[principal]:
            del self._unanswered[principal]

    async def _call(self, operation: Operation, request: Request, caller: Caller) -> Call:
        query = None if operation.query is None else checked(operation.query, dict(request.query_params))
        limits = self._upload if operation.uploads else self._json
        body, data = None, b""
        if operation.body is not None:
            given = media_type(request)
            if given not in operation.takes and not (given == "" and JSON_TYPES[0] in operation.takes):
                raise Fault(
                    Kind.INVALID_REQUEST,
                    f"This takes {' or '.join(operation.takes)}, not “{given[:100]}”. Set Content-Type.",
                )
            data = await read_body(request, limits)
            if given in JSON_TYPES:
                data = data if data.strip() or not operation.optional_body else b"{}"
                body = await asyncio.to_thread(json_body, data, limits, operation.body)
        return Call(caller, request, dict(request.path_params), query, body, data)

    async def _signed_in(self, request: Request, face: Face) -> SignedIn:
        address = _address(request)
        if "authorization" not in request.headers and (guest := self._guests.admit(address)) is not None:
            return SignedIn(guest, None)
        token = _token(request, face)
        signed = None if token is None else await asyncio.to_thread(self._tokens.sign_in, token, address)
        if signed is None:
            how = " (or as the password of Basic authentication)" if face.basic else ""
            raise Fault(
                Kind.UNAUTHENTICATED,
                f"Send a token that is valid here: Authorization: Bearer …{how}. `mintaka serve` prints the owner's; "
                "`mintaka users` makes others.",
            )
        return signed

    async def _openapi(self, request: Request) -> Response:
        return Response(
            encode_json(await asyncio.to_thread(self._document, request)),
            headers={"cache-control": "no-cache", "vary": "authorization"},
            media_type="application/json",
        )

    async def _docs(self, request: Request) -> Response:
        page = docs_page(await asyncio.to_thread(self._document, request))
        return Response(page, headers={"cache-control": "no-cache"}, media_type="text/html")

    async def _style(self, request: Request) -> Response:
        return Response(STYLE, headers={"cache-control": "no-cache"}, media_type="text/css")

    def _document(self, request: Request) -> dict[str, object]:
        token = bearer_token(request)
        signed = None if token is None else self._tokens.sign_in(token, _address(request))
        principal = None if signed is None else signed.principal
        more: dict[str, object] = {}
        for part in self._described:
            more.update(part.paths(principal))
        return document(self._operations, more, self._version)


class _Counted(Response):
    """A stream, which counts as an unanswered request to its end."""

    def __init__(self, stream: StreamingResponse, ended: ExitStack) -> None:
        super().__init__()
        self._stream = stream
        self._ended = ended

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._ended:
            await self._stream(scope, receive, send)


def _allowed(routes: Iterable[Route], path: str) -> list[str]:
    """The methods that may be asked of a path; none where it is no operation's."""
    return sorted({method for route in routes if route.path_regex.match(path) for method in route.methods or ()})


def _token(request: Request, face: Face) -> str | None:
    """The token that a request bears."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if face.basic and scheme.lower() == "basic":
        try:
            return base64.b64decode(given.strip(), validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return None
    return bearer_token(request)


def _address(request: Request) -> str:
    return "" if request.client is None else request.client.host
