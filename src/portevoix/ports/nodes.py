"""The processes of a service, what waits for them, and the database that they share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from portevoix import __version__


class Role(StrEnum):
    """What a process does."""

    SERVE = "serve"
    WORK = "work"
    BOTH = "both"

    @property
    def serves(self) -> bool:
        """Whether it answers requests."""
        return self is not Role.WORK

    @property
    def works(self) -> bool:
        """Whether it dials and delivers."""
        return self is not Role.SERVE


@dataclass(frozen=True, slots=True)
class Standing:
    """What a process says of itself.

    Args:
        shares_limits: whether it counts requests together with others.
    """

    role: Role = Role.BOTH
    version: str = __version__
    shares_limits: bool = True


#: Of a process that serves and works, on this version.
ORDINARY = Standing()


@dataclass(frozen=True, slots=True)
class Node:
    """A process, as the operator sees it.

    Args:
        name: its host and number: ``host/1234``.
        lease_until: when it is taken for dead, unless it shows itself before.
        under_way: calls that it has.
        version: empty of one that does not say.
        seen_at: when it last showed itself, by its own clock; ``None`` of one that does not say.
    """

    id: int
    name: str
    started_at: datetime
    lease_until: datetime
    is_alive: bool
    under_way: int
    role: Role
    version: str
    shares_limits: bool
    seen_at: datetime | None


@dataclass(frozen=True, slots=True)
class Replica:
    """A copy of the database, as the database that it copies sees it; ``None`` for what our role may not see.

    Args:
        state: ``streaming`` where all is well.
        behind_bytes, behind_s: of what was written, what it has not yet.
    """

    name: str
    state: str | None
    behind_bytes: int | None
    behind_s: float | None


@dataclass(frozen=True, slots=True)
class DatabaseSight:
    """The database, as the operator sees it.

    Args:
        connections: to all databases of the server; at most ``most_connections``.
    """

    version: str
    size_bytes: int
    connections: int
    most_connections: int
    replicas: Sequence[Replica]


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

    async def database(self) -> DatabaseSight:
        """Look at the database."""
