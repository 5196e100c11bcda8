"""A database that stands elsewhere than it did dials nothing, and what may have been dialled is never dialled again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import psycopg
import pytest
from psycopg import sql

from portevoix import bootstrap
from portevoix.domain.call import CallState, Outcome, Retries
from portevoix.domain.errors import InvalidValue, Unavailable
from portevoix.ports import House
from portevoix.service import credit, dialling, restoring, settlement
from tests.conftest import PEPPER
from tests.parts import ManualClock
from tests.store.test_calls import LEASE_S, MICROS, Customer, Node, end, numbers

COPIES = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"


def move(url: str, place: str = "'elsewhere'") -> None:
    """Let the database remember another place."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"UPDATE instance SET place = {place}".encode())


def fail_over(url: str) -> None:
    """Let the database remember another timeline of this cluster."""
    move(url, "regexp_replace(place, '[^/]*$', '000000FF')")


@contextmanager
def copied(cluster: str, url: str) -> Iterator[str]:
    """Copy a database of the cluster, which nobody uses."""
    name = str(psycopg.conninfo.conninfo_to_dict(url)["dbname"])
    with psycopg.connect(cluster, autocommit=True) as connection:
        connection.execute(COPIES, [name])
        copy, whole = sql.Identifier(f"{name}_copy"), sql.Identifier(name)
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(copy, whole))
        try:
            yield url.replace(f"/{name}?", f"/{name}_copy?")
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(copy))


async def test_a_copy_of_a_database_dials_nothing_and_the_one_that_was_copied_goes_on(
    cluster: str, url: str, clock: ManualClock
) -> None:
    async with bootstrap.open_house(url, PEPPER.encode(), clock=clock) as first:
        await (await Customer.of(first.house)).send(numbers(3))
    with copied(cluster, url) as copy:
        async with bootstrap.open_house(copy, PEPPER.encode(), clock=clock) as second:
            assert await (await Node.of(second.house)).claim() == []
            assert (await second.house.restoring.look()).is_moved
        async with bootstrap.open_house(url, PEPPER.encode(), clock=clock) as first:
            assert len(await (await Node.of(first.house)).dial_all()) == 3


async def test_what_was_claimed_before_the_database_moved_is_not_dialled(
    house: House, alice: Customer, node: Node, url: str
) -> None:
    placing = await alice.send(numbers(2))
    claimed = await node.claim()
    move(url)
    assert await node.dial(claimed) == []
    assert await alice.states(placing.campaign) == [CallState.READY] * 2
    assert await node.claim() == []


async def test_after_a_backup_what_was_due_is_uncertain_and_costs_nothing_and_what_is_due_later_is_dialled(
    house: House, guarded: None, alice: Customer, clock: ManualClock, url: str
) -> None:
    due = await alice.send(numbers(2))
    paused = await alice.send(numbers(1))
    await alice.pause(paused.campaign)
    retried = await alice.send(numbers(1), retries=Retries(3, 60))
    later = await alice.send(numbers(2), due_at=clock.now() + timedelta(hours=1))
    node = await Node.of(house)
    dials = await node.dial_all()
    await end(house, [one for one in dials if one.call.startswith(retried.campaign)], Outcome.BUSY)
    await end(house, [one for one in dials if one.call.startswith(due.campaign)][:1])
    move(url)
    clock.advance(seconds=LEASE_S)
    await settlement.settle(house, await dialling.recover(house, dead_by=house.clock.now()))
    before = await restoring.look(house)
    assert (before.doubtful, before.later) == (1, 3), "paused; the retry and what is scheduled"
    clock.advance(seconds=60)
    fresh = await alice.send(numbers(1))
    assert await restoring.go_on_from_backup(house) == 1
    assert Counter(await alice.states(due.campaign)) == {CallState.FINISHED: 1, CallState.UNCERTAIN: 1}
    assert await alice.states(paused.campaign) == [CallState.UNCERTAIN]
    assert await alice.states(retried.campaign) == [CallState.SCHEDULED]
    assert await alice.states(later.campaign) == [CallState.SCHEDULED] * 2
    dialled = await (await Node.of(house)).dial_all()
    assert {one.call for one in dialled} == {f"{retried.campaign}-1", f"{fresh.campaign}-1"}
    assert await credit.check_ledger(house) == []


async def test_what_is_uncertain_after_a_backup_is_released_and_told_and_its_timeline_says_why(
    house: House, alice: Customer, url: str
) -> None:
    placing = await alice.send(numbers(600))
    move(url)
    assert await restoring.go_on_from_backup(house) == 600
    assert await alice.balance() == (100 * MICROS, 0)
    assert (await alice.campaign(placing.campaign)).open == 0
    with psycopg.connect(url) as connection:
        told = connection.execute("SELECT type, count(*) FROM event GROUP BY type").fetchall()
    assert dict(told) == {"message.accepted": 1, "call.ended": 600, "message.finished": 1}
    (attempt,) = await house.campaigns.attempts(alice.id, placing.campaign, 600)
    assert (attempt.route, attempt.outcome) == ("restored", Outcome.LOST)
    assert await (await Node.of(house)).claim() == []
    assert await credit.check_ledger(house) == []


async def test_calls_that_were_due_after_the_last_node_stopped_go_on(
    house: House, alice: Customer, clock: ManualClock, url: str
) -> None:
    early = await alice.send(numbers(1))
    stopped_at = clock.now()
    late = await alice.send(numbers(1), due_at=stopped_at + timedelta(seconds=30))
    clock.advance(minutes=10)
    move(url)
    assert (await restoring.look(house)).doubtful == 2, "as long as nobody says when the last node stopped"
    assert await restoring.go_on_from_backup(house, stopped_at) == 1
    assert await alice.states(early.campaign) == [CallState.UNCERTAIN]
    (dialled,) = await (await Node.of(house)).dial_all()
    assert dialled.call == f"{late.campaign}-1"


async def test_a_recovery_that_breaks_off_leaves_nothing_to_be_dialled_and_is_taken_up_again(
    house: House, alice: Customer, clock: ManualClock, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    placing = await alice.send(numbers(600))
    move(url)

    async def unreachable(house: House, calls: object) -> None:
        raise Unavailable("the database cannot be reached")

    with monkeypatch.context() as broken:
        broken.setattr(restoring, "settle", unreachable)
        with pytest.raises(Unavailable):
            await restoring.go_on_from_backup(house)
    assert await (await Node.of(house)).claim() == []
    assert await restoring.go_on_from_backup(house) == 100
    await settlement.settle(house, await dialling.recover(house, dead_by=house.clock.now()))
    assert await alice.states(placing.campaign) == [CallState.UNCERTAIN] * 600
    assert await credit.check_ledger(house) == []


async def test_where_nothing_was_lost_all_of_it_is_dialled(house: House, alice: Customer, url: str) -> None:
    await alice.send(numbers(2))
    move(url)
    await restoring.go_on(house)
    assert not (await restoring.look(house)).whereabouts.is_moved
    assert len(await (await Node.of(house)).dial_all()) == 2


async def test_numbers_that_may_have_been_given_before_are_not_given_again(
    house: House, alice: Customer, node: Node, url: str
) -> None:
    await alice.send(numbers(1))
    (before,) = await node.claim()
    move(url)
    await restoring.go_on(house)
    await alice.send(numbers(1))
    other = await Node.of(house)
    after = max(one.id for one in await other.claim())
    assert after > before.id + 1_000_000
    assert other.number > node.number + 1_000_000


@pytest.mark.parametrize("goes_on", [False, True])
async def test_a_failover_is_gone_on_after_where_the_operator_says_so(
    house: House, alice: Customer, url: str, goes_on: bool
) -> None:
    await alice.send(numbers(2))
    fail_over(url)
    standing = await restoring.watch(house, goes_on=goes_on)
    assert standing.is_moved is not goes_on
    assert len(await (await Node.of(house)).claim()) == (2 if goes_on else 0)


async def test_a_restored_backup_is_no_failover(house: House, alice: Customer, url: str) -> None:
    await alice.send(numbers(2))
    move(url)
    assert (await restoring.watch(house, goes_on=True)).is_moved
    assert await (await Node.of(house)).claim() == []


async def test_a_place_that_moved_again_since_it_was_looked_at_is_not_accepted(house: House, url: str) -> None:
    move(url)
    assert not await house.restoring.accept("where it was looked at")
    assert (await house.restoring.look()).is_moved


async def test_the_last_node_cannot_stop_in_the_future(house: House, clock: ManualClock) -> None:
    with pytest.raises(InvalidValue):
        await restoring.look(house, clock.now() + timedelta(seconds=1))


def test_a_role_that_is_no_superuser_finds_its_place(cluster: str, url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE ROLE plain_role")
        try:
            connection.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO plain_role")
            connection.execute("SET ROLE plain_role")
            row = connection.execute("SELECT database_place()").fetchone()
            connection.execute("RESET ROLE")
        finally:
            connection.execute("DROP OWNED BY plain_role")
            connection.execute("DROP ROLE plain_role")
    assert row is not None
    assert row[0].count("/") == 4
