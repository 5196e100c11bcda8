"""What the tests of the modern door stand on: an account that sends, its recording, a server with fast phones."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from portevoix.domain.ids import Mode
from portevoix.domain.money import MICROS_PER_EURO
from portevoix.ports import House
from portevoix.service.accounts import OpenedAccount, open_account
from tests.conftest import Serve
from tests.wire.modern import FAST, SLOW, Client
from tests.wire.sound import keep

#: How long the recording plays, and how much of it is billed.
SAMPLES = 44_000


@pytest.fixture
async def account(house: House) -> OpenedAccount:
    """An account with 10 € of each kind."""
    return await open_account(house, "Mairie", credit_micros=10 * MICROS_PER_EURO, sandbox_micros=10 * MICROS_PER_EURO)


@pytest.fixture
async def stranger(house: House) -> OpenedAccount:
    """Another account with 10 € of each kind."""
    return await open_account(
        house, "Clinique", credit_micros=10 * MICROS_PER_EURO, sandbox_micros=10 * MICROS_PER_EURO
    )


@pytest.fixture
async def token(house: House, account: OpenedAccount) -> str:
    """A recording of 5.5 s in the account's sandbox: 6 s are billed."""
    return (await keep(house, account.account, "annonce", SAMPLES, mode=Mode.SANDBOX)).token


@pytest.fixture
async def door(account: OpenedAccount, serve: Serve) -> AsyncIterator[Client]:
    """The account's sandbox, on a server whose phones wait for nothing."""
    async with serve(**FAST) as http:
        yield Client(http, account.test_key)


@pytest.fixture
async def slow(account: OpenedAccount, serve: Serve) -> AsyncIterator[Client]:
    """The account's sandbox, on a server whose phones wait for its clock to be moved on."""
    async with serve(**SLOW) as http:
        yield Client(http, account.test_key)
