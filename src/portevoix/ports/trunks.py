"""Trunks and routes: what the operator has set, how they fare, and what goes over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from portevoix.domain.routing import Heard, Resting, Route
from portevoix.domain.safety import Use
from portevoix.domain.trunk import Engine, Trunk


@dataclass(frozen=True, slots=True)
class Room:
    """How many calls may begin over a trunk now.

    Args:
        opens_at: when its pace allows one again, where that is what it lacks.
        is_wanted: whether calls that are due wait for it.
    """

    trunk_id: int
    engine: Engine
    calls: int
    opens_at: datetime | None
    is_wanted: bool


@dataclass(frozen=True, slots=True)
class TrunkSight:
    """A trunk as its operator sees it.

    Args:
        under_way: calls over it, of all nodes.
        down_until: when it is tried again, where it could not be reached.
    """

    trunk: Trunk
    under_way: int
    down_until: datetime | None


class Trunks(Protocol):
    """Trunks and routes. Every node sees a change with its next call."""

    async def add(self, trunk: Trunk) -> Trunk:
        """Keep a trunk; returns it with its number. Raises AlreadyExists (the name)."""

    async def all(self) -> Sequence[TrunkSight]:
        """Read the trunks, by name."""

    async def remove(self, name: str) -> None:
        """Remove a trunk and its routes; calls under way go on. Raises NotFound."""

    async def add_route(self, route: Route) -> None:
        """Keep a route. Raises AlreadyExists (the name)."""

    async def routes(self) -> Sequence[Route]:
        """Read the routes, by prefix."""

    async def remove_route(self, name: str) -> None:
        """Remove a route. Raises NotFound."""

    async def rooms(self) -> Sequence[Room]:
        """Tell how many calls may begin over each trunk that is not down."""

    async def reachable(self, trunk_id: int, down_until: datetime | None) -> None:
        """Note whether a trunk answers: until when it is not tried, or ``None``."""

    async def heard(self, heard: Sequence[Heard], resting: Resting) -> None:
        """Note how attempts over routes have ended: what fails too often in a row rests."""

    async def use(self, account_id: int, uses: Sequence[Use]) -> Sequence[Use]:
        """Count what an account sends; returns its spans with it. In the unit of work that sends."""

    async def alarms(self, most: int) -> Sequence[tuple[int, int]]:
        """Record an event for accounts that send so many calls within an hour; returns them, each once an hour."""

    async def forget(self) -> None:
        """Drop what accounts sent days ago."""
