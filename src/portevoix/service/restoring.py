"""After a restore: what may have been dialled since the backup is not dialled again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from portevoix.domain.call import Outcome, Report
from portevoix.domain.errors import InvalidValue
from portevoix.ports import House, Whereabouts
from portevoix.service.settlement import settle

AT_ONCE = 500
LEASE_S = 60


@dataclass(frozen=True, slots=True)
class Doubts:
    """What a restored database may have forgotten.

    Args:
        until: the moment up to which calls may have been dialled elsewhere.
        doubtful: calls that wait and were due by then: they may have been dialled.
        later: calls that are due later: they cannot have been.
    """

    whereabouts: Whereabouts
    until: datetime
    doubtful: int
    later: int


async def look(house: House, until: datetime | None = None) -> Doubts:
    """Tell where the database stands, and which calls are in doubt.

    Args:
        until: when the last node stopped that knew more; when the move was first seen, where that is not told.

    Raises:
        InvalidValue: that moment is yet to come.
    """
    whereabouts = await house.restoring.look()
    now = house.clock.now()
    if until is not None and until > now:
        raise InvalidValue("the moment when the last node stopped cannot be in the future")
    until = until or (whereabouts.moved_at if whereabouts.is_moved else None) or now
    return Doubts(whereabouts, until, *await house.restoring.waiting(until))


async def go_on(house: House) -> None:
    """Dial here as before: nothing was lost."""
    await house.restoring.accept((await house.restoring.look()).here)


async def go_on_from_backup(house: House, until: datetime | None = None) -> int:
    """End what may have been dialled since the backup as uncertain, set its credit free, and dial the rest.

    Until that is done nothing is dialled; done again after a failure, it goes on where it stopped.

    Args:
        until: as for ``look``.

    Returns:
        how many calls are uncertain now.

    Raises:
        InvalidValue: that moment is yet to come.
    """
    doubts = await look(house, until)
    node = await house.calls.join("portevoix recover", LEASE_S)
    uncertain = 0
    while attempts := await house.restoring.doubt(node, doubts.until, AT_ONCE):
        lost = Report(Outcome.LOST, house.clock.now())
        await house.calls.file([(call, attempt, lost) for call, attempt in attempts])
        await settle(house, [call for call, _ in attempts])
        uncertain += len(attempts)
        await house.calls.renew(node, LEASE_S)
    await house.calls.leave(node)
    await house.restoring.accept(doubts.whereabouts.here)
    return uncertain


async def watch(house: House, *, goes_on: bool) -> Whereabouts:
    """See whether anything may be dialled; where a failover loses nothing, go on after one.

    Args:
        goes_on: whether the operator has every commit kept by a synchronous replica.
    """
    whereabouts = await house.restoring.look()
    if whereabouts.is_moved and whereabouts.is_failover and goes_on:
        await house.restoring.accept(whereabouts.here)
        return await house.restoring.look()
    return whereabouts
