"""Two accounts that send, and a node."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from portevoix.ports import House
from tests.store.test_calls import Customer, Node, refusing_other_transitions


@pytest.fixture
def guarded(url: str) -> Iterator[None]:
    """Let the database refuse any change of a call's state that is not in the domain's table."""
    with refusing_other_transitions(url):
        yield


@pytest.fixture
async def alice(house: House) -> Customer:
    return await Customer.of(house, "Alice")


@pytest.fixture
async def bob(house: House) -> Customer:
    return await Customer.of(house, "Bob")


@pytest.fixture
async def node(house: House) -> Node:
    return await Node.of(house)
