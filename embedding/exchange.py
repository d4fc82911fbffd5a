"""Values on their way between Python and a script: always copies, so neither side changes the other's data later."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import FunctionType

from mintaka.lang.numbers import number
from mintaka.lang.printer import print_tree
from mintaka.lang.tree import Call
from mintaka.runtime.errors import TypeFault
from mintaka.runtime.faults import SCRIPT_FILE
from mintaka.runtime.values import HostObject, Value

SCALARS = frozenset({type(None), bool, int, float, str})
"""Types of values that hold no others: nothing is behind them to copy, and nothing to wait for."""


@dataclass(frozen=True, slots=True)
class ScriptFunction:
    """A function that a script gave away: it cannot be called outside its run; ``source`` is its text."""

    source: str


def to_script(value: object, origin: str) -> Value:
    """``value`` as a script has it: tuples become lists, mappings objects, integers beyond 2^53 doubles.

    ``origin`` names who gave it, for the message of the `TypeFault` that anything else raises.
    """

    def leaf(part: object) -> Value:
        if part is None or isinstance(part, bool | HostObject):
            return part
        if isinstance(part, int):
            return number(int(part))
        if isinstance(part, float):
            return number(float(part))
        if isinstance(part, str):
            return _text(part, origin)
        if isinstance(part, FunctionType) and part.__code__.co_filename == SCRIPT_FILE:
            return part
        raise TypeFault(
            f"{origin} gave a Python {type(part).__name__}, which a script cannot hold. Give null, booleans, numbers, "
            "texts, lists and objects of them, or an object made with `mintaka.expose`."
        )

    # What `_copied` gives is made of leaves, lists and dicts of strings.
    return _copied(value, leaf, origin)  # type: ignore[return-value]


def to_python(value: Value, functions: Mapping[str, Call] | None = None) -> object:
    """``value`` as plain Python; integral doubles are integers, a function is a `ScriptFunction`."""

    def leaf(part: object) -> object:
        if isinstance(part, float):
            return number(part)
        if isinstance(part, FunctionType):
            made_by = (functions or {}).get(part.__code__.co_name)
            return ScriptFunction("" if made_by is None else print_tree(made_by))
        return part

    return _copied(value, leaf, "The script")


def _copied(value: object, leaf: Callable[[object], object], origin: str) -> object:
    """A copy of nested lists and mappings, however deep; what is shared or cyclic stays so."""
    if type(value) in SCALARS:
        return leaf(value)
    copies: dict[int, tuple[object, list[object] | dict[str, object]]] = {}
    pending: list[tuple[object, list[object] | dict[str, object]]] = []

    def copy(part: object) -> object:
        known = copies.get(id(part))
        if known is not None:
            return known[1]
        made: list[object] | dict[str, object]
        if isinstance(part, list | tuple):
            made = []
        elif isinstance(part, Mapping):
            made = {}
        else:
            return leaf(part)
        copies[id(part)] = (part, made)  # the original is kept, so its id stays its own
        pending.append((part, made))
        return made

    result = copy(value)
    while pending:
        part, made = pending.pop()
        if isinstance(part, Mapping) and isinstance(made, dict):
            made.update((_key(key, origin), copy(item)) for key, item in part.items())
        elif isinstance(part, list | tuple) and isinstance(made, list):
            made.extend(map(copy, part))
    return result


def _key(key: object, origin: str) -> str:
    if not isinstance(key, str):
        raise TypeFault(f"{origin} gave a mapping with a key that is no text; the keys of an object are texts.")
    return _text(key, origin)


def _text(text: str, origin: str) -> str:
    plain = str.__str__(text)  # of a subclass the text alone
    if not plain.isascii() and any("\ud800" <= char <= "\udfff" for char in plain):
        raise TypeFault(f"{origin} gave a text with half a character (a lone surrogate), which a script cannot hold.")
    return plain
