"""The embedded PostgreSQL: started by the first user, stopped by the last, found again after a kill -9."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from portevoix.store import embedded
from tests.parts import PATIENCE_S

USE = """
import sys
import time
from pathlib import Path
from portevoix import logs
from portevoix.store import embedded
logs.set_up("error", "text")
with embedded.running(Path(sys.argv[1])) as url:
    print("in use", flush=True)
    sys.stdin.readline()
"""


def _user(data: Path) -> subprocess.Popen[str]:
    """Start another process that uses the server until its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", USE, str(data)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "in use\n"
    return process


def _postmaster(data: Path) -> int | None:
    path = data / "postgres" / "cluster" / "postmaster.pid"
    return int(path.read_text(encoding="ascii").splitlines()[0]) if path.exists() else None


def test_the_last_user_stops_it(data_folder: Path) -> None:
    with embedded.running(data_folder) as url:
        other = _user(data_folder)
        pid = _postmaster(data_folder)
    assert _postmaster(data_folder) == pid  # the other still uses it
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    other.communicate("\n")
    assert other.returncode == 0
    assert _postmaster(data_folder) is None


def test_a_killed_user_leaves_a_server_that_the_next_one_takes_over_and_stops(data_folder: Path) -> None:
    user = _user(data_folder)
    pid = _postmaster(data_folder)
    user.kill()
    user.communicate()
    assert _postmaster(data_folder) == pid
    with embedded.running(data_folder):
        assert _postmaster(data_folder) == pid
    assert _postmaster(data_folder) is None


def test_a_killed_server_starts_anew_with_what_was_committed(data_folder: Path) -> None:
    user = _user(data_folder)
    with psycopg.connect(embedded.url(data_folder), autocommit=True) as connection:
        connection.execute("CREATE TABLE kept (n integer)")
        connection.execute("INSERT INTO kept VALUES (7)")
    os.kill(_postmaster(data_folder) or 0, signal.SIGKILL)
    user.kill()
    user.communicate()
    with embedded.running(data_folder) as url, psycopg.connect(url) as connection:
        assert connection.execute("SELECT n FROM kept").fetchone() == (7,)


def test_a_server_that_is_killed_in_use_is_started_again(data_folder: Path) -> None:
    with embedded.running(data_folder) as url:
        os.kill(_postmaster(data_folder) or 0, signal.SIGKILL)
        deadline = time.monotonic() + PATIENCE_S
        while not _answers(url) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert _answers(url)
    assert _postmaster(data_folder) is None


def _answers(url: str) -> bool:
    try:
        with psycopg.connect(url) as connection:
            return connection.execute("SELECT 1").fetchone() == (1,)
    except psycopg.OperationalError:
        return False


def test_a_start_that_was_killed_half_way_is_made_whole(data_folder: Path) -> None:
    (data_folder / "postgres" / "cluster.new" / "base").mkdir(parents=True)  # what a killed initdb leaves
    with embedded.running(data_folder) as url, psycopg.connect(url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_path_too_long_for_a_socket_works(data_folder: Path) -> None:
    data = data_folder / ("long-" * 20)
    with embedded.running(data) as url, psycopg.connect(url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_nobody_gets_in_without_the_password(data_folder: Path) -> None:
    with embedded.running(data_folder) as url:
        user, _, rest = url.removeprefix("postgresql://").partition("@")
        name = user.partition(":")[0]
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(f"postgresql://{name}@{rest}")


def test_its_failure_says_what_the_server_said(data_folder: Path) -> None:
    with embedded.running(data_folder):
        pass
    (data_folder / "postgres" / "cluster" / "postgresql.conf").write_text("nonsense = 1\n", encoding="utf-8")
    with pytest.raises(embedded.EmbeddedFailure, match="nonsense"), embedded.running(data_folder):
        pass
