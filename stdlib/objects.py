"""``obj.*``: objects are mutable and shared, with text keys; `obj.set` and `obj.del` change them.

Reading ops look at anything but null: a list is an object of its indices, a text of its characters, a host object of
its fields, everything else has no keys. `obj.get` and `obj.has` also know the `length` of a list or text. Keys that are
whole numbers come first, in their order, then the others in order of insertion.
"""

import re
from collections.abc import Iterator, Mapping
from typing import TypeAlias

from mintaka.runtime.errors import HostFault, TypeFault
from mintaka.runtime.ops import op
from mintaka.runtime.run import Run
from mintaka.runtime.text import to_text
from mintaka.runtime.values import Function, HostObject, Value, truthy, type_name

_INDEX = re.compile(r"0|[1-9][0-9]{0,9}")
_LAST_INDEX = 2**32 - 2
"""The greatest whole number that comes before other keys (ECMA-262, array index)."""
Keyed: TypeAlias = dict[str, Value] | list[Value] | HostObject | Function
"""What is an object for ViwoScript where it insists on one."""

_LEAST = 16
"""Cells that the smallest object costs when all of it is read."""
_KEY = 9
"""Cells of an index as a text."""
_PAIR = 10
"""Cells of a list of two."""

_MISSING: Value = object()  # type: ignore[assignment]
"""No default was given: every value of a script could be one."""


@op("obj.get", label="get")
def obj_get(run: Run, object_: Value, key: Value, default: Value = _MISSING) -> Value:
    """The value of a key; without it `default`, and without that an error.

    > (obj.get {:width 128} "width")
    128
    > (obj.get {:width 128} "seed" 7)
    7
    """
    name = _key(run, key)
    if isinstance(object_, dict):
        if name in object_:
            return object_[name]
    elif isinstance(object_, list | str):
        if name == "length":
            return len(object_)
        if _INDEX.fullmatch(name) and int(name) < len(object_):
            return object_[int(name)]
    elif object_ is None:
        raise TypeFault(f"Null has no key `{_short(name)}`. Look where the object should have come from.")
    elif isinstance(object_, HostObject):
        fields = object_.fields()
        if name in fields:
            return fields[name]
    if default is not _MISSING:
        return default
    raise HostFault(
        f"There is no key `{_short(name)}` in this {type_name(object_)}.",
        kind="missing_key",
        hint="A third argument is the value for that case: (obj.get object key null).",
        data={"key": _short(name)},
    )


@op("obj.set", label="set")
def obj_set(run: Run, object_: dict[str, Value], key: Value, value: Value) -> dict[str, Value]:
    """Give a key a value; the object.

    > (obj.set {:width 128} "height" 64)
    {:width 128 :height 64}
    """
    object_[_key(run, key)] = value
    return object_


@op("obj.has", label="has")
def obj_has(run: Run, object_: Value, key: Value) -> bool:
    """Whether there is such a key.

    > (obj.has {:width 128} "seed")
    false
    """
    name = _key(run, key)
    if isinstance(object_, list | str):
        return name == "length" or (bool(_INDEX.fullmatch(name)) and int(name) < len(object_))
    return name in _mapping(object_)


@op("obj.del", label="delete")
def obj_del(run: Run, object_: Value, key: Value) -> bool:
    """Take a key out of an object; whether it was there.

    > (obj.del {:width 128} "width")
    true
    """
    name = _key(run, key)
    if name not in _mapping(object_) or not isinstance(object_, dict):
        return False
    del object_[name]
    return True


@op("obj.keys", label="keys")
def obj_keys(run: Run, object_: Value) -> list[Value]:
    """The keys, as a list.

    > (obj.keys {:width 128 :height 64})
    ["width" "height"]
    """
    return [key for key, _ in _entries(run, object_)]


@op("obj.values", label="values")
def obj_values(run: Run, object_: Value) -> list[Value]:
    """The values, as a list.

    > (obj.values {:width 128 :height 64})
    [128 64]
    """
    return [value for _, value in _entries(run, object_)]


@op("obj.entries", label="entries")
def obj_entries(run: Run, object_: Value) -> list[Value]:
    """Key and value of every entry, as a list of lists.

    > (obj.entries {:width 128 :height 64})
    [["width" 128] ["height" 64]]
    """
    entries = _entries(run, object_)
    run.allocate(_PAIR * len(entries))
    return [[key, value] for key, value in entries]


@op("obj.merge", label="merge")
def obj_merge(run: Run, *objects: Value) -> dict[str, Value]:
    """A new object with the entries of all; of equal keys the last counts. Null adds nothing.

    > (obj.merge {:width 128 :seed 1} {:seed 2})
    {:width 128 :seed 2}
    """
    result: dict[str, Value] = {}
    for object_ in objects:
        if object_ is not None:
            result.update(_entries(run, object_))
    return result


@op("obj.map", label="map values")
def obj_map(run: Run, object_: Value, each: Function) -> dict[str, Value]:
    """A new object with what `each` makes of every value and key.

    > (obj.map {:a 1 :b 2} (lambda [value key] (* value 10)))
    {:a 10 :b 20}
    """
    result: dict[str, Value] = {}
    entries = _entries(run, object_)
    for key, value in run.metered(entries):
        result[key] = run.apply(each, value, key)
    return result


@op("obj.filter", label="filter")
def obj_filter(run: Run, object_: Value, test: Value) -> dict[str, Value]:
    """A new object of the entries for whose value and key `test` gives something true.

    > (obj.filter {:a 1 :b 2} (lambda [value] (> value 1)))
    {:b 2}
    """
    if not isinstance(test, Function):
        return {}
    entries = _entries(run, object_)
    result: dict[str, Value] = {}
    for key, value in run.metered(entries):
        if truthy(run.apply(test, value, key)):
            result[key] = value
    return result


@op("obj.reduce", label="reduce")
def obj_reduce(run: Run, object_: Keyed, step: Value, start: Value) -> Value:
    """Go through the entries with a value that `step` makes anew of the value so far, the entry's value and key.

    > (obj.reduce {:a 1 :b 2} (lambda [sum value] (+ sum value)) 0)
    3
    """
    result = start
    if isinstance(step, Function):
        entries = _entries(run, object_)
        for key, value in run.metered(entries):
            result = run.apply(step, result, value, key)
    return result


@op("obj.flatMap", label="flat map")
def obj_flat_map(run: Run, object_: Keyed, each: Keyed) -> dict[str, Value]:
    """A new object with the entries of every object that `each` makes of a value and key.

    > (obj.flatMap {:a 1} (lambda [value key] (obj.set {} (str.concat key key) value)))
    {:aa 1}
    """
    result: dict[str, Value] = {}
    if not isinstance(each, Function):
        return result
    entries = _entries(run, object_)
    for key, value in run.metered(entries):
        made = run.apply(each, value, key)
        if isinstance(made, dict):
            result.update(_entries(run, made))
    return result


def ordered(entries: Mapping[str, Value]) -> Iterator[tuple[str, Value]]:
    """Entries in the order scripts see them."""
    numbered = [key for key in entries if _INDEX.fullmatch(key) and int(key) <= _LAST_INDEX]
    if not numbered:
        yield from entries.items()
        return
    numbered.sort(key=int)
    first = set(numbered)
    for key in [*numbered, *[key for key in entries if key not in first]]:
        yield key, entries[key]


def _entries(run: Run, value: Value) -> list[tuple[str, Value]]:
    if isinstance(value, list | str):
        run.build(_LEAST + 3 * len(value))
        run.allocate(_KEY * len(value))
        return [(str(index), item) for index, item in enumerate(value)]
    entries = _mapping(value)
    run.build(_LEAST + 3 * len(entries))
    return list(ordered(entries))


def _mapping(value: Value) -> Mapping[str, Value]:
    if value is None:
        raise TypeFault("Null has no keys. Look where the object should have come from.")
    if isinstance(value, HostObject):
        return value.fields()
    return value if isinstance(value, dict) else {}


def _key(run: Run, key: Value) -> str:
    return key if isinstance(key, str) else to_text(key, run.build)


def _short(key: str) -> str:
    return key if len(key) <= 80 else f"{key[:77]}…"
