"""Models as data: where they lie, what they are and what they can do. Nothing here loads one or imports torch."""

from mintaka.engine.models.controlnets import ControlNetInfo
from mintaka.engine.models.folder import ModelFolder
from mintaka.engine.models.info import BadModel, ModelInfo, read_model
from mintaka.engine.models.weights import LoraInfo

__all__ = ["BadModel", "ControlNetInfo", "LoraInfo", "ModelFolder", "ModelInfo", "read_model"]
