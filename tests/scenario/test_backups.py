"""A backup that was taken in the middle of a message, restored after more was dialled: no phone rings twice."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from portevoix.store import embedded
from tests.parts import PATIENCE_S, Server, new_folder
from tests.scenario.restoring import (
    HURRIED,
    PACED,
    Backed,
    connected,
    dialled,
    keep_secrets,
    ledger_faults,
    program,
    recover,
    wait_until_over,
)

CALLS = 450
BEFORE, MEANWHILE = 40, 40


@pytest.fixture
def elsewhere() -> Iterator[Path]:
    """Another data folder."""
    with new_folder("restored") as folder:
        yield folder


def nothing_is_dialled_until_somebody_decides(backed: Backed, data: Path) -> None:
    """Start a server on what was restored, look at it, and decide that calls may have been dialled since."""
    already = dialled(data)
    by_the_old_one = dialled(backed.server.data)
    assert len(by_the_old_one) >= len(already) + MEANWHILE, "some were dialled after the backup"
    with Server(data, HURRIED) as server:
        first = backed.send(server, "first", CALLS)
        assert (first.status_code, first.headers.get("idempotent-replayed")) == (201, "true"), first.text
        late = backed.send(server, "late", 3)
        assert late.status_code == 201, late.text
        assert "nothing is dialled" in recover(data)
        assert dialled(data) == already
        assert "dialling_held" in server.log()
        assert "calls are uncertain now" in recover(data, "--from-backup")
        wait_until_over(data)
        assert ledger_faults(data) == ""
    fresh = dialled(data) - already
    assert fresh & by_the_old_one == set(), "dialled twice"
    assert len(fresh) == 3, "what was sent after the restore"
    with connected(data) as connection:
        states = dict(connection.execute("SELECT state::text, count(*) FROM call GROUP BY 1").fetchall())
        held = connection.execute("SELECT sum(held_micros) FROM account").fetchone()
    assert states.keys() <= {"finished", "uncertain", "failed"}
    assert states["uncertain"] >= CALLS - len(by_the_old_one)
    assert held == (0,)


def test_a_dump_that_is_restored_elsewhere(data_folder: Path, elsewhere: Path, tmp_path: Path) -> None:
    dump = tmp_path / "portevoix.dump"
    with Server(data_folder, PACED) as server:
        backed = Backed(server)
        assert backed.send(server, "first", CALLS).status_code == 201
        backed.wait_until_dialled(BEFORE)
        with embedded.running(data_folder) as url:
            program("pg_dump", "--format=custom", f"--file={dump}", url=url)
        backed.wait_until_dialled(len(dialled(data_folder)) + MEANWHILE)
    keep_secrets(data_folder, elsewhere)
    with embedded.running(elsewhere) as url:
        program("pg_restore", "--no-owner", "--exit-on-error", str(dump), url=url)
    nothing_is_dialled_until_somebody_decides(backed, elsewhere)


def test_a_base_backup_that_is_recovered_to_a_point_in_time(data_folder: Path, elsewhere: Path, tmp_path: Path) -> None:
    """The archive of WAL is what the server left."""
    with Server(data_folder, PACED) as server:
        backed = Backed(server)
        assert backed.send(server, "first", CALLS).status_code == 201
        with embedded.running(data_folder) as url:
            program("pg_basebackup", "--checkpoint=fast", "--no-sync", f"--pgdata={tmp_path / 'base'}", url=url)
            backed.wait_until_dialled(BEFORE)
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute("SELECT pg_create_restore_point('before the mistake')")
            backed.wait_until_dialled(len(dialled(data_folder)) + MEANWHILE)
    keep_secrets(data_folder, elsewhere)
    cluster = lay_down(tmp_path / "base", data_folder, elsewhere)
    archive = data_folder / "postgres" / "cluster" / "pg_wal"
    with (cluster / "postgresql.auto.conf").open("a", encoding="ascii") as settings:
        settings.write(f"restore_command = 'cp {archive}/%f %p'\n")
        settings.write("recovery_target_name = 'before the mistake'\nrecovery_target_action = 'promote'\n")
    (cluster / "recovery.signal").touch()
    own(cluster)
    finish_recovery(elsewhere)
    nothing_is_dialled_until_somebody_decides(backed, elsewhere)


def test_a_data_folder_that_is_copied_while_nothing_runs(data_folder: Path, elsewhere: Path) -> None:
    with Server(data_folder, PACED) as server:
        backed = Backed(server)
        assert backed.send(server, "first", CALLS).status_code == 201
        backed.wait_until_dialled(BEFORE)
        server.stop(signal.SIGTERM)
        shutil.copytree(data_folder, elsewhere, dirs_exist_ok=True, ignore=shutil.ignore_patterns("socket"))
        own(elsewhere / "postgres")
        server.start()
        backed.wait_until_dialled(len(dialled(data_folder)) + MEANWHILE)
    nothing_is_dialled_until_somebody_decides(backed, elsewhere)


def lay_down(backup: Path, old: Path, new: Path) -> Path:
    """Put a base backup into another data folder, with the password that it knows."""
    home = new / "postgres"
    home.mkdir(mode=0o700)
    shutil.copy(old / "postgres" / "password", home / "password")
    shutil.copytree(backup, home / "cluster")
    own(home)
    return home / "cluster"


def finish_recovery(data: Path) -> None:
    """Start a recovering server, and stop it when it takes changes."""
    cluster = embedded._Cluster(data)
    socket = data / "postgres" / "socket"
    socket.mkdir(mode=0o700)
    own(socket)
    where = ("-D", str(data / "postgres" / "cluster"), "-l", str(data / "postgres" / "server.log"))
    options = f"{embedded.SERVER_OPTIONS} -c unix_socket_directories='{socket}'"
    cluster._run("pg_ctl", "start", *where, "-o", options, "-w")
    deadline = time.monotonic() + PATIENCE_S
    with psycopg.connect(cluster.url, autocommit=True) as connection:
        while connection.execute("SELECT pg_is_in_recovery()").fetchone() != (False,):
            assert time.monotonic() < deadline
            time.sleep(0.05)
    cluster.stop()


def own(home: Path) -> None:
    """Give a folder to whom PostgreSQL runs as; root's copies are root's."""
    if os.geteuid() == 0:
        owner = embedded._owner(home.parent / "none")
        embedded._open_the_way(home, owner)
        for path in (home, *home.rglob("*")):
            os.chown(path, owner.pw_uid, owner.pw_gid)
        for path in (home / "cluster", home):
            if path.exists():
                path.chmod(0o700)
