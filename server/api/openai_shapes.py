"""What OpenAI's clients send to its images API and read from it.

https://platform.openai.com/docs/api-reference/images
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, WithJsonSchema

from mintaka.server.api.operations import Body, Face, Shown
from mintaka.server.api.statuses import headers_of, status_of
from mintaka.server.errors import Fault, Kind

MOST_PICTURES = 10

SIZE = re.compile(r"(\d{1,5})x(\d{1,5})")

PARAMETERS: Mapping[str, str] = {
    "width": "size",
    "height": "size",
    "model_id": "model",
    "batch": "n",
    "num_inference_steps": "steps",
}
"""What our options are called there."""

File = Annotated[bytes, WithJsonSchema({"type": "string", "format": "binary"})]


class Asked(Body):
    """What all three have in common."""

    model: str | None = Field(default=None, max_length=200, description="One of `GET /v1/models`, or an alias")
    n: int | None = Field(default=None, ge=1, le=MOST_PICTURES, description="How many pictures")
    size: str | None = Field(
        default=None, max_length=20, description="`512x512`, or `auto` for the model's own or that of the picture given"
    )
    response_format: Literal["url", "b64_json"] | None = Field(default=None, description="`b64_json` where left out")
    user: str | None = Field(default=None, max_length=1000, description="Taken and not used")
    # Ours: what these clients can add as `extra_body`.
    steps: int | None = Field(default=None, ge=1, le=1000, description="Denoising steps (not OpenAI's)")
    seed: int | None = Field(default=None, ge=0, le=2**53, description="The first picture's seed (not OpenAI's)")
    guidance_scale: float | None = Field(default=None, ge=0, le=100, description="(not OpenAI's)")
    negative_prompt: str | None = Field(default=None, max_length=4000, description="(not OpenAI's)")
    scheduler: str | None = Field(default=None, max_length=100, description="(not OpenAI's)")

    def options(self) -> dict[str, Any]:
        """The options that all methods which draw have. Raises `Fault` for a size that is none."""
        size = self.sides()
        given = {
            "model_id": self.model,
            "batch": self.n,
            "num_inference_steps": self.steps,
            "seed": self.seed,
            "guidance_scale": self.guidance_scale,
            "negative_prompt": self.negative_prompt,
            "scheduler": self.scheduler,
            **({} if size is None else {"width": size[0], "height": size[1]}),
        }
        return {name: value for name, value in given.items() if value is not None}

    def sides(self) -> tuple[int, int] | None:
        """Width and height, where they are said. Raises `Fault`."""
        if self.size in (None, "auto"):
            return None
        sides = SIZE.fullmatch(self.size or "")
        if sides is None:
            raise Fault(
                Kind.INVALID_PARAMS,
                "`size` is a width and a height such as 512x512, or auto.",
                data={"parameter": "size"},
            )
        return int(sides[1]), int(sides[2])


class Drawn(Asked):
    """What making pictures of words, or of pictures by words, has."""

    prompt: str = Field(min_length=1, max_length=4000)
    quality: Literal["auto", "standard", "hd", "low", "medium", "high"] | None = Field(
        default=None, description="Taken and not used: `steps` says how finely is drawn"
    )
    background: Literal["auto", "opaque"] | None = Field(default=None, description="Pictures are opaque")
    output_format: Literal["png", "jpeg", "webp"] | None = Field(default=None, description="Of `b64_json`")
    output_compression: int | None = Field(default=None, ge=0, le=100)
    stream: Literal[False] | None = Field(default=None, description="Pictures are answered when they are done")


class Generations(Drawn):
    """What `POST /v1/images/generations` takes."""

    style: Literal["vivid", "natural"] | None = Field(default=None, description="Taken and not used")
    moderation: Literal["auto", "low"] | None = Field(default=None, description="Taken and not used")


class Edits(Drawn):
    """What `POST /v1/images/edits` takes, as a form."""

    image: File = Field(description="A PNG, JPEG or WebP")
    mask: File | None = Field(
        default=None, description="Of the same size; where it is transparent is drawn anew. Without, the image's own"
    )
    input_fidelity: Literal["high", "low"] | None = Field(default=None, description="Taken and not used")
    strength: float | None = Field(default=None, ge=0, le=1, description="How much is made anew (not OpenAI's)")


class Variations(Asked):
    """What `POST /v1/images/variations` takes, as a form."""

    image: File = Field(description="A PNG, JPEG or WebP")
    strength: float | None = Field(default=None, ge=0, le=1, description="How much is made anew (not OpenAI's)")


class ImageObject(Shown):
    """A picture."""

    b64_json: str | None = None
    url: str | None = None
    seed: int | None = Field(default=None, description="(not OpenAI's)")


class ImagesResponse(Shown):
    """Pictures."""

    created: int = Field(description="Seconds since the epoch")
    data: list[ImageObject]


class ModelObject(Shown):
    """A model."""

    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str = "mintaka"


class ModelList(Shown):
    """The models that the token may use."""

    object: Literal["list"] = "list"
    data: list[ModelObject]


class OpenAIErrorFacts(Shown):
    """What went wrong, in OpenAI's words."""

    message: str
    type: str
    param: str | None
    code: str | None


class OpenAIError(Shown):
    """An error."""

    error: OpenAIErrorFacts


def _data(told: Mapping[str, object]) -> Mapping[str, object]:
    data = told.get("data")
    return data if isinstance(data, Mapping) else {}


def _status(told: Mapping[str, object]) -> int:
    """As OpenAI has it: what is wrong with a request is 400, a used up budget 429, nothing that is 413 or 422."""
    kind = _data(told).get("kind")
    if kind == Kind.NO_BUDGET:
        return 429
    if kind == Kind.NO_SUCH_CAPABILITY:
        return 403
    status = status_of(told)
    return 400 if status in (413, 422) else status


def _told(told: Mapping[str, object], status: int) -> object:
    data = _data(told)
    kind = str(data.get("kind", "internal"))
    named = data.get("parameter", data.get("option", data.get("argument")))
    codes = {
        "unauthenticated": "invalid_api_key",
        "no_budget": "insufficient_quota",
        "no_such_model": "model_not_found",
    }
    code = codes.get(kind, kind)
    by_status = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
    usual = "server_error" if status >= 500 else "invalid_request_error"
    param = PARAMETERS.get(str(named), str(named)) if named else "model" if kind == "no_such_model" else None
    error = OpenAIErrorFacts(
        message=str(told.get("message", "")),
        type="insufficient_quota" if kind == "no_budget" else by_status.get(status, usual),
        param=param,
        code=code,
    )
    return {"error": error.model_dump()}


def _headers(told: Mapping[str, object], status: int) -> dict[str, str]:
    """OpenAI's clients try again by themselves, unless they are told that it would be in vain."""
    retry = status >= 500 or _data(told).get("kind") == Kind.BUSY
    return {**headers_of(told, status), "x-should-retry": str(retry).lower()}


OPENAI = Face(prefix="/v1/", error=OpenAIError, told=_told, status=_status, headers=_headers)
