"""Dialling: from a due call to what a carrier is asked, and its report filed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from portevoix.domain.audio import RATE_HZ
from portevoix.domain.call import Outcome, Report
from portevoix.domain.campaign import Kind
from portevoix.domain.dialling import Claimed, Dial, Wait
from portevoix.domain.trunk import Engine
from portevoix.ports import House, Room
from portevoix.service import routing
from portevoix.service.campaigns import cancel_stranded

#: How long a call may last after the answer, where its minute is free.
LONGEST_FREE_S = 3_600

#: How long a machine may greet before a deposit.
LONGEST_GREETING_S = 60

FORSAKEN_AT_ONCE = 1_000


async def claim_due(
    house: House, node: int, most: int, room: int, busy: Mapping[int, int], trunks: Sequence[Room] | None = None
) -> Sequence[Claimed]:
    """Take due calls for a node, in equal parts for the accounts that have some.

    Args:
        most: how many at most.
        room: how many of one account at most, but for those that are ``busy``.
        trunks: how many over each trunk; looked up, where it is not told.
    """
    return await house.calls.claim(node, most, room, busy, await rooms(house) if trunks is None else trunks)


async def rooms(house: House, engines: Collection[Engine] = tuple(Engine)) -> Sequence[Room]:
    """Tell how many calls a node may begin over each trunk now: none where it lacks the engine."""
    found = await house.trunks.rooms()
    return [one if one.engine in engines else replace(one, calls=0, opens_at=None) for one in found]


async def begin(
    house: House,
    node: int,
    claimed: Sequence[Claimed],
    routes: Sequence[str],
    engines: Collection[Engine] = tuple(Engine),
) -> Sequence[Dial]:
    """Commit that calls are dialled now, and tell what to ask of the carrier of each.

    What may not be dialled (its campaign was paused or cancelled meanwhile, its account switched off, its trunk is
    full, its routes are shut) is given back with what it waits for, and not among the answers.

    Args:
        routes: the names of the simulated ones; a live account's calls go over trunks.
        engines: those of this node; what needs another is left to other nodes.
    """
    ours = house.clock.now()
    plans = await routing.plan(house, claimed, engines)
    dials = [
        (one, _route(one, plans, routes), one.clock.began(one.due_at, ours))
        for one in claimed
        if one.id not in plans or plans[one.id].wait is None
    ]
    sounds = {sha256: await house.calls.sound(sha256) for sha256 in {one.sha256 for one, _, _ in dials}}
    longest = {one.id: await _longest_s(house, one) for one, _, _ in dials}
    trunks = {call: one.path.trunk.id for call, one in plans.items() if one.path is not None}
    attempts = await house.calls.dial(node, dials, trunks) if dials else {}
    if len(attempts) < len(claimed):
        waits = {call: Wait(trunk) for call, trunk in trunks.items()}
        waits |= {call: one.wait for call, one in plans.items() if one.wait is not None}
        await house.calls.give_back(node, [one.id for one in claimed if one.id not in attempts], waits)
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
            path=plans[one.id].path if one.id in plans else None,
            refused=plans[one.id].refused if one.id in plans else None,
        )
        for one, _, at in dials
        if one.id in attempts
    ]


def _route(call: Claimed, plans: Mapping[int, routing.Plan], routes: Sequence[str]) -> str:
    return plans[call.id].route if call.id in plans else routes[min(call.route, len(routes) - 1)]


async def disown(house: House, node: int, orphans: Collection[int]) -> None:
    """Take care of calls that a node has by the books alone: what was claimed goes back, what was dialled is lost.

    They come from an answer of the database that was lost on its way: nobody knows whether a carrier was asked.
    """
    await house.calls.give_back(node, sorted(orphans))
    under_way = [(call, attempt) for call, state, attempt in await house.calls.at_node(node) if state.is_under_way]
    report = Report(Outcome.LOST, house.clock.now())
    await house.calls.file([(call, attempt, report) for call, attempt in under_way if call in orphans])


async def recover(house: House, node: int | None = None, *, dead_by: datetime | None) -> Sequence[int]:
    """Take care of what dead nodes left: claimed calls are due again, calls under way are filed as lost.

    And of what came back to campaigns that had been cancelled meanwhile.

    Args:
        node: who asks: what other living nodes have filed is theirs to settle. Without one, all of it is told.
        dead_by: nodes whose lease was over by then are dead; ``None``: those alone that have left.

    Returns:
        calls that wait to be settled.
    """
    lost = await house.calls.forsake(FORSAKEN_AT_ONCE, dead_by)
    if lost:
        report = Report(Outcome.LOST, house.clock.now())
        await house.calls.file([(call, attempt, report) for call, attempt in lost])
    await cancel_stranded(house)
    return await house.calls.filed(FORSAKEN_AT_ONCE, node)


async def _longest_s(house: House, claimed: Claimed) -> int:
    """Tell when a call must end, in whole seconds from its answer: at the end of what was set aside for it."""
    if claimed.kind is Kind.DEPOSIT:
        return -(-claimed.samples // RATE_HZ) + LONGEST_GREETING_S
    tariff = await house.tariffs.tariff(claimed.own_revision, claimed.default_revision)
    rate = tariff.rate_for(claimed.product, claimed.number.digits)
    assert rate is not None, "it was priced by this tariff"
    affordable_s = rate.affordable_s(claimed.reserved_micros)
    return LONGEST_FREE_S if affordable_s is None else min(affordable_s, LONGEST_FREE_S)
