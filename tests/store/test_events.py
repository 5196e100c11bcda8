"""Events are read in an order that nothing comes before later, whichever transaction ends first."""

from __future__ import annotations

from contextlib import aclosing

import psycopg
import pytest

from portevoix import bootstrap
from portevoix.domain.ids import Mode
from portevoix.ports import House
from portevoix.service.events import follow_events
from portevoix.service.reading import find_access
from portevoix.store.instance import count_events_anew
from tests.store.test_calls import Customer

INSERT = "INSERT INTO event (account_id, type, data) VALUES (%s, %s, '{}') RETURNING id"


@pytest.fixture
async def alice(house: House) -> Customer:
    return await Customer.of(house, "Alice", mode=Mode.SANDBOX)


async def kinds(house: House, account_id: int, after_id: int = 0) -> list[str]:
    return [event.type for event in await house.accounts.events(account_id, after_id)]


async def test_an_event_waits_for_one_with_a_lower_id_whose_transaction_is_under_way(
    house: House, alice: Customer, url: str
) -> None:
    with psycopg.connect(url) as slow, psycopg.connect(url, autocommit=True) as quick:
        ((first,),) = slow.execute(INSERT, [alice.id, "first"]).fetchall()
        ((second,),) = quick.execute(INSERT, [alice.id, "second"]).fetchall()
        assert first < second
        assert await kinds(house, alice.id) == []
        assert await house.accounts.has_events_held_back(alice.id)
        assert await house.accounts.last_event(alice.id) == 0
        slow.commit()
        assert await kinds(house, alice.id) == ["first", "second"]
        assert await kinds(house, alice.id, first) == ["second"]
        assert await kinds(house, alice.id, second) == []
        assert not await house.accounts.has_events_held_back(alice.id)
        assert await house.accounts.last_event(alice.id) == second


async def test_who_follows_misses_none_of_two_transactions_that_end_the_other_way_round(
    house: House, hearing: None, alice: Customer, url: str
) -> None:
    access = await find_access(house, alice.key)
    async with aclosing(follow_events(house, access, None)) as pages:
        await anext(pages)
        with psycopg.connect(url) as slow, psycopg.connect(url, autocommit=True) as quick:
            slow.execute(INSERT, [alice.id, "early"])
            quick.execute(INSERT, [alice.id, "late"])
            slow.commit()
        told: list[str] = []
        while len(told) < 2:
            told += [event.type for event in (await anext(pages)).events]
    assert told == ["early", "late"]


async def test_events_that_were_restored_on_another_cluster_are_read_before_those_written_there(
    opened: bootstrap.Opened, alice: Customer, url: str
) -> None:
    """A restored row bears the number of a transaction that this cluster has not reached yet."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(INSERT, [alice.id, "restored"])
        connection.execute("UPDATE event SET xid = '99999999'")
        assert await kinds(opened.house, alice.id) == []
        connection.execute("UPDATE instance SET cluster = 1")
        await count_events_anew(opened.database)
        connection.execute(INSERT, [alice.id, "written"])
    assert await kinds(opened.house, alice.id) == ["restored", "written"]
