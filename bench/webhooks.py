"""Webhooks delivered by one process's courier, beside a bare client that posts the same bodies."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from functools import partial

import httpx2

from bench.figure import Figure, Goal, Run, beside, interleave
from bench.phones import phones
from bench.postgres import cluster
from bench.receiver import receiving
from bench.reserving import PEPPER
from bench.sandboxed import event_loop
from bench.senders import opened_senders
from portevoix import bootstrap
from portevoix.bootstrap.sending import COURIER_CONNECTIONS
from portevoix.domain.account import parse_networks
from portevoix.domain.campaign import campaign_id
from portevoix.domain.notice import NewWebhook
from portevoix.domain.telling import message_id
from portevoix.domain.webhook import VoiceNotice
from portevoix.notify.webhooks import HttpWebhooks
from portevoix.ports import House
from portevoix.store.database import Database
from portevoix.store.jobs import QUEUE, open_jobs
from portevoix.store.migrate import migrate
from portevoix.worker.courier import Courier

WEBHOOKS = 500
WARM_UP = 20
#: As many as the courier has under way to one host.
AT_ONCE = 10
LOOK_AGAIN_S = 0.02
PATIENCE_S = 120

NEWEST = b"SELECT account_id, id FROM campaign ORDER BY id DESC LIMIT 1"

#: Those that are still to be delivered, and those that were tried in vain.
STANDING = b"SELECT count(*), count(*) FILTER (WHERE attempts > 0) FROM webhook WHERE state <> 'delivered'"


def measure(run: Run) -> list[Figure]:
    """Measure deliveries to a local receiver; each must succeed at once."""
    with cluster() as (_, url), receiving() as receiver, event_loop() as runner:
        migrate(url)
        arms = {
            "courier": lambda: runner.run(_delivered_per_second(url, receiver)),
            "bare": lambda: runner.run(_posted_per_second(receiver)),
        }
        for arm in arms.values():
            arm()
        taken = interleave(run, "webhooks", arms)
    bare = (f"bare httpx2, {AT_ONCE} at once", taken["bare"])
    goal = Goal("measured", "at least", 100)
    return [beside("webhooks", "webhooks, one process", "a second", taken["courier"], bare, goal)]


async def _delivered_per_second(url: str, receiver: str) -> float:
    """Let a courier deliver what is there already but for a few, which show that it is at work."""
    async with _courier(url) as (house, database):
        tell = partial(_tell, house, await _message(url, database), receiver)
        await tell(WARM_UP)
        await _delivered(database)
        await tell(WEBHOOKS)
        began_s = time.perf_counter()
        await _delivered(database)
        return WEBHOOKS / (time.perf_counter() - began_s)


@asynccontextmanager
async def _courier(url: str) -> AsyncIterator[tuple[House, Database]]:
    async with (
        bootstrap.open_house(url, PEPPER) as opened,
        HttpWebhooks(parse_networks("127.0.0.0/8")) as sender,
    ):
        courier = Courier(opened.house, partial(open_jobs, url, COURIER_CONNECTIONS), QUEUE, sender, None)
        task = asyncio.create_task(courier.run())
        try:
            yield opened.house, opened.database
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def _message(url: str, database: Database) -> tuple[int, int]:
    """Send a message that webhooks can tell of; returns the numbers of its account and its campaign."""
    async with opened_senders(url, 1) as senders:
        await senders.send(1)
    async with database.connection() as connection:
        (newest,) = await (await connection.execute(NEWEST)).fetchall()
    return newest[0], newest[1]


async def _tell(house: House, message: tuple[int, int], receiver: str, count: int) -> None:
    """Have webhooks be delivered, each of a call of its own."""
    webhooks = [
        NewWebhook(message_id(house.entropy), *message, number, "POST", receiver, body)
        for number, body in enumerate(_bodies(count), start=1)
    ]
    await house.notices.tell([], webhooks, [])


async def _delivered(database: Database) -> None:
    """Wait until all are delivered."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            async with database.connection() as connection:
                ((waiting, failed),) = await (await connection.execute(STANDING)).fetchall()
            if failed:
                raise RuntimeError(f"{failed} webhooks were not taken")
            if not waiting:
                return
            await asyncio.sleep(LOOK_AGAIN_S)


async def _posted_per_second(receiver: str) -> float:
    """Post the same bodies with a bare client, as many at once as the courier does."""
    bodies = iter(_bodies(WEBHOOKS))
    async with httpx2.AsyncClient(trust_env=False) as client:

        async def post() -> None:
            for body in bodies:
                (await client.post(receiver, content=body)).raise_for_status()

        began_s = time.perf_counter()
        async with asyncio.TaskGroup() as together:
            for _ in range(AT_ONCE):
                together.create_task(post())
        return WEBHOOKS / (time.perf_counter() - began_s)


def _bodies(count: int) -> Sequence[bytes]:
    now, campaign = datetime.now(UTC), campaign_id(bytes(16))
    return [
        VoiceNotice(campaign, "delivered", True, phone.with_zeros, now, now, 6, False).body() for phone in phones(count)
    ]
