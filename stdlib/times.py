"""``time.*``: times are ISO 8601 texts in UTC, timestamps milliseconds from the epoch."""

import math
import re
from dataclasses import replace

from mintaka.lang.numbers import number
from mintaka.runtime.errors import HostFault, TypeFault
from mintaka.runtime.ops import op
from mintaka.runtime.run import Run
from mintaka.runtime.values import Number
from mintaka.stdlib.calendar import FARTHEST, Fields, fields, iso, parse

PRICE = 4
"""Units of fuel for every time that is read, reckoned with or written."""

_UNITS = ("year", "month", "day", "hour", "minute", "second", "millisecond")
_CELLS = 35
"""A time as a text."""
_PATTERN = re.compile("YYYY|MM|DD|HH|mm|ss|SSS")


@op("time.now", label="now")
def time_now(run: Run) -> str:
    """The time now, in UTC.

    > (str.len (time.now))
    24
    """
    _pay(run)
    return iso(_now(run))


@op("time.from_timestamp", label="from timestamp")
def time_from_timestamp(run: Run, timestamp: float) -> str:
    """The time so many milliseconds after the epoch.

    > (time.from_timestamp 0)
    "1970-01-01T00:00:00.000Z"
    """
    _pay(run)
    return iso(_whole(timestamp))


@op("time.to_timestamp", label="to timestamp")
def time_to_timestamp(run: Run, time: str) -> Number:
    """The milliseconds from the epoch to a time; NaN for what is no time.

    > (time.to_timestamp "1970-01-01T00:00:01Z")
    1000
    """
    _pay(run)
    at = parse(time)
    return math.nan if at is None else number(at)


@op("time.parse", label="parse")
def time_parse(run: Run, time: str) -> str:
    """A time as it is written here: in ISO 8601 and UTC.

    > (time.parse "Jan 5, 2024")
    "2024-01-05T00:00:00.000Z"
    """
    _pay(run)
    return iso(_time(time))


@op("time.format", label="format")
def time_format(run: Run, time: str, pattern: str = "") -> str:
    """A time by a pattern of YYYY MM DD HH mm ss SSS, or without one in ISO 8601.

    > (time.format "2024-01-31T10:20:30Z" "DD.MM.YYYY HH:mm")
    "31.01.2024 10:20"
    """
    _pay(run, pattern)
    timestamp = _time(time)
    if not pattern:
        return iso(timestamp)
    at = fields(timestamp)
    values = {
        "YYYY": f"{at.year:04d}",
        "MM": f"{at.month:02d}",
        "DD": f"{at.day:02d}",
        "HH": f"{at.hour:02d}",
        "mm": f"{at.minute:02d}",
        "ss": f"{at.second:02d}",
        "SSS": f"{at.millisecond:03d}",
    }
    return _PATTERN.sub(lambda found: values[found[0]], pattern)


@op("time.offset", label="offset")
def time_offset(run: Run, amount: float, unit: str, time: str = "") -> str:
    """The time so many years, months, days, hours, minutes or seconds after another one, or after now.

    > (time.offset 90 "minutes" "2024-01-01T00:00:00Z")
    "2024-01-01T01:30:00.000Z"
    """
    _pay(run, unit)
    start = fields(_time(time) if time else _now(run))
    name = unit.lower().removesuffix("s")
    if name not in _UNITS:
        raise TypeFault(f"`time.offset` counts in {', '.join(f'{word}s' for word in _UNITS)}.")
    if not abs(amount) <= FARTHEST:
        raise HostFault("The times of a script end some 275,000 years before and after 1970.", kind="limit")
    moved = replace(start, **{name: math.trunc(getattr(start, name) + amount)})
    return iso(_whole(Fields.timestamp(moved)))


def _pay(run: Run, text: str = "") -> None:
    """Pay for a time, and for a ``text`` that goes with it and may be long."""
    run.charge(PRICE + (len(text) >> 4))
    run.allocate(_CELLS + 2 * len(text))


def _now(run: Run) -> int:
    return math.floor(run.time() * 1000)


def _time(text: str) -> int:
    at = parse(text)
    if at is None:
        raise TypeFault("This is no time. Write it like 2024-01-31T10:20:30Z.")
    return at


def _whole(timestamp: float) -> int:
    if not abs(timestamp) <= FARTHEST:
        raise HostFault("The times of a script end some 275,000 years before and after 1970.", kind="limit")
    return math.trunc(timestamp)
