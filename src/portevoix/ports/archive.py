"""What is over, by the months in which it was over."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from portevoix.domain.archive import Exported, Month, Moved, Over


class Archive(Protocol):
    """What is over, by months. Whoever reads sees it where it was."""

    async def due(self, before: Month) -> Sequence[tuple[Month, int, int]]:
        """Count the campaigns and calls that were over before a month, by month.

        A campaign of which a part is archived counts as a whole.
        """

    async def over(self, before: Month, after: Over | None, most: int) -> Sequence[Over]:
        """Find campaigns that were over before a month and are not archived, the oldest first, from after one on."""

    async def make(self, month: Month) -> None:
        """Make room for a month, where there is none yet."""

    async def move_calls(self, month: Month, campaigns: Sequence[int], most: int) -> Moved:
        """Move so many calls at most of campaigns that were over in a month, each with all that belongs to it.

        What somebody else has locked is left where it is.
        """

    async def move_webhooks(self, month: Month, campaigns: Sequence[int], most: int) -> Moved:
        """Move so many webhooks at most of campaigns that were over in a month, but for those that are under way."""

    async def close(self, campaigns: Sequence[int]) -> Moved:
        """Note those campaigns of which all is archived."""

    async def months(self) -> Sequence[Month]:
        """Read which months have something archived, the oldest first."""

    async def with_calls(self, before: Month) -> Sequence[Month]:
        """Read which months before one have calls that were not erased, the oldest first."""

    async def not_archived(self, before: Month) -> int:
        """Count campaigns that were over before a month and have something that is not archived."""

    async def export(self, month: Month, folder: Path) -> Exported:
        """Write a month to files in a folder, all or nothing. Raises OSError, Busy."""

    async def erase_calls(self, month: Month) -> None:
        """Erase a month's calls, attempts and webhooks for good. Its money stays. Raises Busy."""

    async def cover_events(self, before: Month) -> int:
        """Take people's numbers out of the events of calls that ended before a month; tells of how many."""
