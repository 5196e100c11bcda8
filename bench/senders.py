"""Accounts that send through the service layer, as fast as it takes their messages."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from bench.phones import phones
from bench.reserving import PEPPER
from portevoix import bootstrap
from portevoix.domain.account import Access
from portevoix.domain.campaign import Kind, Order
from portevoix.domain.money import MICROS_PER_EURO
from portevoix.domain.speech import Utterance
from portevoix.ports import House
from portevoix.service.accounts import open_account
from portevoix.service.campaigns import send
from portevoix.service.keys import digest

CREDIT_MICROS = 10**6 * MICROS_PER_EURO

#: Longer than an answered phone of the simulator listens, so that a call costs less than was set aside for it: then
#: its settlement has two transfers, what is kept and what goes back.
TEXT = "Bonjour, votre rendez-vous est confirmé. Merci de venir dix minutes en avance avec votre carte vitale."


@dataclass(frozen=True, slots=True)
class Senders:
    """Accounts with plenty of credit."""

    house: House
    accounts: Sequence[Access]

    async def send(self, recipients: int) -> int:
        """Send one message of each account; returns how many calls wait with that."""
        order = Order(Kind.VOICE, phones(recipients), utterance=Utterance(TEXT))
        for access in self.accounts:
            await send(self.house, access, order)
        return recipients * len(self.accounts)


@asynccontextmanager
async def opened_senders(url: str, count: int) -> AsyncIterator[Senders]:
    """Open a house with so many new accounts, live ones."""
    async with bootstrap.open_house(url, PEPPER) as opened:
        house = opened.house
        accounts = [await open_account(house, f"Bench {each}", sandbox_micros=CREDIT_MICROS) for each in range(count)]
        found = [await house.keys.access(digest(PEPPER, account.test_key)) for account in accounts]
        yield Senders(house, [access for access in found if access is not None])
