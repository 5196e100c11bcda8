"""Dialling: from a due call to what a carrier is asked, and its report filed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from portevoix.domain.audio import RATE_HZ
from portevoix.domain.call import Outcome, Report
from portevoix.domain.campaign import Kind
from portevoix.domain.dialling import Claimed, Dial
from portevoix.ports import House
from portevoix.service.campaigns import cancel_stranded

#: How long a call may last after the answer, where its minute is free.
LONGEST_FREE_S = 3_600

#: How long a machine may greet before a deposit.
LONGEST_GREETING_S = 60

FORSAKEN_AT_ONCE = 1_000


async def claim_due(house: House, node: int, most: int, room: int, busy: Mapping[int, int]) -> Sequence[Claimed]:
    """Take due calls for a node, in equal parts for the accounts that have some.

    Args:
        most: how many at most.
        room: how many of one account at most, but for those that are ``busy``.
    """
    return await house.calls.claim(node, most, room, busy)


async def begin(house: House, node: int, claimed: Sequence[Claimed], routes: Sequence[str]) -> Sequence[Dial]:
    """Commit that calls are dialled now, and tell what to ask of the carrier of each.

    What may not be dialled (its campaign was paused or cancelled meanwhile) is given back, and not among the answers.
    """
    ours = house.clock.now()
    dials = [(one, routes[min(one.route, len(routes) - 1)], one.clock.began(one.due_at, ours)) for one in claimed]
    sounds = {sha256: await house.calls.sound(sha256) for sha256 in {one.sha256 for one in claimed}}
    longest = {one.id: await _longest_s(house, one) for one in claimed}
    attempts = await house.calls.dial(node, dials)
    if len(attempts) < len(claimed):
        await house.calls.give_back(node, [one.id for one in claimed if one.id not in attempts])
    return [
        Dial(
            call_id=one.id,
            call=one.public_id,
            attempt=attempts[one.id],
            account_id=one.account_id,
            number=one.number,
            kind=one.kind,
            audio=sounds[one.sha256],
            sender=one.sender,
            route=min(one.route, len(routes) - 1),
            at=at,
            longest_s=longest[one.id],
            clock_offset_s=one.clock.offset_s,
        )
        for one, _, at in dials
        if one.id in attempts
    ]


async def disown(house: House, node: int, orphans: Collection[int]) -> None:
    """Take care of calls that a node has by the books alone: what was claimed goes back, what was dialled is lost.

    They come from an answer of the database that was lost on its way: nobody knows whether a carrier was asked.
    """
    await house.calls.give_back(node, sorted(orphans))
    under_way = [(call, attempt) for call, state, attempt in await house.calls.at_node(node) if state.is_under_way]
    report = Report(Outcome.LOST, house.clock.now())
    await house.calls.file([(call, attempt, report) for call, attempt in under_way if call in orphans])


async def recover(house: House) -> Sequence[int]:
    """Take care of what dead nodes left: claimed calls are due again, calls under way are filed as lost.

    And of what came back to campaigns that had been cancelled meanwhile.

    Returns:
        calls that wait to be settled.
    """
    lost = await house.calls.forsake(FORSAKEN_AT_ONCE)
    if lost:
        report = Report(Outcome.LOST, house.clock.now())
        await house.calls.file([(call, attempt, report) for call, attempt in lost])
    await cancel_stranded(house)
    return await house.calls.filed(FORSAKEN_AT_ONCE)


async def _longest_s(house: House, claimed: Claimed) -> int:
    """Tell when a call must end, in whole seconds from its answer: at the end of what was set aside for it."""
    if claimed.kind is Kind.DEPOSIT:
        return -(-claimed.samples // RATE_HZ) + LONGEST_GREETING_S
    tariff = await house.tariffs.tariff(claimed.own_revision, claimed.default_revision)
    rate = tariff.rate_for(claimed.product, claimed.number.digits)
    assert rate is not None, "it was priced by this tariff"
    affordable_s = rate.affordable_s(claimed.reserved_micros)
    return LONGEST_FREE_S if affordable_s is None else min(affordable_s, LONGEST_FREE_S)
