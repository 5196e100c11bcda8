"""Holds in PostgreSQL: reserves and resolves, batched, each batch one transaction in one round trip."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

from portevoix.domain.account import State
from portevoix.domain.errors import (
    AccountBlocked,
    AccountDisabled,
    DomainError,
    HoldExceeded,
    HoldResolved,
    IdempotencyConflict,
    InsufficientCredit,
    NotFound,
)
from portevoix.domain.ledger import Held, Reserve, Resolve, Resolved
from portevoix.ports import Clock
from portevoix.store.batch import Batcher
from portevoix.store.database import Database
from portevoix.store.sql import queries

Answer = TypeVar("Answer")

SQL = queries("holds")
ACCOUNTS = queries("ledger")

MOST_IN_A_BATCH = 256
BATCHES_AT_ONCE = 2


class Holds:
    """Opens and ends holds.

    Args:
        database: where the ledger is.
        clock: dates transfers and tells what has lapsed.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._reserves = Batcher(self._reserve_all, most=MOST_IN_A_BATCH, at_once=BATCHES_AT_ONCE)
        self._resolves = Batcher(self._resolve_all, most=MOST_IN_A_BATCH, at_once=BATCHES_AT_ONCE)

    async def reserve(self, command: Reserve) -> Held:
        """Open a hold; concurrent reserves share a transaction, but for those of a unit of work."""
        if self._database.in_unit_of_work:
            return _only(await self._reserve_all([command]))
        return await self._reserves.submit(command)

    async def resolve(self, command: Resolve) -> Resolved:
        """End a hold; concurrent resolves share a transaction, but for those of a unit of work."""
        if self._database.in_unit_of_work:
            return _only(await self._resolve_all([command]))
        return await self._resolves.submit(command)

    async def _reserve_all(self, commands: Sequence[Reserve]) -> list[Held | Exception]:
        outcomes: dict[tuple[int, str], _ReserveRow] = {}
        waiting = commands
        while waiting:  # again for those alone that a larger one, now refused, kept from their turn, or lapsed credit
            outcomes |= await self._reserve_once(waiting)
            waiting = [command for command in waiting if outcomes[_place(command)].outcome in ("waiting", "lapsed")]
            await self._expire([item.account_id for item in waiting if outcomes[_place(item)].outcome == "lapsed"])
        seen: set[tuple[int, str]] = set()
        answers: list[Held | Exception] = []
        for command in commands:
            answers.append(_held(command, outcomes[_place(command)], again=_place(command) in seen))
            seen.add(_place(command))
        return answers

    async def _reserve_once(self, commands: Sequence[Reserve]) -> dict[tuple[int, str], _ReserveRow]:
        accounts = list({command.account_id for command in commands})
        at = self._clock.now()
        async with self._database.command() as connection:
            await connection.execute(ACCOUNTS["lock_accounts"], {"accounts": accounts})
            asked = {
                "account_ids": [command.account_id for command in commands],
                "amounts": [command.amount_micros for command in commands],
                "keys": [command.idempotency_key for command in commands],
                "at": at,
            }
            cursor = await connection.execute(SQL["reserve"], asked)
            rows = [_ReserveRow(*row) for row in await cursor.fetchall()]
        return {(row.account_id, row.key): row for row in rows}

    async def _expire(self, accounts: list[int]) -> None:
        if accounts:
            async with self._database.command() as connection:
                await connection.execute(ACCOUNTS["lock_accounts"], {"accounts": accounts})
                await connection.execute(ACCOUNTS["expire"], {"accounts": accounts, "at": self._clock.now()})

    async def _resolve_all(self, commands: Sequence[Resolve]) -> list[Resolved | Exception]:
        holds = [command.hold_id for command in commands]
        used = [command.used_micros for command in commands]
        async with self._database.command() as connection:
            await connection.execute(SQL["lock_accounts_of_holds"], {"holds": holds})
            cursor = await connection.execute(SQL["resolve"], {"holds": holds, "used": used, "at": self._clock.now()})
            rows = {row[0]: _ResolveRow(*row) for row in await cursor.fetchall()}
        return [_resolved(command, rows[command.hold_id]) for command in commands]


class _ReserveRow(NamedTuple):
    account_id: int
    key: str
    outcome: str
    hold_id: int
    held_micros: int
    available_after_micros: int


class _ResolveRow(NamedTuple):
    hold_id: int
    outcome: str
    amount_micros: int
    settled_micros: int
    available_after_micros: int


def _place(command: Reserve) -> tuple[int, str]:
    return command.account_id, command.idempotency_key


def _held(command: Reserve, row: _ReserveRow, *, again: bool) -> Held | DomainError:
    match row.outcome:
        case "unknown":
            return NotFound(f"there is no ledger account {command.account_id}")
        case State.DISABLED:
            return AccountDisabled("the account is disabled")
        case State.BLOCKED:
            return AccountBlocked("the account is blocked")
        case "refused":
            return InsufficientCredit("the available credit is too low")
    if row.held_micros != command.amount_micros:
        return IdempotencyConflict("the idempotency key was used for another amount")
    return Held(row.hold_id, row.available_after_micros, repeated=again or row.outcome == "repeated")


def _resolved(command: Resolve, row: _ResolveRow) -> Resolved | DomainError:
    match row.outcome:
        case "unknown":
            return NotFound(f"there is no hold {command.hold_id}")
        case "exceeded":
            return HoldExceeded(f"hold {command.hold_id} is smaller than that")
    if row.settled_micros != command.used_micros:
        return HoldResolved(f"hold {command.hold_id} was resolved before, with another amount")
    released_micros = row.amount_micros - row.settled_micros
    return Resolved(row.settled_micros, released_micros, row.available_after_micros, repeated=row.outcome == "repeated")


def _only(answers: Sequence[Answer | Exception]) -> Answer:
    (answer,) = answers
    if isinstance(answer, Exception):
        raise answer
    return answer
