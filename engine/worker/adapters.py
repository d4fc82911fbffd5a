"""LoRAs over a model's weights, which all requests share.

A LoRA is loaded into the modules as an adapter of peft's and stays there, acting or not. Those of a request are its
*stack*, and a stack is a variant of every module that it changes: runs of one stack are merged with each other only
(`mintaka.engine.worker.forwards`), and right before a run the module is brought to its stack where it is at another.
So requests of different stacks take turns step by step, and none notices. That holds for text encoders too: a prompt
is encoded by each stack for itself.
"""

import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from diffusers.models.modeling_utils import ModelMixin
from diffusers.utils import peft_utils, state_dict_utils
from peft.tuners.tuners_utils import BaseTunerLayer

from mintaka.engine.errors import Unsupported
from mintaka.engine.messages import Files, lora_role
from mintaka.engine.requests import Lora
from mintaka.engine.worker.failures import is_out_of_memory
from mintaka.engine.worker.homes import Homes
from mintaka.engine.worker.proxy import proxies
from mintaka.engine.worker.stepping import Lane, alone, aside

warnings.filterwarnings("ignore", message="Already found a `peft_config` attribute")  # several adapters are meant
warnings.filterwarnings("ignore", message="Adapter .* was active which is now deleted")

Stack = tuple[tuple[str, float], ...]
"""Names of adapters, each with its weight, in the order of the names."""

MOST_KEPT = 8
"""LoRAs that stay loaded with a model when no request uses them; the least recently used leave first."""


class Adapters:
    """The LoRAs of one loaded model. Only the stepping thread changes it."""

    def __init__(self, model: str, pipeline: Any, homes: Homes | None = None) -> None:
        self._model = model
        self._pipeline = pipeline
        self._homes = homes
        self._loaded: OrderedDict[tuple[Path, int, int], str] = OrderedDict()
        """By file, and when and how large it was: the adapter's name. The most recently used last."""
        self._users: dict[str, int] = {}
        self._count = 0
        self._active: dict[int, Stack] = {}
        """By module: what it was last brought to. What is not there is not known."""
        self._changed: frozenset[int] = frozenset()
        """The modules that have ever had an adapter; others are always as they were loaded."""
        self._plain = self._proxies(())

    @contextmanager
    def modules(self, loras: Sequence[Lora], files: Files) -> Iterator[dict[str, Any]]:
        """What stands for the pipeline's heavy modules in a request with ``loras``, which stay loaded meanwhile.

        Raises Unsupported where one does not fit the model.
        """
        if not loras:
            yield self._plain
            return
        held: list[str] = []
        try:
            for number, lora in enumerate(loras):
                name = self._get(lora.name, files[lora_role(number)])
                self._users[name] = self._users.get(name, 0) + 1
                held.append(name)
            stack = tuple(sorted(zip(held, (float(each.weight) for each in loras), strict=True)))
            yield self._proxies(stack)
        finally:
            for name in held:
                self._users[name] -= 1
            self._make_room()

    def _proxies(self, stack: Stack) -> dict[str, Any]:
        return proxies(self._pipeline, stack, partial(self._bring, stack=stack), self._homes)

    def _bring(self, module: Any, stack: Stack) -> None:
        """Let exactly ``stack`` act in ``module``."""
        if id(module) not in self._changed or self._active.get(id(module)) == stack:
            return
        self._active.pop(id(module), None)  # unknown, should any of what follows fail
        with torch.inference_mode(False):
            peft_utils.set_adapter_layers(module, enabled=bool(stack))
            if stack:
                names, weights = zip(*stack, strict=True)
                peft_utils.set_weights_and_activate_adapters(module, list(names), list(weights))
        self._active[id(module)] = stack

    def _get(self, name: str, file: Path) -> str:
        """The adapter of ``file``, loaded if need be."""
        found = file.stat()
        key = (file, found.st_mtime_ns, found.st_size)
        if key not in self._loaded:
            aside(partial(self._check, name, file), Lane.LOAD)
        if key not in self._loaded:
            # While a model is loaded on its thread, diffusers keeps the whole process from giving new weights values.
            with alone(Lane.LOAD):
                if key not in self._loaded:  # another request may have loaded it meanwhile
                    self._loaded[key] = self._load(name, file)
        self._loaded.move_to_end(key)
        return self._loaded[key]

    def _check(self, name: str, file: Path) -> None:
        """Refuse what is no LoRA, or changes layers that the model has not, or has in another size."""
        read: Callable[..., Any] | None = getattr(self._pipeline, "lora_state_dict", None)
        if read is None:
            raise Unsupported(f"the model {self._model} takes no LoRAs", hint="choose another model")
        denoiser = getattr(self._pipeline, "unet", None)
        more = {"unet_config": denoiser.config} if denoiser is not None else {}
        try:
            told = read(str(file.parent), weight_name=file.name, local_files_only=True, use_safetensors=True, **more)
        except Exception as error:
            raise self._unfit(name, "its file cannot be read as one") from error
        tensors: Mapping[str, torch.Tensor] = told[0] if isinstance(told, tuple) else told
        parts: dict[str, dict[str, torch.Tensor]] = {}
        for key, tensor in tensors.items():
            part, _, rest = key.partition(".")
            parts.setdefault(part, {})[rest] = tensor
        if not parts:
            raise self._unfit(name, "there is nothing in it")
        for part, layers in parts.items():
            module = getattr(self._pipeline, part, None) if part in self._pipeline._lora_loadable_modules else None
            if module is None:
                raise self._unfit(name, f"it changes “{part}”, which the model has not")
            self._check_layers(name, module, layers)

    def _check_layers(self, name: str, module: Any, layers: Mapping[str, torch.Tensor]) -> None:
        if not isinstance(module, ModelMixin):
            layers = state_dict_utils.convert_state_dict_to_peft(
                state_dict_utils.convert_state_dict_to_diffusers(layers)
            )
        elif "lora_A" not in next(iter(layers)):
            layers = state_dict_utils.convert_unet_state_dict_to_peft(layers)
        own = dict(module.named_modules())
        for key, tensor in layers.items():
            path, ending, _ = key.rpartition(".lora_")
            if not ending:
                continue
            if not hasattr(module, "text_model"):  # as diffusers does: transformers left that level out
                path = path.removeprefix("text_model.")
            weight = getattr(own.get(path), "weight", None)
            if weight is None:
                raise self._unfit(name, f"it changes the layer “{path}”, which the model has not")
            side = 1 if ".lora_A" in key else 0
            if tensor.dim() > 1 and tensor.shape[side] != weight.shape[side]:
                raise self._unfit(
                    name,
                    f"in the layer “{path}” it expects {tensor.shape[side]} channels, and there are "
                    f"{weight.shape[side]}",
                )

    def _load(self, name: str, file: Path) -> str:
        self._count += 1
        adapter = f"lora{self._count}"
        try:
            with torch.inference_mode(False):
                self._pipeline.load_lora_weights(
                    str(file.parent),
                    weight_name=file.name,
                    adapter_name=adapter,
                    local_files_only=True,
                    use_safetensors=True,
                )
        except Exception as error:
            self._unload(adapter)
            if is_out_of_memory(error):
                raise
            raise self._unfit(name, f"it cannot be laid over the model ({type(error).__name__})") from error
        self._look_anew()
        return adapter

    def _unload(self, adapter: str) -> None:
        with torch.inference_mode(False):
            for module in self._modules():
                peft_utils.delete_adapter_layers(module, adapter)
                getattr(module, "peft_config", {}).pop(adapter, None)
        self._look_anew()

    def _make_room(self) -> None:
        idle = [key for key, name in self._loaded.items() if not self._users.get(name)]
        for key in idle[: max(0, len(self._loaded) - MOST_KEPT)]:
            adapter = self._loaded.pop(key)
            self._users.pop(adapter, None)
            self._unload(adapter)

    def _look_anew(self) -> None:
        """Something has changed the modules."""
        self._active.clear()
        self._changed = frozenset(
            id(module)
            for module in self._modules()
            if any(isinstance(each, BaseTunerLayer) for each in module.modules())
        )

    def _modules(self) -> Iterator[Any]:
        for part in getattr(self._pipeline, "_lora_loadable_modules", ()):
            module = getattr(self._pipeline, part, None)
            if module is not None:
                yield module

    def _unfit(self, name: str, why: str) -> Unsupported:
        return Unsupported(
            f"the LoRA {name} does not fit the model {self._model}: {why}",
            hint="use a LoRA that was made for this model, or the model that it was made for",
        )
