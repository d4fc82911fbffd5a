"""The types of capability there are: each one class, whose methods' signatures are their schema.

    @capability("diffusers.upscale", label="Upscale", restrictions=UpscaleRestrictions)
    class Upscale:
        '''Enlarge pictures.'''

        @method(effects=Effect.GPU, cost="width * height of the result")
        async def upscale(self, use: Use, image: Image, options: UpscaleOptions) -> Image:
            '''Enlarge with a learned upscaler.'''

The registry is closed: what it does not hold cannot be called, whatever a script or a row of the database says.
"""

import difflib
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from mintaka.capabilities.arguments import Signature, camel
from mintaka.capabilities.restrictions import Restrictions
from mintaka.runtime.errors import HostFault

Class = TypeVar("Class", bound=type)
Function = TypeVar("Function", bound=Callable[..., Any])


class Effect(StrEnum):
    """What a call does to the world. `WRITES` and `GPU` calls count as a use; what `READS` reads may cost bytes."""

    PURE = "pure"
    READS = "reads"
    WRITES = "writes"
    GPU = "gpu"


class Progress(StrEnum):
    """How a call tells how far it is."""

    STEPS = "steps"
    """A ``progress`` event a denoising step, with the fraction that is done."""


@dataclass(frozen=True, slots=True)
class Method:
    """One method of a type, as its function declares it; see `method`."""

    name: str
    function: Callable[..., Any]
    label: str
    description: str
    effects: Effect
    cost: str | None
    deterministic: bool
    cancellable: bool
    progress: Progress | None
    errors: tuple[str, ...]
    examples: tuple[str, ...]
    signature: Signature

    @property
    def is_script(self) -> bool:
        """Whether it runs a script within that of its caller: its function is no coroutine, and given a `ScriptUse`."""
        return not inspect.iscoroutinefunction(self.function)


@dataclass(frozen=True, slots=True)
class CapabilityType:
    """One type of capability: what it is called, how it can be restricted, and what it can do."""

    name: str
    label: str
    description: str
    restrictions: type[Restrictions]
    methods: Mapping[str, Method]

    def method(self, name: str) -> Method:
        """The method called ``name``. Raises HostFault ``method_not_found`` with the near name."""
        if name in self.methods:
            return self.methods[name]
        near = difflib.get_close_matches(name, self.methods, n=1)
        hint = f"did you mean `{near[0]}`?" if near else "it has " + ", ".join(self.methods)
        raise HostFault(f"{self.name} has no method `{name}` — {hint}", kind="method_not_found", hint=hint)


def capability(name: str, *, label: str, restrictions: type[Restrictions] = Restrictions) -> Callable[[Class], Class]:
    """Make a class a capability type; its docstring is the description."""

    def declare(cls: Class) -> Class:
        found = [member.declared for member in vars(cls).values() if hasattr(member, "declared")]
        cls.capability_type = CapabilityType(  # type: ignore[attr-defined]
            name, label, inspect.getdoc(cls) or "", restrictions, {each.name: each for each in found}
        )
        return cls

    return declare


def method(
    *,
    effects: Effect,
    label: str | None = None,
    cost: str | None = None,
    deterministic: bool = False,
    cancellable: bool = False,
    progress: Progress | None = None,
    errors: Sequence[str] = (),
    examples: Sequence[str] = (),
) -> Callable[[Function], Function]:
    """Make an async function ``(self, use, …)`` a method; its name in camelCase, its docstring and signature tell all.

    One that is not async runs a script in the fiber of its caller, and is given a `mintaka.capabilities.use.ScriptUse`.
    ``cost`` is an arithmetic expression over the names of arguments and options, ``result``, and ``bytes(…)``, the
    bytes of a text: in pixel-steps where the call takes the GPU, else in bytes. ``deterministic`` says that the same
    arguments, with no option left out, give the same result; ``cancellable`` that a call which has begun can be
    stopped; ``errors`` are the kinds it may fail with, besides those that any call may. ``examples`` are scripts that
    run as they stand for who holds an unrestricted capability; what depends on what there is comes from `Offer`.
    """

    def declare(function: Function) -> Function:
        name = camel(function.__name__)
        function.declared = Method(  # type: ignore[attr-defined]
            name=name,
            function=function,
            label=label or function.__name__.replace("_", " ").capitalize(),
            description=inspect.getdoc(function) or "",
            effects=effects,
            cost=cost,
            deterministic=deterministic,
            cancellable=cancellable,
            progress=progress,
            errors=tuple(errors),
            examples=tuple(examples),
            signature=Signature.of(function),
        )
        return function

    return declare


class Registry:
    """The capability types of this program, each with the object that does its work."""

    def __init__(self, capabilities: Iterable[object]) -> None:
        self._objects: dict[str, object] = {}
        self._types: dict[str, CapabilityType] = {}
        for each in capabilities:
            declared: CapabilityType = each.capability_type  # type: ignore[attr-defined]
            if declared.name in self._types:
                raise ValueError(f"two capability types are called {declared.name}")
            self._types[declared.name] = declared
            self._objects[declared.name] = each

    def __iter__(self) -> Iterator[CapabilityType]:
        return iter(self._types.values())

    def get(self, name: str) -> CapabilityType:
        """The type called ``name``. Raises HostFault ``invalid_params`` with the near name."""
        if name in self._types:
            return self._types[name]
        near = difflib.get_close_matches(name, self._types, n=1)
        hint = f"did you mean `{near[0]}`?" if near else "there are " + ", ".join(self._types)
        raise HostFault(f"there is no capability type `{name}` — {hint}", kind="invalid_params", hint=hint)

    def object(self, name: str) -> Any:
        """The object whose methods do the work of type ``name``."""
        return self._objects[name]
