"""What statements do where the planner knows nothing of their tables yet: in a new installation's first minutes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg

from portevoix.ports import House
from portevoix.store.calls import SQL
from tests.parts import BEGINNING
from tests.store.test_calls import Customer, Node, numbers

CUSTOMERS = 12
RECIPIENTS = 20


def nodes_of(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A plan's nodes, each after the one above it."""
    yield plan
    for below in plan.get("Plans", []):
        yield from nodes_of(below)


async def test_each_call_is_locked_once_when_it_is_dialled(house: House, url: str, node: Node) -> None:
    for number in range(CUSTOMERS):
        customer = await Customer.of(house, f"Customer {number}")
        await customer.send(numbers(RECIPIENTS))
    claimed = [call.id for call in await node.claim()]
    assert len(claimed) == CUSTOMERS * RECIPIENTS
    asked = {
        "node": node.number,
        "at": BEGINNING,
        "calls": sorted(claimed),
        "routes": ["first"] * len(claimed),
        "times": [BEGINNING] * len(claimed),
        "trunks": [None] * len(claimed),
        "open_trunks": [],
        "rooms": [],
    }
    with psycopg.connect(url) as connection:
        row = connection.execute(b"EXPLAIN (ANALYZE, FORMAT JSON) " + SQL["dial"], asked).fetchone()
        connection.rollback()
    assert row is not None
    [explained] = row[0]
    locks = [one for one in nodes_of(explained["Plan"]) if one["Node Type"] == "LockRows"]
    assert max(one["Actual Loops"] for one in locks) == len(claimed)
