"""The types of capability of this program: every class that the modules named here declare with ``@capability``.

Adding a type is one class in one file, and that file's name in `MODULES`; whatever else must know of it finds it here.
Its constructor says by the names of its parameters which powers it needs, and is given those and no others.
"""

import inspect
from collections.abc import Iterable, Iterator, Mapping
from types import ModuleType

from mintaka.capabilities import files, minting, net
from mintaka.capabilities.diffusion import controlnet, generate, inpaint, upscale
from mintaka.capabilities.endpoints import calling
from mintaka.capabilities.entities import control, creating
from mintaka.capabilities.registry import CapabilityType, Registry

MODULES: tuple[ModuleType, ...] = (
    *(minting, generate, inpaint, upscale, controlnet, files, net, creating, control),
    calling,
)
"""Where the types are declared, in the order in which they are told."""


def declared() -> list[CapabilityType]:
    """Every type there is, where no server runs whose objects could do their work."""
    return [each.capability_type for each in _classes(MODULES)]  # type: ignore[attr-defined]


def registry(powers: Mapping[str, object]) -> Registry:
    """Every type there is, with objects made of ``powers``, by name. Raises TypeError for a power that is not there."""
    return Registry([_made(each, powers) for each in _classes(MODULES)])


def _classes(modules: Iterable[ModuleType]) -> Iterator[type]:
    for module in modules:
        for each in vars(module).values():
            # A class that a module only imports is another's.
            if isinstance(each, type) and "capability_type" in vars(each) and each.__module__ == module.__name__:
                yield each


def _made(cls: type, powers: Mapping[str, object]) -> object:
    wanted = inspect.signature(cls).parameters
    if missing := [name for name in wanted if name not in powers]:
        raise TypeError(f"{cls.__name__} needs {' and '.join(missing)}; there are {', '.join(powers)}")
    return cls(**{name: powers[name] for name in wanted})
