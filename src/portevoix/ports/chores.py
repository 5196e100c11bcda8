"""What one process does for all of them, again and again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Chore:
    """A chore, as the operator sees it.

    Args:
        due_at: when it is done next; of one under way, when it is taken for lost.
        taker: the process that took it last.
        began_at, ended_at: when that was, and when it was done last.
        fault: why it failed then.
    """

    name: str
    due_at: datetime
    taker: str | None
    began_at: datetime | None
    ended_at: datetime | None
    fault: str | None


class Chores(Protocol):
    """Who does what for all."""

    async def plan(self, every_s: Mapping[str, int]) -> None:
        """Keep chores that are new, each due once its seconds have passed."""

    async def take(self, names: Sequence[str], taker: str, longest_s: int) -> tuple[str, datetime] | None:
        """Take one of these that is due, for one process alone.

        Args:
            longest_s: how long until it is taken for lost, and due again.

        Returns:
            its name, and when it was taken.
        """

    async def end(self, name: str, taker: str, began_at: datetime, every_s: int, fault: str | None) -> None:
        """Write down that a chore was done, and is due again in so many seconds; unless another has it meanwhile."""

    async def all(self) -> Sequence[Chore]:
        """Read the chores, by name."""
