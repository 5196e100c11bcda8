"""What the tests stand on: a real PostgreSQL, a clock that is moved by hand, and servers of two kinds."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import httpx2
import psycopg
import pytest
from psycopg import sql

from portevoix import bootstrap
from portevoix.bootstrap.process import application
from portevoix.ports import House
from portevoix.settings import Settings
from portevoix.store import embedded
from portevoix.store.migrate import migrate
from tests.cli.commands import Commands
from tests.parts import ManualClock, Server, new_folder, running_app

#: How a skip says that its program cannot be had from Debian's packages.
NOT_ON_DEBIAN = "Debian has no package for it"
NO_ASTERISK = "there is no Asterisk"

#: How a skip says that the machine does not let the tests do something, such as mount a file system.
NOT_ALLOWED = "this machine does not allow it"

PEPPER = "the pepper of the tests"

Serve = Callable[..., AbstractAsyncContextManager[httpx2.AsyncClient]]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--no-skips", action="store_true", help="fail if a test was skipped for want of a program")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run that must be whole; a program that Debian does not have, or not everywhere, is no reason."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if session.config.getoption("--no-skips") and isinstance(reporter, pytest.TerminalReporter):
        reasons = [str(report.longrepr) for report in reporter.stats.get("skipped", [])]
        if not all(any(good in reason for good in (NOT_ON_DEBIAN, NO_ASTERISK, NOT_ALLOWED)) for reason in reasons):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(autouse=True, scope="session")
def no_settings_from_outside() -> None:
    """Keep the settings of whoever runs the tests out of them."""
    for name in list(os.environ):
        if name.startswith("PORTEVOIX_"):
            del os.environ[name]


@pytest.fixture
def data_folder() -> Iterator[Path]:
    """A data folder of the test's own."""
    with new_folder("data") as folder:
        yield folder


@pytest.fixture(scope="session")
def cluster() -> Iterator[str]:
    """An embedded PostgreSQL of the session's own; gives the URL of its first database."""
    with new_folder("tests") as folder, embedded.running(folder) as url:
        with psycopg.connect(url, autocommit=True) as connection:  # the machine will not lose power in a test
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("ALTER SYSTEM SET max_wal_size = '256MB'")  # its folder may be in memory
            connection.execute("SELECT pg_reload_conf()")
        yield url


@pytest.fixture(scope="session")
def template(cluster: str) -> str:
    """A migrated database that others are copied from; gives its name."""
    with psycopg.connect(cluster, autocommit=True) as connection:
        connection.execute("CREATE DATABASE migrated")
    migrate(database_at(cluster, "migrated"))
    return "migrated"


_numbers = itertools.count(1)


@pytest.fixture
def empty_url(cluster: str) -> Iterator[str]:
    """A new database without a schema."""
    yield from _new_database(cluster, "template0")


@pytest.fixture
def url(cluster: str, template: str) -> Iterator[str]:
    """A new, migrated database."""
    yield from _new_database(cluster, template)


def _new_database(cluster: str, template: str) -> Iterator[str]:
    name = f"test_{next(_numbers)}"
    with psycopg.connect(cluster, autocommit=True) as connection:
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")
        connection.execute(statement.format(sql.Identifier(name), sql.Identifier(template)))
        yield database_at(cluster, name)
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def database_at(cluster: str, name: str) -> str:
    """Name another database of the cluster."""
    return cluster.replace("/portevoix?", f"/{name}?")


@pytest.fixture
def clock() -> ManualClock:
    """A clock that stands still until it is moved."""
    return ManualClock()


@pytest.fixture
async def opened(url: str, clock: ManualClock) -> AsyncIterator[bootstrap.Opened]:
    """A house on a new database, with what a server looks after."""
    async with bootstrap.open_house(url, PEPPER.encode(), clock=clock) as opened:
        yield opened


@pytest.fixture
def house(opened: bootstrap.Opened) -> House:
    """A house on a new database."""
    return opened.house


@pytest.fixture
async def hearing(opened: bootstrap.Opened) -> AsyncIterator[None]:
    """Hear what is told by NOTIFY."""
    ready = asyncio.Event()
    async with bootstrap.in_background(opened.signals.listen(ready)):
        await ready.wait()
        yield


@pytest.fixture
def serve(url: str, clock: ManualClock, tmp_path: Path) -> Serve:
    """Serve the application in this process, on the test's database: ``async with serve(limit_me="off") as http``."""

    @asynccontextmanager
    async def serving(client: str = "127.0.0.1", **flags: object) -> AsyncIterator[httpx2.AsyncClient]:
        settings = Settings.read({}, data=tmp_path, database_url=url, key_pepper=PEPPER, **flags)
        app = application(settings, clock)
        async with running_app(app):
            transport = httpx2.ASGITransport(app=app, client=(client, 50000), raise_app_exceptions=False)
            async with httpx2.AsyncClient(transport=transport, base_url="http://portevoix.test") as http:
                yield http

    return serving


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A real ``portevoix serve`` in its own process and data folder, its limits lifted."""
    lifted = {f"PORTEVOIX_LIMIT_{name}": "off" for name in ("ME", "WRONG_KEY")}
    with new_folder("server") as folder, Server(folder, lifted) as running:
        yield running


@pytest.fixture(scope="session")
def commands(server: Server) -> Iterator[Commands]:
    """Commands on the data folder of the running server."""
    with Commands(server.data) as commands:
        yield commands
