"""What of two things that are done to a person at once comes second: it sees what the first has done."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
import pytest

from portevoix.domain.person import Language, Person, Role
from portevoix.ports import House
from portevoix.service.people import accept, add_person, invite
from tests.console.conftest import OPERATOR
from tests.console.visitor import PASSWORD

OTHER = "a brand new one!"


@pytest.fixture
async def person(house: House) -> Person:
    """Somebody who has a password."""
    added, token = await add_person(house, OPERATOR, Role.OPERATOR, None)
    await accept(house, token, PASSWORD)
    return added


async def until_waiting(url: str, most: int, *tasks: asyncio.Task[Any]) -> None:
    """Wait until so many statements wait for a lock, or all tasks have ended."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    async with asyncio.timeout(10), await psycopg.AsyncConnection.connect(url, autocommit=True) as gate:
        while not all(task.done() for task in tasks):
            if await (await gate.execute(waiting)).fetchone() == (most,):
                return
            await asyncio.sleep(0.01)


async def test_of_two_who_take_a_link_at_once_one_comes_too_late(house: House, person: Person, url: str) -> None:
    token = await invite(house, person)
    async with house.unit_of_work() as together:
        await together.people.set_language(person.id, Language.FR)
        tasks = [asyncio.create_task(accept(house, token, one)) for one in (OTHER, "yet another one!")]
        await until_waiting(url, 2, *tasks)
    taken = await asyncio.gather(*tasks, return_exceptions=True)
    assert sorted(type(one).__name__ for one in taken) == ["InvitationInvalid", "SignedIn"]
