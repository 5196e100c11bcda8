"""What the tests of the workers stand on: phones that wait to be told, and workers beside a block."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import timedelta
from typing import Any, Generic, Protocol, TypeVar

import psycopg
import pytest
from psycopg import sql

from portevoix import bootstrap
from portevoix.domain.call import Answerer, Outcome, Report
from portevoix.domain.dialling import Dial, Progress
from portevoix.ports import House
from portevoix.store.calls import PostgresCalls
from portevoix.worker.dialler import Dialler, Terms
from portevoix.worker.pace import Pace
from tests.parts import PATIENCE_S, ManualClock
from tests.store.test_calls import Customer

T = TypeVar("T")

#: Faster than anything that these tests ask for. The clock stands still, and with it what was used up of a pace.
FREE = Pace(at_once=10_000, per_second=10_000_000)

#: Renewed three times a second.
TERMS = Terms("test", FREE, FREE, lease_s=1)

#: Never renewed while a test lasts.
FORGETFUL = Terms("forgetful", FREE, FREE, lease_s=3_600)


class Tally(Generic[T]):
    """Keeps what it is told, for who waits for it."""

    def __init__(self) -> None:
        self.all: list[T] = []
        self._news = asyncio.Event()

    def add(self, *more: T) -> None:
        """Keep more."""
        self.all += more
        self._news.set()

    def extend(self, more: Sequence[T]) -> None:
        """Keep more."""
        self.add(*more)

    async def wait_for(self, count: int) -> list[T]:
        """Wait until there are so many; returns them all."""
        async with asyncio.timeout(PATIENCE_S):
            while len(self.all) < count:
                self._news.clear()
                await self._news.wait()
        return self.all


class Phones:
    """The ``Carrier`` port: counts what it is asked, and ends its calls at once, or when it is told to.

    Args:
        behave: tells how a call ends; answered, and 6 s long, where nothing else is said.
        are_held: calls last until ``release``.
    """

    def __init__(
        self, behave: Callable[[Dial], Report] | None = None, *, name: str = "phones", are_held: bool = False
    ) -> None:
        self.dials: Tally[Dial] = Tally()
        self.hung_up: list[Dial] = []
        self.most_at_once: Counter[int] = Counter()
        self.released = asyncio.Event()
        if not are_held:
            self.released.set()
        self._at_once: Counter[int] = Counter()
        self._behave = behave or answered
        self._name = name

    @property
    def name(self) -> str:
        """Of the route."""
        return self._name

    def release(self) -> None:
        """End the calls that are under way, and those to come at once."""
        self.released.set()

    async def call(self, dial: Dial, progress: Callable[[Progress], None]) -> Report:
        """Make one call, to its end."""
        self.dials.add(dial)
        self._count(dial, 1)
        try:
            progress(Progress(dial.call_id, dial.attempt, dial.at))
            await self.released.wait()
            return self._behave(dial)
        except asyncio.CancelledError:
            self.hung_up.append(dial)
            raise
        finally:
            self._count(dial, -1)

    def asked(self) -> list[tuple[int, int]]:
        """List the calls and attempts that were asked for."""
        return [(dial.call_id, dial.attempt) for dial in self.dials.all]

    def _count(self, dial: Dial, change: int) -> None:
        for key in (0, dial.account_id):  # 0 for all together
            self._at_once[key] += change
            self.most_at_once[key] = max(self.most_at_once[key], self._at_once[key])


def answered(dial: Dial, seconds: int = 6) -> Report:
    """A person listens for so long."""
    return Report(Outcome.ANSWERED, dial.at + timedelta(seconds=seconds), dial.at, dial.at, Answerer.PERSON)


class Works(Protocol):
    """What runs until it is cancelled."""

    async def run(self) -> None:
        """Work."""


@asynccontextmanager
async def at_work(*workers: Works) -> AsyncIterator[None]:
    """Let workers work beside a block; they are cancelled with it."""
    async with AsyncExitStack() as stack:
        for worker in workers:
            await stack.enter_async_context(bootstrap.in_background(worker.run()))
        yield


def dialler(
    house: House, *routes: Any, terms: Terms = TERMS, on_settled: Callable[[Any], None] = lambda _: None
) -> Dialler:
    """Make a node that dials over routes."""
    return Dialler(house, routes, terms, on_settled)


class WatchedCalls(PostgresCalls):
    """The calls of a house, with a look at what is asked of them."""

    def __init__(self, opened: bootstrap.Opened) -> None:
        super().__init__(opened.database, opened.house.clock)
        self.claimed: Tally[Any] = Tally()
        self.filed_reports: Tally[int] = Tally()
        self.said: Tally[Progress] = Tally()
        self.joined: Tally[int] = Tally()
        self.heard: Tally[int] = Tally()

    async def join(self, *what: Any) -> int:
        """Begin as a node."""
        node = await super().join(*what)
        self.joined.add(node)
        self.heard.add(node)
        return node

    async def renew(self, node: int, lease_s: int) -> bool:
        """Stay alive."""
        is_alive = await super().renew(node, lease_s)
        if is_alive:
            self.heard.add(node)
        return is_alive

    async def let_a_lease_pass(self, clock: ManualClock) -> None:
        """Let as much time pass as a lease of ``TERMS``, in which the node of these calls is heard as it should be."""
        for _ in range(4):
            await self.heard.wait_for(len(self.heard.all) + 1)
            clock.advance(seconds=TERMS.lease_s / 3)

    async def claim(self, *what: Any) -> Any:
        """Take due calls."""
        taken = await super().claim(*what)
        if taken:
            self.claimed.add(taken)
        return taken

    async def file(self, reports: Any) -> None:
        """Keep reports."""
        await super().file(reports)
        self.filed_reports.add(len(reports))

    async def progress(self, said: Sequence[Progress]) -> None:
        """Note what carriers say on the way."""
        await super().progress(said)
        self.said.extend(said)


@contextmanager
def read_only(url: str) -> Any:
    """Let the database refuse every change for a while, and break the connections that are there."""
    name = psycopg.conninfo.conninfo_to_dict(url)["dbname"]
    with psycopg.connect(url, autocommit=True) as connection:

        def change(what: str) -> None:
            connection.execute(sql.SQL("ALTER DATABASE {} {}").format(sql.Identifier(name), sql.SQL(what)))
            connection.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )

        change("SET default_transaction_read_only = on")
        try:
            yield
        finally:
            change("RESET default_transaction_read_only")


@pytest.fixture
async def alice(house: House) -> Customer:
    """An account that sends."""
    return await Customer.of(house, "Alice")


@pytest.fixture
async def bob(house: House) -> Customer:
    """Another account that sends."""
    return await Customer.of(house, "Bob")
