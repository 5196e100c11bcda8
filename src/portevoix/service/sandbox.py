"""The sandbox: what its phones received, its clock moved on, a new beginning."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from portevoix.domain.account import Access
from portevoix.domain.audio import RATE_HZ, TelephoneAudio
from portevoix.domain.call import Outcome, Report
from portevoix.domain.campaign import CampaignBegun
from portevoix.domain.errors import NotFound
from portevoix.domain.ledger import PAID, Kind
from portevoix.domain.notice import SentMail, Webhook
from portevoix.domain.sandbox import CREDIT_MICROS, Received, must_be_sandbox, parse_step
from portevoix.ports import House
from portevoix.service.campaigns import cancel
from portevoix.service.settlement import settle

#: How long moving the clock on waits for what was due to have happened.
QUIET_TIMEOUT_S = 15.0
LOOK_AGAIN_S = 0.05

MAILS_SHOWN = 100

#: Does something with what the clock shows, in the transaction that moves it on: keeps an answer.
Alongside = Callable[[House, datetime], Awaitable[None]]


async def read_inbox(
    house: House,
    access: Access,
    before: int | None,
    most: int,
    *,
    number: str | None = None,
    message: str | None = None,
) -> tuple[Sequence[Received], Sequence[Webhook], Sequence[SentMail]]:
    """Read what the simulated phones received, the newest first, with the webhooks and mails that followed.

    Args:
        number: of one phone, in E.164 without the plus.
        message: of one campaign.

    Raises:
        SandboxOnly.
    """
    must_be_sandbox(access)
    received = await house.sandboxes.inbox(access.account_id, before, most, number=number, campaign=message)
    calls = sorted({(one.campaign, one.position) for one in received})
    webhooks = await house.notices.webhooks_of(access.account_id, calls)
    return received, webhooks, await house.notices.mails(access.account_id, MAILS_SHOWN)


async def hear_inbox(house: House, access: Access, entry: int) -> TelephoneAudio:
    """Read what was played to a simulated phone, or landed on its voicemail.

    Raises:
        NotFound: there is no such entry, or nothing was played.
        SandboxOnly.
    """
    must_be_sandbox(access)
    received, audio = await house.sandboxes.received(access.account_id, entry)
    if not received.heard_samples:
        raise NotFound("nothing was played with this call")
    return TelephoneAudio(audio.alaw[: received.heard_samples])


async def empty_inbox(house: House, access: Access) -> None:
    """Empty the inbox. Raises SandboxOnly."""
    must_be_sandbox(access)
    await house.sandboxes.empty(access.account_id)


async def advance_clock(
    house: House, access: Access, seconds: int, alongside: Alongside | None = None
) -> tuple[datetime, bool]:
    """Move the sandbox's clock on, through what was scheduled, retries, calls under way and credit that lapses.

    Waits until all that was due by then has happened, as far as that takes no longer than ``QUIET_TIMEOUT_S``.

    Args:
        alongside: done in the transaction that moves the clock on.

    Returns:
        what the clock shows now, and whether all has happened.

    Raises:
        SandboxOnly, InvalidValue (the step).
    """
    must_be_sandbox(access)
    step_s = parse_step(seconds, access.clock_offset_s)
    async with house.unit_of_work() as together:
        await together.sandboxes.advance(access.account_id, step_s)
        if alongside is not None:
            await alongside(together, await _now(together, access.account_id))
    await house.ledger.expire_due()
    is_quiet = await _comes_to_rest(house, access.account_id)
    return await _now(house, access.account_id), is_quiet


async def _now(house: House, account_id: int) -> datetime:
    return (await house.sandboxes.clock(account_id)).now(house.clock.now())


async def _comes_to_rest(house: House, account_id: int) -> bool:
    """Wait until all that was due has happened, for a while; each call that ends is heard as an event."""
    async with house.signals.subscribe("events") as signal:
        try:
            async with asyncio.timeout(QUIET_TIMEOUT_S):
                while not await house.sandboxes.is_quiet(account_id):
                    await signal.heard(LOOK_AGAIN_S)
        except TimeoutError:
            return False
    return True


async def reset(house: House, access: Access) -> None:
    """Begin anew: nothing sent, nothing under way, an empty inbox, the clock set right, 100 € of credit.

    Raises:
        SandboxOnly.
    """
    must_be_sandbox(access)
    campaigns, _ = await house.sandboxes.unfinished(access.account_id)
    for campaign in campaigns:
        try:
            await cancel(house, access, campaign, whole=False)
        except CampaignBegun:
            continue  # it came to its end by itself
    async with house.unit_of_work() as together:  # so that nobody is told of what ends with it
        _, calls = await together.sandboxes.unfinished(access.account_id)
        report = Report(Outcome.LOST, access.now(house.clock.now()))
        await together.calls.file([(call, attempt, report) for call, attempt in calls])
        await settle(together, [call for call, _ in calls])
        await _give_back_credit(together, access)
        await together.sandboxes.begin_anew(access.account_id)


async def _give_back_credit(together: House, access: Access) -> None:
    """Bring the credit to what a sandbox begins with, by an adjustment that the statement shows."""
    key, reason = f"reset-{together.entropy(12).hex()}", "the sandbox begins anew"
    change_micros = CREDIT_MICROS - await together.ledger.available(access.account_id)
    if change_micros > 0:
        await together.ledger.credit(access.account_id, Kind.ADJUSTMENT_CREDIT, change_micros, PAID, key, reason)
    elif change_micros < 0:
        await together.ledger.debit(access.account_id, -change_micros, key, reason)


def heard_s(received: Received) -> int:
    """Tell how long somebody listened, in whole seconds, a part counted as one."""
    return -(-received.heard_samples // RATE_HZ)
