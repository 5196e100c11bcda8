"""When a message is to be sent: a time in Paris, as the wire gives it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from portevoix.domain.errors import InvalidValue

PARIS = ZoneInfo("Europe/Paris")

#: How far ahead a message may be scheduled.
FARTHEST = timedelta(days=366)

_FORM = re.compile(r"\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}:\d{2}", re.ASCII)


class ScheduledDateInvalid(InvalidValue):
    """The date is none, has passed, is too far ahead, or falls into the hour that the change to summer time skips."""

    code = "scheduled_date_invalid"


def parse_paris(text: str) -> datetime:
    """Read ``YYYY-mm-dd HH:MM:SS`` in Paris time; a time that occurs twice is the first of the two.

    Returns:
        the moment, in UTC.

    Raises:
        ScheduledDateInvalid: another form, no such day, or no such hour on that day.
    """
    text = text.strip()
    if not _FORM.fullmatch(text):
        raise ScheduledDateInvalid(f"not a date: {text[:40]!r} (write 2026-12-31 18:00:00, in Paris time)")
    try:
        local = datetime.fromisoformat(text).replace(tzinfo=PARIS)
        moment = local.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ScheduledDateInvalid(f"there is no such date: {text}") from None
    if moment.astimezone(PARIS).replace(tzinfo=None) != local.replace(tzinfo=None):
        raise ScheduledDateInvalid(f"there is no such hour on that day in Paris: {text}")
    return moment


def ahead(moment: datetime, now: datetime) -> datetime:
    """Check that a moment lies ahead, within a year.

    Raises:
        ScheduledDateInvalid: it has passed, or is too far ahead.
    """
    if moment.tzinfo is None:
        raise ScheduledDateInvalid("the date needs a time zone")
    if moment <= now:
        raise ScheduledDateInvalid("the date has passed")
    if moment > now + FARTHEST:
        raise ScheduledDateInvalid("the date is more than a year ahead")
    return moment
