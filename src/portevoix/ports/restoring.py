"""A database that may have forgotten what was done: restored from a backup, copied, or failed over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where the database stands.

    Args:
        here: this place, as the store names it.
        is_moved: it is not the one where calls were dialled last; nothing is dialled here.
        is_failover: what was moved is the server's timeline alone: another one took over, or it was recovered to a
            point in time.
        moved_at: when that was first seen, by our clock.
    """

    here: str
    is_moved: bool
    is_failover: bool
    moved_at: datetime | None


class Restoring(Protocol):
    """What a database may have forgotten, and what is done about it."""

    async def look(self) -> Whereabouts:
        """Tell where the database stands, and note when it was first seen to have moved."""

    async def accept(self, here: str) -> bool:
        """Let calls be dialled where the database was seen to stand; tells whether that has changed something."""

    async def waiting(self, until: datetime) -> tuple[int, int]:
        """Count the calls that wait: those that were due by a moment of our clock, and those that are due later."""

    async def doubt(self, node: int, until: datetime, most: int) -> Sequence[tuple[int, int]]:
        """Give calls that were due by a moment an attempt on paper; returns each one's number and attempt.

        Args:
            node: whose calls they are until they are settled; if it dies, they are lost all the same.
        """
