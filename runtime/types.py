"""The types an op can ask of its arguments, read from Python annotations."""

import types
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from mintaka.runtime.values import Function, HostObject, Value


@dataclass(frozen=True, slots=True)
class ArgType:
    """What an argument must be. ``accepts`` are the Python types of it; empty accepts anything."""

    word: str
    accepts: tuple[type, ...] = ()

    def takes(self, value: Value) -> bool:
        """Whether ``value`` is of this type; a boolean is no number."""
        return (
            not self.accepts
            or type(value) in self.accepts
            or (HostObject in self.accepts and isinstance(value, HostObject))
        )

    @property
    def slot(self) -> str:
        """The block editor's word: what can be typed into the slot."""
        return self.word if self.word in ("string", "number", "boolean") else "block"


ANY = ArgType("any")
NUMBER = ArgType("number", (int, float))

_TYPES: dict[Any, ArgType] = {
    Any: ANY,
    object: ANY,
    None: ArgType("null", (type(None),)),
    type(None): ArgType("null", (type(None),)),
    bool: ArgType("boolean", (bool,)),
    int: NUMBER,
    float: NUMBER,
    str: ArgType("string", (str,)),
    list: ArgType("list", (list,)),
    dict: ArgType("object", (dict,)),
    Function: ArgType("lambda", (Function,)),
    HostObject: ArgType("capability", (HostObject,)),
}


def argument_type(annotation: Any) -> ArgType:
    """The type an annotation stands for; unions accept each of their members, `Value` is anything."""
    if annotation is Value or isinstance(annotation, str):
        return ANY
    origin = get_origin(annotation)
    if origin is types.UnionType or (origin is not None and str(origin) == "typing.Union"):
        members = [argument_type(member) for member in get_args(annotation)]
        if len({member.word for member in members}) == 1:
            return members[0]
        if any(not member.accepts for member in members):
            return ANY
        return ArgType(
            " | ".join(dict.fromkeys(member.word for member in members)),
            tuple(kind for member in members for kind in member.accepts),
        )
    return _TYPES[origin or annotation]
