"""Reservations through the service layer, beside pgbench's simple-update on the same cluster."""

from __future__ import annotations

import asyncio
from functools import partial

from bench.figure import Figure, Goal, Run, beside, interleave
from bench.postgres import Pgbench, another_database, cluster
from bench.reserving import PEPPER, Reservers
from portevoix import bootstrap
from portevoix.domain.ids import Mode
from portevoix.domain.money import MICROS_PER_EURO
from portevoix.service.accounts import open_account
from portevoix.store.migrate import migrate

CALLERS = 256
ACCOUNTS = 1000
PROCESSES = 4
LOAD_S = 3
CREDIT_MICROS = 10**6 * MICROS_PER_EURO
PGBENCH_SCALE = 1
#: pgbench is taken with as many clients as serve it best, and with about as many as the cluster takes (200).
PGBENCH_CLIENTS = (8, 16, 32, 64, 128)
MOST_CLIENTS = 190


def measure(run: Run) -> list[Figure]:
    """Measure one process and four, on one hot account and on a thousand; the ledger must be right afterwards."""
    with cluster() as (_, url):
        migrate(url)
        run.tell(f"ledger: opening {ACCOUNTS} accounts")
        accounts = asyncio.run(_open_accounts(url))
        figures = _measure_on(run, url, accounts)
        run.tell("ledger: proving it")
        asyncio.run(_must_be_right(url))
    return figures


def _measure_on(run: Run, url: str, accounts: list[int]) -> list[Figure]:
    pgbench = Pgbench(another_database(url, "pgbench"), PGBENCH_SCALE)
    clients = pgbench.best_clients(PGBENCH_CLIENTS, LOAD_S)
    run.tell(f"ledger: pgbench is at its best with {clients} of {PGBENCH_CLIENTS} clients")
    with Reservers(url, 1) as one, Reservers(url, PROCESSES) as several:
        arms = {
            "pgbench": partial(pgbench.per_second, clients, LOAD_S),
            "pgbench_many": partial(pgbench.per_second, MOST_CLIENTS, LOAD_S),
            "hot": partial(one.per_second, accounts[:1], CALLERS, LOAD_S),
            "thousand": partial(one.per_second, accounts, CALLERS, LOAD_S),
            "several_hot": partial(several.per_second, accounts[:1], CALLERS, LOAD_S),
            "several_thousand": partial(several.per_second, accounts, CALLERS, LOAD_S),
            "each_hot": partial(several.per_second, accounts[:1], CALLERS * PROCESSES, LOAD_S),
            "each_thousand": partial(several.per_second, accounts, CALLERS * PROCESSES, LOAD_S),
        }
        for name, measure_once in arms.items():
            if not name.startswith("pgbench"):  # which has run before
                measure_once()
        taken = interleave(run, "ledger", arms)
    return _figures(taken, clients)


def _figures(taken: dict[str, list[float]], clients: int) -> list[Figure]:
    simple_update = (f"pgbench simple-update, {clients} clients", taken["pgbench"])
    many_clients = (f"pgbench with {MOST_CLIENTS} clients", taken["pgbench_many"])
    thousand_in_one = ("one process", taken["thousand"])
    as_fast, five_times = Goal("ratio", "at least", 1), Goal("ratio", "at least", 5)
    lines = (
        ("reserve, one hot account", "hot", simple_update, five_times),
        (f"reserve, {ACCOUNTS} accounts", "thousand", simple_update, five_times),
        ("reserve, one hot account", "hot", many_clients, None),
        (f"reserve, {ACCOUNTS} accounts", "thousand", many_clients, None),
        ("reserve, one hot account", "hot", (f"{ACCOUNTS} accounts", taken["thousand"]), as_fast),
        (f"reserve, hot, {PROCESSES} processes", "several_hot", ("one process", taken["hot"]), as_fast),
        (f"reserve, {ACCOUNTS}, {PROCESSES} processes", "several_thousand", thousand_in_one, as_fast),
        (f"reserve, hot, {PROCESSES} x {CALLERS} callers", "each_hot", ("one process", taken["hot"]), None),
        (f"reserve, {ACCOUNTS}, {PROCESSES} x {CALLERS} callers", "each_thousand", thousand_in_one, None),
    )
    return [beside("ledger", name, "a second", taken[arm], baseline, goal) for name, arm, baseline, goal in lines]


async def _open_accounts(url: str) -> list[int]:
    async with bootstrap.open_house(url, PEPPER) as opened:
        for number in range(ACCOUNTS):
            await open_account(opened.house, f"Bench {number}", credit_micros=CREDIT_MICROS)
        return [account.id for account in await opened.house.accounts.list() if account.ref.mode is Mode.LIVE]


async def _must_be_right(url: str) -> None:
    async with bootstrap.open_house(url, PEPPER) as opened:
        violations = await opened.house.ledger.check()
    if violations:
        raise RuntimeError(f"the ledger is wrong: {violations[:5]}")
