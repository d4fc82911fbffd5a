"""All that there is to draw with, as it was at one moment."""

import builtins
import difflib
import hashlib
import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import NoReturn, TypeVar, cast

from mintaka.engine.errors import NoSuchModel, Unsupported
from mintaka.engine.models.controlnets import ControlNetInfo
from mintaka.engine.models.info import BadModel, ModelInfo
from mintaka.engine.models.kinds import PICKLES, SAFETENSORS, Kind
from mintaka.engine.models.upscalers import brought_along, no_such_face_model, no_such_upscaler
from mintaka.engine.models.weights import EmbeddingInfo, FaceModelInfo, LoraInfo, PartInfo, UpscalerInfo, WeightsInfo

Info = ModelInfo | ControlNetInfo | WeightsInfo
"""What is known of one thing to draw with."""

InfoT = TypeVar("InfoT", bound=Info)

NOTHING: Mapping[str, str] = {}


class ModelSnapshot:
    """What was found, by kind and id; of each kind in the order of the folders and then of their names."""

    def __init__(
        self,
        found: Mapping[Kind, Mapping[str, Info]],
        faults: Mapping[tuple[Kind | None, str], BadModel],
        aliases: Mapping[str, str] = NOTHING,
    ) -> None:
        self._found = found
        self._faults = faults
        self._aliases = aliases

    @cached_property
    def revision(self) -> str:
        """What is known of all that can be used, in 16 hex digits: another whenever anything is other."""
        told = hashlib.blake2b(digest_size=8)
        for kind, infos in self._found.items():
            told.update(kind.encode())
            for each in infos.values():
                told.update(each.model_dump_json(exclude={"path"}).encode())
        told.update(repr(sorted(self._aliases.items())).encode())
        return told.hexdigest()

    def of(self, kind: Kind) -> Sequence[Info]:
        """All of one kind that can be used; see `faults` for the others."""
        return [*self._found.get(kind, {}).values()]

    def faults(self) -> tuple[BadModel, ...]:
        """Why what looks like something to draw with cannot be used."""
        return tuple(self._faults.values())

    def resolve(self, model_id: str) -> str:
        """The id that ``model_id`` stands for where it is an alias, else itself."""
        return self._aliases.get(model_id, model_id)

    def list(self) -> list[ModelInfo]:
        """Every usable model."""
        return self._all(Kind.MODEL, ModelInfo)

    def get(self, model_id: str) -> ModelInfo:
        """The model called ``model_id``, or that this is an alias of.

        Raises NoSuchModel with the nearest names, or BadModel when the folder is there but cannot be used.
        """
        return self._get(Kind.MODEL, ModelInfo, self.resolve(model_id)) or self._refuse(model_id)

    def controlnets(self) -> Sequence[ControlNetInfo]:
        """Every usable ControlNet."""
        return self._all(Kind.CONTROLNET, ControlNetInfo)

    def controlnet(self, controlnet_id: str) -> ControlNetInfo:
        """The ControlNet of that id. Raises NoSuchModel with those there are, or BadModel."""
        found = self._get(Kind.CONTROLNET, ControlNetInfo, controlnet_id)
        if found is None:
            names = self._found.get(Kind.CONTROLNET)
            hint = f"there are {', '.join(names)}" if names else "no ControlNets are installed"
            raise NoSuchModel(f"there is no ControlNet called “{controlnet_id}”; {hint}", hint=hint)
        return found

    def loras(self) -> builtins.list[LoraInfo]:
        """Every usable LoRA."""
        return self._all(Kind.LORA, LoraInfo)

    def lora(self, lora_id: str) -> LoraInfo:
        """The LoRA called ``lora_id``. Raises BadModel, and Unsupported, which names no others."""
        hint = "diffusers.generate.loras tells those there are"
        return self._get(Kind.LORA, LoraInfo, lora_id) or _missing(Kind.LORA, lora_id, hint)

    def embeddings(self) -> builtins.list[EmbeddingInfo]:
        """Every usable embedding."""
        return self._all(Kind.EMBEDDING, EmbeddingInfo)

    def embedding(self, name: str) -> EmbeddingInfo:
        """The embedding called ``name``. Raises BadModel, and Unsupported, which names no others."""
        hint = f"put its {SAFETENSORS} file into a folder `embeddings` in the models folder"
        return self._get(Kind.EMBEDDING, EmbeddingInfo, name) or _missing(Kind.EMBEDDING, name, hint)

    def part(self, kind: Kind, part_id: str) -> PartInfo:
        """The VAE or text encoder called ``part_id``. Raises BadModel, Unsupported."""
        hint = f"put it into a folder `{kind}` in the models folder"
        return self._get(kind, PartInfo, part_id) or _missing(kind, part_id, hint)

    @cached_property
    def upscalers(self) -> tuple[UpscalerInfo, ...]:
        """Every usable upscaler: first what was put there to enlarge anything, last what was made for one model."""
        found: dict[str, UpscalerInfo] = {}
        for each in (*self._all(Kind.UPSCALER, UpscalerInfo), *brought_along(self.list())):
            found.setdefault(each.id, each)
        return tuple(found.values())

    def upscaler(self, name: str) -> UpscalerInfo:
        """The upscaler called ``name``. Raises NoSuchModel with those there are, or BadModel."""
        plain = _plain(name)
        found = next((each for each in self.upscalers if each.id == plain), None)
        found = found or self._get(Kind.UPSCALER, UpscalerInfo, plain)
        if found is None:
            raise no_such_upscaler(f"there is no upscaler called “{name}”", [each.id for each in self.upscalers])
        return found

    def face_models(self) -> builtins.list[FaceModelInfo]:
        """Every usable face model."""
        return self._all(Kind.FACE, FaceModelInfo)

    def face_model(self, name: str) -> FaceModelInfo:
        """The face model called ``name``. Raises NoSuchModel with those there are, or BadModel."""
        found = self._get(Kind.FACE, FaceModelInfo, name)
        if found is None:
            raise no_such_face_model(f"there is no face model called “{name}”", [*self._found.get(Kind.FACE, {})])
        return found

    def _all(self, kind: Kind, form: type[InfoT]) -> builtins.list[InfoT]:
        return cast("builtins.list[InfoT]", [*self._found.get(kind, {}).values()])

    def _get(self, kind: Kind, form: type[InfoT], name: str) -> InfoT | None:
        """What is called ``name``, also with the ending of its file; raises why it cannot be used where that is so."""
        infos = self._found.get(kind, {})
        plain = _plain(name)
        found = infos.get(name) or infos.get(plain)
        if found is None:
            for key in ((kind, name), (kind, plain), (None, name)):
                if key in self._faults:
                    raise self._faults[key]
        return cast(InfoT | None, found)

    def _refuse(self, model_id: str) -> NoReturn:
        names = self._found.get(Kind.MODEL, {})
        near = difflib.get_close_matches(model_id, names, n=3, cutoff=0.5)
        if not names:
            hint = "no models are installed"
        elif near:
            hint = f"did you mean {' or '.join(near)}?"
        else:
            hint = f"there are {', '.join(names)}"
        raise NoSuchModel(f"there is no model called “{model_id}”; {hint}", hint=hint)


def _plain(name: str) -> str:
    """``name`` without the ending of a file of weights."""
    stem, ending = os.path.splitext(name)
    return stem if ending == SAFETENSORS or ending in PICKLES else name


def _missing(kind: Kind, name: str, hint: str) -> NoReturn:
    raise Unsupported(f"there is no {kind.noun} called “{name}”", hint=hint)
