"""A server that ends in the middle of a campaign, however it does, and the one that goes on from there."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import psycopg
import pytest

from portevoix.store import embedded
from tests.notify.receiver import Receiver
from tests.parts import PATIENCE_S, Server, portevoix

CREDIT_EUROS = 100

#: Nothing is waited for but the pace, which lets a campaign of 400 last for 8 s.
HURRIED = {
    "PORTEVOIX_SIMULATOR_SPEED": "max",
    "PORTEVOIX_CALLS_PER_SECOND": "50",
    "PORTEVOIX_ACCOUNT_CALLS_PER_SECOND": "50",
    "PORTEVOIX_WEBHOOKS_ALLOW": "127.0.0.0/8",
}

#: Phones ring for half as long as they say.
UNHURRIED = HURRIED | {"PORTEVOIX_SIMULATOR_SPEED": "2", "PORTEVOIX_ACCOUNT_CALLS_AT_ONCE": "40"}

#: The phones that ring for longest, how far calls are, and what they cost.
LEFT = "SELECT number LIKE '33639989%', state::text, cost_micros, count(*) FROM call GROUP BY 1, 2, 3"

#: Whether what is held is what was set aside for the calls that are not over.
HELD = """
    SELECT sum(held_micros) = (SELECT sum(reserved_micros) FROM call WHERE cost_micros IS NULL) FROM account
"""


def answering(count: int, ring_s: int = 0) -> list[str]:
    """So many phones that are answered after so many seconds, or more; each listens for 6 s."""
    tails = [f"{ring:02}{code}" for ring in range(ring_s, 100) for code in range(90, 100)]
    return [f"063998{tail}" for tail in tails][:count]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver of webhooks."""
    async with Receiver() as running:
        yield running


async def told(receiver: Receiver, count: int) -> None:
    """Wait until so many different webhooks have come in."""
    async with asyncio.timeout(2 * PATIENCE_S):
        while (missing := count - len({one.headers["webhook-id"] for one in receiver.received})) > 0:
            await receiver.wait_for(len(receiver.received) + missing)


async def send(server: Server, receiver: Receiver, phones: list[str]) -> None:
    """Open an account, and send a voice SMS to phones."""
    opened = await asyncio.to_thread(server.run, "account", "create", "Mairie", "--credit", str(CREDIT_EUROS), "--json")
    body = {
        "apiKey": opened["test_key"],
        "phoneNumbers": ",".join(phones),
        "text": "Bonjour.",
        "notifyUrl": receiver.url("/hook"),
    }
    async with httpx2.AsyncClient(trust_env=False, timeout=PATIENCE_S) as http:
        answer = await http.post(f"{server.url}/v1/tts/send", json=body)
    assert answer.status_code == 200, answer.text


def rows(data: Path, query: str) -> list[tuple[Any, ...]]:
    """Ask the database of a data folder, whether a server uses it or not."""
    with embedded.running(data) as url, psycopg.connect(url) as connection:
        return connection.execute(query.encode()).fetchall()


def kill_all(server: Server) -> None:
    """Kill the server, its worker and its database in the middle of a campaign."""
    ((name, calls_left),) = rows(server.data, "SELECT name, open FROM node, campaign WHERE lease_until > now()")
    assert calls_left > 0
    postmaster = (server.data / "postgres" / "cluster" / "postmaster.pid").read_text(encoding="ascii").splitlines()[0]
    assert server.process is not None
    for process in (server.process.pid, int(name.partition("/")[2]), int(postmaster)):
        os.kill(process, signal.SIGKILL)
    server.process.wait(PATIENCE_S)


def everything_is_settled(server: Server, phones: list[str]) -> Counter[str]:
    """See that a campaign is over, and nobody was dialled twice for it; tells how calls ended."""
    over = [("finished", len(phones), 0, 0)]
    assert rows(server.data, "SELECT state, total, open, held_micros FROM campaign") == over
    assert rows(server.data, "SELECT count(*) FROM attempt WHERE number > 1") == [(0,)]
    assert rows(server.data, "SELECT DISTINCT cost_micros FROM call WHERE state <> 'finished'") in ([], [(0,)])
    ((spent_micros,),) = rows(server.data, "SELECT sum(cost_micros) FROM call")
    (sandbox,) = (one for one in server.run("account", "list", "--json") if one["account"].endswith("/sandbox"))
    assert (sandbox["available"], sandbox["held"]) == (f"{CREDIT_EUROS - spent_micros / 1_000_000:.6g}", "0")
    checked = portevoix("ledger", "check", data=server.data)
    assert (checked.returncode, checked.stdout) == (0, "the ledger is sound\n"), checked.stderr
    return Counter(dict(rows(server.data, "SELECT state::text, count(*) FROM call GROUP BY 1")))


async def test_a_campaign_goes_on_after_the_server_and_its_database_were_killed(
    data_folder: Path, receiver: Receiver
) -> None:
    phones = answering(400)
    with Server(data_folder, HURRIED) as server:
        await send(server, receiver, phones)
        await told(receiver, 50)
        await asyncio.to_thread(kill_all, server)
        await asyncio.to_thread(server.start)
        await told(receiver, len(phones))
        ended = await asyncio.to_thread(everything_is_settled, server, phones)
        assert ended.keys() <= {"finished", "uncertain"}
        assert ended["finished"] >= 50


async def test_a_server_that_is_told_to_stop_hangs_up_and_settles_and_the_next_one_goes_on(
    data_folder: Path, receiver: Receiver
) -> None:
    slow, quick = answering(20, ring_s=98), answering(180)
    with Server(data_folder, UNHURRIED) as server:
        await send(server, receiver, slow + quick)
        await told(receiver, 1)
        assert await asyncio.to_thread(server.stop) == 0
    with embedded.running(data_folder):
        left, held = rows(data_folder, LEFT), rows(data_folder, HELD)
    by_state = {(is_slow, state, cost) for is_slow, state, cost, _ in left}
    assert {one for one in by_state if one[0]} == {(True, "uncertain", 0)}, "the slow ones were under way"
    assert {state for _, state, _ in by_state} <= {"finished", "uncertain", "claimed", "ready"}, "none is under way"
    assert (False, "ready", None) in by_state, "it was in the middle of the campaign"
    assert held == [(True,)]
    assert "Traceback" not in server.log()
    with Server(data_folder, HURRIED) as server:
        await told(receiver, len(slow + quick))
        ended = await asyncio.to_thread(everything_is_settled, server, slow + quick)
        assert ended["uncertain"] == sum(count for _, state, _, count in left if state == "uncertain")
