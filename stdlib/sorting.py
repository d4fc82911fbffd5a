"""Sorting in pieces: however long a list is, other work is let on after every few hundred items.

C's sort cannot be interrupted while it compares texts, so long lists are sorted in short runs, which are then merged,
also by C and in pieces. Comparators are functions of the script: they pay for their calls, which is where slices end.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from typing import Any

from mintaka.runtime.run import Run
from mintaka.runtime.text import to_text
from mintaka.runtime.values import Value
from mintaka.stdlib.pieces import PIECE, SLOW_PIECE, pieces

SHORT = 1_024
"""Items that C's sort puts in order by their texts at once."""

RUN = 512
"""Items of the runs that a longer list is sorted in: below a millisecond of work, making their texts included."""


class _Price:
    """The price of comparing: n · bits(n) / 8 units for n items, paid by parts of the work, and 2 to begin with."""

    def __init__(self, run: Run) -> None:
        run.charge(2)
        self._run = run
        self._eighths = 0

    def pay(self, items: int, bits: int) -> None:
        """Pay for putting ``items`` where ``bits`` more bits of their number want them."""
        before = self._eighths
        self._eighths += items * bits
        self._run.charge((self._eighths >> 3) - (before >> 3))


def by_texts(run: Run, items: list[Value]) -> list[Value]:
    """A new list of ``items`` in order of UTF-16 code units, as everywhere where ECMAScript sorts texts."""
    count, price = len(items), _Price(run)
    bits = count.bit_length()
    run.allocate(count)
    if count <= SHORT:
        run.charge(count >> 4)
        price.pay(count, bits)
        return sorted(items, key=lambda item: _text_key(run, item))
    merges = ((count - 1) // RUN).bit_length()
    taken: list[Value] = []
    keys: list[bytes] = []
    runs: list[list[int]] = []
    run.allocate(2 * count)
    for start in range(0, count, RUN):
        end = min(start + RUN, count)
        price.pay(end - start, bits - merges)
        taken += items[start:end]
        for item in taken[start:end]:
            keys.append(_text_key(run, item))
        runs.append(sorted(range(start, len(taken)), key=keys.__getitem__))
    while len(runs) > 1:
        merged: list[list[int]] = []
        for index in range(0, len(runs) - 1, 2):
            into: list[int] = []
            merged.append(into)
            for piece in _merge(runs[index], runs[index + 1], keys.__getitem__):
                price.pay(len(piece), 1)
                into += piece
        if len(runs) % 2:
            price.pay(len(runs[-1]), 1)
            merged.append(runs[-1])
        runs = merged
    result: list[Value] = []
    for start, end in pieces(run, count, size=SLOW_PIECE):
        result += map(taken.__getitem__, runs[0][start:end])
    return result


def by_comparing(run: Run, items: list[Value], ordering: Callable[[Value], Any]) -> list[Value]:
    """A new list of ``items`` in the order that ``ordering``, made by `functools.cmp_to_key`, gives them."""
    count, price = len(items), _Price(run)
    bits = count.bit_length()
    run.allocate(count)
    if count <= PIECE:
        run.charge(count >> 4)
        price.pay(count, bits)
        return sorted(items, key=ordering)
    keyed: list[Any] = []  # in a variable, where the census sees it
    for start in range(0, count, PIECE):
        end = min(start + PIECE, count)
        price.pay(end - start, bits)
        keyed += map(ordering, items[start:end])
    keyed = sorted(keyed)
    result: list[Value] = []
    for start, end in pieces(run, count):
        result += [key.obj for key in keyed[start:end]]
    return result


def _merge(left: list[int], right: list[int], key: Callable[[int], bytes]) -> Iterator[list[int]]:
    """The pieces of two sorted runs merged; of equals those of ``left`` come first."""
    first, second = 0, 0
    while first < len(left) and second < len(right):
        some, others = left[first : first + RUN], right[second : second + RUN]
        if key(others[-1]) < key(some[-1]):  # what lies behind in either run comes after all of one piece
            some = some[: bisect_right(some, key(others[-1]), key=key)]
        else:
            others = others[: bisect_left(others, key(some[-1]), key=key)]
        first += len(some)
        second += len(others)
        yield sorted(some + others, key=key)
    for start in range(first, len(left), RUN):
        yield left[start : start + RUN]
    for start in range(second, len(right), RUN):
        yield right[start : start + RUN]


def _text_key(run: Run, item: Value) -> bytes:
    text = to_text(item, run.build)
    run.allocate(len(text) >> 2)
    return text.encode("utf-16-be", "surrogatepass")
