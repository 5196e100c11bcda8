"""What is over moves to its month: nothing is lost, doubled or seen otherwise, whatever happens meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import psycopg
import pytest
from psycopg import errors

from portevoix.domain.archive import Month, Moved
from portevoix.domain.errors import HoldExceeded
from portevoix.domain.ids import AccountRef
from portevoix.domain.ledger import Kind, Sought
from portevoix.domain.notice import WebhookArchived
from portevoix.ports import House
from portevoix.service import archive, credit, notices
from portevoix.service.reading import find_access
from tests.conftest import Serve
from tests.parts import ManualClock, until
from tests.store.past import KEEP_MONTHS, Past, deliver, live_through
from tests.store.test_calls import HOOK, drain, numbers
from tests.wire.modern import FAST, Client

JANUARY, FEBRUARY, MARCH = (Month(date(2026, month, 1)) for month in (1, 2, 3))

#: What of the past moves: 30 calls, 20 of two attempts, and 10 that were cancelled.
ALL_OF_JANUARY = Moved(messages=3, calls=60, attempts=70, webhooks=50, holds=60, draws=60, transfers=120)

TABLES = ("call", "attempt", "webhook", "webhook_attempt", "hold", "draw", "transfer")


@pytest.fixture
async def past(house: House, clock: ManualClock, url: str) -> Past:
    return await live_through(house, clock, url)


def rows(url: str, query: str, *values: object) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(query.encode(), values or None).fetchall()


def counts(url: str) -> dict[str, tuple[int, int]]:
    """How many rows each table has, and its past."""
    return {
        table: rows(url, f"SELECT (SELECT count(*) FROM {table}), (SELECT count(*) FROM past_{table})")[0]
        for table in TABLES
    }


async def test_what_was_over_moves_to_its_month_and_the_rest_stays(house: House, past: Past, url: str) -> None:
    before = counts(url)
    assert await archive.due(house, KEEP_MONTHS) == [(JANUARY, 3, 60)]
    assert counts(url) == before

    assert await archive.archive(house, KEEP_MONTHS) == ALL_OF_JANUARY

    after = counts(url)
    assert {table: sum(both) for table, both in after.items()} == {table: sum(both) for table, both in before.items()}
    assert [after[f"{kind}"][1] for kind in ("call", "attempt", "webhook", "hold", "draw", "transfer")] == [
        *(ALL_OF_JANUARY.calls, ALL_OF_JANUARY.attempts, ALL_OF_JANUARY.webhooks),
        *(ALL_OF_JANUARY.holds, ALL_OF_JANUARY.draws, ALL_OF_JANUARY.transfers),
    ]
    for table in TABLES:
        assert rows(url, f"SELECT count(*) FROM past_{table}_2026_01") == [(after[table][1],)]
    archived = rows(url, "SELECT public_id FROM campaign WHERE archived_at IS NOT NULL")
    assert {one for (one,) in archived} == {past.settled, past.mixed, past.cancelled}
    left = rows(url, "SELECT DISTINCT p.public_id FROM call c JOIN campaign p ON p.id = c.campaign_id")
    assert {one for (one,) in left} == {past.february, past.waiting, past.recent}
    assert rows(url, "SELECT DISTINCT kind::text FROM transfer WHERE idempotency_key IS NOT NULL ORDER BY 1") == [
        ("adjustment_debit",), ("allotment_out",), ("refund",), ("top_up",)
    ]  # fmt: skip
    assert await credit.check_ledger(house) == []


async def test_archiving_again_does_nothing_and_a_month_later_takes_the_next(
    house: House, past: Past, url: str, clock: ManualClock
) -> None:
    await archive.archive(house, KEEP_MONTHS)
    before = counts(url)
    assert await archive.archive(house, KEEP_MONTHS) == Moved()
    assert counts(url) == before
    clock.advance(days=31)
    moved = await archive.archive(house, KEEP_MONTHS)
    assert (moved.messages, moved.calls) == (1, 5)
    assert rows(url, "SELECT count(*) FROM past_call_2026_02") == [(5,)]
    assert await credit.check_ledger(house) == []


async def seen(door: Client, past: Past) -> Mapping[str, bytes]:
    """All that the API tells."""
    paths = ["credit", "messages?limit=50", "webhooks?limit=50", "sandbox/inbox?limit=50", "ledger?limit=100"]
    paths += ["messages?state=cancelled", "webhooks?state=delivered"]
    for one in (past.settled, past.mixed, past.cancelled, past.february, past.waiting, past.recent):
        paths += [f"messages/{one}", f"messages/{one}/calls?limit=500", f"messages/{one}/calls?limit=2&after=3"]
        paths += [f"messages/{one}/calls?format=csv", f"messages/{one}/calls?state=finished", f"calls/{one}-2"]
    found = {}
    for path in paths:
        answer = await door.ask("GET", path)
        assert answer.status_code == 200, (path, answer.text)
        found[path] = answer.content
    for limit in (7, 100):
        found[f"pages of {limit}"] = repr(await door.walk("ledger", limit)).encode()
    (newest, *_) = (await door.get("webhooks", limit=50))["items"]
    found["webhook"] = (await door.ask("GET", f"webhooks/{newest['id']}")).content
    return found


async def test_the_api_tells_the_same_as_before(house: House, past: Past, serve: Serve) -> None:
    async with serve(**FAST) as http:
        door = Client(http, past.alice.key)
        before = await seen(door, past)
        assert await archive.archive(house, KEEP_MONTHS) == ALL_OF_JANUARY
        assert await seen(door, past) == before


async def test_statements_and_searches_of_the_ledger_are_the_same_as_before(house: House, past: Past) -> None:
    async def read(ref: AccountRef) -> list[object]:
        ledger = (await house.accounts.find(ref)).id
        sought = [
            Sought(),
            Sought(kinds=frozenset({Kind.SETTLE})),
            Sought(kinds=frozenset({Kind.REFUND, Kind.ALLOTMENT_OUT})),
            Sought(first=JANUARY.begins_at, until=MARCH.begins_at),
            Sought(first=MARCH.begins_at),
        ]
        found: list[object] = [await house.ledger.newest(ledger, one, None, 25) for one in sought]
        return [*found, [line async for line in credit.statement(house, ref)]]

    refs = (past.alice.ref, past.shop)
    before = [await read(ref) for ref in refs]
    assert await archive.archive(house, KEEP_MONTHS) == ALL_OF_JANUARY
    assert [await read(ref) for ref in refs] == before


async def test_the_hold_of_an_archived_call_is_refunded_once_and_never_beyond_what_it_settled(
    house: House, past: Past
) -> None:
    await archive.archive(house, KEEP_MONTHS)
    before, _ = await past.alice.balance()
    with pytest.raises(HoldExceeded):
        await credit.refund(house, past.refunded, 5_001, "too-much")
    posted = await credit.refund(house, past.refunded, 5_000, "the-rest")
    again = await credit.refund(house, past.refunded, 5_000, "the-rest")
    assert (again.transfer_id, again.repeated) == (posted.transfer_id, True)
    first = await credit.refund(house, past.refunded, 1_000, "complaint")
    assert first.repeated
    with pytest.raises(HoldExceeded):
        await credit.refund(house, past.refunded, 1, "one-more")
    assert await past.alice.balance() == (before + 5_000, past.alice_held)
    assert await credit.check_ledger(house) == []


#: What would lose, double or alter something, and the table that refuses it.
MOVES = "SELECT set_config('portevoix.moves_to', '2026-01-01', false); "
REFUSED = [
    ("DELETE FROM transfer WHERE kind = 'settle'", "transfer"),
    ("DELETE FROM transfer WHERE kind = 'top_up'", "transfer"),
    (MOVES + "DELETE FROM transfer WHERE kind = 'settle'", "transfer"),
    (MOVES + "DELETE FROM hold WHERE settled_micros > 0", "hold"),
    (MOVES + "DELETE FROM draw", "draw"),
    (MOVES + "DELETE FROM call WHERE cost_micros IS NOT NULL", "call"),
    (MOVES + "DELETE FROM attempt", "attempt"),
    (MOVES + "WITH gone AS (DELETE FROM transfer WHERE kind = 'settle' RETURNING *) INSERT INTO past_transfer "
     "SELECT '2026-01-01', id, account_id, kind, amount_micros + 1, available_after_micros, hold_id, counterpart_id, "
     "idempotency_key, reason, at FROM gone", "transfer"),
    (MOVES + "WITH gone AS (DELETE FROM hold WHERE settled_micros > 0 RETURNING *) INSERT INTO past_hold "
     "SELECT '2026-01-01', * FROM gone ORDER BY id LIMIT 1", "hold"),
    ("UPDATE past_transfer SET amount_micros = 1", "past_transfer_2026_01"),
    ("DELETE FROM past_transfer", "past_transfer_2026_01"),
    ("TRUNCATE past_transfer_2026_01", "past_transfer_2026_01"),
    ("TRUNCATE past_hold", "past_hold_2026_01"),
    ("TRUNCATE transfer CASCADE", "transfer"),
    ("TRUNCATE call", "call"),
    ("UPDATE past_draw SET settled_micros = 0", "past_draw_2026_01"),
    ("UPDATE past_hold SET settled_micros = 0, refunded_micros = 0", "past_hold_2026_01"),
    ("UPDATE past_hold SET refunded_micros = refunded_micros - 1 WHERE refunded_micros > 0", "past_hold_2026_01"),
    ("DELETE FROM past_hold", "past_hold_2026_01"),
    ("UPDATE past_call SET cost_micros = 0", "past_call_2026_01"),
    ("DELETE FROM past_attempt", "past_attempt_2026_01"),
]  # fmt: skip


async def test_nothing_but_a_move_of_the_very_same_rows_is_let_through(house: House, past: Past, url: str) -> None:
    await archive.archive(house, KEEP_MONTHS)
    with psycopg.connect(url, autocommit=True) as connection:
        for statement, table in REFUSED:
            with pytest.raises(errors.RestrictViolation, match=f"^{table} is never"):
                connection.execute(statement.encode())
            connection.execute("RESET portevoix.moves_to")
    assert await credit.check_ledger(house) == []


class Stopped(Exception):
    """The archive was stopped on purpose."""


class StoppingAt:
    """An archive that stops after so many steps that change something."""

    def __init__(self, house: House, steps: int) -> None:
        self._archive = house.archive
        self.left = steps

    def __getattr__(self, name: str) -> Any:
        if name not in ("make", "move_calls", "move_webhooks", "close"):
            return getattr(self._archive, name)
        if self.left == 0:
            raise Stopped
        self.left -= 1
        return getattr(self._archive, name)


async def test_it_may_be_stopped_between_any_two_steps_and_run_again(
    house: House, past: Past, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "CALLS_AT_ONCE", 13)
    monkeypatch.setattr(archive, "WEBHOOKS_AT_ONCE", 20)
    before = {table: sum(both) for table, both in counts(url).items()}
    moved, stops = Moved(), 0

    def tell(_: Month, part: Moved) -> None:
        nonlocal moved
        moved = moved.and_(part)

    while True:
        stopping = StoppingAt(house, steps=4)  # past what a run does before it finds something to move
        try:
            await archive.archive(replace(house, archive=stopping), KEEP_MONTHS, tell)  # type: ignore[arg-type]
        except Stopped:
            stops += 1
            assert {table: sum(both) for table, both in counts(url).items()} == before
            assert await credit.check_ledger(house) == []
        else:
            break
    assert (stops >= 4, moved) == (True, ALL_OF_JANUARY)


async def test_a_webhook_under_way_stays_with_its_message_until_it_is_over(house: House, past: Past, url: str) -> None:
    access = await find_access(house, past.alice.key)
    webhook = rows(url, "SELECT public_id FROM webhook ORDER BY id LIMIT 1")[0][0]
    assert (await notices.replay_webhook(house, access, webhook)).state == "pending"
    moved = await archive.archive(house, KEEP_MONTHS)
    assert moved == ALL_OF_JANUARY._replace(messages=2, webhooks=49)
    assert await house.archive.not_archived(FEBRUARY) == 1
    found = await notices.find_webhook(house, access, webhook)
    assert (found.state, found.campaign, found.position is not None) == ("pending", past.settled, True)

    await deliver(house, url)
    assert await archive.archive(house, KEEP_MONTHS) == Moved(messages=1, webhooks=1)
    assert (await notices.find_webhook(house, access, webhook)).state == "delivered"
    with pytest.raises(WebhookArchived):
        await notices.replay_webhook(house, access, webhook)


async def test_a_hold_under_refund_is_left_and_taken_the_next_time(house: House, past: Past) -> None:
    async with house.unit_of_work() as together:
        await credit.refund(together, past.refunded, 500, "some-more")
        moved = await archive.archive(house, KEEP_MONTHS)
        assert (moved.messages, moved.calls, moved.holds) == (2, 59, 59)
    assert await archive.archive(house, KEEP_MONTHS) == Moved(1, 1, 1, 0, 1, 1, 2)
    assert await credit.check_ledger(house) == []


#: Whoever waits for a lock.
WAITS = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


async def test_who_refunds_or_replays_what_is_moving_waits_and_finds_it_where_it_went(
    house: House, past: Past, url: str
) -> None:
    access = await find_access(house, past.alice.key)
    webhook = rows(url, "SELECT public_id FROM webhook ORDER BY id LIMIT 1")[0][0]
    before, held = await past.alice.balance()
    async with house.unit_of_work() as together:
        assert await archive.archive(together, KEEP_MONTHS) == ALL_OF_JANUARY
        refund = asyncio.create_task(credit.refund(house, past.refunded, 5_000, "the-rest"))
        replay = asyncio.create_task(notices.replay_webhook(house, access, webhook))
        await asyncio.to_thread(until, lambda: len(rows(url, WAITS)) == 2)
    assert not (await refund).repeated
    with pytest.raises(WebhookArchived):
        await replay
    assert await past.alice.balance() == (before + 5_000, held)
    assert rows(url, "SELECT refunded_micros FROM past_hold WHERE id = %s", past.refunded) == [(6_000,)]
    assert await credit.check_ledger(house) == []


async def test_sends_claims_and_two_archives_at_once_are_in_nobodys_way(
    house: House, past: Past, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "CALLS_AT_ONCE", 2)

    async def work() -> None:
        for _ in range(5):
            await past.alice.send(numbers(6), notify_url=HOOK)
            await drain(house)

    one, other, _ = await asyncio.gather(
        archive.archive(house, KEEP_MONTHS), archive.archive(house, KEEP_MONTHS), work()
    )
    rest = await archive.archive(house, KEEP_MONTHS)
    assert one.and_(other).and_(rest) == ALL_OF_JANUARY
    assert await credit.check_ledger(house) == []
