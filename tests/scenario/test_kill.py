"""kill -9 in the middle of reserves, again and again: what was acknowledged is there, and the ledger is sound."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from portevoix.store import embedded
from portevoix.store.migrate import migrate
from tests.conftest import PEPPER
from tests.parts import portevoix

ROUNDS = 8
RESERVES = 200
SEED = 20260113


def _kill_postgres(data: Path) -> None:
    """Kill the postmaster; its children leave by themselves when they see it gone."""
    postmaster = int((data / "postgres" / "cluster" / "postmaster.pid").read_text(encoding="ascii").splitlines()[0])
    os.kill(postmaster, signal.SIGKILL)


def _write_and_kill(url: str, name: str, after: int, kill_more: list[Path]) -> set[tuple[str, int]]:
    """Start a process that reserves, kill it after so many acknowledgements; returns all that it acknowledged."""
    command = [sys.executable, "-m", "tests.scenario.writer", url, "1", str(RESERVES), "8", name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        lines = [process.stdout.readline() for _ in range(after)]
        for data in kill_more:
            _kill_postgres(data)
        process.kill()
        lines += process.stdout.readlines()
    whole = [line.split() for line in lines if line.endswith("\n") and line.startswith(name)]
    return {(key, int(hold)) for key, hold in whole}


@pytest.mark.parametrize("database_dies_too", [False, True])
def test_acknowledged_reserves_survive(data_folder: Path, database_dies_too: bool) -> None:
    data, chance = data_folder, random.Random(SEED)
    environment = {"PORTEVOIX_KEY_PEPPER": PEPPER}
    done = portevoix("account", "create", "killed", "--credit", "1000", data=data, environment=environment)
    assert done.returncode == 0, done.stderr
    acknowledged: set[tuple[str, int]] = set()
    for number in range(ROUNDS // 2):
        with embedded.running(data) as url:
            migrate(url)
            after = chance.randrange(1, RESERVES - 10)
            acknowledged |= _write_and_kill(url, f"round-{number}", after, [data] if database_dies_too else [])
    with embedded.running(data) as url, psycopg.connect(url) as connection:
        rows = connection.execute("SELECT idempotency_key, id FROM hold WHERE settled_micros IS NULL").fetchall()
        held = connection.execute("SELECT held_micros FROM account WHERE id = 1").fetchone()
    assert acknowledged <= set(rows)
    assert held == (len(rows),)
    checked = portevoix("ledger", "check", data=data, environment=environment)
    assert (checked.returncode, checked.stdout) == (0, "the ledger is sound\n"), checked.stderr
