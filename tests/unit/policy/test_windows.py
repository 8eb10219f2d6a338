"""Windows of time, in the time of their place."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from govproxy.policy.windows import duration_s, window

VIENNA = "Europe/Vienna"


def at(written: str) -> float:
    return datetime.fromisoformat(written).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("start", "end", "timezone", "inside", "outside"),
    [
        (
            "2026-12-18T18:00",
            "2027-01-04T08:00",
            VIENNA,
            ["2026-12-18T17:00", "2027-01-04T06:59:59"],
            ["2026-12-18T16:59:59", "2027-01-04T07:00"],
        ),
        ("2026-12-18T18:00+00:00", "2026-12-18T19:00", "UTC", ["2026-12-18T18:30"], ["2026-12-18T19:00"]),
        ("22:00", "06:00", "UTC", ["2026-01-14T22:00", "2026-01-15T05:59"], ["2026-01-15T06:00", "2026-01-15T21:59"]),
        ("09:00", "17:00", VIENNA, ["2026-01-14T08:00", "2026-07-14T07:00"], ["2026-01-14T07:59", "2026-07-14T15:00"]),
        (
            "fri 16:00",
            "mon 07:00",
            VIENNA,
            ["2026-01-16T15:00", "2026-01-18T12:00", "2026-01-19T05:59", "2026-07-17T14:00"],
            ["2026-01-16T14:59", "2026-01-19T06:00", "2026-01-14T12:00"],
        ),
        (
            "mon 00:00",
            "tue 00:00",
            "UTC",
            ["2026-01-19T00:00", "2026-01-19T23:59"],
            ["2026-01-18T23:59", "2026-01-20T00:00"],
        ),
    ],
)
def test_windows(start: str, end: str, timezone: str, inside: list[str], outside: list[str]) -> None:
    made = window(start, end, timezone)
    assert [moment for moment in inside if not made.is_open(at(moment))] == []
    assert [moment for moment in outside if made.is_open(at(moment))] == []
    for moment in inside:
        closes = made.closes(at(moment))
        assert closes > at(moment)
        assert made.is_open(closes - 1)
        assert not made.is_open(closes)


def test_the_hour_that_comes_twice_is_inside_twice() -> None:
    made = window("2026-10-25T02:30", "2026-10-25T02:45", VIENNA)
    assert made.is_open(at("2026-10-25T00:30"))
    assert made.is_open(at("2026-10-25T01:40"))


@pytest.mark.parametrize(
    ("start", "end", "timezone", "message"),
    [
        ("22:00", "fri 06:00", "UTC", "is no time"),
        ("yesterday", "today", "UTC", "is no time"),
        ("2026-01-02T00:00", "2026-01-01T00:00", "UTC", "is not after"),
        ("22:00", "22:00", "UTC", "always or never"),
        ("24:00", "25:00", "UTC", "no time of the day"),
        ("fre 10:00", "sat 10:00", "UTC", "no day of the week"),
        ("22:00", "23:00", "Europe/Wien", "unknown time zone"),
        ("22:00", "23:00", "../../etc/passwd", "unknown time zone"),
    ],
)
def test_mistakes(start: str, end: str, timezone: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        window(start, end, timezone)


def test_durations() -> None:
    assert [duration_s(written) for written in ("30s", "10m", "2h", "1d")] == [30, 600, 7200, 86400]
    for written in ("", "0s", "10", "5w", "-1s", "400d", "1.5h"):
        with pytest.raises(ValueError, match="no duration"):
            duration_s(written)
