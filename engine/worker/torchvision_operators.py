"""A torchvision that imports beside any torch.

torchvision's wheel from PyPI is built against the CUDA torch; beside a CPU-only one its compiled operators do not load,
and then the import itself fails ("operator torchvision::nms does not exist"), and with it transformers' and spandrel's.
They use none of those operators: it is enough that the names are declared. Known to work with torchvision 0.28.0 beside
torch 2.13.0+cpu.
"""

import importlib
import sys

import torch

FORWARD = (
    "nms",
    "qnms",
    "roi_align",
    "qroi_align",
    "roi_pool",
    "ps_roi_align",
    "ps_roi_pool",
    "deform_conv2d",
)
BACKWARD = ("roi_align", "roi_pool", "ps_roi_align", "ps_roi_pool", "deform_conv2d")

_declared: list[torch.library.Library] = []
"""A declaration lasts as long as its library object."""


def make_importable() -> None:
    """Import torchvision; where that fails for want of its operators, declare their names and import it again."""
    try:
        importlib.import_module("torchvision")
    except RuntimeError as error:
        if "operator torchvision::" not in str(error):
            raise
        _declare()
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]  # half imported
        importlib.import_module("torchvision")


def _declare() -> None:
    library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
    for name in (*FORWARD, *(f"_{name}_backward" for name in BACKWARD)):
        library.define(f"{name}() -> ()")  # type: ignore[no-untyped-call]
    _declared.append(library)
