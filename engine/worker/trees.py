"""What a module is given and gives back, taken apart into rows: merged for one run of several calls, and split again.

A call's arguments are a tree of dicts, lists and tuples. `Reading` tells its leaves apart by their names and forms:

* **rows**: a tensor whose first dimension is the call's rows. Those of several calls are laid one below the other.
* **times** and **scales**: a number, or a tensor with one element, that holds for all rows of its call; as one number
  a row it may differ from call to call. A time in int64 (DDIM's) or float64 becomes float32 (Euler's).
* **row lists**: a list with one tensor a row, as transformers that read pictures of several sizes want them.
* everything else is **shared**: it must be the same for all. A tensor counts by its contents; what is neither data nor
  a tensor, by being the very same object.

Two calls can share a run when their trees have the same shape.
"""

import hashlib
from collections.abc import Callable, Hashable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.utils.weak import WeakIdKeyDictionary

Tree = Any
"""A leaf, or a dict, list or tuple of trees."""


@runtime_checkable
class Distribution(Protocol):
    """diffusers' ``DiagonalGaussianDistribution``, which a VAE answers ``encode`` with."""

    parameters: Tensor
    deterministic: bool

    def __init__(self, parameters: Tensor, deterministic: bool) -> None: ...


@dataclass(frozen=True, slots=True)
class Reading:
    """Names of arguments that are not what their form says; the same in every family of diffusers."""

    times: frozenset[str] = frozenset({"timestep", "timesteps", "t"})
    scales: frozenset[str] = frozenset()
    """Floats that a module multiplies ``[rows, channels, height, width]`` with, so that a tensor does as well."""
    lists: frozenset[str] = frozenset({"x", "cap_feats"})
    """Lists of these names are one tensor a row."""
    shared: frozenset[str] = frozenset({"img_ids", "txt_ids"})
    """Tensors whose first dimension is something else, though it may happen to be as long."""
    unread: frozenset[str] = frozenset({"generator"})
    """What the module takes and does nothing with, as `AutoencoderKL.decode` its generator."""


PLAIN = Reading()


@dataclass(frozen=True, slots=True)
class Slot:
    """Where a leaf stood in a tree."""

    number: int


@dataclass(slots=True)
class TakenApart:
    """A call's arguments: their shape, their leaves, and the tree with a slot where each leaf stood."""

    rows: int
    device: torch.device
    reading: Reading
    leaves: list[Any] = field(default_factory=list)
    """Tensors ``[rows, …]``, and lists of ``rows`` tensors."""
    has_lists: bool = False
    """Whether there are row lists: then lists in the result are too."""

    def take(self, name: str, value: Tree) -> tuple[Hashable, Tree]:
        """The shape of one argument and its tree with slots; its leaves are added to `leaves`."""
        reading = self.reading
        if isinstance(value, Tensor):
            return self._tensor(name, value)
        if value is None or name in reading.unread:
            return None, None
        if isinstance(value, float) and name in reading.scales:
            return "scales", self._leaf(torch.full((self.rows, 1, 1, 1), value, device=self.device))
        if isinstance(value, (int, float)) and not isinstance(value, bool) and name in reading.times:
            return ("times", torch.float32), self._leaf(torch.full((self.rows,), float(value), device=self.device))
        if isinstance(value, Mapping):
            parts = {key: self.take(key, each) for key, each in value.items()}
            shape = ("dict", *((key, each[0]) for key, each in parts.items()))
            return shape, {key: each[1] for key, each in parts.items()}
        if isinstance(value, list) and name in reading.lists and len(value) == self.rows:
            self.has_lists = True
            return ("row list", value[0].dtype), self._leaf(value)
        if isinstance(value, (list, tuple)):
            taken = [self.take(name, each) for each in value]
            return (type(value), *(shape for shape, _ in taken)), type(value)(tree for _, tree in taken)
        if isinstance(value, (bool, int, float, str, torch.dtype, torch.device)):
            return (type(value), value), value
        return ("object", id(value)), value

    def _tensor(self, name: str, value: Tensor) -> tuple[Hashable, Tree]:
        if name in self.reading.times and value.numel() in (1, self.rows):
            wide = value.reshape(-1).expand(self.rows)
            time = wide if wide.dtype in (torch.float16, torch.bfloat16) else wide.float()
            return ("times", time.dtype), self._leaf(time)
        if name in self.reading.shared or value.dim() == 0 or value.shape[0] != self.rows:
            return ("shared", value.dtype, value.shape, _contents(value)), value
        return ("rows", value.dtype, value.shape[1:]), self._leaf(value)

    def _leaf(self, leaf: Any) -> Slot:
        self.leaves.append(leaf)
        return Slot(len(self.leaves) - 1)


def fill(tree: Tree, leaves: Sequence[Any]) -> Tree:
    """A tree with its slots filled again."""
    if isinstance(tree, Slot):
        return leaves[tree.number]
    if isinstance(tree, dict):
        return {key: fill(each, leaves) for key, each in tree.items()}
    if isinstance(tree, (list, tuple)):
        return type(tree)(fill(each, leaves) for each in tree)
    return tree


def merge(leaves: Sequence[Any]) -> Any:
    """One leaf of several calls as a leaf of one run."""
    if isinstance(leaves[0], list):
        return [each for leaf in leaves for each in leaf]
    return torch.cat(list(leaves))


def split(result: Tree, counts: Sequence[int], *, has_lists: bool) -> list[Tree]:
    """What each call gets of the result of a run, when they have ``counts`` rows; tensors are views of the run's."""
    total, start, parts = sum(counts), 0, []
    for count in counts:
        parts.append(_cut(result, slice(start, start + count), total, has_lists))
        start += count
    return parts


def join(results: Sequence[Tree], counts: Sequence[int], *, has_lists: bool) -> Tree:
    """The result of one run from those of its parts, which had ``counts`` rows: the inverse of `split`."""
    first = results[0]
    if isinstance(first, Tensor):
        apart = all(each.dim() and each.shape[0] == count for each, count in zip(results, counts, strict=True))
        return torch.cat(list(results)) if apart else first
    if isinstance(first, Distribution):
        return type(first)(torch.cat([each.parameters for each in results]), deterministic=first.deterministic)
    if isinstance(first, Mapping):
        return type(first)(**{key: join([each[key] for each in results], counts, has_lists=has_lists) for key in first})
    if isinstance(first, list) and has_lists and len(first) == counts[0]:
        return [each for result in results for each in result]
    if isinstance(first, (list, tuple)):
        return type(first)(join(each, counts, has_lists=has_lists) for each in zip(*results, strict=True))
    return first


def _cut(value: Tree, rows: slice, total: int, has_lists: bool) -> Tree:
    if isinstance(value, Tensor):
        return value[rows] if value.dim() and value.shape[0] == total else value
    if isinstance(value, Distribution):
        return type(value)(value.parameters[rows], deterministic=value.deterministic)
    if isinstance(value, Mapping):  # a ModelOutput is one, and its fields are keywords of its class
        return type(value)(**{key: _cut(each, rows, total, has_lists) for key, each in value.items()})
    if isinstance(value, list) and has_lists and len(value) == total:
        return value[rows]
    if isinstance(value, (list, tuple)):
        return type(value)(_cut(each, rows, total, has_lists) for each in value)
    return value


def convert(value: Tree, change: Callable[[Tensor], Tensor]) -> Tree:
    """``value`` with every tensor in it changed."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, Distribution):
        return type(value)(change(value.parameters), deterministic=value.deterministic)
    if isinstance(value, Mapping):
        return type(value)(**{key: convert(each, change) for key, each in value.items()})
    if isinstance(value, (list, tuple)):
        return type(value)(convert(each, change) for each in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{each.name: convert(getattr(value, each.name), change) for each in fields(value)})
    return value


_known_contents: MutableMapping[Tensor, bytes] = WeakIdKeyDictionary()
"""By the tensor itself, since two tensors are equal number by number only.

Positions and the like are made once in a request and given at every step.
"""


def _contents(tensor: Tensor) -> bytes:
    known = _known_contents.get(tensor)
    if known is None:
        data = (
            tensor.detach().cpu().contiguous().view(torch.uint8) if tensor.dim() else tensor.detach().cpu().reshape(1)
        )
        known = hashlib.blake2b(data.numpy().tobytes(), digest_size=16).digest()
        _known_contents[tensor] = known
    return known
