"""Portevoix behind a real PgBouncer in transaction mode, where each transaction may meet another session."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import structlog

from portevoix import bootstrap
from portevoix.client import AsyncVoicePartner
from portevoix.domain.errors import InvalidValue
from portevoix.service import credit
from portevoix.settings import Settings
from tests.cli.test_work import in_thread
from tests.client.conftest import FAST
from tests.client.test_sending import ANSWERED, TEXT, WAIT_S
from tests.conftest import PEPPER
from tests.notify.receiver import Receiver
from tests.parts import PATIENCE_S, Server, Worker
from tests.pooler import PROGRAM, pooler
from tests.store.test_calls import Customer

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="there is no PgBouncer (apt install pgbouncer)")

MESSAGES = 6


def settings_of(folder: Path, pooled: str, direct: str, **more: str) -> dict[str, str]:
    return {
        "PORTEVOIX_DATA": str(folder),
        "PORTEVOIX_DATABASE_URL": pooled,
        "PORTEVOIX_DATABASE_DIRECT_URL": direct,
        "PORTEVOIX_KEY_PEPPER": PEPPER,
        **more,
    }


async def test_messages_are_sent_settled_and_told_of_through_a_pooler(empty_url: str, data_folder: Path) -> None:
    async with AsyncExitStack() as stack:
        receiver = await stack.enter_async_context(Receiver())
        pooled = stack.enter_context(pooler(empty_url))
        settings = settings_of(data_folder, pooled, empty_url, **FAST)
        server, worker = Server(data_folder, settings | {"PORTEVOIX_WORK": "no"}), Worker(data_folder, settings)
        for process in (server, worker):
            stack.callback(lambda process: process.process and process.stop(), process)
            await in_thread(process)
        opened = server.run("account", "create", "Mairie", "--credit", "10", "--json")
        voice = await stack.enter_async_context(AsyncVoicePartner(opened["test_key"], base_url=server.url))
        sent = await asyncio.gather(
            *(voice.send_tts([ANSWERED, "0639980110"], TEXT, notify_url=receiver.url("/hook")) for _ in range(MESSAGES))
        )
        over = [await voice.wait(one.campaign_id, timeout_s=WAIT_S) for one in sent]
        assert {(one.state, one.delivered, one.undelivered) for one in over} == {("finished", 1, 1)}
        async with asyncio.timeout(PATIENCE_S):
            await receiver.wait_for(2 * MESSAGES)
        assert (await voice.balance()).held == 0
        assert server.run("ledger", "check", "--json") == []
        assert server.run("status", "--json")["findings"] == []
        logs = server.log() + worker.log()
    assert [line for line in logs.splitlines() if '"error"' in line or '"warning"' in line] == []


async def test_no_statement_is_prepared_behind_a_pooler(url: str, tmp_path: Path) -> None:
    with pooler(url, sessions=1) as pooled:
        settings = Settings.read(settings_of(tmp_path, pooled, url))
        async with bootstrap.house_of(settings, pooled) as opened, opened.database.connection() as connection:
            for _ in range(10):
                await connection.execute("SELECT %s::int", [1])
            rows = await (await connection.execute("SELECT count(*) FROM pg_prepared_statements")).fetchall()
        assert rows == [(0,)]
    direct = Settings.read({"PORTEVOIX_KEY_PEPPER": PEPPER}, data=tmp_path, database_url=url)
    async with bootstrap.house_of(direct, url) as opened, opened.database.connection() as connection:
        for _ in range(10):
            await connection.execute("SELECT %s::int", [1])
        rows = await (await connection.execute("SELECT count(*) FROM pg_prepared_statements")).fetchall()
    assert rows[0][0] > 0, "without one they are"


async def test_sends_at_once_over_few_sessions_keep_the_ledger_sound(url: str, tmp_path: Path) -> None:
    with pooler(url) as pooled:
        settings = Settings.read(settings_of(tmp_path, pooled, url))
        async with bootstrap.house_of(settings, pooled) as opened:
            house = opened.house
            account = (await Customer.of(house)).id
            kept = await asyncio.gather(*(credit.reserve(house, account, 1_000, f"call-{n}") for n in range(200)))
            await asyncio.gather(*(credit.settle(house, one.hold_id, 600) for one in kept[:100]))
            assert await credit.check_ledger(house) == []


async def test_sessions_that_the_pooler_leaves_without_limits_are_told(url: str, tmp_path: Path) -> None:
    with pooler(url, connect_query="SET lock_timeout = ''1s''") as pooled, structlog.testing.capture_logs() as logs:
        async with bootstrap.house_of(Settings.read(settings_of(tmp_path, pooled, url)), pooled):
            pass
    (told,) = [line for line in logs if line["event"] == "pooler_sessions_not_set"]
    assert told["wanted"] == {
        "lock_timeout": "5000",
        "statement_timeout": "20000",
        "idle_in_transaction_session_timeout": "15000",
    }
    assert told["found"] == {
        "lock_timeout": "1000",
        "statement_timeout": "0",
        "idle_in_transaction_session_timeout": "0",
    }


def test_a_direct_way_alone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match="PORTEVOIX_DATABASE_URL must lead to the pooler"):
        Settings.read({"PORTEVOIX_DATABASE_DIRECT_URL": "postgresql://db.example.test/portevoix"})


@pytest.mark.parametrize(
    ("prepare", "alone", "pooled"), [("auto", True, False), ("yes", True, True), ("no", False, False)]
)
def test_statements_are_prepared_unless_there_is_a_pooler_or_that_is_set(
    prepare: str, alone: bool, pooled: bool
) -> None:
    given = {"PORTEVOIX_DATABASE_PREPARE": prepare}
    assert Settings.read(given).prepares is alone
    assert Settings.read(settings_of(Path("var"), "host=a", "host=b", **given)).prepares is pooled
