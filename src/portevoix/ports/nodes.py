"""The processes that dial, and what waits for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Node:
    """A process that dials, as the operator sees it.

    Args:
        lease_until: when it is taken for dead, unless it shows itself before.
        under_way: calls that it has.
    """

    id: int
    name: str
    started_at: datetime
    lease_until: datetime
    is_alive: bool
    under_way: int


@dataclass(frozen=True, slots=True)
class Queues:
    """What waits.

    Args:
        calls_due: that should have begun.
        oldest_due_at: of those, by our clock.
        calls_later: whose moment has not come.
        webhooks, mails: to be delivered, those between two tries included.
    """

    calls_due: int
    oldest_due_at: datetime | None
    calls_later: int
    webhooks: int
    mails: int


class Nodes(Protocol):
    """What the operator sees of the machinery."""

    async def all(self) -> Sequence[Node]:
        """Read the nodes, the newest first."""

    async def queues(self) -> Queues:
        """Count what waits."""
