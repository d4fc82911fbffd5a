"""Faces of a picture made anew: the options, and the call with nothing left open."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mintaka.capabilities.arguments import Options, option
from mintaka.capabilities.failures import told
from mintaka.capabilities.restrictions import Restrictions
from mintaka.capabilities.sources import Source
from mintaka.capabilities.widgets import Phase
from mintaka.engine.models.kinds import SAFETENSORS
from mintaka.engine.models.upscalers import no_such_face_model
from mintaka.engine.models.weights import FaceModelInfo
from mintaka.engine.preparing import FACE_SIDE, MAX_FACES
from mintaka.engine.requests import FaceRestore, Request
from mintaka.runtime.values import Value


class FaceOptions(Options):
    """How to restore faces."""

    model: str | None = option(
        label="Face model",
        help="Which one; left out, the first that may be used.",
        narrowed_by="allowed_models",
        max_length=200,
        phase=Phase.MODEL,
    )
    faces: int = option(
        4,
        label="Faces",
        help="At most how many, the largest first; so many are paid.",
        ge=1,
        le=MAX_FACES,
        soft=(1, 8),
        phase=Phase.INPUT,
    )


@dataclass(frozen=True, slots=True)
class Restoration:
    """A picture whose faces are restored, with nothing left open."""

    source: Source
    model: str
    strength: float
    faces: int
    max_compute: float | None = None

    @property
    def asked(self) -> Mapping[str, object]:
        """What is asked of each restriction."""
        width, height = self.source.size
        return {
            "allowed_models": self.model,
            "strength": self.strength,
            "max_width": width,
            "max_height": height,
            "max_pixels": width * height,
            "max_compute": self.charges["compute"],
        }

    @property
    def charges(self) -> Mapping[str, int]:
        """What it takes of each unit: every pixel of the picture is looked at, and of each face made."""
        return {"compute": self.source.width * self.source.height + self.faces * FACE_SIDE * FACE_SIDE, "uses": 1}

    @property
    def spent(self) -> Mapping[str, int]:
        """All of it."""
        return {}

    def request(self, id: str) -> Request:
        """What the engine is asked."""
        return FaceRestore(id=id, image=self.source.data, model=self.model, strength=self.strength, faces=self.faces)

    def arguments(self, seed: int | None) -> list[Value]:
        """What makes it again; nothing is left to chance."""
        return [self.source.asset, self.strength, {"model": self.model, "faces": self.faces}]


def choose_face_model(asked: str | None, restrictions: Restrictions, known: Sequence[FaceModelInfo]) -> str:
    """The face model asked for, or the first of those allowed. Raises HostFault ``no_such_model``.

    What was asked for by name is looked for only when the call is let begin: nobody learns what else there is.
    """
    if asked is not None:
        return asked.removesuffix(SAFETENSORS)
    first = next((each.id for each in known if restrictions.permits("allowed_models", each.id)), None)
    if first is None:
        with told():
            raise no_such_face_model("none of the face models that may be used is there", ())
    return first
