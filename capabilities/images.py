"""Pictures in a script's hands: what they are and how they were made. Their bytes stay in the folder of blobs."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from mintaka.runtime.errors import ArityError
from mintaka.runtime.records import Json
from mintaka.runtime.values import HostObject, Value

if TYPE_CHECKING:
    from mintaka.runtime.run import Run


@dataclass(frozen=True, slots=True, eq=False)
class Image(HostObject):
    """A picture kept under its content's name; it can be passed around, and never changes."""

    asset: str
    """The blob's name: blake3 of the bytes, 64 hex digits."""
    width: int
    """In pixels, as `height`."""
    height: int
    format: str = "png"
    seed: int | None = None
    """What its noise was drawn from; ``None`` for a picture that was not generated."""
    notes: tuple[str, ...] = ()
    """What a person should know of how it came out."""
    made_with: Mapping[str, Value] = field(default_factory=dict)
    """The type, the method and the arguments that make the same picture again."""

    @property
    def type_name(self) -> str:
        """``image``."""
        return "image"

    def fields(self) -> Mapping[str, Value]:
        """Its name, size, format, seed and notes."""
        return {
            "asset": self.asset,
            "width": self.width,
            "height": self.height,
            "format": self.format,
            "seed": self.seed,
            "notes": list(self.notes),
        }

    def to_json(self) -> dict[str, Json]:
        """All that is known of it, as JSON."""
        return {**asdict(self), "notes": list(self.notes)}

    @classmethod
    def from_json(cls, known: Mapping[str, Any]) -> "Image":
        """The picture of what `to_json` gave."""
        return cls(**{**known, "notes": tuple(known["notes"])})

    def metadata(self) -> dict[str, Value]:
        """The fields and what the picture was made with."""
        return {**self.fields(), "made_with": dict(self.made_with)}

    def fuel(self, run: "Run", method: str, args: list[Value]) -> int:
        """What a call of a method costs; see `ImageMethods`."""
        return 0 if method == METADATA else run.host(ImageMethods).fuel(self, method, args)

    async def call(self, run: "Run", method: str, args: list[Value]) -> Value:
        """``metadata()``, which needs nothing, and the methods that the run's host gives; see `ImageMethods`."""
        if method != METADATA:
            return await run.host(ImageMethods).call(run, self, method, args)
        if args:
            raise ArityError(f"image.metadata takes nothing, and got {len(args)}")
        return self.metadata()


METADATA = "metadata"


@dataclass(frozen=True, slots=True)
class ImageMethods:
    """What scripts can do with pictures; a host gives it to its runs (`mintaka.capabilities.pictures`)."""

    fuel: Callable[[Image, str, list[Value]], int]
    """What a call costs, looking at nothing but what it is given. Raises HostFault where it could not be made."""
    call: Callable[["Run", Image, str, list[Value]], Awaitable[Value]]


@dataclass(frozen=True, slots=True)
class ImageArgument:
    """A picture as a call gives it, not looked at yet; see `mintaka.capabilities.sources`."""

    given: Image | str

    @classmethod
    def of(cls, value: object) -> Self | None:
        """``value`` if it is one of the forms a picture is given in, else ``None``."""
        if isinstance(value, Mapping):
            value = value.get("asset", value.get("image"))
        return cls(value) if isinstance(value, Image | str) else None


def _given(value: object) -> ImageArgument:
    found = ImageArgument.of(value)
    if found is None:
        raise PydanticCustomError("image_type", "this is no picture")
    return found


ImageOption = Annotated[ImageArgument, PlainValidator(_given), WithJsonSchema({"type": ["object", "string"]})]
"""The type of an option that is a picture."""
