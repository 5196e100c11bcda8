"""A house whose trunks take numbers of fiction, with live accounts."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from portevoix import bootstrap
from portevoix.domain.ids import Mode
from portevoix.ports import House
from tests.conftest import PEPPER
from tests.parts import ManualClock
from tests.store.test_calls import Customer
from tests.trunks import policy


@pytest.fixture
async def house(url: str, clock: ManualClock) -> AsyncIterator[House]:
    """A house whose trunks take numbers of fiction."""
    async with bootstrap.open_house(url, PEPPER.encode(), clock=clock, policy=policy()) as opened:
        yield opened.house


@pytest.fixture
async def alice(house: House) -> Customer:
    return await Customer.of(house, "Alice", mode=Mode.LIVE)


@pytest.fixture
async def bob(house: House) -> Customer:
    return await Customer.of(house, "Bob", mode=Mode.LIVE)
