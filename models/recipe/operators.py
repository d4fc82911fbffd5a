"""Makes torchvision importable beside a CPU-only torch.

PyPI's torchvision wheel is built against the CUDA torch; beside the CPU wheel its operators do not load, and its import
then stops at "operator torchvision::nms does not exist". transformers, diffusers and spandrel import it when it is
installed, though nothing in this recipe calls one of those operators: declaring their names is enough.
"""

import importlib
import importlib.util
import sys
from typing import Any

import torch

_OPERATORS = ("nms", "roi_align", "roi_pool", "ps_roi_align", "ps_roi_pool", "deform_conv2d")
_NO_BACKWARD = ("nms",)

# The library must outlive this function: its declarations vanish with it.
_declared: list[torch.library.Library] = []


def declare_missing_operators() -> None:
    """Declare torchvision's operator names where its own could not be loaded; does nothing where torchvision works."""
    if _declared or importlib.util.find_spec("torchvision") is None:
        return
    try:
        importlib.import_module("torchvision")
    except RuntimeError as failure:
        if "does not exist" not in str(failure):
            raise
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        library: Any = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
        for operator in _OPERATORS:
            library.define(f"{operator}(Tensor x) -> Tensor")
            library.define(f"q{operator}(Tensor x) -> Tensor")
            if operator not in _NO_BACKWARD:
                library.define(f"_{operator}_backward(Tensor x) -> Tensor")
        _declared.append(library)
