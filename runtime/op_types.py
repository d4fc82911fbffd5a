"""What ops give for arguments of known types, and what they do to the lists and objects they are given."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache

from mintaka.lang.numbers import MAX_INTEGER
from mintaka.runtime.budget import FUEL_CAP
from mintaka.runtime.lattice import (
    ANY,
    ANY_LIST,
    ANY_OBJECT,
    ANYTHING,
    BOOLEAN,
    BOOLEANS,
    FLOAT,
    HOST,
    INT,
    LENGTHS,
    LIST,
    NOTHING,
    NULLS,
    NUMBER,
    NUMBERS,
    OBJECT,
    TEXT,
    TEXTS,
    Box,
    Lattice,
    Type,
    integers,
)
from mintaka.runtime.ops import Op

RETURNED: Mapping[str, Type] = {
    "number": NUMBERS,
    "boolean": BOOLEANS,
    "string": TEXTS,
    "null": NULLS,
    "list": ANY_LIST,
    "object": ANY_OBJECT,
}
"""What an op's signature says about its result."""

KEEPS_NOTHING = ("math.", "str.", "time.", "+", "-", "*", "/", "%", "^", "<", ">", "=", "!", "not")
"""How names of ops begin that neither keep nor change nor give back any list or object they are given."""

_KEEP_NOTHING = frozenset(
    {
        "list.len", "list.empty", "list.includes", "list.range", "obj.has", "obj.del", "obj.keys", "json.stringify",
        "std.typeof", "std.boolean", "std.string", "std.number", "std.int", "std.float", "std.log", "std.warn",
        "std.arg", "std.args",
    }
)  # fmt: skip

_SAME_ITEMS = frozenset({"list.slice", "list.reverse", "list.sort"})
"""Ops that give a new list of items of their first argument."""


CALL_BACK = frozenset(
    {
        "list.sort", "list.map", "list.filter", "list.find", "list.reduce", "list.flatMap", "obj.map", "obj.filter",
        "obj.reduce", "obj.flatMap", "par.map", "std.call_method",
    }
)  # fmt: skip
"""Ops of the standard library that may run code of the script, or let other fibers run it."""


def keeps_nothing(name: str) -> bool:
    """Whether an op of the standard library neither keeps, changes nor gives back a list or object it is given."""
    return name in _KEEP_NOTHING or name.startswith(KEEPS_NOTHING)


@cache
def kinds_of(accepts: tuple[type, ...]) -> int:
    """The kinds of what a parameter accepts."""
    kinds = 0
    for kind in accepts:
        kinds |= _KINDS.get(kind.__name__, HOST)
    return kinds or ANY.kinds


_KINDS = {
    "NoneType": NULLS.kinds,
    "bool": BOOLEAN,
    "int": NUMBER,
    "float": NUMBER,
    "str": TEXT,
    "list": LIST,
    "dict": OBJECT,
    "function": ANY.kinds,
}

Rule = Callable[[Lattice, Box, Sequence[Type]], Type]


def op_type(lattice: Lattice, op: Op, made: Box, args: Sequence[Type]) -> Type:
    """The type of a call of an op of the standard library; ``made`` is for what it makes."""
    if any(not arg.kinds for arg in args):
        return NOTHING
    if op.name in _SAME_ITEMS:
        return Type(LIST, element=args[0].element) if args[0].element is not None else ANY_LIST
    rule = _RULES.get(op.name)
    if rule is not None:
        return rule(lattice, made, args)
    if not keeps_nothing(op.name):
        for arg in args:
            lattice.release(arg)
    return RETURNED.get(op.returns, ANY)


def arithmetic(name: str, a: Type, b: Type, *, square: bool = False) -> Type:
    """``+ - * % /`` of two numbers; ``square`` says that both are the same. Its range may go beyond 2^53."""
    if not (a.kinds & NUMBER and b.kinds & NUMBER):
        return NOTHING
    if name == "/" or not (a.kinds & INT and b.kinds & INT):
        return NUMBERS if name == "/" else Type(FLOAT)
    floats = (a.kinds | b.kinds) & FLOAT
    if name == "%":
        if a.low >= 0 and b.low >= 1:
            return Type(INT | floats, 0, min(a.high, b.high - 1))
        return NUMBERS
    if name == "+":
        low, high = a.low + b.low, a.high + b.high
    elif name == "-":
        low, high = a.low - b.high, a.high - b.low
    else:
        products = (a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high)
        low, high = min(products), max(products)
        if square:
            low = max(low, 0)
        elif low <= 0 and (a.low < 0 or b.low < 0):  # zero times a negative number is minus zero, a double
            floats = FLOAT
    if low < -MAX_INTEGER or high > MAX_INTEGER:
        floats = FLOAT
    return Type(INT | floats, low, high)


def clamped(value: Type) -> Type:
    """``value`` as it is after what is beyond ±2^53 has become a double."""
    return Type(value.kinds, max(value.low, -MAX_INTEGER), min(value.high, MAX_INTEGER), value.element)


LONGEST = (FUEL_CAP + 1) << 4
"""Items that fuel can pay for when they are made at 16 a unit (`mintaka.runtime.run.Run.build`)."""


def _content(value: Type) -> Type:
    return value.element.content if value.element is not None else ANY


def _get(lattice: Lattice, made: Box, args: Sequence[Type]) -> Type:
    return lattice.join(_content(args[0]), NULLS)


def _object_get(lattice: Lattice, made: Box, args: Sequence[Type]) -> Type:
    value = _content(args[0]) if args[0].only(OBJECT) else ANY
    return lattice.join(value, args[2]) if len(args) > 2 else value


def _put(lattice: Lattice, holder: Type, content: Type) -> None:
    lattice.put(holder.element if holder.element is not None else ANYTHING, content)


def _push(lattice: Lattice, made: Box, args: Sequence[Type]) -> Type:
    _put(lattice, args[0], args[1])
    return LENGTHS


def _set(lattice: Lattice, made: Box, args: Sequence[Type]) -> Type:
    _put(lattice, args[0], lattice.join(args[2], NULLS))  # beyond the end of the list it is filled up with nulls
    return args[2]


def _object_set(lattice: Lattice, made: Box, args: Sequence[Type]) -> Type:
    _put(lattice, args[0], args[2])
    return Type(OBJECT, element=args[0].element) if args[0].element is not None else ANY_OBJECT


def _splice(lattice: Lattice, made: Box, args: Sequence[Type]) -> Type:
    for arg in args[3:]:
        _put(lattice, args[0], arg)
    return Type(LIST, element=args[0].element) if args[0].element is not None else ANY_LIST


def _concat(lattice: Lattice, made: Box, args: Sequence[Type]) -> Type:
    for arg in args:
        lattice.put(made, _content(arg))
        if not arg.only(LIST):  # what is no list becomes an item
            lattice.put(made, arg)
    return Type(LIST, element=made)


def _range(lattice: Lattice, made: Box, args: Sequence[Type]) -> Type:
    start, end = args
    low = max(start.low, 0) if start.only(INT) else 0
    high = min(end.high if end.only(INT) else MAX_INTEGER, (start.high if start.only(INT) else MAX_INTEGER) + LONGEST)
    lattice.put(made, integers(low, max(low, high)))
    return Type(LIST, element=made)


def _texts(lattice: Lattice, made: Box, args: Sequence[Type]) -> Type:
    lattice.put(made, TEXTS)
    return Type(LIST, element=made)


def _length(lattice: Lattice, made: Box, args: Sequence[Type]) -> Type:
    return LENGTHS


def _rounded(lattice: Lattice, made: Box, args: Sequence[Type]) -> Type:
    return args[0].narrowed(INT) if args[0].only(INT) else NUMBERS


def _absolute(lattice: Lattice, made: Box, args: Sequence[Type]) -> Type:
    x = args[0]
    if not x.kinds & INT:
        return NUMBERS
    high = max(abs(x.low), abs(x.high))
    low = 0 if x.low <= 0 <= x.high else min(abs(x.low), abs(x.high))
    return integers(low, high) if x.only(INT) else Type(NUMBER, 0)


_RULES: Mapping[str, Rule] = {
    "list.get": _get,
    "list.pop": _get,
    "list.shift": _get,
    "list.set": _set,
    "list.push": _push,
    "list.unshift": _push,
    "list.splice": _splice,
    "list.concat": _concat,
    "list.range": _range,
    "list.len": _length,
    "str.len": _length,
    "str.split": _texts,
    "obj.keys": _texts,
    "obj.get": _object_get,
    "obj.set": _object_set,
    "math.floor": _rounded,
    "math.ceil": _rounded,
    "math.round": _rounded,
    "math.trunc": _rounded,
    "math.abs": _absolute,
}
