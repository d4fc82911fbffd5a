"""Days and times of the proleptic Gregorian calendar in UTC, in milliseconds from the epoch, as ECMAScript counts.

Python's own dates end at the years 1 and 9999; a script's go 275,000 years to either side (ECMA-262 § 21.4.1).
"""

import re
from dataclasses import dataclass

DAY = 86_400_000
"""Milliseconds of a day."""

FARTHEST = 100_000_000 * DAY
"""Milliseconds from the epoch to the first and the last time there is."""


@dataclass(frozen=True, slots=True)
class Fields:
    """A time as people write it. Fields beyond their range carry over into the next: month 13 is January."""

    year: int
    month: int = 1
    day: int = 1
    hour: int = 0
    minute: int = 0
    second: int = 0
    millisecond: int = 0

    def timestamp(self) -> int:
        """Milliseconds from the epoch."""
        years, month = divmod(self.month - 1, 12)
        days = _days(self.year + years, month + 1) + self.day - 1
        seconds = (self.hour * 60 + self.minute) * 60 + self.second
        return days * DAY + seconds * 1000 + self.millisecond


def fields(timestamp: int) -> Fields:
    """The fields of a time."""
    days, rest = divmod(timestamp, DAY)
    year, month, day = _date(days)
    rest, millisecond = divmod(rest, 1000)
    rest, second = divmod(rest, 60)
    hour, minute = divmod(rest, 60)
    return Fields(year, month, day, hour, minute, second, millisecond)


def iso(timestamp: int) -> str:
    """``2024-01-31T10:20:30.000Z``; years of more than four digits have a sign and six."""
    at = fields(timestamp)
    year = f"{at.year:04d}" if 0 <= at.year <= 9999 else f"{'-' if at.year < 0 else '+'}{abs(at.year):06d}"
    return f"{year}-{at.month:02d}-{at.day:02d}T{at.hour:02d}:{at.minute:02d}:{at.second:02d}.{at.millisecond:03d}Z"


def _days(year: int, month: int) -> int:
    """Days from the epoch to the first of a month (Howard Hinnant, "chrono-compatible low-level date algorithms")."""
    year -= month <= 2
    era, year_of_era = divmod(year, 400)
    day_of_year = (153 * ((month + 9) % 12) + 2) // 5
    return era * 146_097 + year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year - 719_468


def _date(days: int) -> tuple[int, int, int]:
    """Year, month and day, so many days from the epoch (same source)."""
    era, day_of_era = divmod(days + 719_468, 146_097)
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * shifted + 2) // 5 + 1
    month = shifted + 3 if shifted < 10 else shifted - 9
    return year_of_era + era * 400 + (month <= 2), month, day


_ISO = re.compile(
    r"(?P<year>[0-9]{4}|[+-][0-9]{6})(?:-(?P<month>[0-9]{2})(?:-(?P<day>[0-9]{2}))?)?"
    r"(?:[Tt ](?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:[.,](?P<fraction>[0-9]+))?)?"
    r"(?P<zone>[Zz]|[+-][0-9]{2}:?[0-9]{2})?)?"
)
_CLOCK = (
    r"(?:,?\s+(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2}))?\s*(?P<half>[AaPp][Mm])?"
    r"\s*(?:UTC|GMT|Z)?(?P<zone>[+-][0-9]{4})?)?"
)
_SPOKEN = [
    re.compile(pattern + _CLOCK)
    for pattern in (
        r"(?:[A-Za-z]{3,9},?\s+)?(?P<name>[A-Za-z]{3,9})\.?\s+(?P<day>[0-9]{1,2}),?\s+(?P<year>[0-9]{4})",
        r"(?:[A-Za-z]{3,9},?\s+)?(?P<day>[0-9]{1,2})\s+(?P<name>[A-Za-z]{3,9})\.?,?\s+(?P<year>[0-9]{4})",
        r"(?P<year>[0-9]{4})[/-](?P<month>[0-9]{1,2})[/-](?P<day>[0-9]{1,2})",
        r"(?P<month>[0-9]{1,2})/(?P<day>[0-9]{1,2})/(?P<year>[0-9]{4})",
    )
]
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


LONGEST = 100
"""Characters of a time with the white space around it; nobody writes more, and searching it could take long."""


def parse(text: str) -> int | None:
    """The time a text says: ISO 8601, or ``Jan 5, 2024``, ``5 Jan 2024 10:20``, ``2024/1/5``, ``1/5/2024``.

    Without a zone it is UTC. ``None`` for what is no time.
    """
    if len(text) > LONGEST:
        return None
    text = text.strip()
    found = _ISO.fullmatch(text)
    for pattern in () if found else _SPOKEN:
        found = found or pattern.fullmatch(text)
    if found is None or found["year"] == "-000000":
        return None
    parts = found.groupdict()
    month = _month(parts.get("name")) if parts.get("name") else int(parts.get("month") or 1)
    hour, minute, second = (int(parts[name] or 0) for name in ("hour", "minute", "second"))
    if parts.get("half"):
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if parts["half"].lower() == "pm" else 0)
    day, millisecond = int(parts["day"] or 1), int((parts.get("fraction") or "0").ljust(3, "0")[:3])
    in_range = 1 <= month <= 12 and 1 <= day <= 31 and minute <= 59 and second <= 59
    if not in_range or hour > 24 or (hour == 24 and (minute or second or millisecond)):
        return None
    at = Fields(int(parts["year"]), month, day, hour, minute, second, millisecond).timestamp()
    at -= _offset(parts["zone"] or "Z")
    return at if -FARTHEST <= at <= FARTHEST else None


def _month(name: str | None) -> int:
    short = (name or "")[:3].lower()
    return _MONTHS.index(short) + 1 if short in _MONTHS else 0


def _offset(zone: str) -> int:
    if zone in "Zz":
        return 0
    minutes = int(zone[1:3]) * 60 + int(zone[-2:])
    return (-minutes if zone[0] == "-" else minutes) * 60_000
