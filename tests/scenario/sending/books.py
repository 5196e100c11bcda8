"""Plain books of the sending system: what every account, campaign and call should be by now, and should cost.

They say the rules in their own words. Who keeps them tells them each command, claim, dialling and report.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta

from portevoix.domain.call import Billing, CallState, Outcome, Report
from portevoix.domain.campaign import CampaignState, Kind
from portevoix.domain.dialling import Claimed, Dial
from portevoix.domain.number import Number
from tests.scenario.sending.records import DELIVERED, TRIED_AGAIN, Account, Call, Campaign, Stage, product
from tests.store.test_calls import ROUTES


class Books:
    """All that should be so.

    Args:
        billing: what is charged where it is not plain.
    """

    def __init__(self, billing: Billing) -> None:
        self.billing = billing
        self.accounts: list[Account] = []
        self.campaigns: list[Campaign] = []
        self.calls: dict[str, Call] = {}
        self.leases: dict[int, datetime] = {}
        self.dead: set[int] = set()

    # what customers do

    def place(self, campaign: Campaign, numbers: Sequence[Number], seconds: int, due_at: datetime) -> None:
        """A message that takes so many seconds was sent: the most that it can cost is set aside."""
        account = campaign.account
        self.campaigns.append(campaign)
        for position, number in enumerate(numbers, start=1):
            price = account.prices[product(campaign.kind, number)]
            call = Call(campaign, position, number, price, price.of(seconds, campaign.kind), due_at)
            campaign.calls.append(call)
            self.calls[call.public_id] = call
            account.available -= call.most
            account.held += call.most

    def change(self, campaign: Campaign, change: str) -> None:
        """A campaign that is not over was paused, resumed or cancelled."""
        match change:
            case "pause":
                self.pause(campaign)
            case "resume":
                self.resume(campaign)
            case _:
                self.cancel(campaign)

    def cancel(self, campaign: Campaign) -> None:
        """What has not begun is cancelled."""
        campaign.state = CampaignState.CANCELLED
        for call in campaign.calls:
            if call.stage in (Stage.WAITING, Stage.CLAIMED):
                self._end(call, CallState.CANCELLED, 0)

    def pause(self, campaign: Campaign) -> None:
        """What waits is held back."""
        if campaign.state is CampaignState.ACTIVE:
            campaign.state = CampaignState.PAUSED
            for call in campaign.calls:
                call.is_held_back = call.stage is Stage.WAITING

    def resume(self, campaign: Campaign) -> None:
        """What was held back goes on."""
        if campaign.state is CampaignState.PAUSED:
            campaign.state = CampaignState.ACTIVE
            for call in campaign.calls:
                call.is_held_back = False

    def reset(self, account: Account, now: datetime, available: int) -> None:
        """A sandbox begins anew: nothing waits, nothing is under way."""
        for campaign in self.campaigns:
            if campaign.account is account and not campaign.is_over:
                self.cancel(campaign)
        for call in self.calls.values():
            if call.campaign.account is account and call.stage is Stage.UNDER_WAY:
                call.file(call.attempts, Report(Outcome.LOST, now))
                self._conclude(call, is_cancelled=True)
        account.available, account.offset_s = available, 0

    # what nodes do

    def is_alive(self, node: int, now: datetime) -> bool:
        """Whether a node may claim and dial."""
        return self.leases[node] > now

    def claim(self, node: int, claimed: Sequence[Claimed], most: int, now: datetime) -> None:
        """A node has asked for so many calls: a dead one gets none, a live one fair shares of what is due."""
        taken: dict[Account, set[Call]] = {}
        for one in claimed:
            call = self.calls[one.public_id]
            taken.setdefault(call.campaign.account, set()).add(call)
        turns = self._turns(now) if self.is_alive(node, now) else {}
        assert len(taken) == min(most, len(turns))
        for account, calls in taken.items():
            assert calls == set(turns[account][: max(1, most // len(turns))])
        for one in claimed:
            call = self.calls[one.public_id]
            call.id, call.stage, call.node = one.id, Stage.CLAIMED, node

    def _turns(self, now: datetime) -> dict[Account, list[Call]]:
        """What is due, account by account, in the order in which it is claimed."""
        due: dict[Account, list[Call]] = {}
        for call in self.calls.values():  # in the order in which they were sent
            account = call.campaign.account
            is_due = call.due_at <= account.now(now)
            if account.is_on and is_due and call.stage is Stage.WAITING and not call.is_held_back:
                due.setdefault(account, []).append(call)
        return {account: sorted(calls, key=lambda call: call.due_at) for account, calls in due.items()}

    def dial(self, node: int, claimed: Sequence[Claimed], dials: Sequence[Dial], now: datetime) -> None:
        """A node goes on to dial what it had claimed: it may, where it and the campaign are as they should be."""
        asked = {dial.call: dial for dial in dials}
        for one in claimed:
            call = self.calls[one.public_id]
            if call.stage is not Stage.CLAIMED or call.node != node:
                assert call.public_id not in asked
            elif not self.is_alive(node, now) or call.campaign.state is not CampaignState.ACTIVE:
                assert call.public_id not in asked
                call.give_back()
            else:
                self._begin(call, asked.pop(call.public_id), now)
        assert not asked

    def _begin(self, call: Call, dial: Dial, now: datetime) -> None:
        call.stage, call.attempts = Stage.UNDER_WAY, call.attempts + 1
        assert (dial.call_id, dial.attempt, dial.route) == (call.id, call.attempts, call.route)
        assert (dial.number, dial.kind) == (call.number, call.campaign.kind)
        assert call.due_at <= dial.at <= call.campaign.account.now(now)
        if dial.kind is Kind.VOICE:  # it hangs up when what was set aside is used up
            assert call.price.of(dial.longest_s, dial.kind) <= call.most

    def at_node(self, node: int) -> list[Call]:
        """What a node has, without a filed report."""
        return [call for call in self.calls.values() if call.node == node and call.filed is None]

    def lose(self, call: Call, now: datetime) -> None:
        """Nobody will dial what was claimed, or say how a call under way went."""
        if call.stage is Stage.CLAIMED:
            call.give_back()
        else:
            call.file(call.attempts, Report(Outcome.LOST, now))

    def recover(self, now: datetime) -> set[int]:
        """Somebody looks after what dead nodes left; returns what waits to be settled."""
        self.dead |= {node for node in self.leases if not self.is_alive(node, now)}
        for call in self.calls.values():
            if call.node is not None and not self.is_alive(call.node, now):
                self.lose(call, now)
            if call.stage is Stage.WAITING and call.campaign.state is CampaignState.CANCELLED:
                self._end(call, CallState.CANCELLED, 0)
        return {call.id for call in self.filed()}

    # reports

    def file(self, reports: Sequence[tuple[int, int, Report]]) -> None:
        """Reports come in."""
        by_id = {call.id: call for call in self.calls.values() if call.id}
        for call, attempt, report in reports:
            by_id[call].file(attempt, report)

    def filed(self) -> list[Call]:
        """Calls whose report nobody has acted on yet."""
        return [call for call in self.calls.values() if call.filed is not None]

    def settle(self, calls: Collection[int], meanwhile: Callable[[], object] = lambda: None) -> list[int]:
        """Act on the reports of calls, where there are some; something else may happen after they were read."""
        read = [(call, call.campaign.state) for call in self.filed() if call.id in calls]
        meanwhile()
        for call, state in read:
            self._conclude(call, is_cancelled=state is CampaignState.CANCELLED)
        return sorted(call.id for call, _ in read)

    def _conclude(self, call: Call, *, is_cancelled: bool) -> None:
        report, call.filed, call.node = call.filed, None, None
        assert report is not None
        campaign, outcome = call.campaign, report.outcome
        may_reroute = outcome is Outcome.CONGESTION and report.ringing_at is None
        if may_reroute and call.route + 1 < len(ROUTES) and not is_cancelled:
            call.stage, call.due_at, call.route = Stage.WAITING, report.ended_at, call.route + 1
        elif outcome in TRIED_AGAIN and call.retried < campaign.retries.most and not is_cancelled:
            call.stage, call.route, call.retried = Stage.WAITING, 0, call.retried + 1
            call.due_at = report.ended_at + timedelta(seconds=campaign.retries.spacing_s)
        else:
            failed = CallState.UNCERTAIN if outcome is Outcome.LOST else CallState.FAILED
            cost = call.cost_of(report.outcome, report.ringing_at, report.answered_at, report.ended_at, self.billing)
            self._end(call, CallState.FINISHED if outcome in DELIVERED else failed, cost)

    def _end(self, call: Call, state: CallState, cost: int) -> None:
        campaign = call.campaign
        call.stage, call.end, call.cost, call.node = Stage.OVER, state, cost, None
        campaign.account.held -= call.most
        campaign.account.available += call.most - cost
        if all(one.stage is Stage.OVER for one in campaign.calls) and campaign.state is not CampaignState.CANCELLED:
            campaign.state = CampaignState.FINISHED
