"""What may be asked over HTTP: each operation one decorated function, from which its route and its description come.

    class ModelRoutes:
        @operation("GET", "/api/v1/models", face=REST, tag="Models", answer=list[Model])
        async def list_models(self, call: Call) -> object:
            '''The models you may use.'''

The models of its query and its body are its schema, as those of its answer are.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from inspect import getdoc
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from mintaka.server.api.statuses import headers_of, status_of
from mintaka.server.connection import Caller
from mintaka.server.errors import Fault, Kind


class Body(BaseModel):
    """The base of what is sent as JSON or asked in a query: nothing unknown is taken."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Shown(BaseModel):
    """The base of what is answered."""

    model_config = ConfigDict(frozen=True)


class ErrorObject(Shown):
    """What went wrong."""

    code: int = Field(description="The protocol's code")
    message: str = Field(description="What is wrong and what to do")
    data: dict[str, Any] = Field(description="The kind of the error as `kind`, and what belongs to it")


class ErrorAnswer(Shown):
    """An error of the REST interface."""

    error: ErrorObject


@dataclass(frozen=True, slots=True)
class Face:
    """How a family of operations tells errors and takes tokens."""

    prefix: str
    """Where its addresses begin."""
    error: type[BaseModel]
    """The schema of its errors."""
    told: Callable[[Mapping[str, object], int], object]
    """An error object and its status, in the family's shape."""
    status: Callable[[Mapping[str, object]], int] = status_of
    basic: bool = False
    """Whether a token may come as the password of Basic authentication."""
    headers: Callable[[Mapping[str, object], int], Mapping[str, str]] = headers_of
    """What its errors carry."""

    def refusal(
        self, told: Mapping[str, object], status: int | None = None, headers: Mapping[str, str] | None = None
    ) -> Response:
        """An error as it is answered."""
        status = self.status(told) if status is None else status
        more = {**self.headers(told, status), **(headers or {})}
        return JSONResponse(self.told(told, status), status, more)


REST = Face(prefix="/api/v1/", error=ErrorAnswer, told=lambda told, status: {"error": told})
"""Our own shape: the error objects of the protocol."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request that was let in: who asks, and for what."""

    caller: Caller
    request: Request
    path: Mapping[str, str]
    query: Any = None
    """The operation's ``query`` model."""
    body: Any = None
    """The operation's ``body`` model."""
    data: bytes = b""
    """The body as it came, of an operation that takes other media than JSON."""

    @property
    def principal(self) -> str:
        """Who asks."""
        return self.caller.session.principal

    @property
    def key(self) -> str | None:
        """What the client calls this request (``Idempotency-Key``). Raises `Fault` for one that is too long."""
        key = self.request.headers.get("idempotency-key")
        if key is not None and not 1 <= len(key) <= 200:
            raise Fault(Kind.INVALID_PARAMS, "An Idempotency-Key has 1 to 200 characters.")
        return key


Function = TypeVar("Function", bound=Callable[..., Awaitable[object]])


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: where it is asked, what it takes and answers, and what does it."""

    verb: str
    path: str
    face: Face
    tag: str
    answer: Any
    """The type of the JSON it answers; a media type, such as ``image/webp``, where that is something else."""
    status: int = 200
    query: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    takes: tuple[str, ...] = ("application/json",)
    """Media types of the body."""
    optional_body: bool = False
    uploads: bool = False
    """Whether the body may be as large as an upload, and is left to the function where it is no JSON."""
    summary: str = ""
    description: str = ""
    handler: Callable[[Call], Awaitable[object]] | None = None


def operation(
    verb: str, path: str, *, face: Face, tag: str, answer: Any, **more: Any
) -> Callable[[Function], Function]:
    """Make an async function ``(self, call)`` the answer to ``verb path``; its docstring describes it.

    It returns JSON, or a Response where it wants to say more. ``more`` are further fields of `Operation`.
    """

    def declare(function: Function) -> Function:
        summary, _, rest = (getdoc(function) or "").partition("\n")
        told = Operation(verb, path, face, tag, answer, summary=summary, description=rest.strip(), **more)
        function.operation = told  # type: ignore[attr-defined]
        return function

    return declare


def operations(part: object) -> Iterator[Operation]:
    """The operations that a part declares, bound to it."""
    for attribute in vars(type(part)).values():
        told = getattr(attribute, "operation", None)
        if isinstance(told, Operation):
            yield replace(told, handler=getattr(part, attribute.__name__))
