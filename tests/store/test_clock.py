"""The clock of all nodes: the database's, whatever their machines say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from portevoix import bootstrap
from portevoix.store import clock as module
from portevoix.store.clock import DatabaseClock
from portevoix.store.database import Database
from tests.conftest import PEPPER

A_BUSY_MOMENT = timedelta(minutes=1)


class Wrong(datetime):
    """What a machine says whose clock was set wrong."""

    ahead = timedelta(0)

    @classmethod
    def now(cls, tz=None):
        """Tell a wrong time."""
        return datetime.now(tz) + cls.ahead


async def agrees(clock: DatabaseClock, database: Database) -> bool:
    """Tell whether a clock says what the database does, as far as a machine that is busy can tell."""
    async with database.connection() as connection:
        ((moment,),) = await (await connection.execute("SELECT clock_timestamp()")).fetchall()
    return abs(moment - clock.now()) < A_BUSY_MOMENT


@pytest.mark.parametrize("hours", [1, -1])
async def test_a_machine_whose_clock_is_wrong_goes_by_the_databases(
    opened: bootstrap.Opened, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    monkeypatch.setattr(module, "datetime", Wrong)
    monkeypatch.setattr(Wrong, "ahead", timedelta(hours=hours))
    clock = DatabaseClock()
    assert not await agrees(clock, opened.database)
    await clock.ask(opened.database)
    assert await agrees(clock, opened.database)


async def test_a_clock_that_is_set_meanwhile_changes_nothing(
    opened: bootstrap.Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "datetime", Wrong)
    clock = DatabaseClock()
    await clock.ask(opened.database)
    monkeypatch.setattr(Wrong, "ahead", timedelta(hours=1))
    assert await agrees(clock, opened.database)


async def test_a_house_goes_by_the_database_where_no_clock_is_given(url: str) -> None:
    async with bootstrap.open_house(url, PEPPER.encode()) as opened:
        assert isinstance(opened.house.clock, DatabaseClock)
        assert await agrees(opened.house.clock, opened.database)
        assert opened.house.clock.now().tzinfo is UTC
