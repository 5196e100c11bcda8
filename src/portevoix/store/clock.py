"""Telling the time as the database does."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta

import structlog

from portevoix.domain.errors import DomainError
from portevoix.store.database import Database
from portevoix.store.sql import queries

SQL = queries("clock")

ASK_EVERY_S = 5.0

#: By how much a machine's clock may differ before that is told.
NOTABLE = timedelta(seconds=2)

#: Counts on while the machine sleeps, and does not jump when its clock is set.
_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

log = structlog.get_logger(__name__)


class DatabaseClock:
    """The ``Clock`` port: the database's time, carried on between two looks by this machine's steady count of seconds.

    So all nodes have one time, however wrong the clock of one is set, and whoever sets it meanwhile: leases, due times
    and the lapse of credit stand on it. Until the database has first been asked it goes on from the machine's time.
    """

    def __init__(self) -> None:
        self._moment = datetime.now(UTC)
        self._read_s = time.clock_gettime(_STEADY)
        self._differs = False

    def now(self) -> datetime:
        """Return the moment, in UTC."""
        return self._at(time.clock_gettime(_STEADY))

    async def ask(self, database: Database) -> None:
        """Set this clock where it is certainly wrong: outside of what asking took. Raises Unavailable."""
        async with database.connection() as connection:
            before_s = time.clock_gettime(_STEADY)  # waiting for a connection is no part of it
            row = await (await connection.execute(SQL["moment"])).fetchone()
            after_s = time.clock_gettime(_STEADY)
        assert row is not None, "the statement always returns a row"
        if not self._at(before_s) <= row[0] <= self._at(after_s):
            self._moment, self._read_s = row[0], (before_s + after_s) / 2
        self._tell_difference()

    async def follow(self, database: Database) -> None:
        """Ask now and then, until cancelled."""
        while True:
            await asyncio.sleep(ASK_EVERY_S)
            try:
                await self.ask(database)
            except DomainError as error:
                log.warning("clock_unasked", error=error.message)

    def _at(self, steady_s: float) -> datetime:
        return self._moment + timedelta(seconds=steady_s - self._read_s)

    def _tell_difference(self) -> None:
        """Tell when the machine's clock begins to differ from the database's, and when it has come right."""
        ahead = datetime.now(UTC) - self.now()
        differs = abs(ahead) > NOTABLE
        if differs and not self._differs:
            log.warning("machine_clock_differs", ahead_s=round(ahead.total_seconds(), 1))
        elif self._differs and not differs:
            log.info("machine_clock_agrees")
        self._differs = differs
