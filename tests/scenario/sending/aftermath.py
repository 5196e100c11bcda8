"""Whether what is there agrees with the books: after each step, and when all is over."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence

from portevoix.domain.call import CallState
from portevoix.domain.campaign import Call as FoundCall
from portevoix.domain.campaign import Campaign as FoundCampaign
from portevoix.domain.campaign import Kind
from portevoix.domain.ids import Mode
from portevoix.domain.magic import Trick, trick_of
from portevoix.domain.notice import Webhook
from portevoix.ports import House
from portevoix.service import accounts
from portevoix.service.credit import check_ledger
from tests.scenario.sending.books import Books
from tests.scenario.sending.records import Call, Campaign, Stage
from tests.store.test_calls import HOOK, ROUTES

STAGE_OF = {
    **{state: Stage.WAITING for state in CallState if state.is_waiting},
    CallState.CLAIMED: Stage.CLAIMED,
    **{state: Stage.UNDER_WAY for state in CallState if state.is_under_way},
    **{state: Stage.OVER for state in CallState if state.is_over},
}
EVERYTHING = 100_000


async def check_agreement(house: House, books: Books) -> None:
    """Check that the ledger is sound, and that accounts, campaigns and calls are what they should be."""
    assert await check_ledger(house) == []
    all_accounts = {one.id: one for one in await house.accounts.list()}
    for account in books.accounts:
        there = all_accounts[account.customer.id]
        assert (there.available_micros, there.held_micros) == (account.available, account.held)
        found = {one.id: one for _, one in await house.campaigns.newest(account.customer.id, None, EVERYTHING)}
        assert set(found) == {campaign.id for campaign in books.campaigns if campaign.account is account}
        for campaign in books.campaigns:
            if campaign.account is account:
                await _check_campaign(house, campaign, found[campaign.id])


async def _check_campaign(house: House, campaign: Campaign, found: FoundCampaign) -> None:
    counters = campaign.counters()
    assert found.state is campaign.state
    assert {name: getattr(found, name) for name in counters} == counters
    if not campaign.was_seen_over:  # what is over is looked at again in the end
        calls = await house.campaigns.calls(campaign.account.customer.id, campaign.id, 0, EVERYTHING)
        for call, one in zip(campaign.calls, calls, strict=True):
            _check_call(call, one)
        campaign.was_seen_over = not counters["open"]


def _check_call(call: Call, found: FoundCall) -> None:
    assert (found.id, found.attempts) == (call.public_id, call.attempts)
    assert STAGE_OF[found.state] is call.stage
    assert found.due_at == call.due_at
    if call.stage is Stage.WAITING:
        assert (found.state is CallState.PAUSED) == call.is_held_back
    if call.stage is Stage.OVER:
        assert (found.state, found.cost_micros) == (call.end, call.cost)


async def check_aftermath(house: House, books: Books) -> None:
    """Check, when all is over, that nothing is held, what each call has cost, and what was told of it."""
    for account in books.accounts:
        assert (await account.customer.balance())[1] == account.held == 0
        webhooks = await house.notices.webhooks(account.customer.id, None, EVERYTHING)
        events = [event async for event in accounts.events(house, account.customer.ref)]
        told = Counter((event.type, event.data.get("call") or event.data.get("message")) for event in events)
        for campaign in [one for one in books.campaigns if one.account is account]:
            _check_notices(campaign, [one for one in webhooks if one.campaign == campaign.id], told)
            for call in campaign.calls:
                await _check_attempts(house, call, books)


async def _check_attempts(house: House, call: Call, books: Books) -> None:
    """Check that each attempt ended as was filed first, and that the last one is what the call has cost."""
    account, campaign = call.campaign.account.customer.id, call.campaign.id
    attempts = await house.campaigns.attempts(account, campaign, call.position)
    assert [attempt.number for attempt in attempts] == list(range(1, call.attempts + 1))
    assert [attempt.outcome for attempt in attempts] == [report.outcome for report in call.told]
    assert all(attempt.route in ROUTES for attempt in attempts)
    assert call.stage is Stage.OVER
    if call.end is CallState.CANCELLED:
        assert call.cost == 0
    else:
        last = attempts[-1]
        assert last.outcome is not None
        assert last.ended_at is not None
        assert call.cost == call.cost_of(last.outcome, last.ringing_at, last.answered_at, last.ended_at, books.billing)


def _check_notices(campaign: Campaign, webhooks: Sequence[Webhook], told: Counter[tuple[str, object]]) -> None:
    """Check that its end, and that of its calls, was told once."""
    was_called = any(call.end is not CallState.CANCELLED for call in campaign.calls)
    assert campaign.is_over
    assert told["message.accepted", campaign.id] == 1
    assert told["message.finished", campaign.id] == was_called
    for call in campaign.calls:
        assert told["call.ended", call.public_id] == (call.end is not CallState.CANCELLED)
    if campaign.kind is Kind.DEPOSIT:
        delivered = campaign.counters()["delivered"]
        query = f"&delivered_quantity={delivered}&total_quantity={len(campaign.calls)}"
        assert [(one.method, one.url.endswith(query)) for one in webhooks] == [("GET", True)] * (
            campaign.notifies and was_called
        )
    else:
        for call in campaign.calls:
            _check_webhooks(call, [one for one in webhooks if one.position == call.position])


def _check_webhooks(call: Call, webhooks: Sequence[Webhook]) -> None:
    """Check that a notified call has one final webhook, but where the sandbox does something else on purpose."""
    is_sandbox = call.campaign.account.customer.ref.mode is Mode.SANDBOX
    trick = trick_of(call.number) if is_sandbox else None
    is_told = call.campaign.notifies and call.end is not CallState.CANCELLED and trick is not Trick.NEVER
    status = "delivered" if call.end is CallState.FINISHED else "undelivered"
    expected = [status] * is_told + ["pending"] * (is_told and trick is Trick.OUT_OF_ORDER)
    webhooks = sorted(webhooks, key=lambda one: one.place)
    assert [json.loads(one.body)["status"] for one in webhooks] == expected
    assert all((one.method, one.url) == ("POST", str(HOOK)) for one in webhooks)
    assert len({one.id for one in webhooks}) == len(webhooks)
