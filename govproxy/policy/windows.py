"""When a rule stands (``during``) and how often is too often (``burst``): values and their arithmetic.

Pure: the time is an argument, POSIX seconds. Weekly and daily windows are read off the clock on
the wall of their time zone, so they move with daylight saving as people's clocks do.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

MINUTES_PER_DAY = 24 * 60
MINUTES_PER_WEEK = 7 * MINUTES_PER_DAY
MAX_DURATION_S = 366 * 86_400
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WEEKLY = re.compile(r"(?P<day>[a-z]{3}) (?P<hour>\d{2}):(?P<minute>\d{2})")
_DAILY = re.compile(r"(?P<hour>\d{2}):(?P<minute>\d{2})")
_DURATION = re.compile(r"(?P<count>[1-9]\d{0,6})(?P<unit>[smhd])")
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """From one moment until another, or the same minutes of every day or week (``period`` > 0).

    ``start`` and ``end`` are POSIX seconds, or minutes of the period; the end is not part of it. A
    repeated window whose end is not after its start runs over midnight, or over the week's end.
    """

    start: float
    end: float
    period: int = 0
    timezone: str = "UTC"

    def is_open(self, now: float) -> bool:
        """Whether ``now`` lies in it."""
        if not self.period:
            return self.start <= now < self.end
        local = datetime.fromtimestamp(now, zone(self.timezone))
        minute = (local.weekday() * MINUTES_PER_DAY + local.hour * 60 + local.minute) % self.period
        if self.start < self.end:
            return self.start <= minute < self.end
        return minute >= self.start or minute < self.end

    def closes(self, now: float) -> float:
        """When a window that is open ``now`` ends, as POSIX seconds; to the minute when it repeats."""
        if not self.period:
            return self.end
        local = datetime.fromtimestamp(now, zone(self.timezone))
        minute = (local.weekday() * MINUTES_PER_DAY + local.hour * 60 + local.minute) % self.period
        return now - local.second - local.microsecond / 1e6 + ((self.end - minute) % self.period) * 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Burst:
    """More than ``count`` effects that a rule fits, by one identity, within ``within_s`` seconds."""

    count: int
    within_s: int


def zone(name: str) -> tzinfo:
    """A time zone by its IANA name. Raises ValueError."""
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"unknown time zone `{name}` (as in Europe/Vienna)") from None


def window(start: str, end: str, timezone: str) -> Window:
    """A window as people write it: two dates and times, two times, or two weekdays with times.

    Raises ValueError in words for a person.
    """
    place = zone(timezone)
    for pattern, period in ((_WEEKLY, MINUTES_PER_WEEK), (_DAILY, MINUTES_PER_DAY)):
        if pattern.fullmatch(start) and pattern.fullmatch(end):
            first, last = _minute(pattern, start), _minute(pattern, end)
            if first == last:
                raise ValueError(f"`{start}` until `{end}` is either always or never")
            return Window(start=first, end=last, period=period, timezone=timezone)
    first_moment, last_moment = _moment(start, place, fold=0), _moment(end, place, fold=1)
    if first_moment >= last_moment:
        raise ValueError(f"`{end}` is not after `{start}`")
    return Window(start=first_moment, end=last_moment, timezone=timezone)


def duration_s(written: str) -> int:
    """``30s``, ``10m``, ``2h``, ``1d`` in seconds. Raises ValueError."""
    found = _DURATION.fullmatch(written)
    seconds = int(found["count"]) * _UNITS[found["unit"]] if found else 0
    if not 0 < seconds <= MAX_DURATION_S:
        raise ValueError(f"`{written}` is no duration (as in 30s, 10m, 2h, 1d)")
    return seconds


def _minute(pattern: re.Pattern[str], written: str) -> int:
    found = pattern.fullmatch(written)
    if found is None:
        raise AssertionError(written)
    parts = found.groupdict()
    hour, minute = int(parts["hour"]), int(parts["minute"])
    if hour > 23 or minute > 59:
        raise ValueError(f"`{written}` is no time of the day")
    day = parts.get("day")
    if day is not None and day not in _DAYS:
        raise ValueError(f"`{day}` is no day of the week ({', '.join(_DAYS)})")
    return (_DAYS.index(day) if day else 0) * MINUTES_PER_DAY + hour * 60 + minute


def _moment(written: str, place: tzinfo, *, fold: int) -> float:
    try:
        found = datetime.fromisoformat(written)
    except ValueError:
        raise ValueError(
            f"`{written}` is no time (as in 2026-12-18T18:00, `fri 16:00` or 22:00; both ends alike)"
        ) from None
    # Where a clock is set back an hour stands for two: the window takes both.
    return (found if found.tzinfo is not None else found.replace(tzinfo=place, fold=fold)).timestamp()
