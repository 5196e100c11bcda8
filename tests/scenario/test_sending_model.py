"""Any order of sends, cancels, pauses, clock moves, reports and crashes does to the real sending system what it does to
plain books of it; and in the end every hold has ended, every call is over, and nobody was called twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from portevoix.domain.call import Outcome
from portevoix.domain.campaign import CampaignState
from portevoix.domain.dialling import Conclusion
from portevoix.ports import House
from portevoix.service import dialling, settlement
from tests.scenario.sending.aftermath import check_aftermath, check_agreement
from tests.scenario.sending.customers import WISHES, SendingHouse, Wish, asked_for
from tests.scenario.sending.process import Process, Whim, settle_and_die, settle_twice, settle_while
from tests.scenario.sending.records import Campaign
from tests.store.test_calls import LEASE_S

#: With two routes and two retries.
MOST_ATTEMPTS = 6

#: How many calls a node claims, or reports it files, at once.
MOST = st.sampled_from([256, 256, 256, 1, 2, 5])

WHIMS: st.SearchStrategy[Whim] = st.sampled_from([0, 100, 0, Outcome.BUSY, Outcome.CONGESTION])

#: Something to do at once.
DUE = WISHES.map(lambda wish: replace(wish, due_in_s=None))

CHANGES = st.sampled_from(["pause", "resume", "cancel"])

#: What a node does with a call, one after the other.
STAGES = ("claim", "commit", "ask", "progress", "file", "settle")


class SendingMachine(SendingHouse):
    """Customers, nodes and time, in any order; after each step, what is there agrees with the books."""

    # nodes

    def start(self) -> Process:
        process = self.run(Process.start(self.house, self.carrier))
        self.books.leases[process.number] = self.clock.now() + timedelta(seconds=LEASE_S)
        self.processes.append(process)
        return process

    def alive(self, data: st.DataObject) -> Process:
        """Choose a node that is alive; start one where none is."""
        now = self.clock.now()
        alive = [process for process in self.processes if self.books.is_alive(process.number, now)]
        return data.draw(st.sampled_from(alive)) if alive else self.start()

    @rule(data=st.data(), until=st.sampled_from(STAGES), most=MOST, whim=WHIMS, is_killed=st.booleans())
    def work(self, data, until: str, most: int, whim: Whim, is_killed: bool) -> None:
        """A node claims, dials, files and settles, up to a stage. Then it may be killed."""
        process = self.alive(data)
        for stage in STAGES[: STAGES.index(until) + 1]:
            self.do(process, stage, most, whim)
        if is_killed:
            self.processes.remove(process)

    @rule(data=st.data(), wish=DUE, until=st.sampled_from(STAGES[:-1]), change=CHANGES, whim=WHIMS)
    def work_while_a_customer_acts(self, data, wish: Wish, until: str, change: str, whim: Whim) -> None:
        """A node is at a stage when a campaign is paused, resumed or cancelled; then it goes on."""
        self.send(wish)
        process = self.alive(data)
        for stage in STAGES[: STAGES.index(until) + 1]:
            self.do(process, stage, whim=whim)
        self.change(data, change)
        self.agrees_with_the_books()
        for stage in STAGES[STAGES.index(until) + 1 :]:
            self.do(process, stage, whim=whim)

    @rule(
        data=st.data(),
        wish=DUE,
        until=st.sampled_from(STAGES[:-1]),
        is_swept=st.booleans(),
        is_settled=st.booleans(),
    )
    def come_back_late(self, data, wish: Wish, until: str, is_swept: bool, is_settled: bool) -> None:
        """A node comes to a standstill at a stage, its lease runs out, and it goes on as if nothing had happened."""
        self.send(wish)
        process = self.alive(data)
        for stage in STAGES[: STAGES.index(until) + 1]:
            self.do(process, stage)
        self.clock.advance(seconds=(self.books.leases[process.number] - self.clock.now()).total_seconds())
        if is_swept:
            self.sweep(is_settled)
        self.agrees_with_the_books()
        for stage in (*process.memory, "claim", "commit"):
            self.do(process, stage)

    @precondition(lambda self: any(process.memory for process in self.processes))
    @rule(data=st.data(), most=MOST, whim=WHIMS)
    def go_on(self, data, most: int, whim: Whim) -> None:
        """A node goes on with what it has in memory."""
        process = data.draw(st.sampled_from([process for process in self.processes if process.memory]))
        for stage in process.memory:
            self.do(process, stage, most, whim)

    def do(self, process: Process, stage: str, most: int = 256, whim: Whim = 0) -> None:
        match stage:
            case "claim":
                claimed = self.run(process.claim(most))
                self.books.claim(process.number, claimed, most, self.clock.now())
            case "commit":
                claimed, dials = self.run(process.commit())
                self.books.dial(process.number, claimed, dials, self.clock.now())
            case "ask":
                self.run(process.ask(whim))
            case "progress":
                self.run(process.progress())
            case "file":
                self.books.file(self.run(process.file(most)))
            case "settle":
                filed, process.filed = process.filed, []
                self.settle(filed)

    @precondition(lambda self: any(process.memory for process in self.processes))
    @rule(data=st.data(), is_found=st.booleans())
    def forget(self, data, is_found: bool) -> None:
        """The database's answers were lost on their way: a node has calls without knowing, and finds them later."""
        process = data.draw(st.sampled_from([process for process in self.processes if process.memory]))
        process.claimed, process.dials = [], []
        if is_found:
            held = self.books.at_node(process.number)
            assert self.run(process.disown()) == {call.id for call in held}
            for call in held:
                if not process.knows(call.id):
                    self.books.lose(call, self.clock.now())

    @rule(is_settled=st.booleans())
    def sweep(self, is_settled: bool) -> None:
        """Somebody looks after what dead nodes left, and settles it or is killed before."""
        waiting = self.run(dialling.recover(self.house, dead_by=self.clock.now()))
        assert set(waiting) == self.books.recover(self.clock.now())
        if is_settled:
            self.settle(waiting)

    # reports

    @precondition(lambda self: self.carrier.reports)
    @rule(data=st.data())
    def file_again(self, data) -> None:
        """A report comes once more, or for the first time, from a node that was killed since; and it is told again."""
        reports = data.draw(st.lists(st.sampled_from(self.carrier.reports), min_size=1, max_size=5))
        self.run(self.house.calls.file(reports))
        self.books.file(reports)

    @precondition(lambda self: self.carrier.asked)
    @rule(data=st.data(), how=st.sampled_from(["once", "twice", "dies"]))
    def settle_anything(self, data, how: str) -> None:
        """Settle calls whether there is something to settle or not; also twice at once, and without the commit."""
        dialled = sorted(call for call, _ in self.carrier.asked)
        calls = data.draw(st.lists(st.sampled_from(dialled), min_size=1, max_size=5))
        if how == "dies":
            self.run(settle_and_die(self.house, calls))
        else:
            self.settle(calls, settle_twice if how == "twice" else settlement.settle)

    @rule(data=st.data(), wish=DUE, change=CHANGES, whim=WHIMS)
    def settle_while_a_customer_acts(self, data, wish: Wish, change: str, whim: Whim) -> None:
        """A campaign is paused, resumed or cancelled between the reading of reports and what follows from them."""
        self.send(wish)
        process = self.alive(data)
        for stage in STAGES[: STAGES.index("settle")]:
            self.do(process, stage, whim=whim)
        filed = self.books.filed()
        lasting = [call.campaign for call in filed if not call.campaign.is_over]
        if lasting:
            campaign: Campaign = data.draw(st.sampled_from(lasting))
            self.settle(
                [call.id for call in filed],
                lambda house, calls: settle_while(house, calls, lambda: asked_for(campaign, change)),
                lambda: self.books.change(campaign, change),
            )

    def settle(
        self,
        calls: Sequence[int],
        settling: Callable[[House, Sequence[int]], Coroutine[Any, Any, Sequence[Conclusion]]] = settlement.settle,
        meanwhile: Callable[[], object] = lambda: None,
    ) -> None:
        """Settle: each filed report is acted on, once."""
        concluded = self.run(settling(self.house, calls))
        assert sorted(one.filed.id for one in concluded) == self.books.settle(calls, meanwhile)

    # what is always so, and what is so in the end

    @invariant()
    def agrees_with_the_books(self) -> None:
        self.run(check_agreement(self.house, self.books))
        self.is_sound = True

    def teardown(self) -> None:
        with self.closing:
            if self.is_sound:
                self.let_everything_run_out()
                self.run(check_aftermath(self.house, self.books))

    def let_everything_run_out(self) -> None:
        """Let time pass, and one node work, until nothing happens any more."""
        for campaign in self.books.campaigns:
            if campaign.state is CampaignState.PAUSED:
                self.run(campaign.account.customer.resume(campaign.id))
                self.books.resume(campaign)
        for account in self.books.accounts:
            if not account.is_on:
                self.switch(account)
        for _ in range(MOST_ATTEMPTS):
            if all(campaign.is_over and not campaign.counters()["open"] for campaign in self.books.campaigns):
                break
            self.clock.advance(days=1)
            waiting = self.run(dialling.recover(self.house, dead_by=self.clock.now()))
            assert set(waiting) == self.books.recover(self.clock.now())
            self.settle(waiting)
            process = self.start()
            for stage in STAGES:
                self.do(process, stage)
            self.agrees_with_the_books()


@pytest.mark.parametrize("number", range(3))
def test_any_order_of_sends_and_crashes_agrees_with_the_books(cluster: str, template: str, number: int) -> None:
    with asyncio.Runner() as runner:
        SendingMachine.runner = runner
        SendingMachine.cluster, SendingMachine.template = cluster, template
        run_state_machine_as_test(
            seed(number)(SendingMachine),
            settings=settings(
                max_examples=8,
                stateful_step_count=25,
                deadline=None,
                database=None,
                phases=[Phase.generate],  # add Phase.shrink for a shorter story: it takes minutes
                suppress_health_check=list(HealthCheck),
            ),
        )
