"""What is asked again and again reads as many rows whether there are few calls or many."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta

import pytest
from bench.filling import Filled, fill
from bench.reserving import PEPPER

from portevoix import bootstrap
from portevoix.bootstrap import Opened
from portevoix.console.pages.campaigns import UNDER_WAY
from portevoix.domain.account import Access
from portevoix.domain.ledger import Sought
from portevoix.service import archive, sandbox, sent
from portevoix.service.keys import digest

CALLS, ACCOUNTS = 10_000, 3
SHOWN = 50

#: Rows that one of them may read of each table: far fewer than the account has, and more than any page shows.
MOST_ROWS = 400

LARGE = ("call", "attempt", "hold", "draw", "transfer", "event")

_READ = """SELECT relname, seq_tup_read + coalesce(idx_tup_fetch, 0) FROM pg_stat_user_tables
    WHERE relname = ANY(%s) OR relname LIKE 'past%%'"""

#: Of an account, an archived campaign, and the last hold and transfer of what is archived.
_ARCHIVED = """SELECT min(p.public_id), (SELECT max(id) FROM past_hold h WHERE h.account_id = p.account_id),
        (SELECT max(id) FROM past_transfer t WHERE t.account_id = p.account_id)
    FROM campaign p WHERE p.account_id = %s AND p.archived_at IS NOT NULL GROUP BY p.account_id"""


@pytest.fixture
async def filled(url: str) -> Filled:
    return await asyncio.to_thread(fill, url, CALLS, ACCOUNTS, lambda line: None)


@pytest.fixture
async def opened(filled: Filled) -> AsyncIterator[Opened]:
    async with bootstrap.open_house(filled.url, PEPPER, connections=1) as opened:
        yield opened


async def test_what_is_asked_often_reads_no_more_where_there_are_more_calls(filled: Filled, opened: Opened) -> None:
    access = await opened.house.keys.access(digest(PEPPER, filled.keys[0]))
    assert access is not None
    assert await _that_read_too_much(opened, _questions(opened, access, filled.place.campaign)) == {}


async def test_what_is_archived_is_found_by_its_indexes_in_each_month(filled: Filled, opened: Opened) -> None:
    access = await opened.house.keys.access(digest(PEPPER, filled.keys[0]))
    assert access is not None
    assert (await archive.archive(opened.house, keep_months=1)).calls > CALLS // 4
    async with opened.database.connection() as connection:
        await connection.execute("ANALYZE")
        cursor = await connection.execute(_ARCHIVED, [access.account_id])
        ((campaign, hold, transfer),) = await cursor.fetchall()
    house, account = opened.house, access.account_id
    questions = {
        **_questions(opened, access, campaign),
        "calls of archived holds": lambda: house.campaigns.of_holds(account, range(hold - 100, hold)),
        "archived transfers": lambda: sent.newest_lines(house, access, Sought(), transfer, SHOWN),
        "archived attempts": lambda: house.campaigns.attempts(account, campaign, 1),
    }
    assert await _that_read_too_much(opened, questions) == {}


async def _that_read_too_much(
    opened: Opened, questions: Mapping[str, Callable[[], Awaitable[object]]]
) -> dict[str, dict[str, int]]:
    too_many = {}
    for name, ask in questions.items():
        before = await _rows_read(opened)
        await ask()
        read = {table: rows - before[table] for table, rows in (await _rows_read(opened)).items()}
        if max(read.values()) > MOST_ROWS:
            too_many[name] = read
    return too_many


def _questions(opened: Opened, access: Access, campaign: str) -> Mapping[str, Callable[[], Awaitable[object]]]:
    house, account = opened.house, access.account_id
    month_ago = (datetime.now(UTC) - timedelta(days=30)).date()
    return {
        "who asks": lambda: house.keys.access(digest(PEPPER, "another")),
        "balance": lambda: sent.read_balance(house, access),
        "newest campaigns": lambda: sent.list_campaigns(house, access, None, SHOWN),
        "campaigns under way": lambda: sent.list_campaigns(house, access, None, SHOWN, UNDER_WAY),
        "spending of a month": lambda: house.ledger.spending(account, month_ago, "Europe/Paris"),
        "newest transfers": lambda: sent.newest_lines(house, access, Sought(), None, SHOWN),
        "calls of a campaign": lambda: sent.list_calls(house, access, campaign, 0, SHOWN),
        "a call": lambda: sent.find_call(house, access, f"{campaign}-1"),
        "calls of holds": lambda: house.campaigns.of_holds(account, range(1_000, 1_100)),
        "inbox": lambda: sandbox.read_inbox(house, access, None, SHOWN),
        "whether a sandbox is quiet": lambda: house.sandboxes.is_quiet(account),
        "what a sandbox's reset ends": lambda: house.sandboxes.unfinished(account),
        "queues": house.nodes.queues,
        "nodes": house.nodes.all,
        "newest events": lambda: house.accounts.last_event(account),
        "events after the last": lambda: _events_after_last(opened, account),
        "webhooks": lambda: house.notices.webhooks(account, None, SHOWN),
        "accounts": lambda: house.accounts.search("", None, SHOWN),
        "reports that nobody has acted on": lambda: house.calls.filed(SHOWN),
        "what dead nodes had": lambda: house.calls.forsake(SHOWN, house.clock.now()),
        "stranded campaigns": lambda: house.campaigns.stranded(SHOWN),
    }


async def _events_after_last(opened: Opened, account: int) -> object:
    return await opened.house.accounts.events(account, await opened.house.accounts.last_event(account))


async def _rows_read(opened: Opened) -> dict[str, int]:
    """Tell how many rows of each large table were read so far, by scans and by indexes."""
    async with opened.database.connection() as connection:  # the only one, which has counted
        await connection.execute("SELECT pg_stat_force_next_flush()")
        await connection.execute("SELECT pg_stat_clear_snapshot()")
        return dict(await (await connection.execute(_READ, [list(LARGE)])).fetchall())
