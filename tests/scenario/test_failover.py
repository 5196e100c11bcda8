"""A replica takes over: what it has lost where commits did not wait for it, and that no phone rings twice for that."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from portevoix import bootstrap
from portevoix.domain.call import CallState
from portevoix.service import credit, dialling, restoring, settlement
from portevoix.store import embedded
from portevoix.store.migrate import migrate
from tests.conftest import PEPPER
from tests.parts import ManualClock, free_port
from tests.scenario.restoring import program
from tests.store.test_calls import LEASE_S, Customer, Node, numbers

WAITING_FOR_IT = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming' AND sync_state = %s"


class Postgres:
    """A server that listens on the network, as an operator's own does.

    Args:
        home: its folder; its cluster is made already.
        password: of the embedded server's user.
    """

    def __init__(self, home: Path, password: str) -> None:
        self._data = home / "cluster"
        self._home = home
        self._cluster = embedded._Cluster(home)
        self._port = free_port()
        self.url = f"postgresql://{embedded.USER}:{password}@127.0.0.1:{self._port}/{embedded.USER}"
        if os.geteuid() == 0:
            owner = embedded._owner(home / "none")
            self._cluster._owner = owner
            embedded._open_the_way(self._data, owner)
            for path in (home, *home.rglob("*")):
                os.chown(path, owner.pw_uid, owner.pw_gid)

    def start(self) -> None:
        """Start it; a replica follows."""
        options = f"-c listen_addresses=127.0.0.1 -c port={self._port} -c unix_socket_directories=''"
        self._pg_ctl("start", "-l", str(self._home / "log"), "-o", options)

    def take_over(self) -> None:
        """Let a replica take changes from now on."""
        self._pg_ctl("promote")

    def stop(self) -> None:
        """Stop it in order."""
        self._pg_ctl("stop", "-m", "fast")

    def fail(self) -> None:
        """Let it fail at once, whatever it is doing."""
        self._pg_ctl("stop", "-m", "immediate")

    def _pg_ctl(self, verb: str, *arguments: str) -> None:
        self._cluster._run("pg_ctl", verb, "-D", str(self._data), "-w", *arguments)


@pytest.fixture
def primary(data_folder: Path) -> Iterator[Postgres]:
    """A server of the test's own, with the schema."""
    with embedded.running(data_folder):
        pass
    home = data_folder / "postgres"
    server = Postgres(home, (home / "password").read_text(encoding="ascii").strip())
    server.start()
    migrate(server.url)
    yield server  # it fails in the test


@pytest.fixture
def replica(primary: Postgres) -> Iterator[Postgres]:
    """A server that follows it."""
    with tempfile.TemporaryDirectory(prefix="portevoix-replica-") as folder:
        copy = f"--pgdata={folder}/cluster"
        program("pg_basebackup", "--checkpoint=fast", "--no-sync", "-R", copy, url=primary.url)
        password = str(psycopg.conninfo.conninfo_to_dict(primary.url)["password"])
        following = Postgres(Path(folder), password)
        following.start()
        yield following
        following.fail()


async def test_a_dial_whose_commit_waits_for_the_replica_is_known_there(
    primary: Postgres, replica: Postgres, clock: ManualClock
) -> None:
    with psycopg.connect(primary.url, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
        connection.execute("SELECT pg_reload_conf()")
        while connection.execute(WAITING_FOR_IT.encode(), ["sync"]).fetchone() != (1,):
            connection.execute("SELECT pg_stat_clear_snapshot()")
    async with bootstrap.open_house(primary.url, PEPPER.encode(), clock=clock) as opened:
        customer = await Customer.of(opened.house)
        placing = await customer.send(numbers(2))
        node = await Node.of(opened.house)
        dialled = await node.dial(await node.claim(1))
        primary.fail()
    replica.take_over()
    async with bootstrap.open_house(replica.url, PEPPER.encode(), clock=clock) as opened:
        assert (await restoring.watch(opened.house, goes_on=True)).is_moved is False
        again = await (await Node.of(opened.house)).dial_all()
        assert {one.call for one in again} == {f"{placing.campaign}-1", f"{placing.campaign}-2"} - {dialled[0].call}


async def test_a_dial_that_the_replica_never_heard_of_is_not_made_again_unless_the_operator_says_so(
    primary: Postgres, replica: Postgres, clock: ManualClock
) -> None:
    async with bootstrap.open_house(primary.url, PEPPER.encode(), clock=clock) as opened:
        customer = await Customer.of(opened.house)
        placing = await customer.send(numbers(2))
        with psycopg.connect(primary.url) as ours, psycopg.connect(replica.url) as theirs:
            lsn = ours.execute("SELECT pg_current_wal_lsn()").fetchone()
            heard = "SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn"
            while theirs.execute(heard.encode(), lsn).fetchone() != (True,):
                theirs.rollback()
        replica.stop()  # it lags: what is committed from now on, it has never heard of
        dialled = await (await Node.of(opened.house)).dial_all()
        assert len(dialled) == 2, "their phones ring"
        primary.fail()
    replica.start()
    replica.take_over()
    async with bootstrap.open_house(replica.url, PEPPER.encode(), clock=clock) as opened:
        house = opened.house
        there = Customer(house, customer.ref, customer.key, customer.token, customer.id)
        assert await there.states(placing.campaign) == [CallState.READY] * 2, "forgotten: they would ring again"
        standing = await restoring.watch(house, goes_on=False)
        assert (standing.is_moved, standing.is_failover) == (True, True)
        assert await (await Node.of(house)).claim() == []
        assert await restoring.go_on_from_backup(house) == 2
        clock.advance(seconds=LEASE_S)
        await settlement.settle(house, await dialling.recover(house, dead_by=house.clock.now()))
        assert await there.states(placing.campaign) == [CallState.UNCERTAIN] * 2
        assert await credit.check_ledger(house) == []
