"""``std.*`` and ``send``: arguments, kinds of values, conversions, telling, errors, calling methods."""

import math
import re

from mintaka.lang.numbers import number
from mintaka.runtime.errors import HostFault, Thrown, TypeFault
from mintaka.runtime.ops import op
from mintaka.runtime.run import Run
from mintaka.runtime.text import to_text
from mintaka.runtime.values import HostObject, Number, Value, truthy, type_name
from mintaka.stdlib.json_texts import json_stringify
from mintaka.stdlib.whitespace import WHITESPACE


@op("std.args", label="arguments")
def args(run: Run) -> list[Value]:
    """The arguments the script was run with, as a new list.

    > (args)
    []
    """
    run.build(len(run.args))
    return list(run.args)


@op("std.arg", label="argument")
def arg(run: Run, index: float) -> Value:
    """The argument at `index`, counted from 0; null where there is none.

    > (arg 0)
    null
    """
    if index != index or index in (math.inf, -math.inf) or index != int(index):
        return None
    return run.args[int(index)] if 0 <= index < len(run.args) else None


@op("std.this", label="this")
def this(run: Run) -> HostObject | None:
    """The entity that the script belongs to; null where it belongs to none.

    > (std.this)
    null
    """
    return run.powers.this


@op("std.caller", label="caller")
def caller(run: Run) -> HostObject | None:
    """The entity that had the script run; null where none did.

    > (std.caller)
    null
    """
    return run.powers.caller


@op("std.typeof", label="type of")
def typeof(value: Value) -> str:
    """The kind of a value: null, boolean, number, string, array, object, or what a host object calls itself.

    > (typeof [1 2])
    "array"
    """
    return type_name(value)


@op("std.boolean", label="to boolean")
def boolean(value: Value) -> bool:
    """Whether a value counts as true: all do but null, false, 0, NaN and "".

    > (boolean "")
    false
    """
    return truthy(value)


@op("std.string", label="to text")
def string(run: Run, value: Value) -> str:
    """A value as text.

    > (string [1 2.5 true])
    "1,2.5,true"
    """
    return to_text(value, run.build)


@op("std.number", label="to number")
def to_number(run: Run, value: Value) -> Number:
    """A value as a number: of a text what the whole of it says, of null and false 0, of true 1; else NaN.

    > (number " 12.50 ")
    12.5
    """
    if value is None or isinstance(value, bool):
        return int(value or 0)
    if isinstance(value, int | float):
        return value
    if isinstance(value, list):
        value = to_text(value, run.build)
    if not isinstance(value, str):
        return math.nan
    run.charge(len(value) >> 6)
    return _parsed(value.strip(WHITESPACE))


_DECIMAL = re.compile(r"[+-]?(?:Infinity|(?:[0-9]++\.?[0-9]*+|\.[0-9]++)(?:[eE][+-]?[0-9]++)?)")
_RADIX = re.compile(r"0[xX][0-9a-fA-F]+|0[oO][0-7]+|0[bB][01]+")


def _parsed(text: str) -> Number:
    if not text:
        return 0
    if _DECIMAL.fullmatch(text):
        return number(float(text))
    return number(int(text, 0)) if _RADIX.fullmatch(text) else math.nan


@op("std.int", label="to integer")
def to_int(run: Run, text: str, base: float = 0) -> Number:
    """The integer a text begins with, in a base from 2 to 36; NaN when it begins with none.

    Without a base it is 10, or 16 for what begins with `0x`.

    > (int "12 cats")
    12
    > (int "ff" 16)
    255
    """
    run.charge(len(text) >> 6)
    return leading_integer(text, base)


def leading_integer(text: str, base: float) -> Number:
    """What `to_int` gives."""
    radix = (math.trunc(base) + 2**31) % 2**32 - 2**31 if math.isfinite(base) else 0
    rest = text.strip(WHITESPACE)
    negative = rest.startswith("-")
    rest = rest[1:] if rest[:1] in ("-", "+") else rest
    if radix in (0, 16) and rest[:2].lower() == "0x":
        radix, rest = 16, rest[2:]
    radix = radix or 10
    if not 2 <= radix <= 36:
        return math.nan
    digits = "0123456789abcdefghijklmnopqrstuvwxyz"[:radix]
    found = re.match(f"[{digits}]*", rest, re.IGNORECASE | re.ASCII)
    assert found is not None
    if not found[0]:
        return math.nan
    # Beyond the doubles' range more digits change nothing but the time it takes.
    value = int(found[0], radix) if len(found[0]) <= 1100 else 10**400
    if negative:
        return number(-value) if value else -0.0
    return number(value)


@op("std.float", label="to decimal number")
def to_float(run: Run, text: str) -> Number:
    """The decimal number a text begins with; NaN when it begins with none.

    > (float "3.14 or so")
    3.14
    """
    run.charge(len(text) >> 6)
    return leading_decimal(text)


def leading_decimal(text: str) -> Number:
    """What `to_float` gives."""
    found = _DECIMAL.match(text.strip(WHITESPACE))
    return number(float(found[0])) if found else math.nan


MESSAGE = 16
"""Units of fuel for every message, beside those for its length."""


@op("std.log", label="log")
def log(run: Run, value: Value, *more: Value) -> None:
    """Tell whoever watches the run: the values as text, with spaces between. Null.

    > (log "made" 3 "pictures")
    null
    """
    texts = [to_text(part, run.build) for part in (value, *more)]
    _pay_for_message(run, sum(map(len, texts)) + len(texts))
    run.emit("log", {"text": " ".join(texts)})


@op("std.warn", label="warn")
def warn(run: Run, message: str) -> None:
    """Tell whoever watches the run that something is not as it should be. Null.

    > (warn "only 3 of 4")
    null
    """
    _pay_for_message(run, len(message))
    run.emit("log", {"text": message, "level": "warning"})


def _pay_for_message(run: Run, length: int) -> None:
    """What is told is kept and sent by the host, which costs more than to make it."""
    run.charge(MESSAGE)
    run.build(length)


@op("send", label="send")
def send(run: Run, type: str, payload: Value) -> None:
    """Tell whoever watches the run a message of a `type`, such as `"message"`, with any data. Null.

    > (send "message" "Hello!")
    null
    """
    text = payload if isinstance(payload, str) else json_stringify(run, payload)
    _pay_for_message(run, len(text))
    run.emit("log", {"text": text, "type": type})


@op("std.throw", label="throw")
def throw(run: Run, value: Value) -> None:
    """Fail with a value, which the innermost `try` around it gets; without one it ends the script.

    > (try (throw "no cat") e e)
    "no cat"
    """
    try:
        message = to_text(value, run.build)
    except TypeFault:  # it contains itself: it can be thrown and caught all the same
        message = "A list that cannot be written as text was thrown."
    raise Thrown(message, value)


@op("std.call_method", label="call method")
def call_method(run: Run, object_: Value, method: str, *args: Value) -> Value:
    """Call a method of a capability, an image or another object of the host: `(draw.textToImage "a cat")`.

    Plain values have a single method, `constructor`, which converts its argument to their kind.

    > (call-method "" "constructor" 5)
    "5"
    """
    if isinstance(object_, HostObject):
        return run.call_method(object_, method, list(args))
    if method == "constructor" and isinstance(object_, str | int | float):
        value = args[0] if args else None
        if isinstance(object_, str):
            return to_text(value, run.build) if args else ""
        return truthy(value) if isinstance(object_, bool) else to_number(run, value)
    raise HostFault(
        f"{scalar_kind(object_)} has no method `{method}`; methods belong to capabilities and images.",
        kind="method_not_found",
    )


def scalar_kind(value: Value) -> str:
    """A value's kind, to begin a sentence with."""
    word = type_name(value)
    return "Null" if value is None else f"An {word}" if word[0] in "aeiou" else f"A {word}"
