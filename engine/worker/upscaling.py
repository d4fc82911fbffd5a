"""Enlarging with a learned upscaler from a file that spandrel reads (ESRGAN and some forty other architectures)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from mintaka.engine.errors import EngineError


@dataclass(frozen=True, slots=True)
class Upscaler:
    """A loaded upscaler."""

    model: Any
    factor: int
    device: str

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """Enlarge ``images`` (n × 3 × height × width, 0..1) by ``factor``; values stay in 0..1."""
        enlarged: torch.Tensor = self.model(images.to(self.device, self.model.dtype))
        return enlarged.float().clamp(0.0, 1.0)


def load_upscaler(path: Path, factor: int, device: str) -> Upscaler:
    """Load ``path``, which must enlarge colour pictures by ``factor``; EngineError where it does something else."""
    import spandrel

    model = spandrel.ModelLoader(device=device).load_from_file(path)
    if not isinstance(model, spandrel.ImageModelDescriptor) or model.scale != factor or model.input_channels != 3:
        raise EngineError(
            f"the upscaler {path.name} does not enlarge colour pictures by {factor}",
            hint="correct `enlarge` in the model's mintaka.json",
        )
    return Upscaler(model.eval(), factor, device)
