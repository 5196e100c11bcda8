"""The courier's jobs on a real PostgreSQL."""

from __future__ import annotations

import asyncio

import psycopg
import pytest
from procrastinate.exceptions import ConnectorException

from portevoix import bootstrap
from portevoix.domain.errors import Unavailable
from portevoix.store.jobs import DELIVER, QUEUE, Errand, defer, open_jobs

MANY = 5_000

#: What a connection has read is counted in with the end of this.
COUNT_NOW = "SELECT pg_stat_force_next_flush()"


async def test_the_next_job_is_found_without_reading_all_that_wait_even_before_the_planner_knows_how_many_do(
    url: str,
) -> None:
    errands = [Errand(DELIVER, {"webhook": number, "copy": 0}, f"call-{number}") for number in range(MANY)]
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute("ALTER TABLE procrastinate_jobs SET (autovacuum_enabled = off)")
        await defer(connection, errands)
        await connection.execute(COUNT_NOW)
        async with open_jobs(url, connections=1) as jobs:
            worker = await jobs.job_manager.register_worker()
            before = await _rows_read(connection)
            assert await jobs.job_manager.fetch_job([QUEUE], worker) is not None
            await jobs.connector.execute_query_async(COUNT_NOW)
            assert 1 <= await _rows_read(connection) - before < MANY / 100


async def test_a_connection_that_is_lost_while_a_job_is_deferred_is_told_as_any_other(
    opened: bootstrap.Opened, url: str
) -> None:
    with pytest.raises(Unavailable):
        async with opened.database.transaction() as connection:
            async with await psycopg.AsyncConnection.connect(url, autocommit=True) as other:
                await other.execute("SELECT pg_terminate_backend(%s, 5000)", [connection.info.backend_pid])
            await defer(connection, [Errand(DELIVER, {"webhook": 1, "copy": 0}, "call-1")])


async def test_a_database_that_is_lost_is_told_as_away(url: str) -> None:
    with pytest.raises(Unavailable):
        async with open_jobs(url, 2) as jobs, asyncio.TaskGroup() as works:
            for _ in range(2):
                end = jobs.connector.execute_query_async("SELECT pg_terminate_backend(pg_backend_pid())")
                works.create_task(end)


async def test_a_statement_that_is_wrong_stays_what_it_is(url: str) -> None:
    with pytest.raises(ConnectorException):
        async with open_jobs(url, 1) as jobs:
            await jobs.connector.execute_query_async("SELECT 1 / 0")


async def _rows_read(connection: psycopg.AsyncConnection[tuple[int]]) -> int:
    """How many rows of jobs were read so far."""
    query = "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_user_tables WHERE relname = 'procrastinate_jobs'"
    ((rows,),) = await (await connection.execute(query)).fetchall()
    return rows
