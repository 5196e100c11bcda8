"""Several nodes on one database, each a real process with a data folder of its own."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import psycopg
import pytest

from portevoix import bootstrap
from portevoix.domain.call import CallState, Retries
from portevoix.service import credit
from portevoix.service.status import findings, look
from tests.cli.test_work import in_thread
from tests.conftest import PEPPER
from tests.parts import PATIENCE_S, Server, Worker
from tests.store.test_calls import CALL_MICROS, MICROS, Customer, numbers

#: Dials in one worker at once.
AT_ONCE = 4


@pytest.fixture
async def real(url: str) -> AsyncIterator[bootstrap.Opened]:
    """A house on the machine's clock, which the processes go by."""
    async with bootstrap.open_house(url, PEPPER.encode()) as opened:
        yield opened


def settings_of(url: str, **more: str) -> dict[str, str]:
    return {"PORTEVOIX_DATABASE_URL": url, "PORTEVOIX_KEY_PEPPER": PEPPER, **more}


async def until(database: psycopg.AsyncConnection[Any], query: bytes, wanted: tuple[Any, ...]) -> None:
    """Wait until the database says something, of other processes."""
    async with asyncio.timeout(PATIENCE_S):
        while (found := await (await database.execute(query)).fetchone()) != wanted:
            assert found is not None
            await asyncio.sleep(0.05)


async def test_what_a_killed_worker_had_is_taken_over_and_what_it_was_dialling_never_dialled_again(
    url: str, real: bootstrap.Opened, tmp_path: Path
) -> None:
    customer = await Customer.of(real.house)
    placing = await customer.send(numbers(3 * AT_ONCE), retries=Retries(3, 1))
    slow = settings_of(url, PORTEVOIX_CALLS_AT_ONCE=str(AT_ONCE), PORTEVOIX_SIMULATOR_SPEED="1")
    first, second = (
        Worker(tmp_path / "first", slow),
        Worker(tmp_path / "second", settings_of(url, PORTEVOIX_SIMULATOR_SPEED="max")),
    )
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as database:
        try:
            await in_thread(first)
            await until(
                database, b"SELECT count(*) FROM call WHERE state IN ('dialing', 'ringing', 'answered')", (AT_ONCE,)
            )
            assert first.stop(signal.SIGKILL) == -signal.SIGKILL
            rows = await (await database.execute("SELECT call_id FROM attempt WHERE outcome IS NULL")).fetchall()
            await in_thread(second)
            await until(database, b"SELECT open FROM campaign", (0,))
            dialled = Counter(await (await database.execute("SELECT call_id FROM attempt")).fetchall())
            assert {dialled[row] for row in rows} == {1}, "nobody's phone rings twice"
            await until(database, b"SELECT count(*) FROM node", (1,))  # the dead one is buried
        finally:
            for worker in (first, second):
                if worker.process is not None:
                    worker.stop()
    states = Counter(await customer.states(placing.campaign))
    assert set(states) == {CallState.FINISHED, CallState.UNCERTAIN}
    assert states[CallState.UNCERTAIN] == len(rows)
    assert await customer.balance() == (100 * MICROS - states[CallState.FINISHED] * CALL_MICROS, 0)
    assert await credit.check_ledger(real.house) == []


@pytest.mark.parametrize(("limits", "admitted"), [("shared", 5), ("local", 10)])
async def test_two_servers_count_together_where_they_are_told_to_and_are_told_of_where_not(
    url: str, real: bootstrap.Opened, tmp_path: Path, limits: str, admitted: int
) -> None:
    customer = await Customer.of(real.house)
    settings = settings_of(url, PORTEVOIX_LIMITS=limits, PORTEVOIX_LIMIT_ME="5/hour", PORTEVOIX_WORK="no")
    servers = [Server(tmp_path / name, settings) for name in ("first", "second")]
    try:
        await asyncio.gather(*map(in_thread, servers))
        async with httpx2.AsyncClient(trust_env=False, timeout=PATIENCE_S) as http:
            asked = [await http.get(f"{server.url}/v1/me/{customer.key}") for _ in range(8) for server in servers]
        status = await look(real.house)
    finally:
        for server in servers:
            if server.process is not None:
                server.stop()
    assert Counter(answer.status_code for answer in asked) == {200: admitted, 429: 16 - admitted}
    told = [one.what for one in findings(status)]
    assert told == (
        [] if limits == "shared" else ["2 processes answer requests, and not all of them count requests together"]
    )
