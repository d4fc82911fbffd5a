"""The folders in which all is found that one draws with."""

import builtins
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from mintaka.engine.models.controlnets import ControlNetInfo
from mintaka.engine.models.finding import Found, Place, find
from mintaka.engine.models.info import BadModel, ModelInfo
from mintaka.engine.models.kinds import Kind
from mintaka.engine.models.reading import read_found
from mintaka.engine.models.snapshot import NOTHING, Info, ModelSnapshot
from mintaka.engine.models.weights import EmbeddingInfo, FaceModelInfo, LoraInfo, PartInfo, UpscalerInfo


class ModelFolder:
    """What there is to draw with in ``paths``, as `mintaka.engine.models.finding` finds it.

    A path is a folder of models, or one model; a `Place` is a folder of one kind. ``aliases`` are further ids of
    models. Something's id is what its sidecar says, else its path below the folder; of two of one id the first counts.
    The folders are looked at anew at every question, so what is put there is found without a restart; only files that
    changed since are read again.
    """

    def __init__(self, paths: Iterable[Path | Place], aliases: Mapping[str, str] = NOTHING) -> None:
        self._places = [each if isinstance(each, Place) else Place(each) for each in paths]
        self._aliases = aliases
        self._read: dict[Found, tuple[Kind, Info] | None] = {}
        self._last: tuple[Sequence[object], ModelSnapshot] | None = None

    @property
    def roots(self) -> tuple[Path, ...]:
        """The folders that are looked in, in their order."""
        return tuple(each.path for each in self._places)

    def list(self) -> list[ModelInfo]:
        """Every usable model now; see `ModelSnapshot.list`."""
        return self.snapshot().list()

    def faults(self) -> tuple[BadModel, ...]:
        """Why what looks like something to draw with cannot be used now."""
        return self.snapshot().faults()

    def resolve(self, model_id: str) -> str:
        """The id that ``model_id`` stands for where it is an alias, else itself."""
        return self._aliases.get(model_id, model_id)

    def get(self, model_id: str) -> ModelInfo:
        """The model now called ``model_id``; see `ModelSnapshot.get`."""
        return self.snapshot().get(model_id)

    def controlnets(self) -> Sequence[ControlNetInfo]:
        """Every usable ControlNet now; see `ModelSnapshot.controlnets`."""
        return self.snapshot().controlnets()

    def controlnet(self, controlnet_id: str) -> ControlNetInfo:
        """The ControlNet now called ``controlnet_id``; see `ModelSnapshot.controlnet`."""
        return self.snapshot().controlnet(controlnet_id)

    def loras(self) -> builtins.list[LoraInfo]:
        """Every usable LoRA now."""
        return self.snapshot().loras()

    def lora(self, lora_id: str) -> LoraInfo:
        """The LoRA now called ``lora_id``; see `ModelSnapshot.lora`."""
        return self.snapshot().lora(lora_id)

    def embeddings(self) -> builtins.list[EmbeddingInfo]:
        """Every usable embedding now."""
        return self.snapshot().embeddings()

    def embedding(self, name: str) -> EmbeddingInfo:
        """The embedding now called ``name``; see `ModelSnapshot.embedding`."""
        return self.snapshot().embedding(name)

    def part(self, kind: Kind, part_id: str) -> PartInfo:
        """The VAE or text encoder now called ``part_id``; see `ModelSnapshot.part`."""
        return self.snapshot().part(kind, part_id)

    def upscaler(self, name: str) -> UpscalerInfo:
        """The upscaler now called ``name``; see `ModelSnapshot.upscaler`."""
        return self.snapshot().upscaler(name)

    def face_models(self) -> builtins.list[FaceModelInfo]:
        """Every usable face model now."""
        return self.snapshot().face_models()

    def face_model(self, name: str) -> FaceModelInfo:
        """The face model now called ``name``; see `ModelSnapshot.face_model`."""
        return self.snapshot().face_model(name)

    def snapshot(self) -> ModelSnapshot:
        """All of it as it is now; the same object as before where nothing changed."""
        found: dict[Kind, dict[str, Info]] = {kind: {} for kind in Kind}
        faults: dict[tuple[Kind | None, str], BadModel] = {}
        read: dict[Found, tuple[Kind, Info] | None] = {}
        for each in find(self._places):
            try:
                told = self._read[each] if each in self._read else read_found(each)
            except BadModel as fault:
                # Not remembered: it may be put right by a file that is not looked at here.
                faults.setdefault((each.kind, each.name), fault)
            else:
                read[each] = told
                if told is not None:
                    found[told[0]].setdefault(told[1].id, told[1])
        self._read = read
        seen = [*read, *((key, fault.message) for key, fault in faults.items())]
        if self._last is None or self._last[0] != seen:
            self._last = seen, ModelSnapshot(found, faults, self._aliases)
        return self._last[1]
