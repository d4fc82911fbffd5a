"""``list.*``: lists are mutable and shared; `push pop shift unshift splice set` change them, the others do not."""

from collections.abc import Callable
from functools import cmp_to_key
from itertools import chain, islice
from typing import Any, cast

from mintaka.runtime.errors import ArityError, HostFault
from mintaka.runtime.ops import op
from mintaka.runtime.run import Run
from mintaka.runtime.values import Function, Ordering, Value, same, truthy
from mintaka.stdlib.indices import element, position
from mintaka.stdlib.pieces import SLOW_PIECE, pieces
from mintaka.stdlib.sorting import by_comparing, by_texts

MOST_PADDING = 1_000_000
"""Nulls that `list.set` puts between the end of a list and an index beyond it."""


@op("list.new", label="list")
def list_new(*items: Value) -> list[Value]:
    """A new list: `[1 2 3]` for short.

    > [1 "two" [3]]
    [1 "two" [3]]
    """
    return list(items)


@op("list.len", label="length")
def list_len(items: list[Value]) -> int:
    """The number of items.

    > (list.len [1 2 3])
    3
    """
    return len(items)


@op("list.empty", label="is empty")
def list_empty(items: list[Value]) -> bool:
    """Whether a list has no items.

    > (list.empty [])
    true
    """
    return not items


@op("list.get", label="item")
def list_get(items: list[Value], index: float) -> Value:
    """The item at `index`, counted from 0; null where there is none.

    > (list.get ["a" "b"] 1)
    "b"
    """
    if type(index) is int:
        return items[index] if 0 <= index < len(items) else None
    at = element(index)
    return items[at] if at is not None and at < len(items) else None


@op("list.set", label="set item")
def list_set(run: Run, items: list[Value], index: float, value: Value) -> Value:
    """Put `value` at `index`; beyond the end the list grows, with nulls in between. The value.

    > (let xs [1 2]) (list.set xs 3 "d") xs
    [1 2 null "d"]
    """
    at = element(index)
    if at is None or at > len(items) + MOST_PADDING:
        raise HostFault(
            f"`list.set` puts an item at a whole index from 0 to {len(items) + MOST_PADDING:,} here.", kind="limit"
        )
    if at < len(items):
        items[at] = value
    else:
        run.build(at - len(items) + 1)
        items.extend([None] * (at - len(items)))
        items.append(value)
    return value


@op("list.push", label="push")
def list_push(items: list[Value], value: Value) -> int:
    """Put `value` at the end of the list; its new length.

    > (let xs [1]) (list.push xs 2) xs
    [1 2]
    """
    items.append(value)
    return len(items)


@op("list.pop", label="pop")
def list_pop(items: list[Value]) -> Value:
    """Take the last item off the list; null when it is empty.

    > (list.pop [1 2])
    2
    """
    return items.pop() if items else None


@op("list.unshift", label="unshift")
def list_unshift(run: Run, items: list[Value], value: Value) -> int:
    """Put `value` in front of the list; its new length.

    > (let xs [2]) (list.unshift xs 1) xs
    [1 2]
    """
    run.charge(len(items) >> 6)
    items.insert(0, value)
    return len(items)


@op("list.shift", label="shift")
def list_shift(run: Run, items: list[Value]) -> Value:
    """Take the first item off the list; null when it is empty.

    > (list.shift [1 2])
    1
    """
    run.charge(len(items) >> 6)
    return items.pop(0) if items else None


@op("list.slice", label="slice")
def list_slice(run: Run, items: list[Value], start: float, end: float = float("inf")) -> list[Value]:
    """A new list of the items from `start` up to, but without, `end`; negative ones count from the end.

    > (list.slice [1 2 3 4] 1 3)
    [2 3]
    """
    first, last = position(start, len(items)), position(end, len(items))
    count = max(0, last - first)
    run.allocate(count)
    result: list[Value] = []
    for start_, end_ in pieces(run, count):
        result += items[first + start_ : first + end_]
    return result


@op("list.splice", label="splice")
def list_splice(run: Run, items: list[Value], start: float, count: float, *new: Value) -> list[Value]:
    """Take `count` items out of the list from `start` on, and put others in their place; a list of what was taken out.

    > (let xs [1 2 3]) (list.splice xs 1 1 "a" "b") xs
    [1 "a" "b" 3]
    """
    first = position(start, len(items))
    last = first + (position(count, len(items) - first) if count > 0 else 0)
    run.build(len(items) - first + len(new))
    taken = items[first:last]
    items[first:last] = new
    return taken


@op("list.concat", label="concat")
def list_concat(run: Run, *lists: Value) -> list[Value]:
    """A new list of the items of all lists; what is no list is an item itself.

    > (list.concat [1] [2 3] 4)
    [1 2 3 4]
    """
    parts = [part if isinstance(part, list) else [part] for part in lists]
    count = sum(map(len, parts))
    run.allocate(count)
    result: list[Value] = []
    everything = chain.from_iterable(parts)
    for start, end in pieces(run, count):
        result += islice(everything, end - start)
    return result


@op("list.range", label="range")
def list_range(run: Run, start: float, end: float) -> list[Value]:
    """The whole numbers from `start` to `end`, both included.

    > (list.range 1 4)
    [1 2 3 4]
    """
    first, last = element(start), element(end)
    if first is None or last is None:
        raise HostFault("`list.range` goes from one whole number that is not negative to another.", kind="limit")
    count = max(0, last - first + 1)
    run.allocate(count)
    result: list[Value] = []
    for begin, stop in pieces(run, count):
        result += range(first + begin, first + stop)
    return result


@op("list.includes", label="includes")
def list_includes(run: Run, items: list[Value], value: Value) -> bool:
    """Whether an item equals `value`; here NaN equals itself.

    > (list.includes [1 2] 2)
    true
    """
    is_nan = isinstance(value, float) and value != value
    for start, end in pieces(run, len(items), rate=3, size=SLOW_PIECE):
        for item in items[start:end]:
            if same(item, value) or (is_nan and isinstance(item, float) and item != item):
                return True
    return False


@op("list.reverse", label="reverse")
def list_reverse(run: Run, items: list[Value]) -> list[Value]:
    """A new list of the items in reverse order.

    > (list.reverse [1 2 3])
    [3 2 1]
    """
    run.allocate(len(items))
    result: list[Value] = []
    last = len(items)
    for start, end in pieces(run, last):
        result += items[last - end : last - start][::-1]
    return result


@op("list.sort", label="sort")
def list_sort(run: Run, items: list[Value], compare: Value = None) -> list[Value]:
    """A new list in order: by the items' texts, or by a function that gives a number below 0 if its first comes first.

    > (list.sort ["pear" "fig"])
    ["fig" "pear"]
    > (list.sort [10 9 1] (lambda [a b] (- a b)))
    [1 9 10]
    """
    if compare is None:
        return by_texts(run, items)
    if isinstance(compare, Ordering):
        return by_comparing(run, items, cast(Callable[[Value], Any], compare))
    if not isinstance(compare, Function):
        raise ArityError("`list.sort` takes a list, or a list and a function that compares two items.")

    tick = run.meter.tick

    def order(a: Value, b: Value) -> int:
        next(tick)
        result = run.apply(compare, a, b)
        return (result > 0) - (result < 0) if isinstance(result, int | float) else 0

    return by_comparing(run, items, cmp_to_key(order))


@op("list.map", label="map")
def list_map(run: Run, items: list[Value], each: Function) -> list[Value]:
    """Apply `each` to every item and collect the results in order.

    > (list.map [1 2 3] (lambda [x] (* x 2)))
    [2 4 6]
    """
    run.allocate(len(items))
    result: list[Value] = []
    for item in run.metered(items):
        result.append(run.apply(each, item))
    return result


@op("list.filter", label="filter")
def list_filter(run: Run, items: list[Value], test: Function) -> list[Value]:
    """A new list of the items for which `test` gives something true.

    > (list.filter [1 2 3] (lambda [x] (> x 1)))
    [2 3]
    """
    run.allocate(len(items))
    result: list[Value] = []
    for item in run.metered(items):
        if truthy(run.apply(test, item)):
            result.append(item)
    return result


@op("list.find", label="find")
def list_find(run: Run, items: list[Value], test: Function) -> Value:
    """The first item for which `test` gives something true, or null.

    > (list.find [1 2 3] (lambda [x] (> x 1)))
    2
    """
    for item in run.metered(items):
        if truthy(run.apply(test, item)):
            return item
    return None


@op("list.reduce", label="reduce")
def list_reduce(run: Run, items: list[Value], step: Function, start: Value) -> Value:
    """Go through the items with a value that `step` makes anew of the value so far and the item.

    > (list.reduce [1 2 3] (lambda [sum x] (+ sum x)) 0)
    6
    """
    value = start
    for item in run.metered(items):
        value = run.apply(step, value, item)
    return value


@op("list.flatMap", label="flat map")
def list_flat_map(run: Run, items: list[Value], each: Function) -> list[Value]:
    """Like `list.map`, with the items of results that are lists in their place.

    > (list.flatMap [1 2] (lambda [x] [x x]))
    [1 1 2 2]
    """
    result: list[Value] = []
    for item in run.metered(items):
        value = run.apply(each, item)
        if isinstance(value, list):
            run.build(len(value))
            result.extend(value)
        else:
            result.append(value)
    return result
