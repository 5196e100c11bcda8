"""What the door says while its database cannot be reached."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx2
import psycopg
import pytest

from portevoix import bootstrap
from portevoix.bootstrap.house import CONNECTIONS_A_WORKER
from portevoix.bootstrap.process import application
from portevoix.ports import House
from portevoix.service.accounts import OpenedAccount, open_account
from portevoix.settings import Settings
from portevoix.store.database import CONNECT_TIMEOUT_S
from tests.conftest import PEPPER, Serve
from tests.parts import PATIENCE_S, ManualClock, running_app
from tests.wire.cable import Cable
from tests.wire.parts import limit_headers, refusal_in_json, refusal_in_xml

ONCE_FOR_EACH_CONNECTION = CONNECTIONS_A_WORKER + 1
MESSAGE = "Service momentanément indisponible"


@pytest.fixture
async def account(house: House) -> OpenedAccount:
    return await open_account(house, "Mairie", credit_micros=19_000_000)


@pytest.fixture
async def cable(url: str, tmp_path: Path) -> AsyncIterator[Cable]:
    cable = Cable(url, tmp_path)
    await cable.plug()
    yield cable
    await cable.cut()


@asynccontextmanager
async def served_over(cable: Cable, clock: ManualClock, folder: Path) -> AsyncIterator[httpx2.AsyncClient]:
    settings = Settings.read({}, data=folder, database_url=cable.url, key_pepper=PEPPER, limit_me="off")
    app = application(settings, clock)
    async with running_app(app):
        transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx2.AsyncClient(transport=transport, base_url="http://portevoix.test") as http:
            yield http


async def test_a_connection_that_the_database_has_closed_is_lent_to_nobody(
    account: OpenedAccount, serve: Serve, url: str
) -> None:
    path = f"/v1/me/{account.live_key}"
    async with serve(limit_me="off") as http:
        for _ in range(3):
            assert {answer.status_code for answer in await asyncio.gather(*(http.get(path) for _ in range(20)))} == {
                200
            }
            with psycopg.connect(url) as connection:
                connection.execute(
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            assert (await http.get(path)).status_code == 200


async def test_a_database_that_is_away_is_told_in_both_formats(
    account: OpenedAccount, cable: Cable, clock: ManualClock, tmp_path: Path
) -> None:
    path = f"/v1/me/{account.live_key}"
    asked = {"json": refusal_in_json(503, MESSAGE), "xml": refusal_in_xml(503, MESSAGE)}
    async with served_over(cable, clock, tmp_path) as http:
        assert (await http.get(path)).status_code == 200
        await cable.cut()
        try:
            for form, told in asked.items():
                answer = await http.get(f"{path}?_format={form}")
                assert (answer.status_code, answer.text) == (503, told)
                assert answer.headers["retry-after"] == "1"
                assert len(limit_headers(answer)) == 3
        finally:
            await cable.plug()


async def test_while_the_database_is_away_everybody_is_told_so_and_afterwards_it_works_again(
    account: OpenedAccount, cable: Cable, clock: ManualClock, tmp_path: Path
) -> None:
    async with served_over(cable, clock, tmp_path) as http:
        path = f"/v1/me/{account.live_key}"
        assert (await http.get(path)).status_code == 200
        assert (await http.get("/readyz")).json() == {"status": "ready", "database": "ok"}

        await cable.cut()
        ready, answer = await asyncio.gather(http.get("/readyz"), http.get(path))
        assert (ready.status_code, ready.json()) == (503, {"status": "not ready", "database": "unreachable"})
        assert (answer.status_code, answer.text) == (503, refusal_in_json(503, MESSAGE))
        assert (await http.get("/healthz")).status_code == 200
        assert (await http.get("/v1/me")).json()["code"] == 1, "what needs no database is answered"

        await cable.plug()
        async with asyncio.timeout(PATIENCE_S):
            await cable.used.wait()
        assert 200 in [(await http.get(path)).status_code for _ in range(ONCE_FOR_EACH_CONNECTION)]


async def test_many_requests_at_once_are_told_in_the_time_of_one(
    account: OpenedAccount, cable: Cable, clock: ManualClock, tmp_path: Path
) -> None:
    async with served_over(cable, clock, tmp_path) as http:
        path = f"/v1/me/{account.live_key}"
        assert (await http.get(path)).status_code == 200
        await cable.cut()
        try:
            async with asyncio.timeout(2 * CONNECT_TIMEOUT_S):
                answers = await asyncio.gather(*(http.get(path) for _ in range(12)))
        finally:
            await cable.plug()
        assert {answer.status_code for answer in answers} == {503}


async def test_a_server_stops_in_order_though_its_database_is_away(
    account: OpenedAccount, cable: Cable, clock: ManualClock, tmp_path: Path
) -> None:
    async with served_over(cable, clock, tmp_path) as http:
        assert (await http.get(f"/v1/me/{account.live_key}")).status_code == 200
        await cable.cut()


async def test_work_in_the_background_that_misses_a_cancellation_is_ended_all_the_same() -> None:
    async def work() -> None:
        with suppress(asyncio.CancelledError):  # so does a pool whose connection comes in the same moment
            await asyncio.sleep(PATIENCE_S)
        await asyncio.sleep(PATIENCE_S)

    async def begin_and_end() -> None:
        async with bootstrap.in_background(work()):
            await asyncio.sleep(0)

    ending = asyncio.create_task(begin_and_end())
    done, _ = await asyncio.wait({ending}, timeout=3)
    ending.cancel()
    assert done == {ending}
