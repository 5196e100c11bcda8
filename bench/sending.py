"""Sending, from the request to the settled cost and its webhook, beside what the database and the network do bare."""

from __future__ import annotations

import tempfile
from pathlib import Path

from bench import dialling, posting, waking, webhooks
from bench.figure import Figure, Run
from bench.postgres import another_database
from portevoix import bootstrap
from portevoix.store import embedded


def measure(run: Run) -> list[Figure]:
    """Measure sends, dialling, waking up and webhooks, each in a database of its own of one embedded cluster."""
    with (
        tempfile.TemporaryDirectory(prefix="portevoix-bench-") as folder,
        embedded.running(Path(folder)) as url,
    ):
        return [
            *posting.measure(run, Path(folder), url),
            *dialling.measure(run, _prepared(url, "dialling"), another_database(url, "pgbench")),
            *waking.measure(run, _prepared(url, "waking")),
            *webhooks.measure(run, _prepared(url, "webhooks")),
        ]


def _prepared(url: str, name: str) -> str:
    """Make a database with the schema in it; returns its URL."""
    made = another_database(url, name)
    bootstrap.prepare(made)
    return made
