"""Connections to PostgreSQL: whoever is cancelled while waiting for one ends, and leaves nothing half-made behind."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import psycopg
import pytest

from portevoix.store.database import WholeConnection, open_pool
from tests.parts import PATIENCE_S
from tests.wire.cable import Cable

#: Turns of the loop from a connection's return to its next borrower having it, and some more.
TURNS = 12


@pytest.mark.parametrize("turns", range(TURNS))
async def test_a_cancellation_that_comes_together_with_a_connection_is_not_lost(url: str, turns: int) -> None:
    async with open_pool(url, smallest=1, largest=1) as pool:
        lent = await pool.getconn()
        waiting = asyncio.create_task(pool.getconn())
        while not pool.get_stats()["requests_waiting"]:  # noqa: ASYNC110 - the pool tells nobody
            await asyncio.sleep(0)
        await pool.putconn(lent)
        for _ in range(turns):
            await asyncio.sleep(0)
        was_cancelled = waiting.cancel()
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.wait({waiting})
        assert waiting.cancelled() == was_cancelled
        if not was_cancelled:
            await pool.putconn(waiting.result())
        async with pool.connection(PATIENCE_S) as connection:  # the only one is there again
            assert await (await connection.execute("SELECT 1")).fetchone() == (1,)


async def test_a_connection_is_made_whole_however_often_that_is_cancelled(url: str, tmp_path: Path) -> None:
    cable = Cable(url, tmp_path)
    cable.may_talk.clear()
    await cable.plug()
    making = asyncio.create_task(WholeConnection.connect(cable.url, application_name="cancelled"))
    async with asyncio.timeout(PATIENCE_S):
        await cable.used.wait()
        for _ in range(3):
            making.cancel()
            for _ in range(TURNS):
                await asyncio.sleep(0)
            assert not making.done()
        cable.may_talk.set()
        with pytest.raises(asyncio.CancelledError):
            await making
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as watch:
            while await _is_there(watch):  # noqa: ASYNC110 - a session that ends tells nobody
                await asyncio.sleep(0.01)
    await cable.cut()


async def _is_there(watch: psycopg.AsyncConnection[Any]) -> bool:
    """Tell whether a session was made, or is being made: that one has no name or database yet."""
    of_customers = "SELECT FROM pg_stat_activity WHERE backend_type = 'client backend'"
    or_being_made = "(application_name = 'cancelled' OR coalesce(state, 'starting') = 'starting')"
    cursor = await watch.execute(f"{of_customers} AND {or_being_made}")
    return await cursor.fetchone() is not None
