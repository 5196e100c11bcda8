"""Commands beside the running server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cli.commands import Commands
from tests.parts import Server


@pytest.fixture(scope="session")
def commands(server: Server) -> Iterator[Commands]:
    """Commands on the data folder of the running server."""
    with Commands(server.data) as commands:
        yield commands
