"""Any order of commands, repeated and concurrent, does to the real ledger what it does to a plain model of it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from portevoix import bootstrap
from portevoix.domain.errors import DomainError
from portevoix.domain.ids import AccountRef
from portevoix.domain.ledger import GrantKind, GrantTerms
from portevoix.ports import House
from portevoix.service import credit
from portevoix.service.accounts import open_account
from tests.conftest import PEPPER
from tests.parts import ManualClock

AMOUNTS = st.integers(1, 400)
WHO = st.sampled_from(["parent", "child"])


@dataclass
class Grant:
    left: int
    expires_at: datetime | None
    born: int


@dataclass
class Hold:
    who: str
    amount: int
    draws: list[tuple[Grant, int]]
    settled: int | None = None
    refunded: int = 0


@dataclass
class Purse:
    """What the model thinks an account has."""

    grants: list[Grant] = field(default_factory=list)

    def live(self, now: datetime) -> list[Grant]:
        """The grants that can be spent, in the order of spending."""
        usable = [g for g in self.grants if g.left and (g.expires_at is None or g.expires_at > now)]
        return sorted(usable, key=lambda g: (g.expires_at is None, g.expires_at or now, g.born))

    def available(self, now: datetime) -> int:
        return sum(g.left for g in self.live(now))

    def lapse(self, now: datetime) -> None:
        """Take what a command on the account takes first."""
        for grant in self.grants:
            if grant.expires_at is not None and grant.expires_at <= now:
                grant.left = 0

    def draw(self, amount: int, now: datetime) -> list[tuple[Grant, int]] | None:
        if amount > self.available(now):
            return None
        draws = []
        for grant in self.live(now):
            part = min(grant.left, amount)
            if part:
                grant.left -= part
                amount -= part
                draws.append((grant, part))
        return draws


class LedgerMachine(RuleBasedStateMachine):
    """Commands on a parent and its sub-account; after each, the ledger agrees with the model."""

    runner: asyncio.Runner
    house: House
    clock: ManualClock

    @initialize()
    def open(self) -> None:
        self.purses = {"parent": Purse(), "child": Purse()}
        self.holds: dict[int, Hold] = {}
        self.born = 0
        self.repeats: list[tuple[object, object]] = []
        parent = self.run(open_account(self.house, "parent"))
        child = self.run(open_account(self.house, "child", parent=parent.account))
        self.refs = {"parent": AccountRef(parent.account), "child": AccountRef(child.account)}
        self.ids = {who: self.run(self.house.accounts.find(ref)).id for who, ref in self.refs.items()}

    def run(self, work):
        return self.runner.run(work)

    def attempt(self, make) -> object:
        """Run a command; a refusal is its error's code. What was answered must be answered again to a repeat."""
        try:
            answer = self.run(make())
        except DomainError as error:
            return error.code
        self.repeats.append((make, answer))
        return answer

    def key(self) -> str:
        self.born += 1
        return f"key-{self.born}"

    def give(self, who: str, amount: int, expires_at: datetime | None) -> None:
        self.born += 1
        self.purses[who].grants.append(Grant(amount, expires_at, self.born))

    @rule(who=WHO, amount=AMOUNTS, lapses_in_s=st.none() | st.integers(1, 300), promotional=st.booleans())
    def top_up(self, who: str, amount: int, lapses_in_s: int | None, promotional: bool) -> None:
        expires_at = None if lapses_in_s is None else self.clock.now() + timedelta(seconds=lapses_in_s)
        terms = GrantTerms(GrantKind.PROMOTIONAL if promotional else GrantKind.PAID, expires_at)
        key = self.key()
        self.run(credit.top_up(self.house, self.refs[who], amount, key, terms=terms))
        self.purses[who].lapse(self.clock.now())
        self.give(who, amount, expires_at)

    @rule(who=WHO, amounts=st.lists(AMOUNTS, min_size=1, max_size=6))
    def reserve_at_once(self, who: str, amounts: list[int]) -> None:
        """Concurrent reserves share a batch; whichever order they are taken in, no credit is lost or made."""
        keys = [self.key() for _ in amounts]

        async def at_once() -> list[object]:
            asked = [credit.reserve(self.house, self.ids[who], *pair) for pair in zip(amounts, keys, strict=True)]
            return await asyncio.gather(*asked, return_exceptions=True)

        purse, now = self.purses[who], self.clock.now()
        purse.lapse(now)
        for amount, answer in zip(amounts, self.run(at_once()), strict=True):
            if isinstance(answer, DomainError):
                assert answer.code == "insufficient_credit"
                assert amount > purse.available(now)
                continue
            draws = purse.draw(amount, now)
            assert draws is not None
            assert answer.available_after_micros == purse.available(now)
            self.holds[answer.hold_id] = Hold(who, amount, draws)

    @rule(data=st.data(), used=st.integers(0, 400))
    def resolve(self, data: st.DataObject, used: int) -> None:
        if not self.holds:
            return
        hold_id = data.draw(st.sampled_from(sorted(self.holds)))
        hold = self.holds[hold_id]
        answer = self.attempt(lambda: credit.settle(self.house, hold_id, used))
        if hold.settled is not None:
            assert (answer == "hold_resolved") == (used != hold.settled) or answer == "hold_exceeded"
        elif used > hold.amount:
            assert answer == "hold_exceeded"
        else:
            hold.settled = used
            left = used
            for grant, part in hold.draws:
                taken = min(part, left)
                left -= taken
                grant.left += part - taken

    @rule(data=st.data(), amount=AMOUNTS)
    def refund(self, data: st.DataObject, amount: int) -> None:
        if not self.holds:
            return
        hold_id = data.draw(st.sampled_from(sorted(self.holds)))
        hold, key = self.holds[hold_id], self.key()
        answer = self.attempt(lambda: credit.refund(self.house, hold_id, amount, key))
        if hold.refunded + amount > (hold.settled or 0):
            assert answer == "hold_exceeded"
            return
        hold.refunded += amount
        self.purses[hold.who].lapse(self.clock.now())
        self.give(hold.who, amount, None)

    @rule(who=WHO, change=AMOUNTS | st.integers(-400, -1))
    def adjust(self, who: str, change: int) -> None:
        key, now = self.key(), self.clock.now()
        answer = self.attempt(lambda: credit.adjust(self.house, self.refs[who], change, key, "a correction"))
        if change > 0:
            self.purses[who].lapse(now)
            self.give(who, change, None)
        elif self.purses[who].draw(-change, now) is None:
            assert answer == "insufficient_credit"
        else:
            self.purses[who].lapse(now)

    @rule(giver=WHO, amount=AMOUNTS)
    def allot(self, giver: str, amount: int) -> None:
        receiver = "child" if giver == "parent" else "parent"
        key, now = self.key(), self.clock.now()
        answer = self.attempt(lambda: credit.allot(self.house, self.refs[giver], self.refs[receiver], amount, key))
        draws = self.purses[giver].draw(amount, now)
        if draws is None:
            assert answer == "insufficient_credit"
            return
        self.purses[giver].lapse(now)
        self.purses[receiver].lapse(now)
        for expires_at in sorted({g.expires_at for g, _ in draws}, key=lambda at: (at is None, at or now)):
            self.give(receiver, sum(part for g, part in draws if g.expires_at == expires_at), expires_at)

    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        """A repeat of any command gets its first answer."""
        if not self.repeats:
            return
        make, first = data.draw(st.sampled_from(self.repeats))
        again = self.run(make())  # type: ignore[operator]
        assert again.available_after_micros == first.available_after_micros  # type: ignore[attr-defined]
        assert again.repeated

    @rule(seconds=st.integers(1, 200))
    def tick(self, seconds: int) -> None:
        self.clock.advance(seconds=seconds)

    @rule()
    def sweep(self) -> None:
        self.run(credit.expire_due(self.house))

    @invariant()
    def agrees_with_the_model(self) -> None:
        if not hasattr(self, "refs"):
            return
        now = self.clock.now()
        for who, ref in self.refs.items():
            found = self.run(self.house.accounts.find(ref))
            held = sum(hold.amount for hold in self.holds.values() if hold.who == who and hold.settled is None)
            assert (found.available_micros, found.held_micros) == (self.purses[who].available(now), held)

    def teardown(self) -> None:
        if hasattr(self, "refs"):
            assert self.run(credit.check_ledger(self.house)) == []


def test_any_order_of_commands_agrees_with_the_model(url: str) -> None:
    with asyncio.Runner() as runner:
        LedgerMachine.runner, LedgerMachine.clock = runner, ManualClock()
        manager = bootstrap.open_house(url, PEPPER.encode(), clock=LedgerMachine.clock)
        LedgerMachine.house = runner.run(manager.__aenter__()).house
        try:
            run_state_machine_as_test(
                LedgerMachine,
                settings=settings(
                    max_examples=50,
                    stateful_step_count=30,
                    deadline=None,
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            runner.run(manager.__aexit__(None, None, None))
