"""What a request carries: read within limits, as JSON or as the parts of a form (RFC 7578)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.message import Message
from email.parser import HeaderParser
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from mintaka.server.errors import Fault, Kind
from mintaka.server.rpc import FrameLimits, read_json, too_large

MOST_PARTS = 64
"""Parts of a form."""

JSON_TYPES = ("application/json", "")
FORM_TYPE = "multipart/form-data"

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a form."""

    name: str
    data: bytes
    filename: str | None = None

    @property
    def text(self) -> str:
        """Its bytes as text. Raises `Fault` (invalid_params)."""
        try:
            return self.data.decode()
        except UnicodeDecodeError:
            raise Fault(Kind.INVALID_PARAMS, f"The field `{self.name}` is no UTF-8 text.") from None


async def read_body(request: Request, limits: FrameLimits) -> bytes:
    """The body, of at most ``limits.bytes``. Raises `Fault` (limit) as soon as there is more."""
    said = request.headers.get("content-length", "")
    if said.isdigit() and int(said) > limits.bytes:
        raise too_large(limits, "bytes")
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > limits.bytes:
            raise too_large(limits, "bytes")
    return bytes(body)


def media_type(request: Request) -> str:
    """The media type of the body, in lower case and without parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def json_body(data: bytes, limits: FrameLimits, model: type[Model]) -> Model:
    """A JSON body as ``model``. Raises `Fault` (parse_error, limit, invalid_params)."""
    return checked(model, read_json(data, limits))


def checked(model: type[Model], given: object) -> Model:
    """What was given as ``model``. Raises `Fault` (invalid_params) with the first thing that does not fit."""
    try:
        return model.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        takes = ", ".join(each.alias or name for name, each in model.model_fields.items())
        raise Fault(
            Kind.INVALID_PARAMS,
            f"`{where}`: {first['msg']}." if where else f"The body: {first['msg']}.",
            hint=f"It takes {takes or 'nothing'}.",
            data={"parameter": where},
        ) from None


def form_parts(data: bytes, content_type: str) -> list[Part]:
    """The parts of a form. Raises `Fault` (parse_error, limit)."""
    header = Message()
    header["content-type"] = content_type
    boundary = header.get_param("boundary")
    if not isinstance(boundary, str) or not 1 <= len(boundary) <= 70 or not boundary.isascii():
        raise _broken("its content type names no boundary")
    mark = b"\r\n--" + boundary.encode()
    # The first boundary may stand at the very beginning, without the line break that belongs to the others.
    pieces = (b"\r\n" + data).split(mark, MOST_PARTS + 2)
    if len(pieces) > MOST_PARTS + 2:
        raise Fault(Kind.LIMIT, f"A form has at most {MOST_PARTS} parts.", data={"limit": "parts", "value": MOST_PARTS})
    if len(pieces) < 2 or not pieces[-1].startswith(b"--"):
        raise _broken("it does not end with its boundary")
    return [_part(piece) for piece in pieces[1:-1]]


def fields(parts: Iterable[Part]) -> Mapping[str, str]:
    """The parts that are no files, as text; of several of one name the last."""
    return {part.name: part.text for part in parts if part.filename is None}


def _part(piece: bytes) -> Part:
    head, blank, data = piece.partition(b"\r\n\r\n")
    headers = HeaderParser().parsestr(head.strip(b"\r\n").decode("utf-8", "replace"))
    name = headers.get_param("name", header="content-disposition")
    filename = headers.get_param("filename", header="content-disposition")
    if not blank or not isinstance(name, str):
        raise _broken("a part has no name")
    return Part(name, data, None if filename is None else str(filename))


def _broken(why: str) -> Fault:
    return Fault(Kind.PARSE_ERROR, f"This is no form (multipart/form-data): {why}.")
