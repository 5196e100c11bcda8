"""How sends and dialling grow with the nodes: processes of their own on one database."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import psycopg

from bench.dialling import ACCOUNTS, RECIPIENTS, dialled_per_second
from bench.figure import Figure, Point, Run, beside, interleave
from bench.nodes import Nodes
from bench.postgres import cluster, prepared_database
from bench.posting import CLIENTS, SENDS_TOGETHER, STANDING_STILL, clients, per_second
from bench.reserving import PEPPER
from bench.sandboxed import event_loop
from bench.senders import CREDIT_MICROS, opened_senders
from bench.server import Node
from portevoix import bootstrap
from portevoix.service.accounts import open_account

NODES = (1, 2, 3, 4)

SEND = f"sends of {RECIPIENTS} numbers"
DIAL = "calls claimed, dialled, settled"


def measure(run: Run) -> list[Figure]:
    """Measure some numbers of nodes beside one, each doing as much as it can, on one database each."""
    with cluster() as (_, url):
        dialled = _dialled(run, prepared_database(url, "dialling"))
        sent = _sent(run, prepared_database(url, "sending"))
    return [
        beside(
            "growth-nodes",
            f"{name}, {count} nodes",
            unit,
            taken[count],
            ("one node", taken[1]),
            point=Point(name, count),
        )
        for name, unit, taken in ((SEND, "sends/s", sent), (DIAL, "calls/s", dialled))
        for count in NODES[1:]
    ]


def _dialled(run: Run, url: str) -> dict[int, list[float]]:
    """Measure dialling."""
    with ExitStack() as stack:
        runner = stack.enter_context(event_loop())
        connection = stack.enter_context(psycopg.connect(url, autocommit=True))
        senders = opened_senders(url, ACCOUNTS)
        opened = runner.run(senders.__aenter__())
        stack.callback(lambda: runner.run(senders.__aexit__(None, None, None)))
        arms = {}
        for count in NODES:
            nodes = stack.enter_context(Nodes(url, count))
            arms[str(count)] = partial(dialled_per_second, runner, opened, nodes, connection)
        return _taken(run, "growth-nodes, dialling", arms)


def _sent(run: Run, url: str) -> dict[int, list[float]]:
    """Measure sends, of an account a client, spread over the nodes."""
    with ExitStack() as stack:
        keys = _keys(url)
        settings = {"PORTEVOIX_DATABASE_URL": url, "PORTEVOIX_KEY_PEPPER": PEPPER.decode(), **STANDING_STILL}
        servers = []
        for _ in range(max(NODES)):
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="portevoix-bench-"))
            servers.append(stack.enter_context(Node(Path(folder), "").portevoix(settings)))
        arms = {}
        for count in NODES:
            callers = stack.enter_context(clients([servers[each % count] for each in range(CLIENTS)]))
            lanes = [
                [partial(call, key)] * (SENDS_TOGETHER // CLIENTS) for call, key in zip(callers, keys, strict=True)
            ]
            arms[str(count)] = partial(per_second, lanes)
        return _taken(run, "growth-nodes, sends", arms)


def _taken(run: Run, told: str, arms: dict[str, Callable[[], float]]) -> dict[int, list[float]]:
    """Measure in turn, once all is warm."""
    for arm in arms.values():
        arm()
    taken = interleave(run, told, arms)
    return {count: taken[str(count)] for count in NODES}


def _keys(url: str) -> list[str]:
    """Open an account a client; returns their test keys."""

    async def opened() -> list[str]:
        async with bootstrap.open_house(url, PEPPER) as opened:
            house = opened.house
            made = [await open_account(house, f"Bench {one}", sandbox_micros=CREDIT_MICROS) for one in range(CLIENTS)]
            return [account.test_key for account in made]

    with event_loop() as runner:
        return runner.run(opened())
