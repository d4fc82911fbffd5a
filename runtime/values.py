"""The values of a script: null, booleans, numbers, strings, lists, objects, functions and opaque host objects.

They are Python's own values: ``None``, ``bool``, ``int`` (at most ±2^53), ``float``, ``str``, ``list``, ``dict`` with
string keys in order of insertion, plain functions for lambdas, and subclasses of `HostObject`. Lists and objects are
shared by reference and compared by identity.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cmp_to_key
from types import FunctionType
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from mintaka.runtime.run import Run

Function: TypeAlias = FunctionType
"""A script's lambda: opaque. It is what the compiler emits, so call it with `Run.apply` only."""

Ordering: type = type(cmp_to_key(lambda a, b: 0))
"""What generated code makes of a comparator that pays for its calls itself; no value of a script."""

Number: TypeAlias = int | float

if TYPE_CHECKING:
    Value: TypeAlias = "bool | int | float | str | list[Value] | dict[str, Value] | FunctionType | HostObject | None"
else:
    Value = object  # ops are described from their annotations, where "any value" is all there is to know


class HostObject(ABC):
    """An opaque value of the host: a capability, an image. A script can hold it, read its fields, call its methods."""

    def __init_subclass__(cls) -> None:
        """Refuse operators: generated code reads ``object[key]`` of what may turn out to be a host object.

        Raises `TypeError` for a class that defines subscripts.
        """
        for name in ("__getitem__", "__setitem__"):
            if getattr(cls, name, None) is not None:
                raise TypeError(f"{cls.__name__} defines {name}, which scripts could reach; give it a method instead")

    @property
    @abstractmethod
    def type_name(self) -> str:
        """What ``std.typeof`` gives: ``capability``, ``image``."""

    @abstractmethod
    def fields(self) -> Mapping[str, Value]:
        """What ``obj.get``, ``obj.has`` and ``obj.keys`` show of it."""

    def fuel(self, run: "Run", method: str, args: list[Value]) -> int:
        """What a call of a method costs beside being one: it follows from what is given alone, and is paid first.

        Raises `ScriptError` for a call that would be refused.
        """
        return 0

    @abstractmethod
    async def call(self, run: "Run", method: str, args: list[Value]) -> Value:
        """Call a method for the script; raises `HostFault` when refused, unknown or failed."""


class Scripted(HostObject):
    """A host's object with methods that are scripts: they run in the fiber of whichever calls them, on its budget."""

    def is_script(self, method: str) -> bool:
        """Whether a method is a script; every one unless a class says otherwise, whose `call` answers the others."""
        return True

    @abstractmethod
    def run_method(self, run: "Run", method: str, args: list[Value]) -> Value:
        """Run a method for the script that ``run`` is the run of. Raises `ScriptError`."""

    async def call(self, run: "Run", method: str, args: list[Value]) -> Value:
        """Not here: there is no script to run within."""
        raise NotImplementedError


def type_name(value: Value) -> str:
    """What ``std.typeof`` gives: null, boolean, number, string, list, object, lambda or the host object's own."""
    if isinstance(value, HostObject):
        return value.type_name
    return _TYPE_NAMES[type(value)]


_TYPE_NAMES: dict[type, str] = {
    type(None): "null",
    bool: "boolean",
    int: "number",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
    FunctionType: "object",
}


def truthy(value: Value) -> bool:
    """Null, false, 0, NaN and "" are false; all else, empty lists and objects included, is true."""
    kind = type(value)
    if kind is bool:
        return value is True
    if kind is list or kind is dict:
        return True
    if kind is float:
        return value == value and value != 0
    return value is not None and (bool(value) if kind is int or kind is str else True)


def same(a: Value, b: Value) -> bool:
    """``==`` of a script: scalars by value without conversion, everything else by identity; NaN equals nothing."""
    kind, other = type(a), type(b)
    if kind is other:
        return a == b if kind in _SCALARS else a is b
    return kind in _NUMBERS and other in _NUMBERS and a == b


_NUMBERS = (int, float)
_SCALARS = (int, float, str, bool)
