"""Waiting calls claimed, dialled, filed and settled, beside pgbench's simple-update on the same cluster."""

from __future__ import annotations

import asyncio
import time
from functools import partial

import psycopg

from bench import waking
from bench.copying import Connection
from bench.figure import Figure, Goal, Run, beside, interleave
from bench.nodes import Nodes
from bench.postgres import Pgbench, another_database, cluster, prepared_database
from bench.sandboxed import event_loop
from bench.senders import Senders, opened_senders

ACCOUNTS = 20
RECIPIENTS = 500
MESSAGES = 2
LOAD_S = 3
PGBENCH_SCALE = 1
PGBENCH_CLIENTS = (8, 16, 32, 64, 128)
LOOK_AGAIN_S = 0.005
PATIENCE_S = 600

#: By the index of those that are not finished, so that looking costs the same however many there are.
OPEN = b"SELECT coalesce(sum(open), 0) FROM campaign WHERE state <> 'finished'"
NOT_AS_EXPECTED = b"SELECT count(*) FROM call WHERE state <> 'finished' OR attempt <> 1 OR cost_micros = 0"


def measure(run: Run) -> list[Figure]:
    """Measure how many calls are dialled, and how long the first one waits, each in a database of its own."""
    with cluster() as (_, url):
        dialled = _measure_on(run, prepared_database(url, "dialling"), another_database(url, "pgbench"))
        return [*dialled, *waking.measure(run, prepared_database(url, "waking"))]


def _measure_on(run: Run, url: str, pgbench_url: str) -> list[Figure]:
    """Measure one node and two; afterwards every call was answered once and cost something, and the ledger is right."""
    pgbench = Pgbench(pgbench_url, PGBENCH_SCALE)
    clients = pgbench.best_clients(PGBENCH_CLIENTS, LOAD_S)
    run.tell(f"dialler: pgbench is at its best with {clients} of {PGBENCH_CLIENTS} clients")
    with event_loop() as runner, psycopg.connect(url, autocommit=True) as connection:
        senders = opened_senders(url, ACCOUNTS)
        opened = runner.run(senders.__aenter__())
        try:
            with Nodes(url, 1) as one, Nodes(url, 2) as two:
                arms = {
                    "pgbench": partial(pgbench.per_second, clients, LOAD_S),
                    "one": lambda: dialled_per_second(runner, opened, one, connection),
                    "two": lambda: dialled_per_second(runner, opened, two, connection),
                }
                for name in ("one", "two"):
                    arms[name]()
                taken = interleave(run, "dialler", arms)
            run.tell("dialler: proving it")
            runner.run(_must_be_right(opened, connection))
        finally:
            runner.run(senders.__aexit__(None, None, None))
    return _figures(taken, clients)


def _figures(taken: dict[str, list[float]], clients: int) -> list[Figure]:
    simple_update = (f"pgbench simple-update, {clients} clients", taken["pgbench"])
    lines = (
        ("one node", "one", simple_update, Goal("ratio", "at least", 4)),
        ("two nodes", "two", simple_update, Goal("ratio", "at least", 6)),
        ("two nodes", "two", ("one node", taken["one"]), None),
    )
    return [
        beside("dialler", f"claim, dial, file, settle: {name}", "calls/s", taken[arm], baseline, goal)
        for name, arm, baseline, goal in lines
    ]


def dialled_per_second(runner: asyncio.Runner, senders: Senders, nodes: Nodes, connection: Connection) -> float:
    """Have calls wait, then nodes dial them; returns calls a second, from when they begin until all is settled."""
    waiting = sum(runner.run(senders.send(RECIPIENTS)) for _ in range(MESSAGES))
    began_s = time.perf_counter()
    nodes.dial()
    await_the_end(connection)
    took_s = time.perf_counter() - began_s
    nodes.rest()
    return waiting / took_s


def await_the_end(connection: Connection) -> None:
    """Wait until all calls are over. Raises RuntimeError where that takes minutes."""
    deadline_s = time.perf_counter() + PATIENCE_S
    while connection.execute(OPEN).fetchall() != [(0,)]:
        if time.perf_counter() > deadline_s:
            raise RuntimeError("the calls do not come to their end")
        time.sleep(LOOK_AGAIN_S)


async def _must_be_right(senders: Senders, connection: Connection) -> None:
    ((wrong,),) = connection.execute(NOT_AS_EXPECTED).fetchall()
    violations = await senders.house.ledger.check()
    if wrong or violations:
        raise RuntimeError(f"{wrong} calls are not as expected, and of the ledger: {violations[:5]}")
