"""What the ops mean that a compiler may write in line, said once more and in other words than theirs.

Every number is a double here; integers are only how those doubles are kept (`mintaka.lang.numbers.number`). What a
program finds of the wrong type has been refused before.
"""

import math
from collections.abc import Callable, Mapping
from functools import cmp_to_key
from types import FunctionType
from typing import TYPE_CHECKING, Any

from mintaka.lang.numbers import MAX_INTEGER, number
from mintaka.runtime.errors import ArityError, HostFault, TypeFault
from mintaka.runtime.text import to_text
from mintaka.runtime.values import HostObject, Value, type_name

if TYPE_CHECKING:
    from tests.reference.evaluator import Evaluator

CORE_OPS: dict[str, Callable[..., Value]] = {}
"""Op → what it means, given the evaluator and the arguments."""


def core(name: str) -> Callable[[Callable[..., Value]], Callable[..., Value]]:
    """Make a function the meaning of op ``name``."""

    def register(function: Callable[..., Value]) -> Callable[..., Value]:
        CORE_OPS[name] = function
        return function

    return register


def truth(value: Value) -> bool:
    """Whether a value counts as true."""
    if value is None or value is False:
        return False
    if isinstance(value, int | float):
        return not (value == 0 or math.isnan(value))
    return value != "" if isinstance(value, str) else True


def equals(a: Value, b: Value) -> bool:
    """Whether two values are the same number, text or boolean, or one and the same thing."""
    if type_name(a) == "number" and type_name(b) == "number":
        return float(a) == float(b)  # type: ignore[arg-type]
    if isinstance(a, str) and isinstance(b, str):
        return a == b
    return a is b


# Arithmetic, in doubles


def chained(step: Callable[[float, float], float]) -> Callable[..., Value]:
    """An op that goes through its arguments from the left."""

    def op(run: "Evaluator", *numbers: float) -> Value:
        result = float(numbers[0])
        for other in numbers[1:]:
            result = step(result, float(other))
        return number(result)

    return op


def divided(a: float, b: float) -> float:
    """IEEE 754 division."""
    if b == 0:
        return math.nan if a == 0 or math.isnan(a) else math.copysign(math.inf, a) * math.copysign(1, b)
    return a / b


def rest(a: float, b: float) -> float:
    """What is left of a division that is cut off; it has the sign of the first."""
    return math.nan if b == 0 or math.isinf(a) else math.fmod(a, b)


CORE_OPS["+"] = chained(lambda a, b: a + b)
CORE_OPS["-"] = chained(lambda a, b: a - b)
CORE_OPS["*"] = chained(lambda a, b: a * b)
CORE_OPS["/"] = chained(divided)
CORE_OPS["%"] = lambda run, a, b: number(rest(float(a), float(b)))


@core("^")
def power(run: "Evaluator", *numbers: float) -> Value:
    """Powers, from the right."""
    result = float(numbers[-1])
    for base in reversed(numbers[:-1]):
        result = raised(float(base), result)
    return number(result)


def raised(base: float, exponent: float) -> float:
    """ECMA-262, Number::exponentiate."""
    if math.isnan(exponent) or (abs(base) == 1 and math.isinf(exponent)):
        return math.nan
    odd = exponent % 2 == 1
    if base == 0 and exponent < 0:
        return math.copysign(math.inf, base) if odd else math.inf
    try:
        if base and base.is_integer() and abs(base) <= MAX_INTEGER and exponent in range(54):
            return float(int(base) ** int(exponent))
        return math.pow(base, exponent)
    except ValueError:
        return math.nan
    except OverflowError:
        return -math.inf if base < 0 and odd else math.inf


# Comparison


def compared(relation: Callable[[Any, Any], bool]) -> Callable[..., Value]:
    """An op that asks for a relation between every argument and the next."""

    def op(run: "Evaluator", *values: Value) -> Value:
        return all(relation(values[index], values[index + 1]) for index in range(len(values) - 1))

    return op


CORE_OPS["<"] = compared(lambda a, b: float(a) < float(b))
CORE_OPS[">"] = compared(lambda a, b: float(a) > float(b))
CORE_OPS["<="] = compared(lambda a, b: float(a) <= float(b))
CORE_OPS[">="] = compared(lambda a, b: float(a) >= float(b))
CORE_OPS["=="] = compared(equals)
CORE_OPS["!="] = compared(lambda a, b: not equals(a, b))
CORE_OPS["not"] = lambda run, value: not truth(value)


# Lists


def index_of(value: float) -> int | None:
    """A number as an index; ``None`` if it is none."""
    return int(value) if value >= 0 and math.isfinite(value) and float(value).is_integer() else None


CORE_OPS["list.new"] = lambda run, *items: [*items]
CORE_OPS["list.len"] = lambda run, items: len(items)
CORE_OPS["list.empty"] = lambda run, items: len(items) == 0
CORE_OPS["list.pop"] = lambda run, items: items.pop() if items else None


@core("list.get")
def item(run: "Evaluator", items: list[Value], index: float) -> Value:
    """The item at an index, or null."""
    at = index_of(index)
    return None if at is None or at >= len(items) else items[at]


@core("list.set")
def set_item(run: "Evaluator", items: list[Value], index: float, value: Value) -> Value:
    """Put an item in its place; the list grows as far as needed."""
    at, most = index_of(index), len(items) + 1_000_000
    if at is None or at > most:
        raise HostFault(f"`list.set` puts an item at a whole index from 0 to {most:,} here.", kind="limit")
    if at >= len(items):
        run.build(at + 1 - len(items))
        while len(items) <= at:
            items.append(None)
    items[at] = value
    return value


@core("list.push")
def push(run: "Evaluator", items: list[Value], value: Value) -> Value:
    """Put an item at the end."""
    items.append(value)
    return len(items)


@core("list.range")
def whole_numbers(run: "Evaluator", start: float, end: float) -> Value:
    """The whole numbers from one to another."""
    first, last = index_of(start), index_of(end)
    if first is None or last is None:
        raise HostFault("`list.range` goes from one whole number that is not negative to another.", kind="limit")
    run.build(max(0, last + 1 - first))
    return [first + step for step in range(last + 1 - first)]


@core("list.map")
def mapped(run: "Evaluator", items: list[Value], each: FunctionType) -> Value:
    """What a function makes of all items."""
    return [run.apply(each, item) for item in run.metered(items)]


@core("list.filter")
def filtered(run: "Evaluator", items: list[Value], test: FunctionType) -> Value:
    """The items that pass a test."""
    result = []
    for value in run.metered(items):
        if truth(run.apply(test, value)):
            result.append(value)
    return result


@core("list.find")
def found(run: "Evaluator", items: list[Value], test: FunctionType) -> Value:
    """The first item that passes a test."""
    for value in run.metered(items):
        if truth(run.apply(test, value)):
            return value
    return None


@core("list.reduce")
def reduced(run: "Evaluator", items: list[Value], step: FunctionType, start: Value) -> Value:
    """The items taken together, one after the other."""
    result = start
    for value in run.metered(items):
        result = run.apply(step, result, value)
    return result


@core("list.sort")
def in_order(run: "Evaluator", items: list[Value], compare: Value = None) -> Value:
    """The items in order of their texts' UTF-16 code units, or as a function compares them."""
    if compare is not None and not isinstance(compare, FunctionType):
        raise ArityError("`list.sort` takes a list, or a list and a function that compares two items.")
    count = len(items)
    run.build(count)
    run.charge(2 + count * count.bit_length() // 8)
    if compare is None:
        return sorted(items, key=lambda value: to_text(value, run.build).encode("utf-16-be"))

    def order(a: Value, b: Value) -> int:
        run.charge(1)
        told = run.apply(compare, a, b)
        return 0 if not isinstance(told, int | float) or math.isnan(told) or told == 0 else 1 if told > 0 else -1

    return sorted(items, key=cmp_to_key(order))


# Objects


def key_of(run: "Evaluator", key: Value) -> str:
    """A key as the text it is."""
    return to_text(key, run.build)


def fields_of(value: Value) -> Mapping[str, Value]:
    """The keys that reading ops find in a value."""
    if value is None:
        raise TypeFault("Null has no keys. Look where the object should have come from.")
    if isinstance(value, HostObject):
        return value.fields()
    if isinstance(value, list | str):
        return {str(index): item for index, item in enumerate(value)}
    return value if isinstance(value, dict) else {}


@core("obj.get")
def field(run: "Evaluator", value: Value, key: Value, *default: Value) -> Value:
    """The value of a key."""
    name = key_of(run, key)
    if value is None:
        raise TypeFault(f"Null has no key `{name}`. Look where the object should have come from.")
    if isinstance(value, list | str) and name == "length":
        return len(value)
    entries = fields_of(value)
    if name in entries:
        return entries[name]
    if default:
        return default[0]
    raise HostFault(
        f"There is no key `{name}` in this {type_name(value)}.",
        kind="missing_key",
        hint="A third argument is the value for that case: (obj.get object key null).",
        data={"key": name},
    )


@core("obj.set")
def set_field(run: "Evaluator", entries: dict[str, Value], key: Value, value: Value) -> Value:
    """Give a key a value."""
    entries[key_of(run, key)] = value
    return entries


@core("obj.has")
def has_field(run: "Evaluator", value: Value, key: Value) -> Value:
    """Whether there is a key."""
    name = key_of(run, key)
    return name in fields_of(value) or (isinstance(value, list | str) and name == "length")


# Texts


@core("str.concat")
def joined(run: "Evaluator", *parts: Value) -> Value:
    """The texts of values in a row."""
    text = "".join([to_text(part, run.build) for part in parts])
    run.charge(len(text) // 1024)
    return text


CORE_OPS["str.len"] = lambda run, text: len(text)
CORE_OPS["std.typeof"] = lambda run, value: type_name(value)
CORE_OPS["std.boolean"] = lambda run, value: truth(value)
