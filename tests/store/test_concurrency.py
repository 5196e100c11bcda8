"""Many writers, one account: exactly what it can pay for succeeds."""

from __future__ import annotations

import asyncio
import sys

import psycopg
import pytest
from psycopg import errors

from portevoix.domain.errors import Busy, HoldExceeded, InsufficientCredit, NotFound
from portevoix.domain.ids import AccountRef
from portevoix.domain.ledger import Held, Resolved
from portevoix.ports import House
from portevoix.service import credit
from portevoix.service.accounts import open_account

AFFORDABLE = 200
ASKED = 320


async def _account(house: House, credit_micros: int) -> tuple[AccountRef, int]:
    opened = await open_account(house, "hot", credit_micros=credit_micros)
    ref = AccountRef(opened.account)
    return ref, (await house.accounts.find(ref)).id


async def test_sixteen_writers_spend_exactly_what_there_is(house: House) -> None:
    ref, account_id = await _account(house, AFFORDABLE)
    keys = iter(range(ASKED))
    answers: list[Held | InsufficientCredit] = []

    async def write() -> None:
        for number in keys:
            try:
                answers.append(await credit.reserve(house, account_id, 1, f"w-{number}"))
            except InsufficientCredit as refusal:
                answers.append(refusal)

    await asyncio.gather(*(write() for _ in range(16)))
    held = [answer for answer in answers if isinstance(answer, Held)]
    assert (len(held), len(answers)) == (AFFORDABLE, ASKED)
    assert {answer.available_after_micros for answer in held} == set(range(AFFORDABLE))
    found = await house.accounts.find(ref)
    assert (found.available_micros, found.held_micros) == (0, AFFORDABLE)
    assert await credit.check_ledger(house) == []


async def _write(url: str, account_id: int, name: str) -> list[str]:
    """Run a process of sixteen writers; returns the lines that it printed."""
    arguments = ("-m", "tests.scenario.writer", url, str(account_id), str(ASKED // 4), "16", name)
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=asyncio.subprocess.PIPE)
    printed, _ = await process.communicate()
    assert process.returncode == 0
    return printed.decode().splitlines()


async def test_four_processes_of_sixteen_writers_spend_exactly_what_there_is(house: House, url: str) -> None:
    ref, account_id = await _account(house, AFFORDABLE)
    printed = await asyncio.gather(*(_write(url, account_id, f"process-{number}") for number in range(4)))
    acknowledged = [line for lines in printed for line in lines if line.startswith("process-")]
    refused = sum(int(line.split()[1]) for lines in printed for line in lines if line.startswith("refused"))
    assert (len(acknowledged), refused) == (AFFORDABLE, ASKED - AFFORDABLE)
    found = await house.accounts.find(ref)
    assert (found.available_micros, found.held_micros) == (0, AFFORDABLE)
    assert await credit.check_ledger(house) == []


async def test_one_key_asked_many_times_at_once_holds_once(house: House) -> None:
    ref, account_id = await _account(house, 100)
    answers = await asyncio.gather(*(credit.reserve(house, account_id, 40, "the-same") for _ in range(20)))
    assert len({answer.hold_id for answer in answers}) == 1
    assert sum(not answer.repeated for answer in answers) == 1
    assert (await house.accounts.find(ref)).available_micros == 60


async def test_a_large_reserve_that_is_refused_takes_no_smaller_one_with_it(house: House) -> None:
    _, account_id = await _account(house, 10)
    asked = [credit.reserve(house, account_id, amount, f"r-{n}") for n, amount in enumerate((5, 2, 100, 1, 99, 2))]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert [isinstance(answer, Held) for answer in answers] == [True, True, False, True, False, True]
    assert [answer.available_after_micros for answer in answers if isinstance(answer, Held)] == [5, 3, 2, 0]


async def test_a_bad_item_of_a_batch_fails_alone(house: House) -> None:
    ref, account_id = await _account(house, 10)
    answers = await asyncio.gather(
        credit.reserve(house, account_id, 1, "a"),
        credit.reserve(house, account_id, 1, "b"),
        credit.reserve(house, 10**9, 1, "nobody"),
        credit.reserve(house, account_id, 1, "c"),
        return_exceptions=True,
    )
    assert [isinstance(answer, Held) for answer in answers] == [True, True, False, True]
    assert (await house.accounts.find(ref)).held_micros == 3


async def test_opposite_allotments_at_once_neither_deadlock_nor_lose(house: House) -> None:
    parent = await open_account(house, "parent", credit_micros=1000)
    child = await open_account(house, "child", parent=parent.account, credit_micros=1000)
    up, down = AccountRef(parent.account), AccountRef(child.account)
    await asyncio.gather(
        *(credit.allot(house, up, down, 1, f"down-{number}") for number in range(40)),
        *(credit.allot(house, down, up, 1, f"up-{number}") for number in range(40)),
    )
    assert (await house.accounts.find(up)).available_micros == 1000
    assert await credit.check_ledger(house) == []


async def test_a_hold_settled_and_released_at_once_is_ended_by_the_one_that_can(house: House) -> None:
    ref, account_id = await _account(house, 100)
    held = await credit.reserve(house, account_id, 100, "h")
    answers = await asyncio.gather(
        credit.settle(house, held.hold_id, 150), credit.release(house, held.hold_id), return_exceptions=True
    )
    assert [type(answer) for answer in answers] == [HoldExceeded, Resolved]
    assert (await house.accounts.find(ref)).available_micros == 100


async def test_of_two_equal_settles_at_once_one_is_a_repeat(house: House) -> None:
    _, account_id = await _account(house, 100)
    held = await credit.reserve(house, account_id, 100, "h")
    answers = await asyncio.gather(*(credit.settle(house, held.hold_id, 60) for _ in range(2)))
    assert [answer.repeated for answer in answers] == [False, True]


async def test_a_refused_reserve_does_not_refuse_another_of_its_key_that_fits(house: House) -> None:
    _, account_id = await _account(house, 100)
    asked = [credit.reserve(house, account_id, amount, "k") for amount in (5000, 10)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(answer) for answer in answers] == [InsufficientCredit, Held]


async def test_a_hold_whose_reserve_is_not_committed_yet_is_ended_by_nobody(house: House) -> None:
    ref, account_id = await _account(house, 200)
    async with house.unit_of_work() as together:
        held = await credit.reserve(together, account_id, 100, "h")
        release = asyncio.create_task(credit.release(house, held.hold_id))
        await asyncio.wait({release}, timeout=1)
    with pytest.raises(NotFound):
        await release
    assert (await credit.settle(house, held.hold_id, 100)).settled_micros == 100
    found = await house.accounts.find(ref)
    assert (found.available_micros, found.held_micros) == (100, 0)
    assert await credit.check_ledger(house) == []


async def test_a_resolved_hold_is_never_resolved_otherwise_whatever_the_code_does(house: House, url: str) -> None:
    _, account_id = await _account(house, 100)
    held = await credit.reserve(house, account_id, 100, "h")
    await credit.settle(house, held.hold_id, 60)
    with psycopg.connect(url) as connection, pytest.raises(errors.RestrictViolation):
        connection.execute("UPDATE hold SET settled_micros = 50 WHERE id = %s", [held.hold_id])


async def test_an_account_that_somebody_keeps_locked_holds_nobody_up_for_long(house: House, url: str) -> None:
    _, account_id = await _account(house, 100)
    with psycopg.connect(url) as forgotten:
        forgotten.execute("UPDATE account SET name = 'locked' WHERE id = %s", [account_id])
        with pytest.raises(Busy):
            await credit.reserve(house, account_id, 10, "h")
    assert (await credit.reserve(house, account_id, 10, "h")).repeated is False
