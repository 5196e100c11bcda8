"""When a message is to be sent: times of Paris, summer time included, and how far ahead."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from portevoix.domain.schedule import FARTHEST, ScheduledDateInvalid, ahead, parse_paris

NOW = datetime(2026, 1, 13, 11, 35, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-13 12:35:00", datetime(2026, 1, 13, 11, 35, tzinfo=UTC)),
        ("2026-01-13T12:35:00", datetime(2026, 1, 13, 11, 35, tzinfo=UTC)),
        ("  2026-07-14 12:00:59 ", datetime(2026, 7, 14, 10, 0, 59, tzinfo=UTC)),
        ("2028-02-29 00:00:00", datetime(2028, 2, 28, 23, 0, tzinfo=UTC)),
    ],
)
def test_a_date_is_paris_time(text: str, moment: datetime) -> None:
    assert parse_paris(text) == moment
    assert parse_paris(text).tzinfo is UTC


@pytest.mark.parametrize("text", ["2026-03-29 02:00:00", "2026-03-29 02:30:00", "2027-03-28T02:59:59"])
def test_an_hour_that_summer_time_skips_is_refused(text: str) -> None:
    with pytest.raises(ScheduledDateInvalid, match="no such hour"):
        parse_paris(text)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-29 01:59:59", datetime(2026, 3, 29, 0, 59, 59, tzinfo=UTC)),
        ("2026-03-29 03:00:00", datetime(2026, 3, 29, 1, 0, tzinfo=UTC)),
    ],
)
def test_the_hours_beside_the_skipped_one_are_there(text: str, moment: datetime) -> None:
    assert parse_paris(text) == moment


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-10-25 02:00:00", datetime(2026, 10, 25, 0, 0, tzinfo=UTC)),
        ("2026-10-25 02:59:59", datetime(2026, 10, 25, 0, 59, 59, tzinfo=UTC)),
        ("2026-10-25 03:00:00", datetime(2026, 10, 25, 2, 0, tzinfo=UTC)),
    ],
)
def test_an_hour_that_occurs_twice_is_the_first(text: str, moment: datetime) -> None:
    assert parse_paris(text) == moment


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tomorrow",
        "2026-01-13",
        "2026-01-13 12:35",
        "13/01/2026 12:35:00",
        "2026-01-13 12:35:00Z",
        "2026-01-13 12:35:00+01:00",
        "2026-01-13  12:35:00",
        "2026-01-13 12:35:00.5",
        "2026-1-13 12:35:00",
        "٢٠٢٦-01-13 12:35:00",
    ],
)
def test_another_form_is_refused(text: str) -> None:
    with pytest.raises(ScheduledDateInvalid, match="not a date"):
        parse_paris(text)


@pytest.mark.parametrize(
    "text",
    [
        "2026-02-29 12:00:00",
        "2026-13-01 12:00:00",
        "2026-01-32 12:00:00",
        "2026-01-13 24:00:00",
        "2026-01-13 12:60:00",
        "0000-01-01 00:00:00",
        "0001-01-01 00:00:00",
    ],
)
def test_a_date_that_does_not_exist_is_refused(text: str) -> None:
    with pytest.raises(ScheduledDateInvalid):
        parse_paris(text)


@pytest.mark.parametrize("step", [timedelta(microseconds=1), timedelta(seconds=1), timedelta(days=200), FARTHEST])
def test_a_moment_lies_ahead_within_a_year(step: timedelta) -> None:
    assert ahead(NOW + step, NOW) == NOW + step


@pytest.mark.parametrize("step", [timedelta(0), timedelta(seconds=-1), FARTHEST + timedelta(seconds=1)])
def test_a_moment_that_has_passed_or_is_too_far_ahead_is_refused(step: timedelta) -> None:
    with pytest.raises(ScheduledDateInvalid):
        ahead(NOW + step, NOW)


def test_a_moment_needs_a_time_zone() -> None:
    with pytest.raises(ScheduledDateInvalid):
        ahead(datetime(2026, 1, 14), NOW)  # noqa: DTZ001


def test_a_year_ahead_is_a_leap_years() -> None:
    assert timedelta(days=366) == FARTHEST
