"""Where the heavy modules of a model rest and run, where that is not all on its device.

A module that *stays* on the CPU runs there too: what it is given comes to it, and what it gives goes to the device. One
that *visits* rests in main memory and is on the device from the first of its runs until another visitor's turn, so a
denoiser stays for all its steps; its weights are copied there and forgotten, never copied back.
On a CPU all is at home already.
"""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from mintaka.engine.models.info import Placement
from mintaka.engine.worker.trees import convert

Weights = dict[str, Any]
"""A submodule's own ``_parameters`` or ``_buffers``."""


class Homes:
    """The homes of the modules of one loaded pipeline, which are brought there. Only the stepping thread runs them."""

    def __init__(self, pipeline: Any, placement: Placement, device: str, heavy: frozenset[str]) -> None:
        self._device = torch.device(device)
        self._staying: dict[int, torch.dtype] = {}
        self._visiting: dict[int, torch.dtype] = {}
        self._guest: nn.Module | None = None
        self._rested: list[tuple[Weights, str, Tensor]] = []
        """Of the guest: what its weights are when it rests."""
        for name, part in pipeline.components.items():
            if isinstance(part, nn.Module):
                self._settle(name, part, placement, heavy)
        _arrange(pipeline, placement, self._device)

    def run(self, module: nn.Module, method: Callable[..., Any]) -> Callable[..., Any]:
        """``method`` of ``module``, as it is called from the device."""
        if id(module) in self._staying:
            back = self._staying[id(module)]

            def at_home(*args: Any, **kwargs: Any) -> Any:
                return convert(method(*convert(args, _to_cpu), **convert(kwargs, _to_cpu)), self._to_device(back))

            return at_home
        if id(module) in self._visiting:

            def visiting(*args: Any, **kwargs: Any) -> Any:
                self._invite(module)
                return method(*args, **kwargs)

            return visiting
        return method

    def seen(self, module: nn.Module) -> dict[str, object]:
        """What a pipeline is to see of a module that is elsewhere: as if it were on the device."""
        dtype = self._staying.get(id(module)) or self._visiting.get(id(module))
        return {} if dtype is None else {"device": self._device, "dtype": dtype}

    def _settle(self, name: str, part: nn.Module, placement: Placement, heavy: frozenset[str]) -> None:
        dtype = next((each.dtype for each in part.parameters()), torch.float32)
        on_cpu = self._device.type == "cpu"
        stays = placement.vae_on_cpu if name == "vae" else placement.clip_on_cpu and name.startswith("text_encoder")
        if stays and not on_cpu:
            part.to("cpu", torch.float32)  # many operations of a CPU know no half precision
            self._staying[id(part)] = dtype
        elif placement.offload_to_cpu and name in heavy and not on_cpu:
            part.to("cpu")
            self._visiting[id(part)] = dtype
        else:
            part.to(self._device)

    def _invite(self, module: nn.Module) -> None:
        """Let ``module`` be on the device, alone of those that visit."""
        if self._guest is module:
            return
        self._send_home()
        self._guest = module
        try:
            with torch.inference_mode(False):
                for weights, name, tensor in _weights(module):
                    self._rested.append((weights, name, tensor))
                    moved = tensor.to(self._device)
                    weights[name] = nn.Parameter(moved, False) if isinstance(tensor, nn.Parameter) else moved
        except BaseException:
            self._send_home()
            raise

    def _send_home(self) -> None:
        for weights, name, tensor in self._rested:
            if name in weights:  # an adapter may have been taken away meanwhile
                weights[name] = tensor
        self._rested.clear()
        self._guest = None

    def _to_device(self, dtype: torch.dtype) -> Callable[[Tensor], Tensor]:
        return lambda tensor: tensor.to(self._device, dtype if tensor.is_floating_point() else tensor.dtype)


def _to_cpu(tensor: Tensor) -> Tensor:
    return tensor.to("cpu", torch.float32 if tensor.is_floating_point() else tensor.dtype)


def _weights(module: nn.Module) -> Iterator[tuple[Weights, str, Tensor]]:
    for each in module.modules():
        for weights in (each._parameters, each._buffers):
            for name, tensor in list(weights.items()):
                if tensor is not None:
                    yield weights, name, tensor


def _arrange(pipeline: Any, placement: Placement, device: torch.device) -> None:
    """What works wherever the modules are: pictures in tiles and one by one, and the quickest attention."""
    vae: Any = getattr(pipeline, "vae", None)
    if placement.vae_tiling and hasattr(vae, "enable_tiling"):
        vae.enable_tiling()
    if placement.vae_slicing and hasattr(vae, "enable_slicing"):
        vae.enable_slicing()
    for name in ("unet", "transformer"):
        denoiser: Any = getattr(pipeline, name, None)
        if placement.flash_attn and device.type == "cuda" and hasattr(denoiser, "set_attention_backend"):
            denoiser.set_attention_backend("_native_flash")
