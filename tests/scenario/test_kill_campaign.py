"""kill -9 of the worker in the middle of a campaign, again and again: no phone rings twice, and nobody is forgotten."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import random
import signal
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import psycopg

from portevoix import bootstrap
from portevoix.domain.call import MEANINGS, CallState, Outcome, Retries
from portevoix.domain.campaign import CampaignState
from portevoix.domain.magic import trick_of
from portevoix.domain.number import Number
from portevoix.domain.tariff import Product
from portevoix.domain.webhook import NotifyUrl
from portevoix.service import credit
from tests.conftest import PEPPER
from tests.notify.receiver import Receiver
from tests.parts import PATIENCE_S
from tests.scenario.worker_process import work
from tests.store.test_calls import BLOCKS, MICROS, Customer
from tests.worker.conftest import Tally

RECIPIENTS = 1_000
KILLS = 15
SEED = 20260113

#: What a second costs by the default tariff.
A_SECOND_MICROS = {Product.VOICE_MOBILE: 1_000, Product.VOICE_LANDLINE: 500}

#: A busy line, or a phone that nobody answers, is tried once more.
RETRIES = Retries(1, 1)

#: Of the workers that are killed: slow enough for none of them to end the campaign, with calls that last, so that some
#: are under way at any moment. The last worker ends it as fast as it can.
SLOW = {
    "PORTEVOIX_CALLS_PER_SECOND": "80",
    "PORTEVOIX_ACCOUNT_CALLS_PER_SECOND": "80",
    "PORTEVOIX_SIMULATOR_SPEED": "100",
}
FAST = {
    "PORTEVOIX_CALLS_PER_SECOND": "2000",
    "PORTEVOIX_ACCOUNT_CALLS_PER_SECOND": "2000",
    "PORTEVOIX_SIMULATOR_SPEED": "max",
}

#: Workers are forked from a process that has imported all they need: a new one is at work at once.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.scenario.worker_process"])


def recipients() -> tuple[Number, ...]:
    """Phones that do all that phones do, after a few seconds, but for the tricks of the API and its callbacks."""
    phones = (Number.parse(f"+{block}{tail:04}") for tail in range(10_000) for block in BLOCKS)
    return tuple(number for number in phones if trick_of(number) is None)[:RECIPIENTS]


class Stage:
    """A customer, and what is seen of the campaign: by the carriers, in the database, by the customer's receiver."""

    def __init__(self, opened: bootstrap.Opened, database: psycopg.AsyncConnection[Any], receiver: Receiver) -> None:
        self.house = opened.house
        self.receiver = receiver
        self.asked: Tally[tuple[int, int]] = Tally()
        self.ended: Tally[int] = Tally()
        self._database = database

    async def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Ask the database."""
        return await (await self._database.execute(query.encode(), values)).fetchall()

    async def follow(self) -> None:
        """Count the calls that are over, each time that the database tells of events."""
        async with self.house.signals.subscribe("events") as news:
            while len(self.ended.all) < RECIPIENTS:
                await news.heard()
                for (over,) in await self.rows("SELECT total - open FROM campaign"):
                    self.ended.extend(range(len(self.ended.all), over))

    async def go_on(self, chance: random.Random, kills_left: int) -> None:
        """Let the campaign go on until one of the three sees more of it, and leave some of it for the kills to come."""
        more = chance.randint(1, max((RECIPIENTS - len(self.ended.all)) // (kills_left + 1), 1))
        match chance.choice(["asked", "ended", "told"]):
            case "asked":
                await self.asked.wait_for(len(self.asked.all) + more)
            case "ended":
                await self.ended.wait_for(len(self.ended.all) + more)
            case "told":  # a few: there is always one under way then
                async with asyncio.timeout(PATIENCE_S):
                    await self.receiver.wait_for(len(self.receiver.received) + min(more, 5))

    async def is_over(self) -> bool:
        """Wait until all calls are over and all that is to be told of them is; tells whether that was seen.

        It takes the time that it takes, as long as there are news.
        """
        left = "SELECT open + (SELECT count(*) FROM webhook WHERE state <> 'delivered') FROM campaign"
        async with self.house.signals.subscribe("events") as news:
            while await self.rows(left) != [(0,)]:
                if not await news.heard(PATIENCE_S):
                    return False
        return True


@asynccontextmanager
async def stage(url: str) -> AsyncIterator[tuple[Stage, Connection]]:
    """Set the stage on a database; gives the pipe for carriers, too."""
    heard, told = PROCESSES.Pipe(duplex=False)
    loop = asyncio.get_running_loop()
    async with (
        Receiver() as receiver,
        bootstrap.open_house(url, PEPPER.encode()) as opened,
        await psycopg.AsyncConnection.connect(url, autocommit=True) as database,
    ):
        set_up = Stage(opened, database, receiver)
        ready = asyncio.Event()
        with heard, told:
            loop.add_reader(heard.fileno(), lambda: set_up.asked.add(heard.recv()))
            try:
                async with (
                    bootstrap.in_background(opened.signals.listen(ready)),
                    bootstrap.in_background(set_up.follow()),
                ):
                    await ready.wait()
                    yield set_up, told
            finally:
                loop.remove_reader(heard.fileno())


@contextmanager
def worker(environment: Mapping[str, str], told: Connection) -> Iterator[None]:
    """Let a worker work beside a block, and kill it where the block ends."""
    process = PROCESSES.Process(target=work, args=(environment, told), daemon=True)
    process.start()
    try:
        yield
    finally:
        process.kill()
        process.join(PATIENCE_S)
    assert process.exitcode == -signal.SIGKILL


async def test_kills_in_the_middle_of_a_campaign_dial_nobody_twice_and_lose_nobody(url: str, tmp_path: Path) -> None:
    print("seed", SEED)
    chance = random.Random(SEED)
    environment = {
        "PORTEVOIX_DATA": str(tmp_path),
        "PORTEVOIX_DATABASE_URL": url,
        "PORTEVOIX_KEY_PEPPER": PEPPER,
        "PORTEVOIX_WEBHOOKS_ALLOW": "127.0.0.0/8",
        "PORTEVOIX_LOG_LEVEL": "warning",
    }
    async with stage(url) as (seen, told):
        customer = await Customer.of(seen.house)
        hook = NotifyUrl.parse(seen.receiver.url("/hook"))
        placing = await customer.send(recipients(), notify_url=hook, retries=RETRIES)
        for left in range(KILLS, 0, -1):
            with worker(environment | SLOW, told):
                await seen.go_on(chance, left)
        assert len(seen.ended.all) < RECIPIENTS, "all kills came before the end"
        with worker(environment | FAST, told):
            is_over = await seen.is_over()
        await no_phone_rang_twice(seen)
        await everybody_was_called(seen, customer, placing.campaign)
        await everybody_was_told_of(seen)
        assert is_over
        await money_adds_up(seen, customer)


async def no_phone_rang_twice(seen: Stage) -> None:
    """Compare what the carriers were asked for with the books."""
    books = {
        (call, number): outcome and Outcome(outcome)
        for call, number, outcome in await seen.rows("SELECT call_id, number, outcome FROM attempt")
    }
    asked = Counter(seen.asked.all)
    assert [one for one, times in asked.items() if times > 1] == [], "asked for twice"
    assert [one for one in asked if one not in books] == [], "asked for before it was committed"
    again = {(call, number): books[call, number - 1] for call, number in asked if number > 1}
    assert again, "some were to be dialled again, with reason"
    reasons = {outcome for outcome in Outcome if MEANINGS[outcome].retried or MEANINGS[outcome].rerouted}
    assert {one: before for one, before in again.items() if before not in reasons} == {}, "dialled again without reason"
    assert {outcome for one, outcome in books.items() if one not in asked} <= {Outcome.LOST}, "never asked for"


async def everybody_was_called(seen: Stage, customer: Customer, campaign: str) -> None:
    """See that each call is over, and that the kills came while some were under way."""
    states = Counter(await customer.states(campaign))
    print(dict(states))
    assert {state for state in states if not state.is_over} == set(), "left behind"
    assert states[CallState.CANCELLED] == 0
    assert states[CallState.UNCERTAIN] > 0, "some were under way when their worker was killed"
    found = await customer.campaign(campaign)
    assert (found.state, found.total, found.open) == (CampaignState.FINISHED, RECIPIENTS, 0)
    assert found.delivered == states[CallState.FINISHED]


async def everybody_was_told_of(seen: Stage) -> None:
    """Compare what the receiver got with the books: a webhook for each call, the same at each repeat."""
    bodies: dict[str, set[bytes]] = defaultdict(set)
    for one in seen.receiver.received:
        bodies[one.headers["webhook-id"]].add(one.body)
    print(len(seen.receiver.received) - len(bodies), "repeats")
    assert {name for name, different in bodies.items() if len(different) > 1} == set(), "one id for different webhooks"
    told = Counter[tuple[str, str]]()
    for different in bodies.values():
        body = json.loads(next(iter(different)))
        told[Number.parse(body["phoneNumber"]).digits, body["status"]] += 1
    expected = {
        (number, "delivered" if CallState(state) is CallState.FINISHED else "undelivered"): 1
        for number, state in await seen.rows("SELECT number, state::text FROM call")
    }
    assert told == expected
    assert set(bodies) == {name for (name,) in await seen.rows("SELECT public_id FROM webhook")}
    assert len(seen.receiver.received) > len(bodies), "some were on their way when their worker was killed"


async def money_adds_up(seen: Stage, customer: Customer) -> None:
    """Each delivered call costs its price, each other nothing, and nothing is held any more."""
    assert await credit.check_ledger(seen.house) == []
    query = "SELECT product, state, coalesce(duration_s, 0), cost_micros, count(*) FROM call GROUP BY 1, 2, 3, 4"
    rows = await seen.rows(query)
    for product, state, duration_s, cost_micros, _ in rows:
        due_micros = duration_s * A_SECOND_MICROS[product] if state == CallState.FINISHED else 0
        assert cost_micros == due_micros, f"a {product} call that is {state} after {duration_s} s"
    spent_micros = sum(cost_micros * calls for *_, cost_micros, calls in rows)
    assert await customer.balance() == (100 * MICROS - spent_micros, 0)
