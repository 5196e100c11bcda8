"""Commands beside the running server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cli.commands import Commands
from tests.client.conftest import FAST
from tests.parts import Server, new_folder


@pytest.fixture(scope="session")
def fast() -> Iterator[Server]:
    """A real ``portevoix serve`` whose simulated phones wait for nothing."""
    with new_folder("fast") as folder, Server(folder, FAST) as running:
        yield running


@pytest.fixture(scope="session")
def operator(fast: Server) -> Iterator[Commands]:
    """Commands on the data folder of that server."""
    with Commands(fast.data) as commands:
        yield commands
