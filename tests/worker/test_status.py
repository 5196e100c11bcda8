"""How a service fares: what is told of it, and what is found wrong."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest

from portevoix.domain.routing import Heard, Resting
from portevoix.ports import House, Replica, Role, Standing
from portevoix.service.status import findings, look
from tests.parts import ManualClock
from tests.store.test_calls import Customer, numbers
from tests.trunks import add_route, add_trunk

LEASE_S = 15


async def told(house: House) -> list[tuple[bool, str]]:
    """What is found, without what to do."""
    return [(one.is_fault, one.what) for one in findings(await look(house))]


async def test_a_service_that_is_well_has_nothing_to_tell(house: House, alice: Customer) -> None:
    await house.calls.join("host/1", LEASE_S, Standing(Role.SERVE, "1.0", shares_limits=False))
    await house.calls.join("host/2", LEASE_S, Standing(Role.WORK, "1.0", shares_limits=False))
    await alice.send(numbers(3))
    status = await look(house)
    assert [(node.name, node.role, node.version, node.seen_at) for node in status.nodes] == [
        ("host/2", Role.WORK, "1.0", status.at),
        ("host/1", Role.SERVE, "1.0", status.at),
    ]
    assert (status.queues.calls_due, status.queues.oldest_due_at) == (3, status.at)
    assert status.database.size_bytes > 0
    assert 0 < status.database.connections < status.database.most_connections
    assert findings(status) == []


async def test_a_service_without_a_process_says_so(house: House, clock: ManualClock) -> None:
    assert await told(house) == [(True, "no process is alive")]
    await house.calls.join("host/1", LEASE_S)
    assert await told(house) == []
    clock.advance(seconds=LEASE_S)
    assert await told(house) == [
        (True, "no process is alive"),
        (False, "process host/1 has been silent since 2026-01-13 11:35:15 UTC"),
    ]


async def test_calls_that_nobody_dials_are_told(house: House, alice: Customer) -> None:
    await house.calls.join("host/1", LEASE_S, Standing(Role.SERVE))
    assert await told(house) == []
    await alice.send(numbers(3))
    assert await told(house) == [(True, "3 calls are due and no process dials")]


@pytest.mark.parametrize(("shares", "is_told"), [((False, False), True), ((True, False), True), ((True, True), False)])
async def test_servers_that_count_for_themselves_are_told(
    house: House, shares: tuple[bool, bool], is_told: bool
) -> None:
    await house.calls.join("host/1", LEASE_S, Standing(Role.WORK, shares_limits=False))
    for shared in shares:
        await house.calls.join("host/2", LEASE_S, Standing(Role.SERVE, shares_limits=shared))
    words = [(False, "2 processes answer requests, and not all of them count requests together")]
    assert await told(house) == (words if is_told else [])


async def test_two_versions_are_told_also_of_a_node_that_does_not_know_of_versions(house: House, url: str) -> None:
    await house.calls.join("host/1", LEASE_S, Standing(version="1.0"))
    with psycopg.connect(url) as connection:  # as 0009 knew it
        connection.execute("INSERT INTO node (name, started_at, lease_until) VALUES ('old', now(), 'infinity')")
        connection.execute("UPDATE node SET lease_until = timestamptz '2030-01-01' WHERE name = 'old'")
    assert await told(house) == [(False, "processes of several versions are alive: an older one, 1.0")]


async def test_a_trunk_that_does_not_answer_and_a_route_that_rests_are_told(house: House, clock: ManualClock) -> None:
    await house.calls.join("host/1", LEASE_S)
    trunk = await add_trunk(house)
    await add_route(house, trunk)
    assert await told(house) == []
    (route,) = await house.trunks.routes()
    await house.trunks.heard([Heard(route.name, 3, False)], Resting(3, 10, 10))
    assert await told(house) == [
        (False, f"route {route.name} rests until 2026-01-13 11:35:10 UTC: calls over it failed")
    ]
    await house.trunks.reachable(trunk.id, clock.now() + timedelta(seconds=5))
    assert await told(house) == [(True, f"trunk {trunk.name} does not answer")]
    clock.advance(seconds=10)
    assert await told(house) == []


async def test_chores_that_failed_or_are_done_by_nobody_are_told(house: House, clock: ManualClock) -> None:
    await house.chores.plan({"sweep": 1, "watch": 1})
    clock.advance(seconds=1)
    await house.calls.join("host/1", 600)
    taken = await house.chores.take(["sweep"], "host/1", 60)
    assert taken is not None
    await house.chores.end(*("sweep", "host/1", taken[1]), 3_600, "the disk is full")
    clock.advance(seconds=61)
    assert await told(house) == [
        (True, "chore sweep failed: the disk is full"),
        (True, "chore watch has been due since 2026-01-13 11:35:01 UTC, and nobody does it"),
    ]


async def test_a_database_that_is_nearly_full_or_a_replica_that_does_not_follow_is_told(house: House) -> None:
    await house.calls.join("host/1", LEASE_S)
    status = await look(house)
    copies = [
        Replica("one", "streaming", 0, None),
        Replica("two", "catchup", 9, 1.5),
        Replica("three", None, None, None),
    ]
    database = replace(status.database, connections=91, most_connections=100, replicas=copies)
    assert [one.what for one in findings(replace(status, database=database))] == [
        "91 of the database's 100 connections are taken",
        "replica two is in state catchup",
    ]
