"""Commands beside the running server."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.commands import Commands
from tests.client.conftest import FAST
from tests.parts import Server


@pytest.fixture(scope="session")
def commands(server: Server) -> Iterator[Commands]:
    """Commands on the data folder of the running server."""
    with Commands(server.data) as commands:
        yield commands


@pytest.fixture(scope="session")
def fast() -> Iterator[Server]:
    """A real ``portevoix serve`` whose simulated phones wait for nothing."""
    with tempfile.TemporaryDirectory(prefix="portevoix-fast-") as folder, Server(Path(folder), FAST) as running:
        yield running


@pytest.fixture(scope="session")
def operator(fast: Server) -> Iterator[Commands]:
    """Commands on the data folder of that server."""
    with Commands(fast.data) as commands:
        yield commands
