"""A pipeline of one's own for every request, over weights that all share.

The twin of a pipeline is a shallow copy whose heavy modules are replaced by proxies: of the module's own class and
sharing its attributes, so that the stock ``__call__`` of any pipeline finds what it expects, but parking the request at
each run (see `mintaka.engine.worker.stepping`).
"""

import copy
import inspect
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from mintaka.engine.worker import encoding, stepping
from mintaka.engine.worker.forwards import Entry, Forward
from mintaka.engine.worker.homes import Homes
from mintaka.engine.worker.trees import PLAIN, Reading


@dataclass(frozen=True, slots=True)
class Heavy:
    """Which methods of a component park, and how early they have their turn (the lowest rank first)."""

    methods: tuple[str, ...]
    rank: int
    reading: Reading = PLAIN
    casts: bool = False
    """Whether tensors are brought to the number format of its weights, which may be wider than the others'."""
    own: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    """Methods that the module has not, as functions of it; a run of one is never merged with another."""


TEXT = Heavy(("__call__",), 0, own={"read": encoding.read})

HEAVY: Mapping[str, Heavy] = {
    "text_encoder": TEXT,
    "text_encoder_2": TEXT,
    "text_encoder_3": TEXT,
    "vae": Heavy(("encode", "decode"), 0, casts=True),
    "unet": Heavy(("__call__",), 2),
    "transformer": Heavy(("__call__",), 2),
}
"""Components of pipelines by attribute. Text and VAE first: a newcomer catches up, a finished picture gets out."""

CONTROLNET = Heavy(("__call__",), 1, Reading(scales=frozenset({"conditioning_scale"})))
"""A ControlNet, which is no part of a model: what it gives is what the denoiser is then run with."""


def proxies(
    pipeline: Any,
    variant: Hashable = None,
    prepare: Callable[[Any], None] = lambda module: None,
    homes: Homes | None = None,
) -> dict[str, Any]:
    """A proxy for each heavy module of ``pipeline``; they keep nothing of a request, so one set serves all.

    ``prepare`` brings a module into the state ``variant``, right before it runs (`mintaka.engine.worker.adapters`).
    ``homes`` says which of them are not on the pipeline's device.
    """
    return {
        name: _proxy(module, heavy, variant, prepare, homes)
        for name, heavy in HEAVY.items()
        if (module := getattr(pipeline, name, None)) is not None
    }


def controlnet_proxy(module: Any) -> Any:
    """A proxy for a ControlNet, for all requests that it steers."""
    return _proxy(module, CONTROLNET)


def twin(pipeline: Any, modules: Mapping[str, Any], scheduler: Any) -> Any:
    """A pipeline for one request: ``pipeline`` with proxies for ``modules`` and a ``scheduler`` of its own."""
    own = copy.copy(pipeline)
    # Written past the pipeline's own __setattr__, which would enter the proxies' classes in the shared configuration.
    own.__dict__["scheduler"] = scheduler
    own.__dict__["_progress_bar_config"] = {"disable": True}
    own.__dict__["maybe_free_model_hooks"] = _nothing
    own.__dict__.update(modules)
    return own


def _nothing() -> None:
    """Moving weights about is not for one request to do."""


def _proxy(
    module: Any,
    heavy: Heavy,
    variant: Hashable = None,
    prepare: Callable[[Any], None] = lambda module: None,
    homes: Homes | None = None,
) -> Any:
    ready = partial(prepare, module)
    entries = {method: Entry.of(module, method, heavy.reading, variant, ready) for method in heavy.methods}
    for name, function in heavy.own.items():
        parameters = tuple(inspect.signature(function).parameters)[1:]
        run = partial(function, module)
        entries[name] = Entry(module, name, run, parameters, heavy.reading, variant, ready, merges=False)
    body: dict[str, Any] = {"variant": variant}
    for name, entry in entries.items():
        body[name] = _parking(entry if homes is None else replace(entry, run=homes.run(module, entry.run)), heavy)
    if homes is not None:
        body |= homes.seen(module)
    body["to"] = lambda own, *args, **kwargs: own  # no request moves or casts weights that others use
    kind = type(module)
    proxy: Any = object.__new__(type(kind.__name__, (kind,), body))
    object.__setattr__(proxy, "__dict__", module.__dict__)
    return proxy


def _parking(entry: Entry, heavy: Heavy) -> Callable[..., Any]:
    wide = replace(entry, run=partial(_in_single_precision, entry), variant=(entry.variant, torch.float32))

    def park(_own: Any, *args: Any, **kwargs: Any) -> Any:
        if not heavy.casts:
            return stepping.call(Forward.of(entry, args, kwargs), heavy.rank)
        kept = next(entry.module.parameters()).dtype
        args = tuple(each.to(kept) if isinstance(each, Tensor) else each for each in args)
        result = stepping.call(Forward.of(entry, args, kwargs), heavy.rank)
        if kept is not torch.float16 or entry.name != "decode" or bool(torch.isfinite(result[0]).all()):
            return result
        return stepping.call(Forward.of(wide, args, kwargs), heavy.rank)

    return park


def _in_single_precision(entry: Entry, *args: Any, **kwargs: Any) -> Any:
    """Run a module of half precision in single precision: some VAEs leave the range of float16 on their way.

    Its weights are brought there and back, which changes none of them.
    """
    kept = next(entry.module.parameters()).dtype
    args = tuple(_wide(each) for each in args)
    kwargs = {name: _wide(each) for name, each in kwargs.items()}
    with torch.inference_mode(False):  # else the weights could never be changed, as an adapter changes them
        entry.module.to(torch.float32)
    try:
        return entry.run(*args, **kwargs)
    finally:
        with torch.inference_mode(False):
            entry.module.to(kept)


def _wide(value: Any) -> Any:
    return value.float() if isinstance(value, Tensor) else value
