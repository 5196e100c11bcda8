"""Archiving: what was over before a month moves to the months in which it was over; is exported; is erased."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from itertools import groupby
from pathlib import Path

from portevoix.domain.archive import Exported, Month, Moved, Over, StillOpen
from portevoix.ports import House

#: Of one transaction. A call has about five rows, each of its attempts and transfers being one.
CALLS_AT_ONCE = 500
WEBHOOKS_AT_ONCE = 1_000

#: Messages that are archived together; many have one call.
MESSAGES_AT_ONCE = 200

#: Months, each with its messages and calls.
Due = Sequence[tuple[Month, int, int]]

Tell = Callable[[Month, Moved], None]


def kept_from(house: House, keep_months: int) -> Month:
    """Tell the first month that is kept with what is open and recent.

    Args:
        keep_months: whole months before this one, at least 1.
    """
    return Month.of(house.clock.now()).before(keep_months)


async def due(house: House, keep_months: int) -> Due:
    """Count the messages and calls that are to be archived, by month; nothing is changed."""
    return await house.archive.due(kept_from(house, keep_months))


async def archive(house: House, keep_months: int, tell: Tell | None = None) -> Moved:
    """Move what was over before the months that are kept, a few thousand rows a transaction.

    May be ended at any point, and run again, or twice at once: each call moves with all that belongs to it, or stays.

    Args:
        keep_months: whole months before this one that are kept.
        tell: is told of each part that was moved, and of its month.
    """
    before, after, moved = kept_from(house, keep_months), None, Moved()
    while found := await house.archive.over(before, after, MESSAGES_AT_ONCE):
        for month, over in groupby(found, key=lambda one: one.month):
            async for part in _move(house, month, list(over)):
                moved = moved.and_(part)
                if tell and any(part):
                    tell(month, part)
        after = found[-1]
    return moved


async def _move(house: House, month: Month, over: Sequence[Over]) -> AsyncIterator[Moved]:
    campaigns = [one.id for one in over]
    await house.archive.make(month)
    while (part := await house.archive.move_webhooks(month, campaigns, WEBHOOKS_AT_ONCE)).webhooks:
        yield part
    while (part := await house.archive.move_calls(month, campaigns, CALLS_AT_ONCE)).calls:
        yield part
    yield await house.archive.close(campaigns)


async def export(house: House, folder: Path) -> AsyncIterator[Exported]:
    """Write every month to files in a folder; one that is there already, just like this, stays as it is.

    Raises:
        OSError: it cannot be written.
        Busy: another export is under way.
    """
    for month in await house.archive.months():
        yield await house.archive.export(month, folder)


async def erasable(house: House, keep_months: int, before: Month) -> Sequence[Month]:
    """Tell of which months calls can be erased.

    Raises:
        StillOpen: one of the months before is kept, or not archived whole.
    """
    if before > kept_from(house, keep_months):
        raise StillOpen(f"calls from {kept_from(house, keep_months)} on are kept, and cannot be erased")
    if count := await house.archive.not_archived(before):
        raise StillOpen(f"of {count} messages from before {before} something is not archived: archive them first")
    return await house.archive.with_calls(before)


async def erase_calls(
    house: House, keep_months: int, before: Month, tell: Callable[[Month], None] | None = None
) -> int:
    """Erase the calls of the months before one, with their attempts and webhooks, and people's numbers in events.

    What they cost stays, and so do messages.

    Returns:
        how many events told of numbers.

    Raises:
        StillOpen: one of those months is kept, or not archived whole.
        Busy: others read them all the time.
    """
    for month in await erasable(house, keep_months, before):
        await house.archive.erase_calls(month)
        if tell:
            tell(month)
    return await house.archive.cover_events(before)
