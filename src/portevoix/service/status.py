"""How a service fares: its processes, what waits, trunks, chores, the database; and what is wrong with that."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from portevoix.domain.routing import Route
from portevoix.ports import Chore, DatabaseSight, House, Node, Queues, TrunkSight

#: A chore that is due for so long is done by nobody.
OVERDUE = timedelta(seconds=60)

#: Of the server's connections, the part from which on it is told that they may run out.
MOST_CONNECTIONS_PERCENT = 90


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that the operator should know.

    Args:
        is_fault: it keeps the service from its work; else it is worth a look.
        what: is so.
        do: what to do.
    """

    is_fault: bool
    what: str
    do: str


@dataclass(frozen=True, slots=True)
class Status:
    """How a service fares, at a moment.

    Args:
        at: by the clock of who looks.
    """

    at: datetime
    nodes: Sequence[Node]
    queues: Queues
    trunks: Sequence[TrunkSight]
    routes: Sequence[Route]
    chores: Sequence[Chore]
    database: DatabaseSight

    @property
    def alive(self) -> Sequence[Node]:
        """The processes that have shown themselves."""
        return [node for node in self.nodes if node.is_alive]


async def look(house: House) -> Status:
    """Look at all of it."""
    nodes, queues, trunks, routes, chores, database = await asyncio.gather(
        house.nodes.all(),
        house.nodes.queues(),
        house.trunks.all(),
        house.trunks.routes(),
        house.chores.all(),
        house.nodes.database(),
    )
    return Status(house.clock.now(), nodes, queues, trunks, routes, chores, database)


def findings(status: Status) -> Sequence[Finding]:
    """Tell what is wrong, and what is worth a look: the faults first."""
    found = [*_of_nodes(status), *_of_trunks(status), *_of_chores(status), *_of_database(status.database)]
    return sorted(found, key=lambda one: not one.is_fault)


def _of_nodes(status: Status) -> Iterator[Finding]:
    alive = status.alive
    if not alive:
        yield Finding(True, "no process is alive", "start 'portevoix serve', or 'portevoix work'")
    elif status.queues.calls_due and not any(node.role.works for node in alive):
        what = f"{status.queues.calls_due} calls are due and no process dials"
        yield Finding(True, what, "start 'portevoix work', or 'portevoix serve' with PORTEVOIX_WORK=yes")
    for node in status.nodes:
        if not node.is_alive:
            what = f"process {node.name} has been silent since {node.lease_until:%Y-%m-%d %H:%M:%S} UTC"
            yield Finding(False, what, "a process that dials takes its calls over; see why it died in its log")
    counting = [node for node in alive if node.role.serves]
    if len(counting) > 1 and not all(node.shares_limits for node in counting):
        what = f"{len(counting)} processes answer requests, and not all of them count requests together"
        yield Finding(False, what, "set PORTEVOIX_LIMITS=shared on each of them")
    versions = sorted({node.version for node in alive})
    if len(versions) > 1:
        what = f"processes of several versions are alive: {', '.join(one or 'an older one' for one in versions)}"
        yield Finding(False, what, "finish the upgrade")


def _of_trunks(status: Status) -> Iterator[Finding]:
    for sight in status.trunks:
        if sight.down_until is not None and sight.down_until > status.at:
            what = f"trunk {sight.trunk.name} does not answer"
            yield Finding(True, what, f"'portevoix trunk check {sight.trunk.name}' says more")
    down = {sight.trunk.id for sight in status.trunks if sight.down_until is not None}
    for route in status.routes:
        if route.down_until is not None and route.down_until > status.at and route.trunk.id not in down:
            what = f"route {route.name} rests until {route.down_until:%Y-%m-%d %H:%M:%S} UTC: calls over it failed"
            yield Finding(False, what, f"ask the operator of trunk {route.trunk.name}")


def _of_chores(status: Status) -> Iterator[Finding]:
    for chore in status.chores:
        if chore.fault is not None:
            do = f"see the log of {chore.taker}; it is done again by itself"
            yield Finding(True, f"chore {chore.name} failed: {chore.fault}", do)
        if status.alive and chore.due_at < status.at - OVERDUE:
            what = f"chore {chore.name} has been due since {chore.due_at:%Y-%m-%d %H:%M:%S} UTC, and nobody does it"
            yield Finding(True, what, "see the logs of the processes, and whether their clocks are right")


def _of_database(database: DatabaseSight) -> Iterator[Finding]:
    if database.connections * 100 > database.most_connections * MOST_CONNECTIONS_PERCENT:
        what = f"{database.connections} of the database's {database.most_connections} connections are taken"
        yield Finding(False, what, "raise max_connections, or put PgBouncer before it")
    for replica in database.replicas:
        if replica.state not in (None, "streaming"):
            yield Finding(False, f"replica {replica.name} is in state {replica.state}", "see its log")
