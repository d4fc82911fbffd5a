"""One run of a heavy module that a request asks for, and several of them run as one.

What a request gets is what the module alone would have given it, up to the last bits: sums over a larger batch may be
taken in another order. A run for one call alone gets the very arguments the pipeline gave.
"""

import inspect
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from mintaka.engine.worker.trees import Reading, TakenApart, Tree, fill, merge, split

_REMEMBERED = 8
"""Keys whose merged leaves are kept: those of the models in use now."""


def _nothing() -> None:
    """A module of one state is always in it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A method of a heavy module, as requests call it."""

    module: nn.Module
    name: str
    """``__call__``, ``encode`` or ``decode``."""
    run: Callable[..., Any]
    parameters: tuple[str, ...]
    """Names of its arguments, in their order."""
    reading: Reading
    variant: Hashable = None
    """In which of its states the module is to run: those of its adapters that act."""
    prepare: Callable[[], None] = _nothing
    """Brings the module into that state, right before it runs."""
    merges: bool = True
    """Whether calls of it may be one run; else the result of each is the same to the last bit, whoever else calls."""

    @classmethod
    def of(
        cls,
        module: nn.Module,
        name: str,
        reading: Reading,
        variant: Hashable = None,
        prepare: Callable[[], None] = _nothing,
    ) -> "Entry":
        """The entry ``name`` of ``module``."""
        read = module.forward if name == "__call__" else getattr(module, name)
        parameters = tuple(inspect.signature(read).parameters)
        return cls(module, name, getattr(module, name), parameters, reading, variant, prepare)


@dataclass(frozen=True, slots=True, eq=False)
class Forward:
    """A call of an entry, not run yet."""

    entry: Entry
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    rows: int
    device: torch.device
    key: Hashable
    """Forwards of the same key can be one run."""
    kind: Hashable
    """What its time depends on besides its rows: the entry and the size of its first leaf."""
    tree: Mapping[str, Tree]
    leaves: tuple[Any, ...]
    has_lists: bool

    @classmethod
    def of(cls, entry: Entry, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> "Forward":
        """What ``entry`` is called with; the first argument says how many rows and where."""
        named = dict(zip(entry.parameters, args, strict=False)) | dict(kwargs)
        first = next(iter(named.values()))
        # In guess mode a ControlNet multiplies its scale with one number a layer, so it cannot be one a row.
        reading = replace(entry.reading, scales=frozenset()) if named.get("guess_mode") else entry.reading
        apart = TakenApart(len(first), (first if isinstance(first, Tensor) else first[0]).device, reading)
        parts = {name: apart.take(name, value) for name, value in named.items()}
        shape = frozenset((name, shape) for name, (shape, _) in parts.items() if shape is not None)
        leaf = apart.leaves[0]
        size = leaf.shape[1:] if isinstance(leaf, Tensor) else leaf[0].shape
        return cls(
            entry=entry,
            args=args,
            kwargs=kwargs,
            rows=apart.rows,
            kind=(id(entry.module), entry.name, size),
            device=apart.device,
            key=(id(entry.module), entry.name, entry.variant, apart.device, shape) if entry.merges else object(),
            tree={name: tree for name, (_, tree) in parts.items()},
            leaves=tuple(apart.leaves),
            has_lists=apart.has_lists,
        )

    @property
    def size(self) -> int:
        """How much one row of it is: numbers in its first leaf."""
        first = self.leaves[0]
        numbers = first.numel() if isinstance(first, Tensor) else sum(each.numel() for each in first)
        return int(numbers // self.rows)

    def halves(self) -> "tuple[Forward, Forward]":
        """Its rows in two forwards, which are run for this call only; it has two at least."""
        first, second = (self._part(rows) for rows in (slice(0, self.rows // 2), slice(self.rows // 2, self.rows)))
        return first, second

    def _part(self, rows: slice) -> "Forward":
        leaves = tuple(leaf[rows] for leaf in self.leaves)
        arguments = {name: fill(tree, leaves) for name, tree in self.tree.items()}
        return replace(self, args=(), kwargs=arguments, rows=rows.stop - rows.start, leaves=leaves)

    def alone(self) -> Any:
        """Run it for this call only."""
        self.entry.prepare()
        return self.entry.run(*self.args, **self.kwargs)


class Merger:
    """Runs several forwards of one key as one, and remembers what does not change from one run to the next.

    A request hands over the same tensors of text at every step; laying them together was half of what merging cost.
    """

    def __init__(self) -> None:
        self._merged: OrderedDict[Hashable, list[tuple[tuple[Any, ...], Any]]] = OrderedDict()
        """By key: for each leaf, what it was of each call, and merged."""

    def run(self, forwards: Sequence[Forward]) -> list[Any]:
        """The result of each of ``forwards``, which have the same key; raises what the module raises."""
        first = forwards[0]
        if len(forwards) == 1:
            return [first.alone()]
        leaves = self._merge(first.key, list(zip(*(each.leaves for each in forwards), strict=True)))
        arguments = {name: fill(tree, leaves) for name, tree in first.tree.items()}
        first.entry.prepare()
        result = first.entry.run(**arguments)
        return split(result, [each.rows for each in forwards], has_lists=first.has_lists)

    def forget(self) -> None:
        """Let go of all that is remembered: nobody is left to use it."""
        self._merged.clear()

    def _merge(self, key: Hashable, columns: Sequence[tuple[Any, ...]]) -> list[Any]:
        known = self._merged.pop(key, [])
        merged: list[tuple[tuple[Any, ...], Any]] = []
        for number, leaves in enumerate(columns):
            # The first is what is denoised; a pipeline may have changed it in place.
            if 0 < number < len(known) and _same(known[number][0], leaves):
                merged.append(known[number])
            else:
                merged.append((leaves, merge(leaves)))
        self._merged[key] = merged
        if len(self._merged) > _REMEMBERED:
            self._merged.popitem(last=False)
        return [leaf for _, leaf in merged]


def _same(first: Sequence[Any], second: Sequence[Any]) -> bool:
    return len(first) == len(second) and all(one is other for one, other in zip(first, second, strict=True))
