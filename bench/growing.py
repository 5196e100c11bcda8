"""What a call leaves behind in PostgreSQL, what a shard's border costs, and what many calls a day come to."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path

import psycopg

from bench.copying import Connection
from bench.demand import CALLS_A_DAY, Footprint, demand, fullest_share
from bench.dialling import await_the_end
from bench.figure import Figure, Run, beside, interleave
from bench.nodes import Nodes
from bench.postgres import Pgbench, another_database
from bench.reserving import PEPPER
from bench.sandboxed import event_loop
from bench.senders import CREDIT_MICROS, Senders, opened_senders
from portevoix import bootstrap
from portevoix.domain.ids import AccountRef
from portevoix.domain.ledger import PAID, Kind
from portevoix.ports import House
from portevoix.service.accounts import open_account
from portevoix.store import embedded
from portevoix.store.migrate import migrate

ACCOUNTS = 20
RECIPIENTS = 250
MESSAGES = 1
ALLOTMENTS = 200
AMOUNT_MICROS = 1_000
PGBENCH_S = 5
PGBENCH_CLIENTS = 8
SHARDS = (2, 4, 8, 16, 64)

USED = """
    SELECT pg_database_size(current_database()), pg_current_wal_insert_lsn() - '0/0'::pg_lsn,
        (SELECT buffers_written FROM pg_stat_checkpointer),
        (SELECT coalesce(sum(fsyncs), 0) FROM pg_stat_io WHERE object = 'wal')
"""


@dataclass(frozen=True, slots=True)
class Used:
    """What a database has used so far: bytes on disk, bytes of WAL, pages written by checkpoints, WAL's fsyncs."""

    disk: int
    wal: int
    pages: int
    fsyncs: int

    @classmethod
    def now(cls, connection: Connection) -> Used:
        """Look, right after a checkpoint, so that all is written."""
        connection.execute("CHECKPOINT")
        connection.execute("SELECT pg_stat_force_next_flush()")
        row = connection.execute(USED.encode()).fetchone()
        assert row is not None
        return cls(*map(int, row))

    def since(self, before: Used, things: float) -> Footprint:
        """Tell what one of so many things has used since."""
        return Footprint(
            disk_bytes=(self.disk - before.disk) / things,
            wal_bytes=(self.wal - before.wal) / things,
            pages=(self.pages - before.pages) / things,
            fsyncs=(self.fsyncs - before.fsyncs) / things,
        )


def measure(run: Run) -> list[Figure]:
    """Measure real calls through the dialler, and allotments within a database and across two."""
    with tempfile.TemporaryDirectory(prefix="portevoix-bench-") as folder, embedded.running(Path(folder)) as url:
        calls = _calls(run, _prepared(url, "growing"), another_database(url, "pgbench"))
        return [*calls, *_allotments(run, _prepared(url, "one"), _prepared(url, "other"))]


def _calls(run: Run, url: str, pgbench_url: str) -> list[Figure]:
    pgbench = Pgbench(pgbench_url, 1)
    with (
        event_loop() as runner,
        _opened(runner, url) as senders,
        Nodes(url, 1) as nodes,
        psycopg.connect(url, autocommit=True) as ours,
        psycopg.connect(pgbench_url, autocommit=True) as theirs,
    ):
        rates: list[float] = []

        def dialled() -> Footprint:
            before, began_s = Used.now(ours), time.perf_counter()
            calls = _dial(runner, senders, nodes, ours)
            rates.append(calls / (time.perf_counter() - began_s))
            return Used.now(ours).since(before, calls)

        def updated() -> Footprint:
            before = Used.now(theirs)
            done = pgbench.per_second(PGBENCH_CLIENTS, PGBENCH_S) * PGBENCH_S
            return Used.now(theirs).since(before, done)

        dialled()  # the tables' first pages are not what a call costs
        rates.clear()
        taken = interleave(run, "growing", {"call": dialled, "update": updated})
    _tell_demand(run, taken["call"], statistics.median(rates))
    baseline = f"a transaction of pgbench simple-update, {PGBENCH_CLIENTS} clients"
    disk = {arm: [one.disk_bytes for one in found] for arm, found in taken.items()}
    wal = {arm: [one.wal_bytes for one in found] for arm, found in taken.items()}
    return [
        beside("growing", "disk that a call fills", "B", disk["call"], (baseline, disk["update"])),
        beside("growing", "WAL that a call writes", "B", wal["call"], (baseline, wal["update"])),
    ]


def _tell_demand(run: Run, footprints: list[Footprint], calls_a_second: float) -> None:
    """Work out what many calls a day come to, and how even shards are."""
    one = Footprint.median(footprints)
    for line in demand(one, calls_a_second, CALLS_A_DAY):
        run.tell(f"growing: {line}")
    for shards in SHARDS:
        share = fullest_share(shards)
        run.tell(f"growing: of {shards} shards the fullest has {share:.2f} times an even part of the calls")


def _dial(runner: asyncio.Runner, senders: Senders, nodes: Nodes, connection: Connection) -> int:
    """Send, dial and settle; returns how many calls that were."""
    waiting = sum(runner.run(senders.send(RECIPIENTS)) for _ in range(MESSAGES))
    nodes.dial()
    await_the_end(connection)
    nodes.rest()
    return waiting


def _allotments(run: Run, one_url: str, other_url: str) -> list[Figure]:
    with (
        event_loop() as runner,
        _house(runner, one_url) as here,
        _house(runner, other_url) as there,
    ):
        giver, receiver = runner.run(_family(here))
        far, _ = runner.run(_family(there))
        keys = (f"bench-{number}" for number in count())

        async def within() -> None:
            for _ in range(ALLOTMENTS):
                await here.ledger.allot(giver, receiver, AMOUNT_MICROS, next(keys), None)

        async def across() -> None:
            """Under one key, so that a repeat after a failure finishes what was begun: taken first, given then."""
            for _ in range(ALLOTMENTS):
                key = next(keys)
                await here.ledger.debit(giver, AMOUNT_MICROS, key, "to another shard")
                await there.ledger.credit(far, Kind.ADJUSTMENT_CREDIT, AMOUNT_MICROS, PAID, key, "of another shard")

        def timed_ms(allot: Callable[[], Coroutine[None, None, None]]) -> float:
            began_s = time.perf_counter()
            runner.run(allot())
            return (time.perf_counter() - began_s) * 1_000 / ALLOTMENTS

        arms = {"across": partial(timed_ms, across), "within": partial(timed_ms, within)}
        taken = interleave(run, "growing: allotments", arms)
    baseline = ("an allotment within one", taken["within"])
    return [beside("growing", "allotment from one database to another", "ms", taken["across"], baseline)]


async def _family(house: House) -> tuple[int, int]:
    """Open an account with plenty of credit, and a sub-account of it."""
    parent = await open_account(house, "Parent", credit_micros=CREDIT_MICROS)
    child = await open_account(house, "Child", parent=parent.account)
    found = [await house.accounts.find(AccountRef(one.account)) for one in (parent, child)]
    return found[0].id, found[1].id


@contextmanager
def _opened(runner: asyncio.Runner, url: str) -> Iterator[Senders]:
    senders = opened_senders(url, ACCOUNTS)
    opened = runner.run(senders.__aenter__())
    try:
        yield opened
    finally:
        runner.run(senders.__aexit__(None, None, None))


@contextmanager
def _house(runner: asyncio.Runner, url: str) -> Iterator[House]:
    opening = bootstrap.open_house(url, PEPPER)
    opened = runner.run(opening.__aenter__())
    try:
        yield opened.house
    finally:
        runner.run(opening.__aexit__(None, None, None))


def _prepared(url: str, name: str) -> str:
    """Make a database with the schema in it; returns its URL."""
    made = another_database(url, name)
    migrate(made)
    return made
