"""The types an op can ask of its arguments, read from Python annotations."""

import types
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from mintaka.lang.kinds import ANY as ANY_KIND
from mintaka.lang.kinds import HOST, Kind, Kinds, article, named
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
    def kinds(self) -> Kinds:
        """What the checker calls it."""
        return frozenset[Kind]().union(*(_KINDS[each] for each in self.accepts)) if self.accepts else ANY_KIND

    @property
    def slot(self) -> str:
        """The block editor's word: what can be typed into the slot."""
        return self.word if self.word in ("string", "number", "boolean") else "block"


ANY = ArgType("any")
NUMBER = ArgType("number", (int, float))

_KINDS: dict[type, Kinds] = {
    type(None): frozenset({Kind.NULL}),
    bool: frozenset({Kind.BOOLEAN}),
    int: frozenset({Kind.NUMBER}),
    float: frozenset({Kind.NUMBER}),
    str: frozenset({Kind.STRING}),
    list: frozenset({Kind.LIST}),
    dict: frozenset({Kind.OBJECT}),
    Function: frozenset({Kind.FUNCTION}),
    HostObject: HOST,
}

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


def described(value: Value) -> str:
    """A value's kind with its article, for messages: ``a list``, ``null``, ``an image``."""
    if isinstance(value, HostObject):
        return article(value.type_name)
    return named(_KINDS[type(value)])


def kinds_named(word: str) -> Kinds:
    """What the checker calls the type of a ``word`` as `ArgType` has them."""
    if word == ANY.word:
        return ANY_KIND
    members = [kind for kind in _TYPES.values() if kind.word in word.split(" | ")]
    return frozenset[Kind]().union(*(member.kinds for member in members))
