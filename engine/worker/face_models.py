"""Models that restore faces, from files that spandrel reads (GFPGAN, CodeFormer, RestoreFormer)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from mintaka.engine.models.info import BadModel
from mintaka.engine.worker.failures import is_out_of_memory


@dataclass(frozen=True, slots=True)
class FaceModel:
    """A loaded face model."""

    model: Any
    device: str

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """``images`` (n × 3 × 512 × 512, 0..1) restored; values stay in 0..1."""
        restored: torch.Tensor = self.model(images.to(self.device, self.model.dtype))
        return restored.float().clamp(0.0, 1.0)


def load_face_model(path: Path, device: str) -> FaceModel:
    """Load ``path``, which must restore faces. Raises BadModel."""
    import spandrel

    try:
        model = spandrel.ModelLoader(device=device).load_from_file(path)
    except Exception as error:  # whatever the reader of a broken file raises
        if is_out_of_memory(error):
            raise
        raise BadModel(
            f"the face model {path.name} cannot be read: it is broken, or of a form that spandrel does not know",
            hint="use another face model",
        ) from error
    if not isinstance(model, spandrel.ImageModelDescriptor) or model.purpose != "FaceSR" or model.scale != 1:
        raise BadModel(f"the file {path.name} does not restore faces", hint="use GFPGAN, CodeFormer or RestoreFormer")
    return FaceModel(model.eval(), device)
