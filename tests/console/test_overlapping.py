"""What of two things that are done to a person at once comes second: it sees what the first has done."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
import pytest

from portevoix.domain.person import Language, Person, Role, SignedOut, SignInRefused
from portevoix.ports import House
from portevoix.service.passwords import hash_password
from portevoix.service.people import accept, add_person, find_session, invite, sign_in
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


async def test_a_sign_in_with_the_password_of_before_does_not_outlive_a_new_one(
    house: House, person: Person, url: str
) -> None:
    password_hash = await hash_password(OTHER)
    async with house.unit_of_work() as together:
        await together.people.set_password(person.id, password_hash)
        late = asyncio.create_task(sign_in(house, OPERATOR, PASSWORD, ""))
        await until_waiting(url, 1, late)
    with pytest.raises(SignInRefused):
        await late
    assert (await sign_in(house, OPERATOR, OTHER, "")).session.person.id == person.id


async def test_a_sign_in_does_not_outlive_that_somebody_is_shut_out(house: House, person: Person, url: str) -> None:
    async with house.unit_of_work() as together:
        await together.people.set_disabled(person.id, is_disabled=True)
        late = asyncio.create_task(sign_in(house, OPERATOR, PASSWORD, ""))
        await until_waiting(url, 1, late)
    with pytest.raises(SignInRefused):
        await late


@pytest.mark.parametrize("is_shut_out", [False, True])
async def test_a_session_that_begins_just_before_ends_with_a_new_password_and_with_being_shut_out(
    house: House, person: Person, url: str, *, is_shut_out: bool
) -> None:
    async def change() -> None:
        if not is_shut_out:
            return await house.people.set_password(person.id, await hash_password(OTHER))
        await house.people.set_disabled(person.id, is_disabled=True)
        return await house.people.set_disabled(person.id, is_disabled=False)

    async with house.unit_of_work() as together:
        early = await sign_in(together, OPERATOR, PASSWORD, "")
        later = asyncio.create_task(change())
        await until_waiting(url, 1, later)
    await later
    with pytest.raises(SignedOut):
        await find_session(house, early.token)
