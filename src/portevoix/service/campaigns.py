"""Sending: from an order to a campaign whose calls are paid for and queued."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from portevoix.domain.account import Access
from portevoix.domain.campaign import (
    Campaign,
    CampaignBegun,
    Cancelled,
    Message,
    Offer,
    Order,
    Priced,
    RecipientsRefused,
    Refused,
    SenderNotAuthorized,
    Waiting,
    campaign_id,
    offers,
    parse_campaign_id,
)
from portevoix.domain.errors import InsufficientCredit
from portevoix.domain.ids import Mode
from portevoix.domain.ledger import Reserve, Resolve
from portevoix.domain.magic import Trick, trick_of
from portevoix.domain.number import Number
from portevoix.domain.placing import Placing
from portevoix.domain.recording import parse_token
from portevoix.domain.schedule import ahead
from portevoix.ports import House
from portevoix.service import routing
from portevoix.service.settlement import tell

STRANDED_AT_ONCE = 100

#: Does something with a campaign in the transaction that keeps it: keeps the answer under an idempotency key.
Alongside = Callable[[House, Placing], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Quote:
    """What an order would cost, without anything being reserved.

    Args:
        priced: the recipients that can be reached, each with the most that it can cost.
        refused: those that cannot.
        begins_at, ends_at: when it would begin, and about when it would be over.
    """

    message: Message
    priced: tuple[Priced, ...]
    refused: tuple[Refused, ...]
    begins_at: datetime
    ends_at: datetime

    @property
    def total_micros(self) -> int:
        """The most that all of it can cost."""
        return sum(one.most_micros for one in self.priced)


async def quote(house: House, access: Access, order: Order) -> Quote:
    """Price an order, and reserve nothing.

    Raises:
        NoRoute, NoDepositRoute: a live account's message, and no trunk takes it.
        RecordingNotFound, ScheduledDateInvalid, TextTooLong, LanguageInvalid, SpeechFailed, SpeechUnavailable.
    """
    found, refused = await _offers(house, access, order, await routing.routes_for(house, access, order.kind))
    message = await _message(house, access, order)
    priced = tuple(one.price(message.billable_s) for one in found)
    begins_at = order.due_at or access.now(house.clock.now())
    spoken_s = message.billable_s + len(priced) // house.policy.per_second
    return Quote(message, priced, refused, begins_at, begins_at + timedelta(seconds=spoken_s))


async def check_sender(house: House, access: Access, sender: Number | None) -> None:
    """See that an account may show a number. Raises SenderNotAuthorized."""
    if sender is None or (access.mode is Mode.SANDBOX and sender.is_fiction):
        return
    if not await house.campaigns.sender_is_verified(access.account_id, sender.digits):
        raise SenderNotAuthorized("the sender has not been verified for this account")


async def send(house: House, access: Access, order: Order, alongside: Alongside | None = None) -> Placing:
    """Send a message: price it, set the most that it can cost aside, keep the campaign and queue its calls.

    All of it is one transaction: where anything is refused, nothing was charged and nobody is called.

    Args:
        alongside: done in the same transaction.

    Raises:
        RecipientsRefused: some numbers cannot be called; each is named.
        InsufficientCredit: the credit does not cover the most that it can cost.
        SenderNotAuthorized: the sender was not verified for this account.
        NoRoute, NoDepositRoute: a live account's message, and no trunk takes it.
        CapReached: the day's allowance does not cover it.
        RecordingNotFound, ScheduledDateInvalid, TextTooLong, LanguageInvalid, SpeechFailed, SpeechUnavailable.
    """
    if order.due_at is not None:
        ahead(order.due_at, access.now(house.clock.now()))
    await check_sender(house, access, order.sender)
    table = await routing.routes_for(house, access, order.kind)
    found, refused = await _offers(house, access, order, table)
    if refused:
        raise RecipientsRefused(refused)
    if access.mode is Mode.SANDBOX and any(trick_of(number) is Trick.NO_CREDIT for number in order.numbers):
        raise InsufficientCredit("this number of the sandbox is refused as if the credit were too low")
    message = await _message(house, access, order)
    priced = tuple(one.price(message.billable_s) for one in found)
    campaign = campaign_id(house.entropy(16))
    async with house.unit_of_work() as together:
        holds = await _reserve(together, access, campaign, priced)
        placing = Placing(
            account_id=access.account_id,
            campaign=campaign,
            token=house.entropy(16).hex(),
            order=order,
            message=message,
            priced=priced,
            holds=holds,
            own_revision=access.own_revision,
            default_revision=access.default_revision,
            at=access.now(house.clock.now()),
            trunks=routing.queues(table, campaign, priced),
        )
        await routing.count_use(together, access, priced)
        await together.campaigns.place(placing)
        if alongside is not None:
            await alongside(together, placing)
    return placing


async def cancel(house: House, access: Access, campaign: str, *, whole: bool) -> tuple[Campaign, int]:
    """Cancel what has not begun of a campaign, and set its credit free at once.

    Args:
        whole: only a scheduled campaign of which nothing has begun: else nothing is changed.

    Returns:
        the campaign as it is now, and the credit that came back.

    Raises:
        CampaignNotFound: the account has no such campaign.
        CampaignBegun: it is over, was cancelled, or (where ``whole``) has begun.
    """
    found = await house.campaigns.find(access.account_id, parse_campaign_id(campaign))
    if found.state.is_over or (whole and not found.is_scheduled):
        raise CampaignBegun("the message has begun, is over or was cancelled")
    async with house.unit_of_work() as together:
        waiting = await together.campaigns.lock_waiting(access.account_id, campaign)
        if whole and (len(waiting) != found.total or any(one.attempts for one in waiting)):
            raise CampaignBegun("the message has begun, is over or was cancelled")
        done = await _cancel(together, access.account_id, campaign, waiting, access.now(house.clock.now()))
        if done is None:
            raise CampaignBegun("the message has begun, is over or was cancelled")
    return await house.campaigns.find(access.account_id, campaign), done.released_micros


async def cancel_stranded(house: House) -> None:
    """Cancel what waits of cancelled campaigns: calls that were under way then, and came back to be tried again."""
    for account_id, campaign, offset_s in await house.campaigns.stranded(STRANDED_AT_ONCE):
        async with house.unit_of_work() as together:
            waiting = await together.campaigns.lock_waiting(account_id, campaign)
            await _cancel(together, account_id, campaign, waiting, house.clock.now() + timedelta(seconds=offset_s))


async def _cancel(
    together: House, account_id: int, campaign: str, waiting: Sequence[Waiting], at: datetime
) -> Cancelled | None:
    """Cancel calls that were locked, set their credit free, and tell of the end if that was it."""
    await together.ledger.resolve_all([Resolve(one.hold_id, 0) for one in waiting if one.hold_id is not None])
    done = await together.campaigns.cancel(account_id, campaign, [one.call_id for one in waiting], at)
    if done is not None and done.is_over:
        await tell(together, [], await together.calls.finished([done.campaign_id]))
    return done


async def pause(house: House, access: Access, campaign: str) -> Campaign:
    """Hold back what has not begun of a campaign. Raises CampaignNotFound, CampaignBegun (it is over)."""
    found = await house.campaigns.find(access.account_id, parse_campaign_id(campaign))
    if not await house.campaigns.pause(access.account_id, campaign) and found.state.is_over:
        raise CampaignBegun("the message is over or was cancelled")
    return await house.campaigns.find(access.account_id, campaign)


async def resume(house: House, access: Access, campaign: str) -> Campaign:
    """Let a paused campaign go on. Raises CampaignNotFound, CampaignBegun (it is over)."""
    found = await house.campaigns.find(access.account_id, parse_campaign_id(campaign))
    if not await house.campaigns.resume(access.account_id, campaign) and found.state.is_over:
        raise CampaignBegun("the message is over or was cancelled")
    return await house.campaigns.find(access.account_id, campaign)


async def _message(house: House, access: Access, order: Order) -> Message:
    """Find what is to be played: a recording as it is kept, or a text as it is spoken now."""
    if order.token is not None:
        token = parse_token(order.token)
        recording = await house.recordings.find(access.account_id, token)
        return Message(await house.recordings.audio(access.account_id, token), recording=recording)
    assert order.utterance is not None, "an order has a recording or a text"
    return Message(await house.speech.speak(order.utterance), utterance=order.utterance)


async def _offers(
    house: House, access: Access, order: Order, table: routing.TableOfRoutes | None
) -> tuple[tuple[Offer, ...], tuple[Refused, ...]]:
    """Find the rates of the recipients, and all of what was given that cannot be called."""
    tariff = await house.tariffs.tariff(access.own_revision, access.default_revision)
    found, refused = offers(tariff, order.kind, order.numbers)
    found, unreachable = routing.sift(table, found)
    refused += unreachable
    if access.mode is Mode.SANDBOX:
        tricked = dict.fromkeys(one.number for one in found if trick_of(one.number) is Trick.INVALID)
        refused += tuple(Refused(str(number), "this number of the sandbox is always refused") for number in tricked)
        found = tuple(one for one in found if one.number not in tricked)
    return found, (*order.refused, *refused)


async def _reserve(together: House, access: Access, campaign: str, priced: Sequence[Priced]) -> tuple[int | None, ...]:
    """Open a hold for each recipient that costs something, all or none."""
    commands = [
        Reserve(access.account_id, one.most_micros, f"{campaign}-{position}")
        for position, one in enumerate(priced, start=1)
        if one.most_micros
    ]
    held = iter(await together.ledger.reserve_all(commands))
    return tuple(next(held).hold_id if one.most_micros else None for one in priced)
