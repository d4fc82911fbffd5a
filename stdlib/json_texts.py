"""``json.*``: values as JSON text and back."""

import json
import math
import re
from json.encoder import encode_basestring as _quoted

from mintaka.lang.limits import MAX_DEPTH, allow_deep_recursion
from mintaka.lang.numbers import number
from mintaka.lang.tree import to_json
from mintaka.runtime.errors import TypeFault
from mintaka.runtime.ops import op
from mintaka.runtime.run import Run
from mintaka.runtime.text import number_text
from mintaka.runtime.values import Function, HostObject, Number, Value
from mintaka.stdlib.objects import ordered
from mintaka.stdlib.pieces import SLOW_PIECE

_ITEM = 8
"""Cells that an item costs beside its text."""

_LEAST = 16
"""Cells that the shortest list or object costs: it may be written as often as there are ways to it."""

_QUIET = re.compile(r'"(?:[^"\\]|\\.)*+"?|[^\[\]{}"]++', re.DOTALL)
"""Everything but the brackets of a JSON text: linear in its length, even where no text in it is ever closed."""


@op("json.parse", label="parse JSON")
def json_parse(run: Run, text: str) -> Value:
    """The value a JSON text stands for.

    > (json.parse "{\\"width\\": 128}")
    {:width 128}
    """
    run.charge(1 + (len(text) >> 4))
    run.allocate(4 * len(text))
    _refuse_depth(text)
    try:
        value: Value = json.loads(text, parse_int=_integer, parse_float=_float, parse_constant=_no_constant)
        text.encode()
        json.dumps(value, ensure_ascii=False).encode() if "\\u" in text else None
    except ValueError:
        raise TypeFault("This text is no JSON.") from None
    return value


@op("json.stringify", label="write JSON")
def json_stringify(run: Run, value: Value) -> str:
    """A value as JSON text, without spaces; NaN and infinities are null.

    > (json.stringify {:width 128 :tags ["cat"]})
    "{\\"width\\":128,\\"tags\\":[\\"cat\\"]}"
    """
    pieces: list[str] = []
    _write(run, value, pieces, 0)
    return "".join(pieces)


def _refuse_depth(text: str) -> None:
    """The reader of Python's library recurses: nothing nested too deeply may reach it."""
    depth = 0
    for bracket in _QUIET.sub("", text):
        depth += 1 if bracket in "[{" else -1
        if depth > MAX_DEPTH:
            raise TypeFault(f"This JSON is nested deeper than {MAX_DEPTH} levels.")


def _integer(digits: str) -> Number:
    if digits == "-0":
        return -0.0
    return number(int(digits)) if len(digits) < 400 else _float(digits)


def _float(digits: str) -> Number:
    return number(float(digits))


def _no_constant(word: str) -> Value:
    raise ValueError(word)


def _write(run: Run, value: Value, pieces: list[str], depth: int) -> None:
    if depth > MAX_DEPTH:
        raise TypeFault("This value is nested too deeply to be written as JSON, or contains itself.")
    if isinstance(value, list):
        _write_all(run, "[", [("", item) for item in value], "]", pieces, depth)
    elif isinstance(value, dict):
        run.build(sum(map(len, value)))
        _write_all(run, "{", [(_quoted(key) + ":", item) for key, item in ordered(value)], "}", pieces, depth)
    elif isinstance(value, HostObject):
        _write(run, dict(value.fields()), pieces, depth + 1)
    else:
        text = _scalar(run, value)
        run.build(len(text))
        pieces.append(text)


def _write_all(
    run: Run, opener: str, items: list[tuple[str, Value]], closer: str, pieces: list[str], depth: int
) -> None:
    run.build(max(_LEAST, _ITEM * min(SLOW_PIECE, len(items))))
    pieces.append(opener)
    for index, (key, item) in enumerate(items):
        if index and not index & SLOW_PIECE - 1:
            run.build(_ITEM * min(SLOW_PIECE, len(items) - index))
        pieces.append(("," if index else "") + key)
        _write(run, item, pieces, depth + 1)
    pieces.append(closer)


def _scalar(run: Run, value: Value) -> str:
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return number_text(value) if math.isfinite(value) else "null"
    if isinstance(value, Function):
        return _function_text(run, value)
    return "null" if value is None else "true" if value is True else "false"


def _function_text(run: Run, function: Function) -> str:
    """A function as ViwoScript writes it; what it has captured stays its own."""
    allow_deep_recursion()
    source = run.source(function)
    names, body = (to_json(arg) for arg in source.args[-2:]) if source is not None else ([], None)
    form = {"args": names, "body": body, "closure": {}, "type": "lambda"}
    return json.dumps(form, ensure_ascii=False, separators=(",", ":"))
