"""How cost grows with the calls in the tables, and with the accounts that they belong to."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psycopg

from bench.browsing import Browser
from bench.dialling import await_the_end
from bench.figure import Figure, Goal, Point, Run, beside, interleave
from bench.filling import Filled, fill
from bench.nodes import Nodes
from bench.phones import phones
from bench.postgres import cluster, prepared_database
from bench.posting import RECIPIENTS, STANDING_STILL
from bench.reserving import PEPPER
from bench.senders import TEXT
from bench.server import Node
from portevoix import bootstrap
from portevoix.domain.campaign import Kind, Order
from portevoix.domain.speech import Utterance
from portevoix.service.campaigns import send
from portevoix.service.keys import digest
from portevoix.service.restoring import go_on

SIZES = (10**3, 10**4, 10**5, 10**6, 10**7)
USUAL = 10**4
ACCOUNTS = 100
COUNTS = (1, 10, 100, 1_000)
CALLS_OF_ACCOUNTS = 10**5

#: What a size costs beside the usual one, at most.
MOST = 2

#: A database so small is copied for each round, so that it stays as small.
COPIED = 10**5

DIALLED = 1_000
SENDS = 5
ASKED = 100
OPENED = 15
WARM_UP = 3

SEND = f"POST /v1/tts/send, {RECIPIENTS} numbers"
DIAL = f"claim, dial, file, settle {DIALLED:,} calls"

#: What an operation takes, in milliseconds, by its name.
Costs = dict[str, float]


def measure_calls(run: Run) -> list[Figure]:
    """Measure everything at each number of calls beside the same at the usual one."""
    figures: list[Figure] = []
    with _roomy_cluster() as url:
        usual = fill(prepared_database(url, "usual"), USUAL, ACCOUNTS, run.tell)
        for size in SIZES:
            if size > run.largest or size == USUAL:
                continue
            run.tell(f"growth-calls: filling a database with {size:,} calls")
            filled = fill(prepared_database(url, f"calls_{size}"), size, ACCOUNTS, run.tell)
            arms = {"here": partial(_visit, filled), "usual": partial(_visit, usual)}
            taken = interleave(run, f"growth-calls, {size:,} calls", arms)
            figures += _figures("growth-calls", f"{size:,} calls", size, taken, f"{USUAL:,} calls")
            _drop(url, filled)
    return figures


def measure_accounts(run: Run) -> list[Figure]:
    """Measure everything at each number of accounts beside the same at one, with as many calls."""
    figures: list[Figure] = []
    calls = min(CALLS_OF_ACCOUNTS, run.largest)
    with _roomy_cluster() as url:
        one = fill(prepared_database(url, "one"), calls, 1, run.tell)
        for count in COUNTS[1:]:
            run.tell(f"growth-accounts: filling a database with {count:,} accounts")
            filled = fill(prepared_database(url, f"accounts_{count}"), calls, count, run.tell)
            arms = {"here": partial(_visit, filled), "usual": partial(_visit, one)}
            taken = interleave(run, f"growth-accounts, {count:,} accounts", arms)
            figures += _figures("growth-accounts", f"{count:,} accounts", count, taken, "one account")
            _drop(url, filled)
    return figures


def _figures(part: str, where: str, x: int, taken: dict[str, list[Costs]], baseline: str) -> list[Figure]:
    goal = Goal("ratio", "at most", MOST) if x > USUAL or part == "growth-accounts" else None
    return [
        beside(
            part,
            f"{name}, {where}",
            "ms",
            [costs[name] for costs in taken["here"]],
            (baseline, [costs[name] for costs in taken["usual"]]),
            goal,
            Point(name, x),
        )
        for name in taken["here"][0]
    ]


@contextmanager
def _roomy_cluster() -> Iterator[str]:
    """Have a cluster that writes no checkpoint each few seconds while it is filled; it is else as always."""
    with cluster() as (_, url):
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET max_wal_size = '8GB'")
            connection.execute("SELECT pg_reload_conf()")
        yield url


def _drop(url: str, filled: Filled) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {_name(filled.url)} WITH (FORCE)".encode())


def _name(url: str) -> str:
    return url.partition("?")[0].rpartition("/")[2]


def _visit(filled: Filled) -> Costs:
    """Measure everything on a database, in processes that are new."""
    with _copied(filled) as url, tempfile.TemporaryDirectory(prefix="portevoix-bench-") as folder:
        costs = {DIAL: _dial_ms(url, filled.keys)}
        node = Node(
            Path(folder),
            filled.keys[0],
            {"PORTEVOIX_DATABASE_URL": url, "PORTEVOIX_KEY_PEPPER": PEPPER.decode()},
        )
        with node.portevoix(STANDING_STILL) as server, Browser(server) as browser:
            browser.sign_in(node)
            asked = {"GET /v1/me": f"/v1/me/{node.key}"}
            told = {"GET /v2/messages": "/v2/messages", "GET /v2/ledger": "/v2/ledger"}
            shown = {f"console: {name}": path for name, path in filled.place.pages().items()}
            for path in (*asked.values(), *shown.values()):
                browser.median_ms(path, WARM_UP)
            for path in told.values():
                browser.median_ms(path, WARM_UP, node.key)
            costs |= {name: browser.median_ms(path, ASKED) for name, path in asked.items()}
            costs |= {name: browser.median_ms(path, OPENED, node.key) for name, path in told.items()}
            costs |= {name: browser.median_ms(path, OPENED) for name, path in shown.items()}
            costs[SEND] = _send_ms(browser, node.key)
    return costs


@contextmanager
def _copied(filled: Filled) -> Iterator[str]:
    """Give the database, or a copy of it where it is small: what a round adds is then gone with it."""
    if filled.calls > COPIED:
        yield filled.url
        return
    name = f"{_name(filled.url)}_copy"
    with psycopg.connect(filled.url.replace(f"/{_name(filled.url)}?", "/postgres?"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {_name(filled.url)}".encode())
        try:
            url = filled.url.replace(f"/{_name(filled.url)}?", f"/{name}?")
            asyncio.run(_go_on(url))
            yield url
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


async def _go_on(url: str) -> None:
    """Dial in a database that stands elsewhere than it did: a copy has lost nothing."""
    async with bootstrap.open_house(url, PEPPER) as opened:
        await go_on(opened.house)


def _dial_ms(url: str, keys: Sequence[str]) -> float:
    """Let a node dial calls of all accounts until they are settled; returns how long that takes."""
    with psycopg.connect(url, autocommit=True) as connection, Nodes(url, 1) as node:
        for _ in range(2):  # the first time, what waits from before comes to its end too, and the process gets warm
            asyncio.run(_queue(url, keys))
            began_s = time.perf_counter()
            node.dial()
            await_the_end(connection)
            took_s = time.perf_counter() - began_s
            node.rest()
    return took_s * 1_000


async def _queue(url: str, keys: Sequence[str]) -> None:
    """Have calls wait, of each account as many."""
    order = Order(Kind.VOICE, phones(max(1, DIALLED // len(keys))), utterance=Utterance(TEXT))
    async with bootstrap.open_house(url, PEPPER) as opened:
        for key in keys:
            access = await opened.house.keys.access(digest(PEPPER, key))
            assert access is not None, "its account is there"
            await send(opened.house, access, order)


def _send_ms(browser: Browser, key: str) -> float:
    """Send a message some times; returns how long it takes."""
    body = {"apiKey": key, "phoneNumbers": [number.with_zeros for number in phones(RECIPIENTS)], "text": TEXT}
    taken_s = []
    for _ in range(1 + SENDS):
        began_s = time.perf_counter()
        browser.ask(key, "POST", "/v1/tts/send", body)
        taken_s.append(time.perf_counter() - began_s)
    return statistics.median(taken_s[1:]) * 1_000
