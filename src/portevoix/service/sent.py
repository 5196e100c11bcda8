"""What a customer reads of what it has sent, and of its credit."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from portevoix.domain.account import Access
from portevoix.domain.audio import TelephoneAudio
from portevoix.domain.call import CallState, Outcome
from portevoix.domain.campaign import (
    ANY_CALL,
    Attempt,
    Call,
    CallFilter,
    Campaign,
    CampaignFilter,
    CampaignState,
    Timeline,
    call_id,
    parse_call_id,
    parse_campaign_id,
)
from portevoix.domain.ledger import Sought, StatementLine
from portevoix.domain.money import format_euros
from portevoix.domain.placing import Placing
from portevoix.domain.tariff import Buys, buys
from portevoix.ports import House

SightState = Literal["scheduled", "active", "paused", "cancelled", "finished"]
StepKind = Literal[
    "accepted", "dialing", "ringing", "answered", "noted", "keys", "ended", "retry", "cancelled", "settled"
]

#: Calls that are read at once where all of a campaign's are.
CALLS_AT_ONCE = 1_000

#: Lines that are read at once where all of a ledger's are.
LINES_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Balance:
    """An account's credit.

    Args:
        available_micros: what it may spend now.
        held_micros: what is set aside for calls that are not over.
        buys: what the available part buys.
    """

    available_micros: int
    held_micros: int
    buys: Buys


@dataclass(frozen=True, slots=True)
class Sight:
    """A campaign as its owner sees it at a moment.

    Args:
        state: ``scheduled`` where it is active, and yet to begin.
        ends_at: about when it will be over; ``None`` where it is over or paused.
    """

    campaign: Campaign
    state: SightState
    ends_at: datetime | None


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """A transfer with what it was for.

    Args:
        campaign: public; ``None`` where it was not for a message.
        call: likewise.
    """

    posted: StatementLine
    campaign: str | None
    call: str | None


class Step(NamedTuple):
    """Something that happened to a call.

    Args:
        attempt: the attempt that it belongs to, 1 for the first.
        detail: the route, the outcome, the keys, when the next attempt is, the cost in euros, or what a carrier noted.
        cause: the SIP response code of an end, where the carrier gave one.
    """

    at: datetime
    what: StepKind
    attempt: int | None = None
    detail: str | None = None
    cause: int | None = None


async def read_balance(house: House, access: Access) -> Balance:
    """Tell an account's credit, what of it is set aside, and what it buys."""
    tariff = await house.tariffs.tariff(access.own_revision, access.default_revision)
    available_micros, held_micros = await house.ledger.balance(access.account_id)
    return Balance(available_micros, held_micros, buys(tariff, available_micros))


def see(house: House, access: Access, campaign: Campaign) -> Sight:
    """Tell where a campaign stands now, by its account's clock."""
    return _see(house, campaign, access.now(house.clock.now()))


def see_placed(house: House, placing: Placing) -> Sight:
    """Tell where a campaign stands that is being placed."""
    order, message = placing.order, placing.message
    total = len(placing.priced)
    campaign = Campaign(
        id=placing.campaign,
        kind=order.kind,
        state=CampaignState.ACTIVE,
        samples=message.audio.samples,
        sha256=message.audio.sha256,
        recording=(message.recording.token, str(message.recording.name)) if message.recording else None,
        text=message.utterance.text if message.utterance else None,
        language=message.utterance.language if message.utterance else None,
        sender=order.sender.digits if order.sender else None,
        notify_url=str(order.notify_url) if order.notify_url else None,
        email=str(order.email) if order.email else None,
        retries=order.retries,
        is_scheduled=order.due_at is not None,
        due_at=placing.due_at,
        created_at=placing.at,
        finished_at=None,
        total=total,
        open=total,
        delivered=0,
        cancelled=0,
        reserved_micros=placing.reserved_micros,
        settled_micros=0,
        held_micros=placing.reserved_micros,
    )
    return _see(house, campaign, placing.at)


def _see(house: House, campaign: Campaign, now: datetime) -> Sight:
    if campaign.state is not CampaignState.ACTIVE:
        return Sight(campaign, _STATES[campaign.state], None)
    left_s = -(-campaign.duration_s // 1) + campaign.open // house.policy.per_second
    ends_at = max(campaign.due_at, now) + timedelta(seconds=left_s)
    return Sight(campaign, "scheduled" if campaign.is_scheduled and campaign.due_at > now else "active", ends_at)


_STATES: Mapping[CampaignState, SightState] = {
    CampaignState.ACTIVE: "active",
    CampaignState.PAUSED: "paused",
    CampaignState.CANCELLED: "cancelled",
    CampaignState.FINISHED: "finished",
}


async def list_campaigns(
    house: House, access: Access, before: int | None, most: int, which: CampaignFilter | None = None
) -> Sequence[tuple[int, Campaign]]:
    """Read the account's campaigns, the newest first, each with its place."""
    return await house.campaigns.newest(access.account_id, before, most, which, access.now(house.clock.now()))


async def find_campaign(house: House, access: Access, campaign: str) -> Campaign:
    """Read one of the account's campaigns. Raises CampaignNotFound."""
    return await house.campaigns.find(access.account_id, parse_campaign_id(campaign))


async def hear_campaign(house: House, access: Access, campaign: str) -> TelephoneAudio:
    """Read what one of the account's campaigns plays. Raises CampaignNotFound."""
    found = await find_campaign(house, access, campaign)
    return await house.calls.sound(bytes.fromhex(found.sha256))


async def list_calls(
    house: House, access: Access, campaign: str, after: int, most: int, which: CallFilter = ANY_CALL
) -> Sequence[Call]:
    """Read a campaign's calls in the order of the recipients, from after a position on. Raises CampaignNotFound."""
    await find_campaign(house, access, campaign)
    return await house.campaigns.calls(access.account_id, campaign, after, most, which)


async def all_calls(
    house: House, access: Access, campaign: str, after: int, which: CallFilter = ANY_CALL
) -> AsyncGenerator[Sequence[Call], None]:
    """Read all of a campaign's calls from after a position on, a part at a time. Raises CampaignNotFound."""
    page = await list_calls(house, access, campaign, after, CALLS_AT_ONCE, which)
    while page:
        yield page
        if len(page) < CALLS_AT_ONCE:
            return
        _, after = parse_call_id(page[-1].id)
        page = await house.campaigns.calls(access.account_id, campaign, after, CALLS_AT_ONCE, which)


async def find_call(house: House, access: Access, call: str) -> Timeline:
    """Read one of the account's calls with all that happened to it. Raises CallNotFound, CallErased."""
    campaign, position = parse_call_id(call)
    found = await house.campaigns.call(access.account_id, campaign, position)
    attempts = await house.campaigns.attempts(access.account_id, campaign, position)
    created_at = (await house.campaigns.find(access.account_id, campaign)).created_at
    return Timeline(found, campaign, created_at, tuple(attempts))


def steps(timeline: Timeline) -> list[Step]:
    """Tell all that happened to a call, in order."""
    call = timeline.call
    told = [Step(timeline.created_at, "accepted")]
    for number, attempt in enumerate(timeline.attempts, start=1):
        told += _steps_of(attempt)
        if attempt.ended_at is None:
            continue
        if number < len(timeline.attempts):
            told.append(_retry(attempt, attempt.ended_at, timeline.attempts[number].dialed_at))
        elif not call.state.is_over and not call.state.is_under_way:
            told.append(_retry(attempt, attempt.ended_at, call.due_at))
    if call.ended_at is not None:
        if call.state is CallState.CANCELLED:
            told.append(Step(call.ended_at, "cancelled"))
        told.append(Step(call.ended_at, "settled", None, format_euros(call.cost_micros or 0)))
    return told


def _steps_of(attempt: Attempt) -> list[Step]:
    number = attempt.number
    told = [Step(attempt.dialed_at, "dialing", number, attempt.route)]
    if attempt.ringing_at is not None:
        told.append(Step(attempt.ringing_at, "ringing", number))
    if attempt.answered_at is not None:
        told.append(Step(attempt.answered_at, "answered", number, str(attempt.answerer) if attempt.answerer else None))
    told += [Step(one.at, "noted", number, f"{one.what} {one.detail}".rstrip()) for one in attempt.trace]
    told.sort(key=lambda step: step.at)  # what a carrier noted stands between the rest; equals stay as they are
    if attempt.ended_at is not None:
        if attempt.keys:
            told.append(Step(attempt.ended_at, "keys", number, attempt.keys))
        told.append(Step(attempt.ended_at, "ended", number, str(attempt.outcome or Outcome.LOST), attempt.cause))
    return told


def _retry(attempt: Attempt, at: datetime, again_at: datetime) -> Step:
    return Step(at, "retry", attempt.number, again_at.isoformat().replace("+00:00", "Z"))


async def read_statement(house: House, access: Access, after: int, most: int) -> Sequence[StatementLine]:
    """Read the account's transfers, oldest first, from after one on."""
    lines: list[StatementLine] = []
    async for line in house.ledger.statement(access.account_id, after):
        lines.append(line)
        if len(lines) == most:
            break
    return lines


async def read_ledger(house: House, access: Access, after: int, most: int) -> Sequence[LedgerLine]:
    """Read the account's transfers, oldest first, from after one on, each with the message and call it was for."""
    posted = await read_statement(house, access, after, most)
    holds = {line.hold_id for line in posted if line.hold_id is not None}
    calls = await house.campaigns.of_holds(access.account_id, sorted(holds)) if holds else {}
    return [_ledger_line(line, calls.get(line.hold_id or 0)) for line in posted]


async def newest_lines(
    house: House, access: Access, sought: Sought, before: int | None, most: int
) -> Sequence[LedgerLine]:
    """Read the account's transfers, the newest first, from before one on, each with the message and call it was for."""
    found = await house.ledger.newest(access.account_id, sought, before, most)
    return [_ledger_line(line, parse_call_id(call) if call else None) for line, call in found]


async def all_lines(house: House, access: Access, sought: Sought) -> AsyncGenerator[Sequence[LedgerLine], None]:
    """Read all of the account's transfers that are looked for, the newest first, a part at a time."""
    page = await newest_lines(house, access, sought, None, LINES_AT_ONCE)
    while page:
        yield page
        if len(page) < LINES_AT_ONCE:
            return
        page = await newest_lines(house, access, sought, page[-1].posted.transfer_id, LINES_AT_ONCE)


def _ledger_line(posted: StatementLine, call: tuple[str, int] | None) -> LedgerLine:
    return LedgerLine(posted, None, None) if call is None else LedgerLine(posted, call[0], call_id(*call))
