"""The house that the model looks at, and what customers, operators and time do to it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from hashlib import sha256
from typing import Any, TypeVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
)

from portevoix import bootstrap
from portevoix.bootstrap.policy import POLICY
from portevoix.domain.account import State
from portevoix.domain.call import Billing, Retries
from portevoix.domain.campaign import CampaignBegun, Kind, Order
from portevoix.domain.errors import AccountDisabled, DomainError, IdempotencyConflict, InsufficientCredit
from portevoix.domain.ids import AccountRef, Mode
from portevoix.domain.notice import KeptAnswer
from portevoix.domain.number import Number
from portevoix.domain.placing import Placing
from portevoix.domain.sandbox import CREDIT_MICROS
from portevoix.domain.tariff import Product, Rate
from portevoix.ports import House
from portevoix.service import accounts, campaigns, credit, sandbox
from portevoix.service.reading import find_access
from portevoix.service.tariffs import assign_tariff
from tests.conftest import PEPPER, _new_database
from tests.parts import ManualClock
from tests.scenario.sending.books import Books
from tests.scenario.sending.process import Carrier, Process
from tests.scenario.sending.records import Account, Campaign, Price, most_of
from tests.store.test_calls import HOOK, LEASE_S, MICROS, Customer, refusing_other_transitions

T = TypeVar("T")

MESSAGE_S = 8
BEGINS_WITH = 2 * MICROS
DEFAULT = {Product.VOICE_MOBILE: Price(60_000), Product.VOICE_LANDLINE: Price(30_000), Product.DEPOSIT: Price(150_000)}
OWN = "Bob's own"


@dataclass(frozen=True)
class Wish:
    """What a customer may want to send."""

    account: int
    kind: Kind
    recipients: list[str]
    due_in_s: int | None
    retries: Retries
    notifies: bool


#: Phones that do all that a phone can do; those that lead to another attempt more often.
CODES = "00 01 10 10 11 11 12 13 14 20 21 22 30 41 43 44 60 61 62 63 70 70 80 81 82"
RECIPIENTS = st.lists(
    st.builds(
        "{}{}{}".format,
        st.sampled_from(["+3363998", "+3319900"]),
        st.sampled_from(["00", "02", "31"]),
        st.sampled_from(CODES.split()),
    ),
    min_size=1,
    max_size=4,
    unique=True,
)
PRICES = st.builds(
    Price, st.integers(0, 100_001), st.sampled_from([0, 7_000]), st.sampled_from([0, 5]), st.sampled_from([1, 6])
)
WISHES = st.builds(
    Wish,
    account=st.sampled_from([0, 1, 2]),
    kind=st.sampled_from([Kind.VOICE, Kind.VOICE, Kind.DEPOSIT]),
    recipients=RECIPIENTS,
    due_in_s=st.sampled_from([None, None, 30, 3_600]),
    retries=st.sampled_from([Retries(1, 10), Retries(2, 120), Retries()]),
    notifies=st.booleans(),
)


def asked_for(campaign: Campaign, change: str) -> Coroutine[Any, Any, object]:
    """What a customer asks for."""
    customer = campaign.account.customer
    match change:
        case "pause":
            return customer.pause(campaign.id)
        case "resume":
            return customer.resume(campaign.id)
        case _:
            return customer.cancel(campaign.id, whole=change == "cancel the whole")


class SendingHouse(RuleBasedStateMachine):
    """A house with accounts that send, and its books."""

    runner: asyncio.Runner
    cluster: str
    template: str

    def __init__(self) -> None:
        super().__init__()
        self.closing = ExitStack()
        self.is_sound = False

    @initialize(
        prices=PRICES,
        billing=st.sampled_from([Billing(), Billing(unanswered=True, uncertain=True)]),
        wishes=st.lists(WISHES, min_size=2, max_size=4),
    )
    def open(self, prices: Price, billing: Billing, wishes: list[Wish]) -> None:
        """Open a new house, with two accounts, and one with a tariff of its own, that send."""
        self.clock = ManualClock()
        self.books = Books(billing)
        self.carrier = Carrier(self.clock)
        self.processes: list[Process] = []
        self.sent: list[tuple[Account, str, Order, str]] = []
        self.born = 0
        url = self.closing.enter_context(contextmanager(_new_database)(self.cluster, self.template))
        with refusing_other_transitions(url):
            pass
        policy = replace(POLICY, billing=billing)
        opened = bootstrap.open_house(url, PEPPER.encode(), clock=self.clock, policy=policy)
        self.house = self.run(opened.__aenter__()).house
        self.closing.callback(lambda: self.runner.run(opened.__aexit__(None, None, None)))
        for name, mode in (("Alice", Mode.SANDBOX), ("Bob", Mode.SANDBOX), ("Carol", Mode.SANDBOX)):
            terms = {"euros": BEGINS_WITH / MICROS, "mode": mode, "seconds": MESSAGE_S - 0.5}
            customer = self.run(Customer.of(self.house, name, **terms))
            self.books.accounts.append(Account(name, customer, DEFAULT, BEGINS_WITH))
        self.bob = self.books.accounts[1]
        self.change_prices(prices)
        self.run(assign_tariff(self.house, AccountRef(self.bob.customer.ref.public_id), OWN))
        for wish in wishes:
            self.send(wish)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        self.is_sound = False  # until the invariants have been seen to hold
        return self.runner.run(work)

    def key(self) -> str:
        self.born += 1
        return f"key-{self.born}"

    # customers

    @rule(wish=WISHES, at_once=st.sampled_from([1, 1, 2]), dies_first=st.booleans())
    def send(self, wish: Wish, at_once: int = 1, *, dies_first: bool = False) -> None:
        """Send a message, once, or twice at once under the same idempotency key; perhaps after a try that failed."""
        account = self.books.accounts[wish.account]
        numbers = tuple(Number.parse(text) for text in wish.recipients)
        at = account.now(self.clock.now())
        order = Order(
            kind=wish.kind,
            numbers=numbers,
            token=account.customer.token,
            due_at=None if wish.due_in_s is None else at + timedelta(seconds=wish.due_in_s),
            notify_url=HOOK if wish.notifies else None,
            retries=wish.retries,
        )
        key, cost = self.key(), most_of(account, wish.kind, numbers, MESSAGE_S)

        async def send_at_once() -> list[str | BaseException]:
            sends = [self.post(account, key, order) for _ in range(at_once)]
            return await asyncio.gather(*sends, return_exceptions=True)

        if dies_first and account.is_on and cost <= account.available:
            with pytest.raises(ConnectionAbortedError):
                self.run(self.post(account, key, order, dies=True))
        answers = self.run(send_at_once())
        if cost and not account.is_on:
            assert [type(answer) for answer in answers] == [AccountDisabled] * at_once
        elif cost > account.available:
            assert [type(answer) for answer in answers] == [InsufficientCredit] * at_once
        else:
            assert len(set(answers)) == 1, answers
            (campaign,) = set(answers)
            is_scheduled = wish.due_in_s is not None
            placed = Campaign(campaign, account, wish.kind, wish.retries, wish.notifies, is_scheduled)
            self.books.place(placed, numbers, MESSAGE_S, order.due_at or at)
            self.sent.append((account, key, order, campaign))

    async def post(self, account: Account, key: str, order: Order, *, dies: bool = False) -> str:
        """Send under an idempotency key, as the doors do; returns the campaign that the answer names.

        Args:
            dies: all is done but for the commit.
        """
        fingerprint = sha256(repr(order).encode()).digest()
        if (before := await self.answer_before(account, key, fingerprint)) is not None:
            return before

        async def keep(together: House, placing: Placing) -> None:
            answer = KeptAnswer(fingerprint, 200, "text/plain", placing.campaign.encode())
            if not await together.answers.keep(account.customer.id, key, answer):
                raise IdempotencyConflict("another one was faster")
            if dies:
                raise ConnectionAbortedError("the server dies here")

        access = await find_access(self.house, account.customer.key)
        try:
            return (await campaigns.send(self.house, access, order, keep)).campaign
        except DomainError:
            if (before := await self.answer_before(account, key, fingerprint)) is None:
                raise
            return before

    async def answer_before(self, account: Account, key: str, fingerprint: bytes) -> str | None:
        """Find what was answered under an idempotency key."""
        kept = await self.house.answers.find(account.customer.id, key)
        if kept is not None and kept.fingerprint != fingerprint:
            raise IdempotencyConflict("the key was used for something else")
        return None if kept is None else kept.body.decode()

    @precondition(lambda self: self.sent)
    @rule(data=st.data(), is_another=st.booleans())
    def send_again(self, data, is_another: bool) -> None:
        """Repeat a send under its idempotency key, or send something else under it."""
        account, key, order, campaign = data.draw(st.sampled_from(self.sent))
        if is_another:
            other = replace(order, retries=replace(order.retries, spacing_s=order.retries.spacing_s + 1))
            with pytest.raises(IdempotencyConflict):
                self.run(self.post(account, key, other))
        else:
            assert self.run(self.post(account, key, order)) == campaign

    @precondition(lambda self: self.books.campaigns)
    @rule(data=st.data(), change=st.sampled_from(["pause", "resume", "resume", "cancel", "cancel the whole"]))
    def change(self, data, change: str) -> None:
        """A customer pauses, resumes or cancels a campaign, mostly one that is not over."""
        lasting = [one for one in self.books.campaigns if not one.is_over]
        campaign: Campaign = data.draw(st.sampled_from(lasting or self.books.campaigns))
        is_refused = campaign.is_over or (
            change == "cancel the whole" and (campaign.has_begun or not campaign.is_scheduled)
        )
        if is_refused:
            with pytest.raises(CampaignBegun):
                self.run(asked_for(campaign, change))
        else:
            self.run(asked_for(campaign, change))
            self.books.change(campaign, change)

    # operators

    @rule(
        data=st.data(), amount=st.sampled_from([1, 100_000, 400_000]), prices=st.none() | PRICES, switches=st.booleans()
    )
    def operate(self, data, amount: int, prices: Price | None, switches: bool) -> None:
        """Add credit, asked for twice; perhaps change a tariff, and switch an account off or on again."""
        account, key = data.draw(st.sampled_from(self.books.accounts)), self.key()
        for _ in range(2):
            self.run(credit.top_up(self.house, account.customer.ref, amount, key))
        account.available += amount
        if prices is not None:
            self.change_prices(prices)
        if switches:
            off = [one for one in self.books.accounts if not one.is_on]
            self.switch(off[0] if off else account)

    def switch(self, account: Account) -> None:
        account.is_on = not account.is_on
        state = State.ACTIVE if account.is_on else State.DISABLED
        self.run(accounts.change_state(self.house, AccountRef(account.customer.ref.public_id), state))

    def change_prices(self, prices: Price) -> None:
        """What was sent before costs what it did."""
        self.clock.advance(seconds=1)  # a tariff has one revision of a moment
        deposits = Price(prices.micros, prices.connection)
        self.bob.prices = {Product.VOICE_MOBILE: prices, Product.VOICE_LANDLINE: prices, Product.DEPOSIT: deposits}
        rates = [
            Rate(sold, "33", price.micros, price.connection, price.minimum_s, price.increment_s)
            for sold, price in self.bob.prices.items()
        ]
        self.run(self.house.tariffs.import_revision(OWN, self.clock.now(), rates))

    # time

    @rule(seconds=st.sampled_from([1, LEASE_S - 1, LEASE_S, 60, 3_600]), are_alive=st.sampled_from([True, True, False]))
    def pass_time(self, seconds: int, are_alive: bool) -> None:
        """Let time pass. Nodes that are not killed say that they are alive, late perhaps, or do not get to it."""
        lease_s = seconds + LEASE_S
        for process in self.processes if are_alive else []:
            comes_back = process.number not in self.books.dead
            assert self.run(process.renew(lease_s)) == comes_back
            if comes_back:
                self.books.leases[process.number] = self.clock.now() + timedelta(seconds=lease_s)
        self.clock.advance(seconds=seconds)

    @rule(data=st.data(), what=st.sampled_from([*[120, 3_600, 86_400, 5] * 3, "begin anew"]))
    def move_sandbox_clock(self, data, what: int | str) -> None:
        """Move a sandbox's clock on; or begin anew: everything ends there, what is under way as lost."""
        account = data.draw(st.sampled_from(self.books.accounts[:2]))
        if isinstance(what, int):
            self.run(self.house.sandboxes.advance(account.customer.id, what))
            account.offset_s += what
        else:
            access = self.run(find_access(self.house, account.customer.key))
            self.run(sandbox.reset(self.house, access))
            self.books.reset(account, self.clock.now(), CREDIT_MICROS)
