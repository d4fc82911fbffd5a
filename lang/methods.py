"""What the checker may be told of a host's capabilities: their types, methods and options, and the ops that name them.

The language knows nothing of capabilities; a host that has some describes them in these words.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from mintaka.lang.kinds import ANY, Kinds
from mintaka.lang.signatures import Signature
from mintaka.lang.spans import Span


@dataclass(frozen=True, slots=True)
class Option:
    """An option of a method, in one of its spellings."""

    name: str
    """The same for all spellings."""
    kinds: Kinds = ANY


@dataclass(frozen=True, slots=True)
class Method:
    """A method: the signature of its full name, and its options by every spelling there is of them."""

    signature: Signature
    options: Mapping[str, Option] = field(default_factory=dict)
    """What the object in the last place may hold; empty where the method has no options."""


@dataclass(frozen=True, slots=True)
class CapabilityOp:
    """What an op has to do with capabilities."""

    type_at: int | None = None
    """The argument that names a type."""
    like: int | None = None
    """The argument that is a capability of the type."""
    narrows_at: int | None = None
    """The argument that is an object of restrictions of the type."""
    gives: bool = False
    """Whether the result is a capability of that type."""
    looks_up: bool = False
    """Whether whoever runs the script must hold one."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """The capabilities of a host, as far as a script can be checked against them."""

    types: Mapping[str, Mapping[str, Method]] = field(default_factory=dict)
    ops: Mapping[str, CapabilityOp] = field(default_factory=dict)
    restrictions: Mapping[str, Collection[str]] = field(default_factory=dict)
    """By type, the names of its restrictions."""
    image: Mapping[str, Method] = field(default_factory=dict)
    """The methods of pictures; empty where nothing is said of them."""


NONE = Capabilities()
"""A host without capabilities, or one that says nothing of them."""


@dataclass(frozen=True, slots=True)
class Need:
    """A capability that a script looks up."""

    type: str | None
    """``None`` where the type is computed at run time."""
    methods: tuple[str, ...]
    """The methods that are known to be called, in order of the script."""
    span: Span
    """Where it is looked up first."""

    def to_json(self) -> dict[str, object]:
        """``{type, methods, line, column, …}``."""
        return {"type": self.type, "methods": list(self.methods), **self.span.to_json()}
